//! What a TCP mapping asks for: a port, or the connections whose TLS handshake names a host.

use porthole_link::Mapping;
use porthole_link::control::codes;

use super::{Plan, Refusal, Site, full_host};
use crate::claims::{Key, Slot};
use crate::config::PublicBase;
use crate::policy::Compiled;
use crate::router::Place;
use crate::tokens::Identity;

/// Connections of one host at once, as of one port; further ones are refused.
pub const CONNECTIONS_PER_HOST: u32 = 1_000;

/// Decides for a mapping whose policy is `policy`.
pub(super) fn plan(
    mapping: &Mapping,
    identity: &Identity,
    site: Site<'_>,
    policy: Compiled,
) -> Result<Plan, Refusal> {
    let invalid = |message: &str| Refusal::new(codes::MAPPING_INVALID, message);
    if policy.jwt().is_some() {
        return Err(invalid("A TCP mapping cannot ask for a token; take its rule about tokens off."));
    }
    if policy.asks_key() {
        return Err(invalid("A TCP mapping cannot ask for a key; take --bearer-key off."));
    }
    if policy.asks_password() {
        return Err(invalid("A TCP mapping cannot ask for a password; take --basic-auth off."));
    }
    if policy.asks_http() {
        return Err(invalid(
            "A TCP mapping carries no requests that its policy could look at; take what it asks of them off.",
        ));
    }
    if let Some(host) = &mapping.host {
        return by_host(mapping, host, identity, site, policy);
    }
    match (mapping.remote_port, identity.tcp.range()) {
        (Some(0), _) => {
            Err(invalid("Port 0 cannot be asked for; leave --remote-port out to get a free one."))
        }
        (_, None) => Err(Refusal::new(
            codes::PORT_NOT_ALLOWED,
            "This token allows no TCP port; ask the gateway's operator for one made with --tcp.",
        )),
        (Some(port), Some(range)) if !range.contains(port) => Err(Refusal::new(
            codes::PORT_NOT_ALLOWED,
            format!("This token allows the TCP ports {range}, not {port}."),
        )),
        (wanted, Some(_)) => Ok(Plan::Tcp { wanted, policy }),
    }
}

/// TLS that the service ends itself: no port is needed, but the right to the host.
fn by_host(
    mapping: &Mapping,
    host: &str,
    identity: &Identity,
    site: Site<'_>,
    mut policy: Compiled,
) -> Result<Plan, Refusal> {
    let invalid = |message: &str| Refusal::new(codes::MAPPING_INVALID, message);
    if mapping.remote_port.is_some() {
        return Err(invalid(
            "A TCP mapping has a host or a port, not both; leave --sni or --remote-port out.",
        ));
    }
    let host = full_host(host)?;
    if host.starts_with("*.") {
        return Err(Refusal::new(
            codes::NAME_INVALID,
            "Connections are told apart by one host each; give a host without a star.",
        ));
    }
    if site.single_host || site.behind_caddy {
        return Err(invalid(
            "Something in front of this gateway ends TLS, so that no connection comes here as its client made it; serve the mapping at a port.",
        ));
    }
    let domain = site.public.map(|public| public.host.as_str());
    if Some(host.as_str()) == domain {
        return Err(Refusal::new(
            codes::NAME_NOT_ALLOWED,
            format!("\"{host}\" is the gateway's own host; choose another."),
        ));
    }
    if !identity.hosts.allows_host(&host, domain) {
        return Err(Refusal::new(
            codes::NAME_NOT_ALLOWED,
            format!(
                "This token does not allow the host \"{host}\"; ask the gateway's operator for one made with --hosts."
            ),
        ));
    }
    policy.bound_at_once(CONNECTIONS_PER_HOST);
    let public_url = format!("tls://{host}:{}", site.base.map_or(443, PublicBase::known_port));
    let slot = Slot::new(Key::Place(Place::Host { host: host.clone(), path: String::new() }), &[]);
    Ok(Plan::Tls { slot, host, public_url, policy })
}
