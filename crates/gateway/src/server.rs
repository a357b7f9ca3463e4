//! Binds, runs, drains.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agents::Registry;
use crate::config::Config;
use crate::policy::Passwords;
use crate::status::Counters;
use crate::tokens::Tokens;

/// What every part of the gateway shares.
#[derive(Debug)]
pub struct Gateway {
    pub config: Config,
    pub registry: Registry,
    pub tokens: Tokens,
    pub passwords: Passwords,
    pub counters: Counters,
    /// False before listening and from SIGTERM on.
    pub ready: AtomicBool,
    /// Cancelled by SIGTERM: accept nothing more, finish what is in flight.
    pub draining: CancellationToken,
    /// Cancelled at the end of the grace: break off what is left.
    pub cut: CancellationToken,
    /// Every task that serves a visitor or a link.
    pub tasks: TaskTracker,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("{0}")]
    Listen(String),
}

/// Serves until SIGTERM or SIGINT, then drains.
pub async fn serve(_config: Config) -> Result<(), ServeError> {
    let _: Option<Arc<Gateway>> = None;
    todo!()
}
