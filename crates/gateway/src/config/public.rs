//! Under which address visitors reach the gateway.

use std::fmt;

use crate::router::normalise_host;

/// Scheme, host and port under which visitors reach the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicBase {
    /// `http` or `https`.
    pub scheme: String,
    /// Normalised, without port; IPv6 without brackets.
    pub host: String,
    /// None: the scheme's own.
    pub port: Option<u16>,
}

/// Why a text is no public URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    #[error("give a URL like https://tunnel.example.com or http://localhost:8080")]
    NoUrl,
    #[error("only http and https are possible")]
    Scheme,
    #[error("give scheme, host and port only, without path, query or user")]
    TooMuch,
    #[error("its host is no valid host name")]
    Host,
}

impl PublicBase {
    /// Parses a configured public URL. Port 0 is kept: `serve` puts the bound port in its place.
    pub fn parse(text: &str) -> Result<Self, PublicUrlError> {
        let url = url::Url::parse(text.trim()).map_err(|_| PublicUrlError::NoUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            // `tunnel.example.com:8080` parses with the host as its scheme.
            return Err(if url.has_host() { PublicUrlError::Scheme } else { PublicUrlError::NoUrl });
        }
        let plain = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !plain {
            return Err(PublicUrlError::TooMuch);
        }
        let host = url.host_str().ok_or(PublicUrlError::NoUrl)?;
        let host = normalise_host(host).map_err(|_| PublicUrlError::Host)?.into_owned();
        Ok(Self { scheme: url.scheme().to_owned(), host, port: url.port() })
    }

    /// Read off a request: `scheme` is `http` or `https`, `authority` the Host value with its port.
    /// None when the authority names no host.
    pub fn from_request(scheme: &str, authority: &str) -> Option<Self> {
        Self::parse(&format!("{}://{authority}", if scheme == "https" { "https" } else { "http" })).ok()
    }

    /// `https://tunnel.example.com`, without a slash at the end.
    pub fn url(&self) -> String {
        self.url_of(&self.host)
    }

    /// The URL of another host with this one's scheme and port.
    pub fn url_of(&self, host: &str) -> String {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match self.port {
            Some(port) => format!("{}://{host}:{port}", self.scheme),
            None => format!("{}://{host}", self.scheme),
        }
    }

    /// The port, the scheme's own where none is named.
    pub fn known_port(&self) -> u16 {
        self.port.unwrap_or(if self.scheme == "https" { 443 } else { 80 })
    }

    /// The host of a name: `shop` at `tunnel.example.com` is `shop.tunnel.example.com`. None where the
    /// base is an address, which has no names below it.
    pub fn host_of(&self, name: &str) -> Option<String> {
        let address = self.host.parse::<std::net::IpAddr>().is_ok();
        (!address).then(|| format!("{name}.{}", self.host))
    }
}

impl fmt::Display for PublicBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}
