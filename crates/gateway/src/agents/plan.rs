//! What one mapping asks for, and whether its token allows it: pure.

mod tcp;

use std::collections::HashSet;

use porthole_link::Mapping;
use porthole_link::control::{Floor, MappingProtocol, Match, codes};

use crate::claims::{Key, Slot};
use crate::config::PublicBase;
use crate::policy::Compiled;
use crate::router::{Place, is_reserved, normalise_host, plain_prefix};
use crate::tokens::{Identity, is_label};

/// Conditions on one mapping.
const MAX_MATCHES: usize = 16;
/// Bytes of a condition's name or value.
const MAX_CONDITION_BYTES: usize = 1024;
/// Characters of a mapping's id.
const MAX_ID: usize = 64;

/// How the gateway is reached, as far as public URLs depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The configured public URL.
    pub public: Option<&'a PublicBase>,
    /// What URLs are made of: the configured one, or how the agent came.
    pub base: Option<&'a PublicBase>,
    pub single_host: bool,
    /// A Caddy in front ends TLS.
    pub behind_caddy: bool,
    /// What is asked of all mappings' visitors.
    pub floor: &'a Floor,
}

/// A stable code and one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: &'static str,
    pub message: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// A mapping that may be served if nobody else holds its place.
#[derive(Debug)]
pub enum Plan {
    Http {
        slot: Slot,
        place: Place,
        /// `/pub/{id}/…` beside the main place; not claimed.
        extra: Option<Slot>,
        public_url: String,
        policy: Compiled,
    },
    Tcp {
        wanted: Option<u16>,
        policy: Compiled,
    },
    /// Connections as they come, of those whose TLS handshake is for this host.
    Tls {
        slot: Slot,
        host: String,
        public_url: String,
        policy: Compiled,
    },
}

impl Plan {
    pub(super) fn policy_mut(&mut self) -> &mut Compiled {
        match self {
            Self::Http { policy, .. } | Self::Tcp { policy, .. } | Self::Tls { policy, .. } => policy,
        }
    }
}

/// What people call a mapping in sentences and logs.
pub fn label(mapping: &Mapping) -> &str {
    mapping.name.as_deref().or(mapping.host.as_deref()).unwrap_or(&mapping.id)
}

/// Whether ids and numbers of a whole set are usable; `Err` is for the agent as a whole.
pub fn check_set(mappings: &[Mapping]) -> Result<(), Refusal> {
    let mut ids = HashSet::new();
    let mut numbers = HashSet::new();
    for mapping in mappings {
        let id = &mapping.id;
        let fits = (1..=MAX_ID).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !fits {
            return Err(Refusal::new(
                codes::MAPPING_INVALID,
                format!("A mapping's id must be 1 to {MAX_ID} letters, digits, dashes and underscores."),
            ));
        }
        if !ids.insert(id) || !numbers.insert(mapping.number) {
            return Err(Refusal::new(
                codes::MAPPING_INVALID,
                "Two mappings of one agent have the same id or number.",
            ));
        }
    }
    Ok(())
}

/// Decides what `mapping` asks for under `identity`.
pub fn plan(mapping: &Mapping, identity: &Identity, site: Site<'_>) -> Result<Plan, Refusal> {
    let invalid = |message: String| Refusal::new(codes::MAPPING_INVALID, message);
    let policy = Compiled::new(&mapping.policy, label(mapping)).map_err(invalid)?;
    let policy = policy.under(site.floor).map_err(invalid)?;
    if site.floor.require_auth {
        check_password(mapping, policy.asks_credentials())?;
    }
    if mapping.protocol == MappingProtocol::Tcp {
        return tcp::plan(mapping, identity, site, policy);
    }
    check_matches(&mapping.matches)?;
    let path = prefix(mapping.path.as_deref())?;
    let pub_place = Place::Pub { id: mapping.id.clone() };
    let pub_url = || format!("{}/pub/{}/", site.base.map(PublicBase::url).unwrap_or_default(), mapping.id);
    let http = |place: Place, public_url: String, extra: bool, policy: Compiled| {
        let slot = Slot::new(Key::Place(place.clone()), &mapping.matches);
        let extra = extra.then(|| Slot::new(Key::Place(pub_place.clone()), &[]));
        Plan::Http { slot, place, extra, public_url, policy }
    };
    let place = if site.single_host { None } else { place(mapping, &path, identity, site)? };
    Ok(match place {
        None => {
            let slot = Slot::new(Key::Place(pub_place.clone()), &[]);
            Plan::Http { slot, place: pub_place.clone(), extra: None, public_url: pub_url(), policy }
        }
        Some((place, url)) => http(place, url, true, policy),
    })
}

/// Whether every visitor is asked for a password.
fn check_password(mapping: &Mapping, asks: bool) -> Result<(), Refusal> {
    let refuse = |message| Err(Refusal::new(codes::PASSWORD_REQUIRED, message));
    if mapping.protocol == MappingProtocol::Tcp {
        return refuse(
            "This gateway serves only mappings that ask for a password, which a TCP mapping cannot.",
        );
    }
    if !asks {
        return refuse(
            "This gateway serves only mappings that ask for a password; give this one --basic-auth USER:PASSWORD.",
        );
    }
    if !mapping.policy.public_paths.is_empty() {
        return refuse(
            "This gateway has visitors asked for a password everywhere; take the public paths off.",
        );
    }
    Ok(())
}

/// Host or own-host place with its URL; None: only `/pub/{id}/`.
fn place(
    mapping: &Mapping,
    path: &str,
    identity: &Identity,
    site: Site<'_>,
) -> Result<Option<(Place, String)>, Refusal> {
    let domain = site.public.map(|public| public.host.as_str());
    match (&mapping.name, &mapping.host) {
        (Some(_), Some(_)) => Err(Refusal::new(
            codes::MAPPING_INVALID,
            "A mapping has a name or a host, not both; leave one out.",
        )),
        (Some(name), None) => {
            let name = name.to_ascii_lowercase();
            if !is_label(&name) {
                return Err(Refusal::new(
                    codes::NAME_INVALID,
                    "A name has 1 to 63 letters, digits and dashes, and no dash at its ends; choose another with --name.",
                ));
            }
            if !identity.hosts.allows_label(&name, domain) {
                return Err(Refusal::new(
                    codes::NAME_NOT_ALLOWED,
                    format!(
                        "This token does not allow the name \"{name}\"; choose one that it allows, or ask the gateway's operator."
                    ),
                ));
            }
            let Some((public, host)) = site.public.and_then(|public| Some((public, public.host_of(&name)?)))
            else {
                return Ok(None);
            };
            let url = format!("{}{path}", public.url_of(&host));
            Ok(Some((Place::Host { host, path: path.to_owned() }, url)))
        }
        (None, Some(host)) => {
            let host = full_host(host)?;
            if Some(host.as_str()) == domain {
                return own_place(path, identity, site).and_then(|place| {
                    place.map(Some).ok_or_else(|| {
                        Refusal::new(
                            codes::NAME_NOT_ALLOWED,
                            format!("\"{host}\" is the gateway's own host; choose a name, or give a path with --path."),
                        )
                    })
                });
            }
            if !identity.hosts.allows_host(&host, domain) {
                return Err(Refusal::new(
                    codes::NAME_NOT_ALLOWED,
                    format!(
                        "This token does not allow the host \"{host}\"; ask the gateway's operator for one made with --hosts."
                    ),
                ));
            }
            let url = site.base.map_or_else(|| format!("https://{host}"), |base| base.url_of(&host));
            Ok(Some((Place::Host { host, path: path.to_owned() }, format!("{url}{path}"))))
        }
        (None, None) => own_place(path, identity, site),
    }
}

/// A named prefix on the own host.
fn own_place(path: &str, identity: &Identity, site: Site<'_>) -> Result<Option<(Place, String)>, Refusal> {
    if path.is_empty() {
        return Ok(None);
    }
    if is_reserved(path) {
        return Err(Refusal::new(
            codes::NAME_NOT_ALLOWED,
            format!("\"{path}\" is one of the gateway's own addresses; choose another path."),
        ));
    }
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    if !identity
        .hosts
        .allows_label(&first.to_ascii_lowercase(), site.public.map(|public| public.host.as_str()))
    {
        return Err(Refusal::new(
            codes::NAME_NOT_ALLOWED,
            format!(
                "This token does not allow the path \"{path}\"; choose one that it allows, or ask the gateway's operator."
            ),
        ));
    }
    let base = site.base.map(PublicBase::url).unwrap_or_default();
    Ok(Some((Place::Own { path: path.to_owned() }, format!("{base}{path}"))))
}

fn full_host(host: &str) -> Result<String, Refusal> {
    let wrong = || {
        Refusal::new(
            codes::NAME_INVALID,
            "The host is no valid host name; give one like shop.example.com or *.example.com with --host.",
        )
    };
    let (star, bare) = match host.strip_prefix("*.") {
        Some(bare) => ("*.", bare),
        None => ("", host),
    };
    if bare.contains(':') {
        return Err(wrong());
    }
    let bare = normalise_host(bare).map_err(|_| wrong())?;
    // Browsers read `1.2.3.4` and `shop.0xe` as addresses, or as nothing.
    match url::Host::parse(&bare) {
        Ok(url::Host::Domain(domain)) if domain == bare => Ok(format!("{star}{bare}")),
        _ => Err(wrong()),
    }
}

/// A path prefix without its last slash; empty for none.
fn prefix(path: Option<&str>) -> Result<String, Refusal> {
    let wrong = |what| {
        let message = format!("The mapping's path {what}; give one like /node.");
        Refusal::new(codes::MAPPING_INVALID, message)
    };
    plain_prefix(path.unwrap_or_default()).map(str::to_owned).map_err(wrong)
}

fn check_matches(matches: &[Match]) -> Result<(), Refusal> {
    let wrong = |what: String| Err(Refusal::new(codes::MAPPING_INVALID, what));
    if matches.len() > MAX_MATCHES {
        return wrong(format!("A mapping has at most {MAX_MATCHES} conditions."));
    }
    for condition in matches {
        let (Match::Header { name, value } | Match::Query { name, value } | Match::Cookie { name, value }) =
            condition;
        if name.is_empty() || name.len().max(value.as_ref().map_or(0, String::len)) > MAX_CONDITION_BYTES {
            return wrong(format!(
                "A condition needs a name, and name and value have at most {MAX_CONDITION_BYTES} bytes."
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_host_is_a_name_that_a_browser_reads_as_one() {
        for host in
            ["shop.example.com", "*.example.com", "a_b.example", "xn--bcher-kva.example", "0xe.example"]
        {
            assert_eq!(full_host(host).as_deref(), Ok(host));
        }
        assert_eq!(full_host("Bücher.example").as_deref(), Ok("xn--bcher-kva.example"));
        for host in ["1.2.3.4", "*.0xe", "shop.123", "[::1]", "a.b:80", "xn--a.example", ""] {
            assert_eq!(full_host(host).map_err(|refusal| refusal.code), Err(codes::NAME_INVALID), "{host}");
        }
    }

    #[test]
    fn a_path_is_one_that_browsers_send_as_it_stands() {
        assert_eq!(prefix(Some("/a/b@c:d/")).as_deref(), Ok("/a/b@c:d"));
        for path in ["/a`b", "/a{b}", "/a;b", "/a%41", "/ä", "/a//b", "/../a", "a"] {
            assert!(prefix(Some(path)).is_err(), "{path}");
        }
    }
}
