//! The gateway's address as people write it.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// A gateway's address: `https://tunnel.example.com`, and what is understood as the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GatewayUrl {
    /// TLS to the gateway.
    pub secure: bool,
    /// Lower case; IPv6 without brackets.
    pub host: String,
    pub port: u16,
    /// A path in the URL is no part of the gateway's address: mappings that name none take it
    /// (`wss://fooserver.com/node`).
    pub mapping_path: Option<String>,
}

/// Why a text is not a gateway URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayUrlError {
    #[error("“{0}” is not a gateway URL: write it like https://tunnel.example.com")]
    Malformed(String),
    #[error("“{0}” is not a gateway URL: its scheme must be https or http (wss and ws mean the same)")]
    Scheme(String),
    #[error(
        "the gateway URL must hold no user name, password, query or fragment: give the token with --token or `porthole login`"
    )]
    Extra,
    #[error("“{0}” is not a gateway URL: ports are 1 to 65535")]
    Port(String),
}

impl GatewayUrl {
    /// Stands for a gateway where there is none. Nothing connects to it.
    pub(crate) fn none() -> Self {
        Self { secure: false, host: "localhost".into(), port: 80, mapping_path: None }
    }

    /// Scheme, host and port as a browser shows them: `https://tunnel.example.com`.
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }

    /// Host and port for the `Host` field: the scheme's usual port is left out.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }

    /// Where the link's WebSocket is: `wss://tunnel.example.com/tunnel`.
    pub fn tunnel(&self) -> String {
        format!("{}://{}/tunnel", if self.secure { "wss" } else { "ws" }, self.authority())
    }

    /// True when both lead to the same gateway, whatever path they carry.
    pub fn same_gateway(&self, other: &Self) -> bool {
        self.secure == other.secure && self.host == other.host && self.port == other.port
    }
}

impl FromStr for GatewayUrl {
    type Err = GatewayUrlError;

    fn from_str(text: &str) -> Result<Self, GatewayUrlError> {
        let text = text.trim();
        let malformed = || GatewayUrlError::Malformed(text.chars().take(200).collect());
        let Some((scheme, rest)) = text.split_once("://") else { return Err(malformed()) };
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" | "wss" => true,
            "http" | "ws" => false,
            _ => return Err(GatewayUrlError::Scheme(text.chars().take(200).collect())),
        };
        // A parser for the web mends “https:///x” to another host; that is not what was meant.
        if rest.starts_with('/') {
            return Err(malformed());
        }
        let url =
            Url::parse(&format!("{}://{rest}", if secure { "https" } else { "http" })).map_err(|error| {
                match error {
                    url::ParseError::InvalidPort => GatewayUrlError::Port(text.chars().take(200).collect()),
                    _ => malformed(),
                }
            })?;
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(GatewayUrlError::Extra);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(malformed)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_owned();
        // The parser turns some names of other scripts into what it would refuse itself.
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let same = |read: url::Host| read.to_string() == host;
        if !(host.contains(':') || host.split('.').all(label) && url::Host::parse(&host).is_ok_and(same)) {
            return Err(malformed());
        }
        let port = url.port_or_known_default().ok_or_else(malformed)?;
        if port == 0 || host.is_empty() {
            return Err(if port == 0 { GatewayUrlError::Port(text.to_owned()) } else { malformed() });
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/tunnel").unwrap_or(path);
        let mapping_path = (!path.is_empty()).then(|| path.to_owned());
        Ok(Self { secure, host, port, mapping_path })
    }
}

impl fmt::Display for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(String, Option<String>), GatewayUrlError> {
        text.parse::<GatewayUrl>().map(|url| (url.tunnel(), url.mapping_path))
    }

    #[test]
    fn every_scheme_and_a_trailing_tunnel_mean_the_same_gateway() {
        for text in [
            "https://tunnel.example.com",
            "https://tunnel.example.com/",
            "wss://Tunnel.Example.com:443/tunnel",
            "WSS://tunnel.example.com/tunnel/",
        ] {
            assert_eq!(parse(text), Ok(("wss://tunnel.example.com/tunnel".into(), None)), "{text}");
        }
        assert_eq!(parse("http://localhost:8080"), Ok(("ws://localhost:8080/tunnel".into(), None)));
        assert_eq!(parse("ws://[::1]:8080/tunnel"), Ok(("ws://[::1]:8080/tunnel".into(), None)));
    }

    #[test]
    fn any_other_path_is_the_mappings() {
        assert_eq!(
            parse("wss://fooserver.com/node"),
            Ok(("wss://fooserver.com/tunnel".into(), Some("/node".into())))
        );
        assert_eq!(
            parse("wss://fooserver.com/node/tunnel"),
            Ok(("wss://fooserver.com/tunnel".into(), Some("/node".into())))
        );
    }

    #[test]
    fn what_is_no_gateway_url_gets_a_sentence() {
        for text in
            ["", "tunnel.example.com", "https://", "https:///x", "http://a b", "http://x:70000", "http://x:0"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in
            ["https://a)b.example", "https://a..b", "http://46..", "https://nenul\u{520})1l233.example"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(matches!(parse("ftp://x"), Err(GatewayUrlError::Scheme(_))));
        assert!(matches!(parse("https://u:p@x"), Err(GatewayUrlError::Extra)));
        assert!(matches!(parse("https://x?token=1"), Err(GatewayUrlError::Extra)));
    }
}
