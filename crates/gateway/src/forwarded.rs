//! Who the visitor is, and the X-Forwarded-* fields that tell the service.
//!
//! What a peer says about others is believed only when the peer is a configured proxy; loopback is a
//! peer like any other. Spellings that some frameworks read alike (`X_Forwarded_For`,
//! `X.Forwarded.For`) are dropped from anyone.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use porthole_http1::{Fields, is_authority};

/// Longest request id that is taken over from a trusted proxy, in bytes: what an `Open` frame carries.
const REQUEST_ID_BYTES: usize = 64;

/// A visitor as far as the peer may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor {
    /// The rightmost address that no trusted proxy owns. The port is the peer's, or 0 behind a proxy
    /// that did not tell.
    pub addr: SocketAddr,
    /// What the visitor spoke to the outermost trusted hop: `http` or `https`.
    pub scheme: &'static str,
    /// The peer is a trusted proxy.
    pub trusted_peer: bool,
}

/// Reads off `fields` who the visitor is, then gives them the gateway's own account of it.
///
/// `authority` is the one Host value that the request is routed by (None: HTTP/1.0 without one).
pub fn apply(
    fields: &mut Fields,
    peer: SocketAddr,
    scheme: &'static str,
    authority: Option<&str>,
    trusted: &[IpNet],
) -> Visitor {
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    if !is_trusted(peer.ip(), trusted) {
        fields.retain(|name, _| kind(name) == Kind::Other);
        push(fields, peer.ip(), None, scheme, authority);
        return Visitor { addr: peer, scheme, trusted_peer: false };
    }
    let chain = joined(fields, "x-forwarded-for");
    let addr = visitor(peer, &chain, fields, trusted);
    let told_scheme = match fields.get_str("x-forwarded-proto").map(first_member) {
        Some(told) if told.eq_ignore_ascii_case("https") => "https",
        Some(told) if told.eq_ignore_ascii_case("http") => "http",
        _ => scheme,
    };
    let told_host = fields.get_str("x-forwarded-host").map(first_member).filter(|host| is_authority(host));
    let told_host = told_host.map(str::to_owned);
    let told_port = fields.get_str("x-forwarded-port").and_then(|port| port.trim().parse::<u16>().ok());
    fields.retain(|name, _| !matches!(kind(name), Kind::Alias | Kind::Own));
    let host = told_host.as_deref().or(authority);
    push(fields, peer.ip(), Some(&chain), told_scheme, host);
    if let Some(port) = told_port {
        fields.set("X-Forwarded-Port", port.to_string());
    }
    Visitor { addr, scheme: told_scheme, trusted_peer: true }
}

/// The visitor's own id of the request, when the peer may be believed and it fits.
pub fn request_id(fields: &Fields, visitor: &Visitor) -> Option<String> {
    let id = fields.get_str("x-request-id").filter(|_| visitor.trusted_peer)?;
    let fits = (1..=REQUEST_ID_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| id.to_owned())
}

/// Appends the four fields that are always ours.
fn push(fields: &mut Fields, peer: IpAddr, chain: Option<&str>, scheme: &str, authority: Option<&str>) {
    match chain {
        Some(chain) if !chain.is_empty() => fields.push("X-Forwarded-For", format!("{chain}, {peer}")),
        _ => fields.push("X-Forwarded-For", text_of(peer)),
    }
    fields.push("X-Forwarded-Proto", scheme);
    if let Some(authority) = authority {
        fields.push("X-Forwarded-Host", authority);
    }
    let port = authority.and_then(port_of).unwrap_or(if scheme == "https" { "443" } else { "80" });
    fields.push("X-Forwarded-Port", port);
}

/// The address as text. That of nearly all visitors of a proxy costs as much to format by `Display` as
/// the rest of these fields together.
fn text_of(ip: IpAddr) -> String {
    let IpAddr::V4(ip) = ip else { return ip.to_string() };
    let mut text = String::with_capacity("255.255.255.255".len());
    for (place, octet) in ip.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        for unit in [100, 10, 1] {
            if octet >= unit || unit == 1 {
                text.push(char::from(b'0' + octet / unit % 10));
            }
        }
    }
    text
}

/// The digits after the host's colon.
fn port_of(authority: &str) -> Option<&str> {
    let (_, port) = authority.rsplit_once(':')?;
    (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(port)
}

/// Walks the chain from its right end past every trusted proxy; what cannot be read ends the walk.
fn visitor(peer: SocketAddr, chain: &str, fields: &Fields, trusted: &[IpNet]) -> SocketAddr {
    let mut found = peer;
    let forwarded;
    let members: Box<dyn Iterator<Item = &str>> = if chain.is_empty() {
        forwarded = joined(fields, "forwarded");
        Box::new(forwarded.rsplit(',').map(|element| parameter(element, "for").unwrap_or("")))
    } else {
        Box::new(chain.rsplit(','))
    };
    for member in members {
        let Some(addr) = address(member) else { break };
        found = addr;
        if !is_trusted(addr.ip(), trusted) {
            break;
        }
    }
    found
}

/// `1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]`, `[::1]:5`, each perhaps quoted.
fn address(member: &str) -> Option<SocketAddr> {
    let text = member.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let addr = match bare.parse::<IpAddr>() {
        Ok(ip) => SocketAddr::new(ip, 0),
        Err(_) => text.parse().ok()?,
    };
    Some(SocketAddr::new(addr.ip().to_canonical(), addr.port()))
}

/// The value of `name` in one element of a Forwarded field (RFC 7239).
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    element.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Whether `ip`, in its canonical spelling, is one of `trusted`.
pub fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&ip))
}

/// All values under `name` as one list; values that are no text count as empty members.
fn joined(fields: &Fields, name: &str) -> String {
    let mut list = String::new();
    for value in fields.get_all(name) {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(std::str::from_utf8(value).unwrap_or_default().trim());
    }
    list
}

fn first_member(list: &str) -> &str {
    list.split(',').next().unwrap_or_default().trim()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Other,
    /// Believed from trusted peers and then kept as it came.
    Told,
    /// Written anew from what is believed.
    Own,
    /// Another spelling of one of these; never believed.
    Alias,
}

/// Sorts a field name. Nearly all are settled by their first letter.
fn kind(name: &[u8]) -> Kind {
    const OWN: [&[u8]; 4] =
        [b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port"];
    match name.first() {
        Some(b'x' | b'X') if name.len() >= b"x-real-ip".len() => {
            let plain =
                |byte: &u8| if matches!(byte, b'_' | b'.') { b'-' } else { byte.to_ascii_lowercase() };
            let mut beginning = [0; b"x-forwarded-".len()];
            for (to, from) in beginning.iter_mut().zip(name) {
                *to = plain(from);
            }
            let real_ip = name.len() == b"x-real-ip".len() && beginning.starts_with(b"x-real-ip");
            if !real_ip && &beginning != b"x-forwarded-" {
                Kind::Other
            } else if name.iter().any(|byte| matches!(byte, b'_' | b'.')) {
                Kind::Alias
            } else if OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                Kind::Own
            } else {
                Kind::Told
            }
        }
        Some(b'f' | b'F') if name.eq_ignore_ascii_case(b"forwarded") => Kind::Told,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_display_writes_it() {
        for octet in 0..=255 {
            let ip = IpAddr::from([octet, 10, 100u8.wrapping_add(octet), 255 - octet]);
            assert_eq!(text_of(ip), ip.to_string());
        }
        assert_eq!(text_of(IpAddr::from([0u16; 8])), "::");
    }

    const PEER: &str = "10.0.0.9:4000";

    fn run(pairs: &[(&str, &str)], peer: &str, trusted: &[&str]) -> (Visitor, Fields) {
        let mut fields: Fields = pairs.iter().copied().collect();
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let visitor = apply(&mut fields, peer.parse().unwrap(), "http", Some("shop.example:8080"), &trusted);
        (visitor, fields)
    }

    #[test]
    fn what_an_untrusted_peer_claims_is_replaced_in_every_spelling() {
        let (visitor, fields) = run(
            &[
                ("X-Forwarded-For", "6.6.6.6"),
                ("x_forwarded_for", "6.6.6.6"),
                ("X.Forwarded.Proto", "https"),
                ("X-Forwarded-User", "root"),
                ("X-Forwarded-Prefix", "/evil"),
                ("X-Real-Ip", "6.6.6.6"),
                ("X_Real_Ip", "6.6.6.6"),
                ("Forwarded", "for=6.6.6.6"),
                ("X-Other", "kept"),
            ],
            PEER,
            &[],
        );
        assert_eq!(visitor.addr, PEER.parse().unwrap());
        assert!(!visitor.trusted_peer);
        let expected = Fields::from_iter([
            ("X-Other", "kept"),
            ("X-Forwarded-For", "10.0.0.9"),
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Host", "shop.example:8080"),
            ("X-Forwarded-Port", "8080"),
        ]);
        assert_eq!(fields.iter().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    }

    #[test]
    fn the_rightmost_untrusted_address_is_the_visitor() {
        let (visitor, fields) = run(
            &[("X-Forwarded-For", "6.6.6.6, 9.9.9.9"), ("X-Forwarded-For", "10.0.0.1")],
            PEER,
            &["10.0.0.0/8"],
        );
        assert_eq!(visitor.addr.ip(), "9.9.9.9".parse::<IpAddr>().unwrap());
        assert_eq!(fields.get_str("x-forwarded-for"), Some("6.6.6.6, 9.9.9.9, 10.0.0.1, 10.0.0.9"));
        assert_eq!(fields.get_all("x-forwarded-for").count(), 1);
    }

    #[test]
    fn a_trusted_proxy_is_believed_on_scheme_and_host() {
        let (visitor, fields) = run(
            &[
                ("X-Forwarded-Proto", "HTTPS"),
                ("X-Forwarded-Host", "shop.public"),
                ("X_Forwarded_For", "1.1.1.1"),
            ],
            PEER,
            &["10.0.0.9/32"],
        );
        assert_eq!(visitor.scheme, "https");
        assert_eq!(fields.get_str("x-forwarded-proto"), Some("https"));
        assert_eq!(fields.get_str("x-forwarded-host"), Some("shop.public"));
        assert_eq!(fields.get_str("x-forwarded-port"), Some("443"));
        assert!(!fields.contains("x_forwarded_for"));
    }

    #[test]
    fn a_chain_that_cannot_be_read_stops_the_walk_at_the_last_good_address() {
        let (visitor, _) = run(&[("X-Forwarded-For", "6.6.6.6, unknown, 10.0.0.1")], PEER, &["10.0.0.0/8"]);
        assert_eq!(visitor.addr.ip(), "10.0.0.1".parse::<IpAddr>().unwrap());
        let (visitor, _) =
            run(&[("Forwarded", "for=\"[2001:db8::1]:77\";proto=https")], PEER, &["10.0.0.0/8"]);
        assert_eq!(visitor.addr, "[2001:db8::1]:77".parse().unwrap());
    }

    #[test]
    fn an_ipv4_mapped_peer_is_its_ipv4_self() {
        let (visitor, fields) =
            run(&[("X-Forwarded-For", "1.2.3.4")], "[::ffff:10.0.0.9]:1", &["10.0.0.9/32"]);
        assert_eq!(visitor.addr.ip(), "1.2.3.4".parse::<IpAddr>().unwrap());
        assert_eq!(fields.get_str("x-forwarded-for"), Some("1.2.3.4, 10.0.0.9"));
    }

    #[test]
    fn a_request_id_is_taken_over_from_trusted_peers_only_and_up_to_64_bytes() {
        let id = |value: &str, trusted_peer| {
            let fields = Fields::from_iter([("X-Request-Id", value)]);
            let visitor = Visitor { addr: PEER.parse().unwrap(), scheme: "http", trusted_peer };
            request_id(&fields, &visitor)
        };
        assert_eq!(id("abc", true).as_deref(), Some("abc"));
        assert_eq!(id("abc", false), None);
        assert_eq!(id("a b", true), None);
        assert_eq!(id("", true), None);
        assert!(id(&"x".repeat(64), true).is_some());
        assert!(id(&"x".repeat(65), true).is_none());
    }
}
