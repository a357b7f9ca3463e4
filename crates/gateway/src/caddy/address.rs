//! Where Caddy's admin API is, as somebody writes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the admin API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Host (IPv6 in brackets) and port.
    Tcp {
        host: String,
        port: u16,
    },
    Unix(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("give an address like http://localhost:2019 or unix//run/caddy/admin.sock")]
    Shape,
    #[error("Caddy's admin API speaks plain HTTP: give http://, or a socket as unix//run/caddy/admin.sock")]
    Scheme,
    #[error("there are no Unix sockets on this system; give an address like http://localhost:2019")]
    NoSockets,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix/") {
            return match path {
                _ if cfg!(not(unix)) => Err(AddressError::NoSockets),
                _ if path.len() > 1 && path.starts_with('/') => Ok(Self::Unix(path.into())),
                _ => Err(AddressError::Shape),
            };
        }
        let url = url::Url::parse(text).map_err(|_| AddressError::Shape)?;
        if url.scheme() != "http" {
            return Err(if url.has_host() { AddressError::Scheme } else { AddressError::Shape });
        }
        let plain = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let host = url.host_str().filter(|_| plain).ok_or(AddressError::Shape)?;
        Ok(Self::Tcp { host: host.to_owned(), port: url.port_or_known_default().unwrap_or(80) })
    }
}

/// As it is configured.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "http://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix/{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_plain_http_url_or_a_socket() {
        for (text, shown) in [
            ("http://localhost:2019", "http://localhost:2019"),
            ("http://localhost:2019/", "http://localhost:2019"),
            ("http://[::1]:2019", "http://[::1]:2019"),
            ("http://caddy", "http://caddy:80"),
            ("unix//run/caddy/admin.sock", "unix//run/caddy/admin.sock"),
        ] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()).as_deref(), Ok(shown));
        }
        for (text, wrong) in [
            ("localhost:2019", AddressError::Shape),
            ("http://localhost:2019/config", AddressError::Shape),
            ("http://user@localhost:2019", AddressError::Shape),
            ("https://localhost:2019", AddressError::Scheme),
            ("unix/admin.sock", AddressError::Shape),
            ("unix//", AddressError::Shape),
            ("", AddressError::Shape),
        ] {
            assert_eq!(text.parse::<Address>(), Err(wrong), "{text}");
        }
    }
}
