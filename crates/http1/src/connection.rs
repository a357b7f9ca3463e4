//! Connection management: keep-alive, upgrade, hop-by-hop fields.

use std::collections::HashSet;

use crate::names::{Known, known, list, starts_without_case};
use crate::{Fields, RequestHead, Version};

/// True when the connection may carry another message after this one, as far as this head says
/// (RFC 9112 §9.3: 1.1 unless `close`, 1.0 only with `keep-alive`).
pub fn keeps_alive(version: Version, fields: &Fields) -> bool {
    let mut asked = false;
    for option in options(fields) {
        if option.eq_ignore_ascii_case(b"close") {
            return false;
        }
        asked |= option.eq_ignore_ascii_case(b"keep-alive");
    }
    asked || version != Version::Http10
}

/// The protocol asked for with `Connection: upgrade` and `Upgrade: …` (HTTP/1.1 only), as it came;
/// several `Upgrade` fields are joined by commas (RFC 9110 §7.8).
pub fn upgrade(head: &RequestHead) -> Option<String> {
    if head.version != Version::Http11 {
        return None;
    }
    let mut asked = false;
    let mut protocols: Option<String> = None;
    for (name, value) in head.fields.kinds() {
        match name {
            Known::Connection => asked |= list(value).any(|option| option.eq_ignore_ascii_case(b"upgrade")),
            Known::Upgrade => {
                let value = std::str::from_utf8(value).ok()?;
                protocols = match protocols {
                    Some(before) => Some(format!("{before}, {value}")),
                    None => Some(value.to_owned()),
                };
            }
            _ => {}
        }
    }
    protocols.filter(|protocols| asked && !protocols.trim().is_empty())
}

/// Removes what ends at this hop: Connection and everything it names, Keep-Alive, Proxy-Connection,
/// TE (kept as `TE: trailers` when it said so), Trailer is kept, Transfer-Encoding, Upgrade,
/// Proxy-Authenticate, Proxy-Authorization.
/// Names such as Host, Content-Length or Authorization that `Connection` tries to nominate are not
/// removed: a visitor could otherwise take away what the gateway or a proxy before it relies on.
///
/// Source: RFC 9110 §7.6.1.
pub fn strip_hop_by_hop(fields: &mut Fields) {
    let nominated = nominated(fields);
    let mut trailers = false;
    fields.retain_kinds(|known, name, value| match known {
        Known::Other => {
            nominated.is_empty() || !nominated.contains(&name.to_ascii_lowercase()) || is_end_to_end(name)
        }
        Known::Host | Known::ContentLength => true,
        Known::Te if !trailers && list(value).any(|coding| coding.eq_ignore_ascii_case(b"trailers")) => {
            trailers = true;
            true
        }
        _ => false,
    });
    if trailers && fields.get("te") != Some(b"trailers") {
        fields.set("TE", "trailers");
    }
}

/// The members of every Connection field.
fn options(fields: &Fields) -> impl Iterator<Item = &[u8]> {
    fields.kinds().filter(|(name, _)| *name == Known::Connection).flat_map(|(_, value)| list(value))
}

/// What Connection names beyond what is removed (or kept) anyway, in lower case. Nearly always
/// empty, which costs no allocation; a set, because a head has room for thousands of names.
fn nominated(fields: &Fields) -> HashSet<Vec<u8>> {
    options(fields)
        .filter(|option| !option.eq_ignore_ascii_case(b"close") && known(option) == Known::Other)
        .map(<[u8]>::to_ascii_lowercase)
        .collect()
}

/// Names that are for the other end, whatever `Connection` says of them.
fn is_end_to_end(name: &[u8]) -> bool {
    const KEPT: [&str; 25] = [
        "accept",
        "accept-encoding",
        "authorization",
        "cache-control",
        "cookie",
        "date",
        "etag",
        "expect",
        "expires",
        "forwarded",
        "if-match",
        "if-none-match",
        "location",
        "max-forwards",
        "origin",
        "range",
        "referer",
        "set-cookie",
        "strict-transport-security",
        "trailer",
        "user-agent",
        "vary",
        "via",
        "www-authenticate",
        "x-real-ip",
    ];
    const KEPT_BEGINNINGS: [&str; 4] = ["content-", "x-forwarded-", "access-control-", "sec-"];
    KEPT.iter().any(|kept| name.eq_ignore_ascii_case(kept.as_bytes()))
        || KEPT_BEGINNINGS.iter().any(|kept| starts_without_case(name, kept.as_bytes()))
}
