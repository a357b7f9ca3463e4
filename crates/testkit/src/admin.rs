//! The gateway's admin listener, as an operator reaches it.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Empty;

use crate::gateway::Gateway;
use crate::visitor::{Reply, Visitor};

/// Where it listens, and its key.
#[derive(Debug, Clone)]
pub struct Admin {
    pub address: SocketAddr,
    pub key: String,
}

impl Admin {
    /// Of a gateway that was started with `--admin-listen …:0` and makes its own key.
    ///
    /// # Panics
    /// When it has no admin listener.
    pub async fn of(gateway: &mut Gateway) -> Self {
        let found = gateway.process.line("the admin listener's address", |line| {
            let rest = line.split_once("admin pages address=")?.1;
            rest.split_whitespace().next()?.parse::<SocketAddr>().ok()
        });
        let mut address = found.await;
        if address.ip().is_unspecified() {
            address.set_ip([127, 0, 0, 1].into());
        }
        let key = std::fs::read_to_string(gateway.home().join("gateway/admin-key")).expect("a key was made");
        Self { address, key: key.trim().to_owned() }
    }

    /// Somebody who asks there under the name `host`.
    pub fn under(&self, host: &str) -> Visitor {
        Visitor::new(self.address, host)
    }

    /// A GET without the key.
    pub async fn look(&self, path: &str) -> Reply {
        self.under(&self.address.to_string()).get(path).await
    }

    /// A request without a body, with the key.
    pub async fn ask(&self, method: &str, path: &str) -> Reply {
        self.ask_with(&self.key, method, path).await
    }

    /// The same with another key.
    ///
    /// # Panics
    /// When no whole answer comes.
    pub async fn ask_with(&self, key: &str, method: &str, path: &str) -> Reply {
        let visitor = self.under("gateway.example:9090");
        let request = visitor.request(method, path).header("authorization", format!("Bearer {key}"));
        visitor.fetch(request.body(Empty::<Bytes>::new()).expect("a valid request")).await
    }
}
