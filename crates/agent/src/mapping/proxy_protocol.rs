//! The PROXY protocol towards a TCP service: a header that tells it who the visitor is.
//!
//! Source: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, sections 2.1 and 2.2.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{MappingError, shown};

/// How version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, of a connection that is passed on.
const PASSED_ON: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// Which header a service is given first on each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// A line of text.
    V1,
    /// Bytes.
    V2,
}

impl FromStr for ProxyProtocol {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        match text.trim() {
            "v1" => Ok(Self::V1),
            "v2" => Ok(Self::V2),
            other => Err(MappingError::ProxyProtocol(shown(other))),
        }
    }
}

impl fmt::Display for ProxyProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

impl ProxyProtocol {
    /// What goes before a visitor's first byte on a connection to `service`.
    pub fn header(self, visitor: SocketAddr, service: SocketAddr) -> Vec<u8> {
        let from = SocketAddr::new(visitor.ip().to_canonical(), visitor.port());
        let to = beside(from.ip(), service);
        match self {
            Self::V1 => {
                let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
                let (source, destination) = (from.ip(), to.ip());
                format!("PROXY {family} {source} {destination} {} {}\r\n", from.port(), to.port())
                    .into_bytes()
            }
            Self::V2 => {
                let mut addresses = Vec::with_capacity(36);
                for ip in [from.ip(), to.ip()] {
                    match ip {
                        IpAddr::V4(ip) => addresses.extend(ip.octets()),
                        IpAddr::V6(ip) => addresses.extend(ip.octets()),
                    }
                }
                addresses.extend(from.port().to_be_bytes());
                addresses.extend(to.port().to_be_bytes());
                let family = if from.is_ipv4() { TCP_OVER_IPV4 } else { TCP_OVER_IPV6 };
                // 12 or 36 bytes.
                let length = (addresses.len() as u16).to_be_bytes();
                [SIGNATURE.as_slice(), &[PASSED_ON, family], &length, &addresses].concat()
            }
        }
    }
}

/// `service` in the family of `visitor`: a header knows one for both. One of the other has no address in it.
fn beside(visitor: IpAddr, service: SocketAddr) -> SocketAddr {
    let ip = match (visitor, service.ip().to_canonical()) {
        (IpAddr::V4(_), IpAddr::V4(ip)) => ip.into(),
        (IpAddr::V6(_), IpAddr::V6(ip)) => ip.into(),
        (IpAddr::V6(_), IpAddr::V4(ip)) => ip.to_ipv6_mapped().into(),
        (IpAddr::V4(_), IpAddr::V6(_)) => std::net::Ipv4Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, service.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(visitor: &str, service: &str) -> String {
        let header = ProxyProtocol::V1.header(visitor.parse().unwrap(), service.parse().unwrap());
        String::from_utf8(header).unwrap()
    }

    #[test]
    fn a_header_names_visitor_and_service_in_one_family() {
        for (visitor, service, wanted) in [
            ("203.0.113.9:4711", "127.0.0.1:5432", "PROXY TCP4 203.0.113.9 127.0.0.1 4711 5432\r\n"),
            ("[::ffff:203.0.113.9]:1", "127.0.0.1:2", "PROXY TCP4 203.0.113.9 127.0.0.1 1 2\r\n"),
            ("203.0.113.9:1", "[::1]:2", "PROXY TCP4 203.0.113.9 0.0.0.0 1 2\r\n"),
            ("[2001:db8::9]:1", "[::1]:2", "PROXY TCP6 2001:db8::9 ::1 1 2\r\n"),
            ("[2001:db8::9]:1", "127.0.0.1:2", "PROXY TCP6 2001:db8::9 ::ffff:127.0.0.1 1 2\r\n"),
        ] {
            assert_eq!(line(visitor, service), wanted);
        }
        let bytes =
            ProxyProtocol::V2.header("203.0.113.9:4711".parse().unwrap(), "127.0.0.1:5432".parse().unwrap());
        let wanted = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\x00\x71\x09\x7f\0\0\x01\x12\x67\x15\x38";
        assert_eq!(bytes, wanted);
        let bytes = ProxyProtocol::V2.header("[2001:db8::9]:1".parse().unwrap(), "[::1]:2".parse().unwrap());
        assert_eq!((bytes.len(), &bytes[12..16]), (16 + 36, &b"\x21\x21\0\x24"[..]));
    }

    #[test]
    fn a_version_is_read_as_it_is_written() {
        for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
            assert_eq!(version.to_string().parse(), Ok(version));
        }
        for text in ["", "1", "v3", "V1"] {
            assert!(text.parse::<ProxyProtocol>().is_err(), "{text}");
        }
    }
}
