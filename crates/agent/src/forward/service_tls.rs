//! TLS settings for local services, made when the first `https://` target needs them.

use std::sync::Arc;

use rustls::ClientConfig;
use tokio::sync::OnceCell;

use crate::tls;

/// One configuration that verifies and one that does not; each keeps its sessions for resumption.
#[derive(Debug, Default)]
pub struct ServiceTls {
    verifying: OnceCell<Arc<ClientConfig>>,
    unverified: OnceCell<Arc<ClientConfig>>,
}

impl ServiceTls {
    /// Reading the system's authorities takes tens of milliseconds: it is done off the runtime.
    ///
    /// # Errors
    /// A sentence, when TLS cannot be used at all.
    pub async fn config(&self, allow_invalid: bool) -> Result<Arc<ClientConfig>, String> {
        let cell = if allow_invalid { &self.unverified } else { &self.verifying };
        cell.get_or_try_init(|| async {
            tokio::task::spawn_blocking(
                move || if allow_invalid { tls::unverified() } else { tls::verifying(None) },
            )
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
        })
        .await
        .cloned()
    }
}
