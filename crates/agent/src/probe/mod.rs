//! One try to reach a gateway as nobody in particular: no mappings, and an agent id of its own, so that
//! a running engine is not disturbed. [`steps`] tells how far it came.

pub mod steps;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};

use crate::events::{Event, LinkState, MappingSet, events};
use crate::gateway_url::GatewayUrl;
use crate::secrets::Secret;
use crate::uplink::failure::Failure;
use crate::uplink::{self, UplinkConfig};

/// For everything from the name to the welcome; each step has a shorter wait of its own.
const WAIT: Duration = Duration::from_secs(45);

/// For the first measurement of the latency, once connected.
const LATENCY_WAIT: Duration = Duration::from_secs(2);

/// Where to connect.
#[derive(Debug, Clone)]
pub struct Connection {
    pub gateway: GatewayUrl,
    pub token: Secret,
    /// What is trusted beside the operating system's authorities, and what is shown.
    pub tls: crate::tls::Files,
}

/// What a gateway that let us in said.
#[derive(Debug, Clone)]
pub struct Welcomed {
    pub gateway_version: String,
    pub latency: Option<Duration>,
}

/// Connects once and leaves again.
///
/// # Errors
/// The uplink's own: where trying again is of no use the gateway refused.
pub async fn probe(connection: &Connection) -> Result<Welcomed, Failure> {
    let events = events();
    let mut heard = events.subscribe();
    let (_mappings, watching) = watch::channel(Arc::new(MappingSet::default()));
    let uplink = uplink::start(
        UplinkConfig {
            gateway: connection.gateway.clone(),
            token: connection.token.clone(),
            tls: connection.tls.clone(),
            agent_id: uuid::Uuid::new_v4().to_string(),
            epoch: 1,
            recorder: None,
            stand_ins: None,
        },
        watching,
        events,
    );
    let mut outcome = tokio::time::timeout(WAIT, async {
        loop {
            match heard.recv().await {
                Ok(Event::Connected { gateway_version, latency, .. }) => {
                    return Ok(Welcomed { gateway_version, latency });
                }
                Ok(Event::Disconnected { code, message, .. }) => {
                    return Err(Failure { code, message, retry: true });
                }
                Ok(Event::Refused { code, message }) => return Err(Failure { code, message, retry: false }),
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => {
                    let message = "the connection attempt ended unexpectedly".into();
                    return Err(Failure { code: "uplink".into(), message, retry: true });
                }
            }
        }
    })
    .await
    .unwrap_or_else(|_| {
        let message = format!("{} did not answer within {} s", connection.gateway, WAIT.as_secs());
        Err(Failure { code: "gateway-timeout".into(), message, retry: true })
    });
    if let Ok(welcomed) = &mut outcome {
        let mut state = uplink.state();
        let measured = state.wait_for(|state| matches!(state, LinkState::Connected { latency: Some(_), .. }));
        if let Ok(Ok(state)) = tokio::time::timeout(LATENCY_WAIT, measured).await
            && let LinkState::Connected { latency, .. } = &*state
        {
            welcomed.latency = *latency;
        }
        uplink.drain(Duration::from_millis(200)).await;
    }
    outcome
}
