//! Keeps Caddy as it is wanted, for as long as the gateway runs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use porthole_link::backoff::Backoff;
use serde_json::Value;

use super::address::Address;
use super::admin::AdminError;
use super::plan::{Call, Wanted, plan};
use super::route::Ours;
use super::seen::Seen;
use crate::agents::Sites;
use crate::config::PublicBase;
use crate::server::Gateway;

/// Between two looks whether Caddy still has what it was given: so long may a restarted one, or one with
/// another configuration, be without our routes.
const LOOK: Duration = Duration::from_secs(2);
/// Between two looks at all of it, for what somebody took out one by one.
const LOOK_AT_ALL: Duration = Duration::from_secs(60);
/// Changes within this time are told in one go: the mappings of many agents come in crowds.
const GATHER: Duration = Duration::from_millis(20);
/// Attempts in one turn. A second one finds a Caddy that somebody else changed meanwhile, or one too old
/// for what the first asked; a third finds both.
const ATTEMPTS: usize = 3;

/// Runs until the gateway ends.
pub async fn keep(gateway: Arc<Gateway>, address: Address, public: PublicBase) {
    let Some(caddy) = &gateway.caddy else { return };
    let mut changes = gateway.registry.changes();
    let mut keeper =
        Keeper { address, public, listen: gateway.config.listen, known: None, keeps_streams: true };
    let mut backoff = Backoff::default();
    let mut well = Instant::now();
    loop {
        changes.mark_unchanged();
        let sites = gateway.registry.sites();
        let wait = match keeper.turn(&sites).await {
            Ok(routes) => {
                caddy.good(sites.generation, routes);
                backoff.reset();
                well = Instant::now();
                LOOK
            }
            Err(error) => {
                caddy.down(error.code(), error.to_string());
                keeper.forget();
                backoff.next(well.elapsed(), rand::random()).max(Backoff::FIRST)
            }
        };
        let is_down = keeper.known.is_none();
        let wake = async {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // While it is down, its return is what is waited for.
                _ = changes.changed(), if !is_down => tokio::time::sleep(GATHER).await,
            }
        };
        tokio::select! {
            () = wake => {}
            () = gateway.links_end.cancelled() => return,
        }
    }
}

struct Keeper {
    address: Address,
    public: PublicBase,
    /// Where the gateway listens.
    listen: SocketAddr,
    /// None: to be read.
    known: Option<Known>,
    keeps_streams: bool,
}

/// What Caddy has, since it was read and by what was done since.
struct Known {
    seen: Seen,
    read: Instant,
    ours: Ours,
}

impl Keeper {
    /// Caddy is away, and may come back as another version.
    fn forget(&mut self) {
        self.known = None;
        self.keeps_streams = true;
    }

    /// Brings Caddy to `sites`; returns how many routes of ours it has.
    async fn turn(&mut self, sites: &Sites) -> Result<usize, AdminError> {
        let mut outcome = self.attempt(sites).await;
        for _ in 1..ATTEMPTS {
            if !matches!(outcome, Err(AdminError::Refused { .. })) {
                break;
            }
            self.known = None;
            self.keeps_streams = false;
            outcome = self.attempt(sites).await;
        }
        outcome
    }

    async fn attempt(&mut self, sites: &Sites) -> Result<usize, AdminError> {
        let mut known = match self.known.take() {
            Some(known) if known.read.elapsed() < LOOK_AT_ALL && self.has(&known.ours).await? => known,
            _ => self.read().await?,
        };
        let wanted = self.wanted(&known.ours, sites);
        let calls = plan(&wanted, &known.seen);
        for call in &calls {
            self.make(call).await?;
            known.seen.apply(call);
        }
        // It says so itself before anybody is told that it is ready.
        if !calls.is_empty() && !self.has(&known.ours).await? {
            return Err(AdminError::NotKept);
        }
        let routes = known.seen.count(&known.ours.prefix());
        self.known = Some(known);
        Ok(routes)
    }

    fn wanted(&self, ours: &Ours, sites: &Sites) -> Wanted {
        let secure = self.public.scheme == "https";
        Wanted {
            ours: ours.clone(),
            port: self.public.port.unwrap_or(if secure { 443 } else { 80 }),
            secure,
            live: sites.live.clone(),
            away: sites.away.clone(),
        }
    }

    /// Whether Caddy has our own host's route, which goes with all the others when it gets another
    /// configuration, and sends visitors here.
    async fn has(&self, ours: &Ours) -> Result<bool, AdminError> {
        let home = ours.home();
        let answer = self.address.call(Method::GET, &format!("/id/{}", ours.id(&home)), None).await?;
        if answer.status != 200 {
            return Ok(false);
        }
        if serde_json::from_slice::<Value>(&answer.body).ok() != Some(ours.route(&home)) {
            return Ok(false);
        }
        let answer = self.address.call(Method::GET, "/reverse_proxy/upstreams", None).await?.accepted()?;
        let upstreams: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let dial = ours.dial.to_string();
        Ok(upstreams.as_array().into_iter().flatten().any(|upstream| upstream["address"] == dial.as_str()))
    }

    async fn read(&self) -> Result<Known, AdminError> {
        let answer = self.address.call(Method::GET, "/config/", None).await?.accepted()?;
        let configuration: Value =
            serde_json::from_slice(&answer.body).map_err(|_| AdminError::NoConfiguration)?;
        let dial = dial(self.listen, answer.local);
        let ours = Ours { own: self.public.host.clone(), dial, keeps_streams: self.keeps_streams };
        Ok(Known { seen: Seen::of(&configuration), read: Instant::now(), ours })
    }

    async fn make(&self, call: &Call) -> Result<(), AdminError> {
        let server = |name: &str| format!("/config/apps/http/servers/{name}");
        let (method, path, body) = match call {
            Call::Make { name, body } => (Method::PUT, server(name), Some(body)),
            Call::Append { server: name, routes } => {
                // The dots have each of them appended.
                let routes = &Value::from(routes.clone());
                let path = format!("{}/routes/...", server(name));
                return self.address.call(Method::POST, &path, Some(routes)).await?.accepted().map(drop);
            }
            Call::Replace { id, route } => (Method::PATCH, format!("/id/{id}"), Some(route)),
            Call::Remove { id } => (Method::DELETE, format!("/id/{id}"), None),
        };
        self.address.call(method, &path, body).await?.accepted().map(drop)
    }
}

/// Where Caddy reaches a gateway that listens on `listen` and is `local` to it.
fn dial(listen: SocketAddr, local: Option<IpAddr>) -> SocketAddr {
    let local = local.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let ip = match listen.ip() {
        // Nothing but IPv4 arrives here.
        IpAddr::V4(ip) if ip.is_unspecified() && local.is_ipv6() && local.is_loopback() => {
            Ipv4Addr::LOCALHOST.into()
        }
        ip if ip.is_unspecified() => local,
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caddy_reaches_the_gateway_the_way_the_gateway_reaches_caddy() {
        let dialled = |listen: &str, local: Option<&str>| {
            dial(listen.parse().unwrap(), local.map(|ip| ip.parse().unwrap())).to_string()
        };
        assert_eq!(dialled("0.0.0.0:8080", None), "127.0.0.1:8080");
        assert_eq!(dialled("0.0.0.0:8080", Some("127.0.0.1")), "127.0.0.1:8080");
        assert_eq!(dialled("0.0.0.0:8080", Some("::1")), "127.0.0.1:8080");
        assert_eq!(dialled("0.0.0.0:8080", Some("172.17.0.3")), "172.17.0.3:8080");
        assert_eq!(dialled("[::]:8080", Some("::1")), "[::1]:8080");
        assert_eq!(dialled("10.0.0.1:8080", Some("127.0.0.1")), "10.0.0.1:8080");
    }
}
