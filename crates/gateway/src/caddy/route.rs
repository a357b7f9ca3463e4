//! What one of our routes looks like in Caddy's configuration.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::agents::Site;

/// How long Caddy keeps streams (agents' links, WebSockets) open that came by an older configuration,
/// where it can: each change of a route makes one. A working day.
const STREAMS_LIVE: &str = "8h";

/// What is the same in all routes of one gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// The gateway's own host.
    pub own: String,
    /// Where Caddy reaches the gateway.
    pub dial: SocketAddr,
    /// Caddy knows how to keep streams over a change (from 2.7 on); an older one refuses to hear of it.
    pub keeps_streams: bool,
}

impl Ours {
    /// The `@id` of the server that was made for us.
    pub fn server_id(&self) -> String {
        format!("porthole:{}", self.own)
    }

    /// Begins the `@id` of each route of ours, and of nobody else's.
    pub fn prefix(&self) -> String {
        format!("porthole:{}:", self.own)
    }

    /// The `@id` of a site's route. Caddy takes slashes in one for the way into the object.
    pub fn id(&self, site: &Site) -> String {
        let mut id = format!("{}{}", self.prefix(), site.host);
        if !site.path.is_empty() {
            let digest = Sha256::digest(site.path.as_bytes());
            let digest = u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default());
            // Cannot fail into a string.
            let _ = write!(id, ":{digest:016x}");
        }
        id
    }

    /// The gateway's own host: there as long as the gateway is.
    pub fn home(&self) -> Site {
        Site { host: self.own.clone(), path: String::new() }
    }

    pub fn route(&self, site: &Site) -> Value {
        let mut matches = json!({ "host": [site.host] });
        if !site.path.is_empty() {
            matches["path"] = json!([site.path, format!("{}/*", site.path)]);
        }
        let mut proxy = json!({
            "handler": "reverse_proxy",
            "upstreams": [{ "dial": self.dial.to_string() }],
            // What comes is passed on at once.
            "flush_interval": -1,
        });
        if self.keeps_streams {
            proxy["stream_close_delay"] = json!(STREAMS_LIVE);
        }
        json!({ "@id": self.id(site), "match": [matches], "handle": [proxy], "terminal": true })
    }
}
