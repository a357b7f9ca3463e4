//! A local service that a mapping points to.

use std::fmt;
use std::str::FromStr;

/// How the agent speaks to the local service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    Http,
    /// TLS to the service; its certificate must be valid unless the mapping says otherwise.
    Https,
    /// HTTP/2 on clear text with prior knowledge (gRPC).
    H2c,
    Tcp,
}

impl Scheme {
    /// As written in a URL and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::H2c => "h2c",
            Self::Tcp => "tcp",
        }
    }

    /// The port when a URL names none; raw TCP has no usual one.
    pub fn default_port(self) -> Option<u16> {
        match self {
            Self::Http | Self::H2c => Some(80),
            Self::Https => Some(443),
            Self::Tcp => None,
        }
    }
}

impl FromStr for Scheme {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        match text.to_ascii_lowercase().as_str() {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            "h2c" => Ok(Self::H2c),
            "tcp" => Ok(Self::Tcp),
            _ => Err(TargetError::Scheme(text.to_owned())),
        }
    }
}

/// Where a mapping's requests go: only what a mapping names is ever dialled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    pub scheme: Scheme,
    /// `localhost`, a name, or an IP address (IPv6 without brackets).
    pub host: String,
    pub port: u16,
}

/// Why a text is not a target. Each is one sentence that says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("“{0}” is not a port: give a number from 1 to 65535, like 3000")]
    Port(String),
    #[error("“{0}” names no port: write it as HOST:PORT, like localhost:3000")]
    NoPort(String),
    #[error(
        "“{0}” is not a host name or address: write the target as 3000, localhost:3000 or http://localhost:3000"
    )]
    Host(String),
    #[error("“{0}://” is not something a mapping can point to: use http, https, h2c or tcp")]
    Scheme(String),
    #[error(
        "“{0}” has more than a host and a port: leave out path, query and password (use --path for the public path)"
    )]
    Extra(String),
}

impl Target {
    /// `host:port`, IPv6 in brackets, the port always present: for dialling and for keys.
    pub fn socket_authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// `host` or `host:port` as it belongs in a `Host` field: the scheme's usual port is left out.
    pub fn authority(&self) -> String {
        let full = self.socket_authority();
        match self.scheme.default_port() {
            Some(usual) if usual == self.port => full[..full.len() - format!(":{usual}").len()].to_owned(),
            _ => full,
        }
    }

    /// Parses a target for a raw TCP mapping: the same notation, scheme `tcp` only.
    pub fn parse_tcp(text: &str) -> Result<Self, TargetError> {
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tcp") => rest,
            Some((scheme, _)) => return Err(TargetError::Scheme(scheme.to_owned())),
            None => text,
        };
        Self::from_authority(Scheme::Tcp, rest, text)
    }

    /// Parses a target of either kind: raw TCP says so as `tcp://`.
    pub fn parse_any(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        let tcp = text.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("tcp"));
        if tcp { Self::parse_tcp(text) } else { text.parse() }
    }

    fn from_authority(scheme: Scheme, rest: &str, whole: &str) -> Result<Self, TargetError> {
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(TargetError::Extra(whole.to_owned()));
        }
        if !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()) && !whole.contains("://") {
            return Ok(Self { scheme, host: "localhost".into(), port: parse_port(rest)? });
        }
        let (host, port) = if let Some(inside) = rest.strip_prefix('[') {
            let (host, after) = inside.split_once(']').ok_or_else(|| TargetError::Host(whole.to_owned()))?;
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(TargetError::Host(whole.to_owned()));
            }
            match after {
                "" => (host, None),
                _ => {
                    (host, Some(after.strip_prefix(':').ok_or_else(|| TargetError::Host(whole.to_owned()))?))
                }
            }
        } else {
            match rest.split_once(':') {
                Some((_, port)) if port.contains(':') => return Err(TargetError::Host(whole.to_owned())),
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        let port = match port {
            Some(port) => parse_port(port)?,
            None if rest.starts_with('-') || (!whole.contains("://") && !valid_host(host)) => {
                return Err(TargetError::Port(whole.to_owned()));
            }
            None if whole.contains("://") => {
                scheme.default_port().ok_or_else(|| TargetError::NoPort(whole.to_owned()))?
            }
            None => return Err(TargetError::NoPort(whole.to_owned())),
        };
        // `:3000` is a common way to say “this computer”.
        let host = if host.is_empty() && !whole.contains("://") { "localhost" } else { host };
        if !valid_host(host) {
            return Err(TargetError::Host(whole.to_owned()));
        }
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port })
    }
}

impl FromStr for Target {
    type Err = TargetError;

    /// Reads `PORT`, `HOST:PORT` or `URL`.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        match text.split_once("://") {
            Some((scheme, rest)) => Self::from_authority(scheme.parse()?, rest, text),
            None => Self::from_authority(Scheme::Http, text, text),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

fn parse_port(text: &str) -> Result<u16, TargetError> {
    match text.parse::<u16>() {
        Ok(port) if port != 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(port),
        _ => Err(TargetError::Port(text.to_owned())),
    }
}

fn valid_host(host: &str) -> bool {
    if host.contains(':') {
        return host.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !host.is_empty()
        && host.len() <= 253
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, TargetError> {
        text.parse::<Target>().map(|target| target.to_string())
    }

    #[test]
    fn a_port_a_host_with_port_and_a_url_are_understood() {
        for (text, expected) in [
            ("3000", "http://localhost:3000"),
            ("1", "http://localhost:1"),
            ("65535", "http://localhost:65535"),
            (":3000", "http://localhost:3000"),
            ("127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("Box.local:80", "http://box.local"),
            ("http://localhost:3000/", "http://localhost:3000"),
            ("https://localhost", "https://localhost"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("h2c://localhost:50051", "h2c://localhost:50051"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_port_is_told_apart_from_what_is_no_host() {
        for text in ["0", "65536", "70000", "localhost:0", "localhost:70000", "localhost:http", "-1"] {
            assert!(matches!(parse(text), Err(TargetError::Port(_))), "{text}: {:?}", parse(text));
        }
        assert!(matches!(parse("localhost"), Err(TargetError::NoPort(_))));
        assert!(matches!(parse("tcp://localhost"), Err(TargetError::NoPort(_))));
        assert!(matches!(parse("a b:3000"), Err(TargetError::Host(_))));
        assert!(matches!(parse("::1:3000"), Err(TargetError::Host(_))));
        assert!(matches!(parse("ftp://localhost"), Err(TargetError::Scheme(_))));
        assert!(matches!(parse("http://localhost:3000/app"), Err(TargetError::Extra(_))));
        assert!(matches!(parse("http://user:pw@localhost:3000"), Err(TargetError::Extra(_))));
    }

    #[test]
    fn a_tcp_target_takes_no_http_scheme() {
        assert_eq!(Target::parse_tcp("5432").unwrap().to_string(), "tcp://localhost:5432");
        assert_eq!(Target::parse_tcp("tcp://db:5432").unwrap().to_string(), "tcp://db:5432");
        assert!(Target::parse_tcp("http://db:5432").is_err());
    }
}
