//! One function that gives a host its only spelling, used before every look-up.

use std::borrow::Cow;
use std::net::Ipv6Addr;

/// Bytes of a whole host name and of one label. Source: RFC 1035 §2.3.4.
const MAX_HOST_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// Why a Host value names no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    #[error("the host is empty")]
    Empty,
    #[error("the host is not a valid host name")]
    Invalid,
    #[error("the port after the host is not a number from 0 to 65535")]
    Port,
}

/// Normalises a `Host` value or authority: lower case, one trailing dot and the port gone, IDNA names in
/// punycode, IPv6 without brackets. Borrows where nothing changes.
///
/// # Errors
/// [`HostError`] for what is no host: user info, percent signs, empty or overlong labels, a port above
/// 65535.
pub fn normalise_host(raw: &str) -> Result<Cow<'_, str>, HostError> {
    if let Some(rest) = raw.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or(HostError::Invalid)?;
        match port.strip_prefix(':') {
            Some(port) => check_port(port)?,
            None if port.is_empty() => {}
            None => return Err(HostError::Invalid),
        }
        let address: Ipv6Addr = address.parse().map_err(|_| HostError::Invalid)?;
        return Ok(Cow::Owned(address.to_string()));
    }
    let name = match raw.split_once(':') {
        Some((name, port)) => {
            check_port(port)?;
            name
        }
        None => raw,
    };
    if !name.is_ascii() {
        return international(name).map(Cow::Owned);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    check_name(name)?;
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Ok(Cow::Owned(name.to_ascii_lowercase()))
    } else {
        Ok(Cow::Borrowed(name))
    }
}

fn check_port(port: &str) -> Result<(), HostError> {
    // An empty port is the scheme's own (RFC 3986 §3.2.3).
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    if port.is_empty() || (digits && port.parse::<u16>().is_ok()) { Ok(()) } else { Err(HostError::Port) }
}

fn check_name(name: &str) -> Result<(), HostError> {
    if name.is_empty() {
        return Err(HostError::Empty);
    }
    let valid = name.len() <= MAX_HOST_BYTES
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= MAX_LABEL_BYTES
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
    if valid { Ok(()) } else { Err(HostError::Invalid) }
}

fn international(name: &str) -> Result<String, HostError> {
    // The URL parser percent-decodes; a Host value has no such spelling.
    if name.contains('%') {
        return Err(HostError::Invalid);
    }
    match url::Host::parse(name) {
        Ok(url::Host::Domain(domain)) => {
            let domain = domain.strip_suffix('.').unwrap_or(&domain);
            check_name(domain)?;
            Ok(domain.to_owned())
        }
        Ok(url::Host::Ipv4(_) | url::Host::Ipv6(_)) | Err(_) => Err(HostError::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_host_is_the_same_host() {
        for raw in [
            "shop.example.com",
            "SHOP.Example.COM",
            "shop.example.com.",
            "shop.example.com:8080",
            "Shop.Example.Com.:1",
            "shop.example.com:",
        ] {
            assert_eq!(normalise_host(raw).as_deref(), Ok("shop.example.com"), "{raw}");
        }
        assert_eq!(normalise_host("bücher.example").as_deref(), Ok("xn--bcher-kva.example"));
        assert_eq!(normalise_host("BÜCHER.example.:80").as_deref(), Ok("xn--bcher-kva.example"));
        assert_eq!(normalise_host("XN--BCHER-KVA.example").as_deref(), Ok("xn--bcher-kva.example"));
        assert_eq!(normalise_host("[::1]:8080").as_deref(), Ok("::1"));
        assert_eq!(normalise_host("[0:0:0:0:0:0:0:1]").as_deref(), Ok("::1"));
        assert_eq!(normalise_host("127.0.0.1:80").as_deref(), Ok("127.0.0.1"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for raw in [
            "",
            ".",
            ":80",
            "a..b",
            ".a",
            "a b",
            "a@b",
            "%61.example",
            "a/b",
            "::1",
            "[::1",
            "[::1]x",
            "a\tb",
        ] {
            assert!(normalise_host(raw).is_err(), "{raw:?}");
        }
        assert_eq!(normalise_host("a:65535").as_deref(), Ok("a"));
        assert_eq!(normalise_host("a:65536"), Err(HostError::Port));
        assert_eq!(normalise_host("a:+80"), Err(HostError::Port));
        let label = "a".repeat(63);
        assert!(normalise_host(&label).is_ok());
        assert!(normalise_host(&format!("{label}a")).is_err());
    }
}
