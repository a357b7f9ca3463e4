//! Proxies on the way to the gateway, as the environment names them.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use porthole_http1::{Event, Limits, ResponseReader};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_socks::tcp::Socks5Stream;
use url::Url;

use crate::dial::{self, DialError, is_loopback};
use crate::gateway_url::GatewayUrl;
use crate::secrets::Secret;

/// A proxy and how it is spoken to.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    credentials: Option<(String, Secret)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// CONNECT.
    Http,
    /// Names are resolved here.
    Socks5,
    /// Names are resolved by the proxy.
    Socks5Names,
}

/// Without the credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
            Kind::Socks5Names => "socks5h",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// Why a proxy did not lead to the gateway. Each is one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error(
        "{variable} is not a proxy that can be used: write it like http://proxy:3128 or socks5h://proxy:1080."
    )]
    Setting { variable: String },
    #[error(
        "The proxy {proxy} cannot be reached ({source}): check HTTPS_PROXY, or name the gateway in NO_PROXY."
    )]
    Unreachable { proxy: String, source: DialError },
    #[error(
        "The proxy {proxy} asks for other credentials: put user and password into its URL, like http://user:password@proxy:3128."
    )]
    Credentials { proxy: String },
    #[error(
        "The proxy {proxy} does not lead to the gateway ({reason}): check that it allows the gateway's host and port."
    )]
    Refused { proxy: String, reason: String },
}

impl ProxyError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Setting { .. } => "proxy-setting",
            Self::Unreachable { .. } => "proxy-down",
            Self::Credentials { .. } => "proxy-credentials",
            Self::Refused { .. } => "proxy-refused",
        }
    }

    pub fn retry(&self) -> bool {
        !matches!(self, Self::Setting { .. })
    }
}

/// Chooses the proxy for `gateway` out of the environment, lower case first where both are set:
/// `HTTPS_PROXY` or `HTTP_PROXY` by the gateway's scheme, then `ALL_PROXY`; none where `NO_PROXY`
/// names the gateway.
///
/// A gateway on this computer (the trial gateway) is reached directly unless the proxy is on this
/// computer too: any other proxy would look for it on itself.
pub fn choose(
    variable: impl Fn(&str) -> Option<String>,
    gateway: &GatewayUrl,
) -> Result<Option<Proxy>, ProxyError> {
    let either = |name: &str| {
        [name.to_ascii_lowercase(), name.to_owned()].into_iter().find_map(|name| {
            variable(&name).filter(|value| !value.trim().is_empty()).map(|value| (name, value))
        })
    };
    let by_scheme = if gateway.secure { "HTTPS_PROXY" } else { "HTTP_PROXY" };
    let Some((name, value)) = either(by_scheme).or_else(|| either("ALL_PROXY")) else { return Ok(None) };
    if either("NO_PROXY").is_some_and(|(_, list)| excluded(&list, &gateway.host, gateway.port)) {
        return Ok(None);
    }
    let proxy = parse(value.trim()).ok_or(ProxyError::Setting { variable: name })?;
    if is_loopback(&gateway.host) && !is_loopback(&proxy.host) {
        return Ok(None);
    }
    Ok(Some(proxy))
}

fn parse(text: &str) -> Option<Proxy> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&text).ok()?;
    let (kind, usual) = match url.scheme() {
        "http" => (Kind::Http, 80),
        "socks5" => (Kind::Socks5, 1080),
        "socks5h" => (Kind::Socks5Names, 1080),
        _ => return None,
    };
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    let credentials = (!url.username().is_empty() || url.password().is_some())
        .then(|| Some((decode(url.username())?, Secret::new(decode(url.password().unwrap_or(""))?))));
    let credentials = match credentials {
        Some(read) => Some(read?),
        None => None,
    };
    (!host.is_empty()).then(|| Proxy { kind, host, port: url.port().unwrap_or(usual), credentials })
}

/// Undoes percent-encoding; None where that gives no text.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let value = escaped.and_then(|hex| Some((digit(hex[0])? * 16 + digit(hex[1])?) as u8));
        bytes.push(value.unwrap_or(*first));
        rest = if value.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

/// True when a `NO_PROXY` list names the host: `*`, a name (its subdomains too), an address, a CIDR;
/// each perhaps with a port.
fn excluded(list: &str, host: &str, port: u16) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let address = host.parse::<IpAddr>().ok();
    list.split([',', ' ']).map(|entry| entry.trim().to_ascii_lowercase()).filter(|e| !e.is_empty()).any(
        |entry| {
            if entry == "*" {
                return true;
            }
            if let (Ok(net), Some(address)) = (entry.parse::<ipnet::IpNet>(), address) {
                return net.contains(&address);
            }
            let (name, wanted) = match entry.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
                    (name, port.parse::<u16>().ok())
                }
                _ => (entry.as_str(), None),
            };
            let name = name.trim_matches(['[', ']']);
            if wanted.is_some_and(|wanted| wanted != port) {
                return false;
            }
            if let Some(address) = address {
                return name.parse::<IpAddr>() == Ok(address);
            }
            let name = name.trim_start_matches("*.").trim_start_matches('.').trim_end_matches('.');
            host == name || host.strip_suffix(name).is_some_and(|before| before.ends_with('.'))
        },
    )
}

impl Proxy {
    /// A connection to `gateway` through this proxy.
    pub async fn connect(&self, gateway: &GatewayUrl, within: Duration) -> Result<TcpStream, ProxyError> {
        let unreachable = |source| ProxyError::Unreachable { proxy: self.to_string(), source };
        let addresses = dial::resolve(&self.host, self.port).await.map_err(unreachable)?;
        let stream = dial::connect_persistently(&addresses, within).await.map_err(unreachable)?;
        match self.kind {
            Kind::Http => self.connect_http(stream, gateway).await,
            Kind::Socks5 | Kind::Socks5Names => self.connect_socks(stream, gateway).await,
        }
    }

    fn refused(&self, reason: impl fmt::Display) -> ProxyError {
        ProxyError::Refused { proxy: self.to_string(), reason: reason.to_string() }
    }

    async fn connect_http(
        &self,
        mut stream: TcpStream,
        gateway: &GatewayUrl,
    ) -> Result<TcpStream, ProxyError> {
        let host =
            if gateway.host.contains(':') { format!("[{}]", gateway.host) } else { gateway.host.clone() };
        let authority = format!("{host}:{}", gateway.port);
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some((user, password)) = &self.credentials {
            let both = STANDARD.encode(format!("{user}:{}", password.expose()));
            request.push_str("Proxy-Authorization: Basic ");
            request.push_str(&both);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        let refused = |error: io::Error| self.refused(error);
        stream.write_all(request.as_bytes()).await.map_err(refused)?;
        let mut reader = ResponseReader::new(Limits::default());
        reader.expect("CONNECT");
        let mut input = BytesMut::new();
        loop {
            match reader.read(&mut input).map_err(|refusal| self.refused(refusal))? {
                Some(Event::Head(head, _)) if head.is_interim() => {}
                Some(Event::Head(head, _)) => {
                    return match head.status {
                        // The gateway waits for our first word: more bytes would be the proxy's own.
                        200..=299 if input.is_empty() => Ok(stream),
                        200..=299 => Err(self.refused("it sent bytes of its own")),
                        407 => Err(ProxyError::Credentials { proxy: self.to_string() }),
                        status => Err(self.refused(format_args!("it answers {status}"))),
                    };
                }
                Some(_) => {}
                None => {
                    if stream.read_buf(&mut input).await.map_err(refused)? == 0 {
                        return Err(self.refused("it closed the connection"));
                    }
                }
            }
        }
    }

    async fn connect_socks(&self, stream: TcpStream, gateway: &GatewayUrl) -> Result<TcpStream, ProxyError> {
        let connected = if self.kind == Kind::Socks5 && gateway.host.parse::<IpAddr>().is_err() {
            let addresses =
                dial::resolve(&gateway.host, gateway.port).await.map_err(|error| self.refused(error))?;
            let address = addresses.first().copied().ok_or_else(|| self.refused("no address"))?;
            self.socks(stream, address).await
        } else {
            self.socks(stream, (gateway.host.as_str(), gateway.port)).await
        };
        connected.map(Socks5Stream::into_inner).map_err(|error| match error {
            tokio_socks::Error::PasswordAuthFailure(_) | tokio_socks::Error::NoAcceptableAuthMethods => {
                ProxyError::Credentials { proxy: self.to_string() }
            }
            error => self.refused(error),
        })
    }

    async fn socks<'t>(
        &self,
        stream: TcpStream,
        target: impl tokio_socks::IntoTargetAddr<'t>,
    ) -> tokio_socks::Result<Socks5Stream<TcpStream>> {
        match &self.credentials {
            None => Socks5Stream::connect_with_socket(stream, target).await,
            Some((user, password)) => {
                Socks5Stream::connect_with_password_and_socket(stream, target, user, password.expose()).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(gateway: &str, variables: &[(&str, &str)]) -> Option<String> {
        let variable =
            |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        choose(variable, &gateway.parse().unwrap()).unwrap().map(|proxy| proxy.to_string())
    }

    const GATEWAY: &str = "https://tunnel.example.com";

    #[test]
    fn the_variable_follows_the_gateways_scheme() {
        let both = [("HTTPS_PROXY", "http://s:1"), ("HTTP_PROXY", "http://p:2"), ("ALL_PROXY", "socks5://a")];
        assert_eq!(choice(GATEWAY, &both).as_deref(), Some("http://s:1"));
        assert_eq!(choice("http://tunnel.example.com", &both).as_deref(), Some("http://p:2"));
        assert_eq!(choice(GATEWAY, &both[1..]).as_deref(), Some("socks5://a:1080"));
        assert_eq!(choice(GATEWAY, &[]), None);
        assert_eq!(choice(GATEWAY, &[("HTTPS_PROXY", " ")]), None);
    }

    #[test]
    fn lower_case_counts_first_and_a_missing_scheme_is_http() {
        let both = [("HTTPS_PROXY", "http://upper:1"), ("https_proxy", "lower:2")];
        assert_eq!(choice(GATEWAY, &both).as_deref(), Some("http://lower:2"));
    }

    #[test]
    fn only_two_hexadecimal_digits_are_an_escape_in_a_proxys_password() {
        assert_eq!(decode("a%3Ab%c3%A9").as_deref(), Some("a:bé"));
        assert_eq!(decode("%+5%5%").as_deref(), Some("%+5%5%"));
        assert_eq!(decode("%ff"), None);
    }

    #[test]
    fn no_proxy_takes_names_suffixes_addresses_networks_and_ports() {
        for (list, host, expected) in [
            ("*", "a.example", true),
            ("example.com", "tunnel.example.com", true),
            (".example.com", "tunnel.example.com", true),
            ("*.example.com", "tunnel.example.com", true),
            ("example.com", "notexample.com", false),
            ("foo, tunnel.EXAMPLE.com", "tunnel.example.com", true),
            ("tunnel.example.com:443", "tunnel.example.com", true),
            ("tunnel.example.com:8443", "tunnel.example.com", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("::1", "::1", true),
            ("[::1]:443", "::1", true),
            ("[::1]:80", "::1", false),
            ("", "a.example", false),
        ] {
            assert_eq!(excluded(list, host, 443), expected, "{list} {host}");
        }
    }

    #[test]
    fn a_gateway_on_this_computer_is_not_looked_for_behind_a_proxy_elsewhere() {
        let far = [("HTTP_PROXY", "http://proxy.example:3128")];
        let near = [("HTTP_PROXY", "http://127.0.0.1:3128")];
        assert_eq!(choice("http://localhost:8080", &far), None);
        assert_eq!(choice("http://localhost:8080", &near).as_deref(), Some("http://127.0.0.1:3128"));
    }

    #[test]
    fn credentials_are_decoded_and_never_printed() {
        let proxy = parse("http://us%40er:p%3Aw@proxy:3128").unwrap();
        let (user, password) = proxy.credentials.clone().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("us@er", "p:w"));
        assert!(!format!("{proxy:?} {proxy}").contains("p:w"));
    }

    #[test]
    fn a_setting_that_is_no_proxy_gets_a_sentence_without_its_value() {
        let variable = |name: &str| (name == "HTTPS_PROXY").then(|| "ftp://user:secret@x".to_owned());
        let error = choose(variable, &GATEWAY.parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("HTTPS_PROXY") && !error.to_string().contains("secret"));
        assert!(!error.retry());
    }
}
