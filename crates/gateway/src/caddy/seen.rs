//! What Caddy has, as far as it concerns us.

use std::collections::BTreeMap;

use serde_json::Value;

use super::plan::Call;

/// Its HTTP servers by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    pub servers: BTreeMap<String, Server>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Server {
    pub listen: Vec<String>,
    pub routes: Vec<Route>,
}

/// One route in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub id: Option<String>,
    pub body: Value,
}

impl Route {
    pub fn of(body: &Value) -> Self {
        Self { id: body["@id"].as_str().map(str::to_owned), body: body.clone() }
    }
}

impl Seen {
    /// Reads a whole configuration, which may be `null`. What is not as Caddy writes it is not there.
    pub fn of(configuration: &Value) -> Self {
        let servers = configuration["apps"]["http"]["servers"].as_object().into_iter().flatten();
        Self { servers: servers.map(|(name, body)| (name.clone(), Server::of(body))).collect() }
    }

    /// The server that listens on `port`.
    pub fn serving(&self, port: u16) -> Option<&str> {
        let serves = |server: &Server| server.listen.iter().any(|listen| listens_on(listen, port));
        self.servers.iter().find(|(_, server)| serves(server)).map(|(name, _)| name.as_str())
    }

    /// How many routes have an `@id` that begins so.
    pub fn count(&self, prefix: &str) -> usize {
        let routes = self.servers.values().flat_map(|server| &server.routes);
        routes.filter(|route| route.id.as_ref().is_some_and(|id| id.starts_with(prefix))).count()
    }

    /// How it is after `call`, if Caddy does it.
    pub fn apply(&mut self, call: &Call) {
        match call {
            Call::Make { name, body } => {
                self.servers.insert(name.clone(), Server::of(body));
            }
            Call::Append { server, routes } => {
                let server = self.servers.entry(server.clone()).or_default();
                server.routes.extend(routes.iter().map(Route::of));
            }
            Call::Replace { id, route } => {
                let mut all = self.servers.values_mut().flat_map(|server| &mut server.routes);
                if let Some(found) = all.find(|route| route.id.as_ref() == Some(id)) {
                    *found = Route::of(route);
                }
            }
            Call::Remove { id } => {
                for server in self.servers.values_mut() {
                    if let Some(at) = server.routes.iter().position(|route| route.id.as_ref() == Some(id)) {
                        server.routes.remove(at);
                        return;
                    }
                }
            }
        }
    }
}

impl Server {
    fn of(body: &Value) -> Self {
        let list = |name: &str| body[name].as_array().into_iter().flatten();
        Self {
            listen: list("listen").filter_map(|listen| listen.as_str().map(str::to_owned)).collect(),
            routes: list("routes").map(Route::of).collect(),
        }
    }
}

/// Whether one of Caddy's network addresses (`:443`, `tcp/0.0.0.0:443`, `:8000-8010`) has `port` for TCP.
fn listens_on(listen: &str, port: u16) -> bool {
    let address = match listen.split_once('/') {
        Some(("tcp" | "tcp4" | "tcp6", address)) => address,
        Some(_) => return false,
        None => listen,
    };
    let Some((_, ports)) = address.rsplit_once(':') else { return false };
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) => (first..=last).contains(&port),
        _ => false,
    }
}
