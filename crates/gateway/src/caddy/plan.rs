//! From what Caddy has to what it should have: which calls, in which order. Pure.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Value, json};

use super::route::Ours;
use super::seen::Seen;
use crate::agents::Site;

/// What Caddy should have.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub ours: Ours,
    /// Where visitors come in.
    pub port: u16,
    /// They come over TLS, which is then Caddy's.
    pub secure: bool,
    /// Where mappings are live: each has a route.
    pub live: BTreeSet<Site>,
    /// Where one was, and may soon be again: a route stays as it is, and none is made.
    pub away: BTreeSet<Site>,
}

/// One change, whole or not at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// A server of our own, with its first routes.
    Make { name: String, body: Value },
    /// Routes behind those of a server that is there.
    Append { server: String, routes: Vec<Value> },
    /// Another body for a route of ours.
    Replace { id: String, route: Value },
    /// A route of ours.
    Remove { id: String },
}

/// The calls that bring Caddy from `seen` to `wanted`; none when it is there. Nothing is touched that
/// is not ours.
pub fn plan(wanted: &Wanted, seen: &Seen) -> Vec<Call> {
    let ours = &wanted.ours;
    let home = ours.home();
    let mut missing: BTreeMap<String, Value> =
        wanted.live.iter().chain([&home]).map(|site| (ours.id(site), ours.route(site))).collect();
    let kept: BTreeMap<String, Value> =
        wanted.away.iter().map(|site| (ours.id(site), ours.route(site))).collect();
    let serving = seen.serving(wanted.port);
    let prefix = ours.prefix();
    // A route that stands where nobody looks is made again: its id must be free by then.
    let (mut misplaced, mut replaced, mut stale) = (Vec::new(), Vec::new(), Vec::new());
    let mut met = HashSet::new();
    for (name, server) in &seen.servers {
        for route in &server.routes {
            let Some(id) = route.id.as_ref().filter(|id| id.starts_with(&prefix)) else { continue };
            let wanted_body = missing.get(id).or_else(|| kept.get(id));
            match wanted_body {
                _ if !met.insert(id) => stale.push(Call::Remove { id: id.clone() }),
                None => stale.push(Call::Remove { id: id.clone() }),
                Some(_) if serving != Some(name.as_str()) => {
                    met.remove(id);
                    misplaced.push(Call::Remove { id: id.clone() });
                }
                Some(body) => {
                    if *body != route.body {
                        replaced.push(Call::Replace { id: id.clone(), route: body.clone() });
                    }
                    missing.remove(id);
                }
            }
        }
    }
    let routes: Vec<Value> = missing.into_values().collect();
    let added = match serving {
        _ if routes.is_empty() => None,
        Some(server) => Some(Call::Append { server: server.to_owned(), routes }),
        None => Some(make(wanted, seen, routes)),
    };
    misplaced.into_iter().chain(added).chain(replaced).chain(stale).collect()
}

fn make(wanted: &Wanted, seen: &Seen, routes: Vec<Value>) -> Call {
    let port = wanted.port;
    let mut names = std::iter::once(format!("porthole-{port}"))
        .chain((2u32..).map(|number| format!("porthole-{port}-{number}")));
    let name = names.find(|name| !seen.servers.contains_key(name)).unwrap_or_default();
    let mut body =
        json!({ "@id": wanted.ours.server_id(), "listen": [format!(":{port}")], "routes": routes });
    if !wanted.secure {
        // Caddy would get certificates for the names of routes on any port but 80.
        body["automatic_https"] = json!({ "disable": true });
    }
    Call::Make { name, body }
}
