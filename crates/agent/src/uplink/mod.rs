//! Holds the link to the gateway.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::events::{Events, LinkState, MappingSet};
use crate::gateway_url::GatewayUrl;
use crate::secrets::Secret;

/// Everything the uplink must know before its first try.
#[derive(Debug, Clone)]
pub struct UplinkConfig {
    pub gateway: GatewayUrl,
    pub token: Secret,
    /// PEM certificates trusted beside the operating system's.
    pub ca_file: Option<PathBuf>,
    /// Random, kept in the data folder.
    pub agent_id: String,
    /// Grows with every start.
    pub epoch: u64,
}

/// A running uplink.
#[derive(Debug)]
pub struct Uplink {
    state: watch::Receiver<LinkState>,
    _keep: watch::Sender<LinkState>,
}

/// Starts connecting, on the current runtime.
pub fn start(_config: UplinkConfig, _mappings: watch::Receiver<Arc<MappingSet>>, _events: Events) -> Uplink {
    let (keep, state) = watch::channel(LinkState::default());
    Uplink { state, _keep: keep }
}

impl Uplink {
    /// Gives up the present connection, if any, and tries at once.
    pub fn reconnect(&self) {}

    /// Tells the gateway that the agent leaves, waits for streams in flight, closes.
    pub async fn drain(self, _deadline: Duration) {}

    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }
}
