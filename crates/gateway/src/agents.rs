//! The agents' links and what they serve.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::PublicBase;
use crate::router::Router;
use crate::server::Gateway;
use crate::tokens::Identity;

/// Every live link, and the routes made of them.
#[derive(Debug)]
pub struct Registry {
    routes: ArcSwap<Router>,
}

impl Registry {
    /// The routes as they are now. Do not hold the guard across an await: clone the endpoint's `Arc`.
    pub fn routes(&self) -> arc_swap::Guard<Arc<Router>> {
        self.routes.load()
    }
}

/// Takes an authenticated WebSocket through handshake, rules and routes, then holds the control
/// conversation until the link is over. `base` is how the agent reached the gateway; it makes the
/// public URLs where no public URL is configured.
pub async fn accept_link<IO>(
    _gateway: Arc<Gateway>,
    _socket: porthole_link::Socket<IO>,
    _identity: Identity,
    _peer: IpAddr,
    _base: Option<PublicBase>,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    todo!()
}
