//! What a mapping is, wherever it was written down: in the store, in the file, or on a command line.

mod jwt;
mod keys;
mod proxy_protocol;
mod rate;
mod rules;
mod shape;

use std::time::Duration;

use argon2::PasswordHasher as _;
use porthole_link::control::{BasicAuth, MappingProtocol, Match, Policy};
use serde::{Deserialize, Serialize};

use crate::events::{DEFAULT_ANSWER_TIMEOUT, HostHeader, Served};
use crate::inspect::filter;
use crate::target::{Scheme, Target};

pub use jwt::{checked_jwt, parse_claim};
pub use keys::{
    MAX_KEY_BYTES, MIN_KEY_BYTES, checked_bearer_key, parse_bearer_key, random_bearer_key, wants_bearer_key,
};
pub use proxy_protocol::ProxyProtocol;
pub use rate::{parse_rate, rate_text};
pub use rules::{
    RETRY_AFTER, checked_answer, checked_maintenance, parse_answer, parse_maintenance, parse_method,
    parse_redirect, parse_retry_after, parse_rule_path,
};
pub use shape::{
    checked_cors, checked_headers, checked_rewrites, parse_header, parse_max_age, parse_origin, parse_rewrite,
};

/// Requests at once that a mapping may bound itself to.
pub const MAX_CONCURRENT: u32 = 1_000_000;

/// One mapping, complete and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingSpec {
    /// 1–64 of `[A-Za-z0-9_-]`, unique in the data folder.
    pub id: String,
    /// A single label under the gateway's domain.
    pub name: Option<String>,
    /// A full public host instead; raw TCP: the one in the handshake of TLS that the service ends.
    pub host: Option<String>,
    /// Path prefix, starting with `/`.
    pub path: Option<String>,
    pub strip_prefix: bool,
    /// Raw TCP: the port wanted on the gateway.
    pub remote_port: Option<u16>,
    /// Raw TCP: the service is told of each visitor.
    #[serde(default)]
    pub proxy_protocol: Option<ProxyProtocol>,
    #[serde(with = "as_text")]
    pub target: Target,
    #[serde(with = "as_text")]
    pub host_header: HostHeader,
    pub allow_invalid_certs: bool,
    pub timeout_ms: u64,
    pub matches: Vec<Match>,
    pub policy: Policy,
    /// Whether exchanges are kept for inspection.
    pub inspect: bool,
}

/// Why a mapping cannot be. Each is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    #[error("“{0}” cannot be a name: use 1 to 63 letters, digits and dashes, with no dash at either end")]
    Name(String),
    #[error("“{0}” is not a public host: write it like shop.example.com or *.example.com")]
    Host(String),
    #[error("“{0}” is not a path prefix: start it with / and leave out query, fragment, “..” and “//”")]
    Path(String),
    #[error("a mapping has a name or a host, not both")]
    NameAndHost,
    #[error("a TCP mapping has a port on the gateway, or a host by which its TLS is known, not both")]
    PortAndHost,
    #[error("TCP connections are told apart by one host each, not by *.: write it like db.example.com")]
    WildcardForTcp,
    // What was given may be a password: it is not repeated.
    #[error(
        "the value of --basic-auth must be USER:PASSWORD, like alice:secret, with something on both sides"
    )]
    BasicAuth,
    #[error(
        "the value of --bearer-key must be NAME:KEY, or a NAME alone on a command line to have a key made; a key has no spaces"
    )]
    BearerKey,
    #[error(
        "a bearer key has 16 to 1024 bytes: use a long random one, or give its name alone to have one made"
    )]
    BearerKeyLength,
    #[error("the bearer key cannot be: {0}")]
    BearerKeyParts(&'static str),
    #[error("the rule about tokens cannot be: {0}")]
    Jwt(&'static str),
    #[error("“{0}” is no claim: write it as NAME=VALUE")]
    JwtClaim(String),
    #[error("tokens are checked by keys: give one of --jwt-jwks-url, --jwt-key-file and --jwt-secret, too")]
    JwtWithoutKeys,
    #[error(
        "tokens are checked by keys of one place: give only one of --jwt-jwks-url, --jwt-key-file and --jwt-secret"
    )]
    JwtTwoKeys,
    #[error("cannot read the key file {0}: {1}")]
    JwtKeyFile(String, String),
    #[error("“{0}” is not an address or network: write it like 203.0.113.7 or 203.0.113.0/24")]
    Cidr(String),
    #[error("“{0}” is not a duration of 1 ms to 24 h: write it like 120s or 2m")]
    Timeout(String),
    #[error("“{0}” is no rate limit: write requests within a time, like 10/s, 600/m or 5/10s, at most 24h")]
    Rate(String),
    #[error("“{0}” is no number of requests at once: write one from 1 to 1000000")]
    Concurrent(String),
    #[error("“{0}” is no size of a body: write bytes, like 10MB, 512KiB or 1000")]
    Body(String),
    #[error("the maintenance cannot be: {0}")]
    Maintenance(&'static str),
    #[error("“{0}” is no time until visitors may try again: write 1s to 7d, like 10m")]
    RetryAfter(String),
    #[error("visitors are told when to try again only in maintenance: switch it on, too")]
    NoMaintenance,
    #[error("“{0}” is no method: write one like GET")]
    Method(String),
    #[error("“{0}” is no answer: write it as PATH=STATUS or PATH=STATUS BODY, like /gone=410")]
    Answer(String),
    #[error("“{0}” is no redirect: write it as PATH=URL or PATH=STATUS URL, like /old=/new")]
    Redirect(String),
    #[error("the answer cannot be: {0}")]
    AnswerParts(&'static str),
    #[error("“{0}” is no header field: write it as NAME: VALUE, like X-Env: dev")]
    Header(String),
    #[error("the header field “{0}” cannot be changed: {1}")]
    HeaderField(String, &'static str),
    #[error("the changes to header fields cannot be: {0}")]
    HeaderRules(&'static str),
    #[error("“{0}” is no rewriting of a path: write it as FROM=TO, like /v1=/api/2024")]
    Rewrite(String),
    #[error("the rewriting of paths cannot be: {0}")]
    Rewrites(&'static str),
    #[error("CORS cannot be: {0}")]
    Cors(&'static str),
    #[error("“{0}” is no origin: write a scheme, a host and perhaps a port, like https://app.example, or *")]
    Origin(String),
    #[error("“{0}” is no time for which a browser need not ask again: write 0s to 1d, like 10m")]
    MaxAge(String),
    #[error("CORS begins with the origins that it is for: name one with --cors-origin, too")]
    NoCors,
    #[error("“{0}” is no condition: write it as NAME or NAME=VALUE")]
    Match(String),
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    #[error(transparent)]
    Target(#[from] crate::target::TargetError),
    #[error(transparent)]
    HostHeader(#[from] crate::events::HostHeaderError),
    #[error("{0} works for HTTP only, not for a TCP mapping")]
    HttpOnly(&'static str),
    #[error("“{0}” is no version of the PROXY protocol: write v1 or v2")]
    ProxyProtocol(String),
    #[error("the PROXY protocol is for TCP mappings: HTTP services are told of visitors in X-Forwarded-For")]
    ProxyProtocolForHttp,
    #[error("a port on the gateway can be asked for by TCP mappings only")]
    TcpOnly,
    #[error("the mapping would have no public address: give it a name, a host or a path")]
    NoAddress,
}

impl MappingSpec {
    /// A mapping with nothing but a target, and a random id.
    pub fn new(id: String, target: Target) -> Self {
        Self {
            id,
            name: None,
            host: None,
            path: None,
            strip_prefix: false,
            remote_port: None,
            proxy_protocol: None,
            target,
            host_header: HostHeader::Preserve,
            allow_invalid_certs: false,
            timeout_ms: DEFAULT_ANSWER_TIMEOUT.as_millis() as u64,
            matches: Vec::new(),
            policy: Policy::default(),
            inspect: true,
        }
    }

    /// Checks what concerns several fields at once.
    pub fn check(&self) -> Result<(), MappingError> {
        self.problems().into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Everything that [`Self::check`] would refuse, with the field where it is to be mended.
    pub fn problems(&self) -> Vec<(&'static str, MappingError)> {
        let mut problems = Vec::new();
        if self.target.scheme == Scheme::Tcp {
            if self.host.is_some() && self.remote_port.is_some() {
                problems.push(("remote_port", MappingError::PortAndHost));
            }
            if self.host.as_deref().is_some_and(|host| host.starts_with("*.")) {
                problems.push(("host", MappingError::WildcardForTcp));
            }
            let http_only = [
                (self.path.is_some(), "path", "a path"),
                (self.strip_prefix, "strip_prefix", "stripping a path prefix"),
                (!self.matches.is_empty(), "matches", "a condition on requests"),
                (!self.policy.basic_auth.is_empty(), "policy.basic_auth", "a password"),
                (self.policy.max_body.is_some(), "policy.max_body", "a bound on bodies"),
                (self.policy.maintenance.is_some(), "policy.maintenance", "maintenance"),
                (!self.policy.allow_methods.is_empty(), "policy.allow_methods", "a list of methods"),
                (!self.policy.public_paths.is_empty(), "policy.public_paths", "a public path"),
                (!self.policy.private_paths.is_empty(), "policy.private_paths", "a private path"),
                (!self.policy.answers.is_empty(), "policy.answers", "an answer of the gateway's"),
                (
                    !self.policy.request_headers.is_empty(),
                    "policy.request_headers",
                    "a change to header fields",
                ),
                (
                    !self.policy.response_headers.is_empty(),
                    "policy.response_headers",
                    "a change to header fields",
                ),
                (!self.policy.bearer_keys.is_empty(), "policy.bearer_keys", "a bearer key"),
                (self.policy.jwt.is_some(), "policy.jwt", "a rule about tokens"),
                (self.policy.cors.is_some(), "policy.cors", "CORS"),
                (!self.policy.rewrites.is_empty(), "policy.rewrites", "the rewriting of paths"),
                (self.host_header != HostHeader::Preserve, "host_header", "the Host header's setting"),
            ];
            let set = http_only.into_iter().filter(|(set, ..)| *set);
            problems.extend(set.map(|(_, field, what)| (field, MappingError::HttpOnly(what))));
        } else {
            if self.name.is_some() && self.host.is_some() {
                problems.push(("host", MappingError::NameAndHost));
            }
            if self.remote_port.is_some() {
                problems.push(("remote_port", MappingError::TcpOnly));
            }
            if self.proxy_protocol.is_some() {
                problems.push(("proxy_protocol", MappingError::ProxyProtocolForHttp));
            }
        }
        problems
    }

    /// Whether a visitor could reach it: TCP mappings get a port where they ask for no host.
    pub fn has_address(&self) -> bool {
        let asked = self.name.is_some() || self.host.is_some() || self.path.is_some();
        asked || self.target.scheme == Scheme::Tcp
    }

    /// Gives a mapping that asks for no public address the path that its gateway's URL names, or else a name.
    pub fn give_address(&mut self, path: Option<&str>, name: impl FnOnce() -> String) {
        if self.has_address() {
            return;
        }
        match path {
            Some(path) => self.path = Some(path.to_owned()),
            None => self.name = Some(name()),
        }
    }

    /// True when both ask for the same requests, port or TLS connections, so that one gateway could serve
    /// only one of them.
    pub fn same_address(&self, other: &Self) -> bool {
        match (self.target.scheme == Scheme::Tcp, other.target.scheme == Scheme::Tcp) {
            (true, true) if self.host.is_some() => self.host == other.host,
            (true, true) => self.remote_port.is_some() && self.remote_port == other.remote_port,
            (false, false) => {
                let asks = self.name.is_some() || self.host.is_some() || self.path.is_some();
                asks && self.name == other.name
                    && self.host == other.host
                    && self.path == other.path
                    && self.matches == other.matches
            }
            _ => self.host.is_some() && self.host == other.host,
        }
    }

    /// The mapping as the uplink serves it, under a number unique in its set.
    pub fn serve(&self, number: u32) -> Served {
        Served {
            wire: porthole_link::Mapping {
                id: self.id.clone(),
                number,
                protocol: match self.target.scheme {
                    Scheme::Tcp => MappingProtocol::Tcp,
                    _ => MappingProtocol::Http,
                },
                name: self.name.clone(),
                host: self.host.clone(),
                path: self.path.clone(),
                strip_prefix: self.strip_prefix,
                matches: self.matches.clone(),
                remote_port: self.remote_port,
                policy: self.policy.clone(),
            },
            target: self.target.clone(),
            proxy_protocol: self.proxy_protocol,
            host_header: self.host_header.clone(),
            allow_invalid_certs: self.allow_invalid_certs,
            timeout: Duration::from_millis(self.timeout_ms),
            inspect: self.inspect,
        }
    }
}

/// A random mapping id: 12 lower-case letters and digits.
pub fn random_id() -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes = *uuid::Uuid::new_v4().as_bytes();
    // The first six bytes and the last six of a version 4 UUID are all random, five bits of each used.
    bytes[..6].iter().chain(&bytes[10..]).map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect()
}

/// A single label: lower-cased.
pub fn parse_name(text: &str) -> Result<String, MappingError> {
    let name = text.trim().to_ascii_lowercase();
    let fits = (1..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if fits { Ok(name) } else { Err(MappingError::Name(shown(text))) }
}

/// A full host name, perhaps with `*` as its first label: lower-cased, without trailing dot.
pub fn parse_host(text: &str) -> Result<String, MappingError> {
    let error = || MappingError::Host(shown(text));
    let host = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let (wild, rest) = match host.strip_prefix("*.") {
        Some(rest) => (true, rest),
        None => (false, host.as_str()),
    };
    // Names in other scripts are kept the way they travel: as punycode.
    let rest = match url::Host::parse(rest) {
        Ok(url::Host::Domain(domain)) if domain.contains('.') || domain == "localhost" => domain,
        _ => return Err(error()),
    };
    // The URL parser lets more through than a name server or the gateway.
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !rest.split('.').all(label) || rest.len() > 250 {
        return Err(error());
    }
    Ok(if wild { format!("*.{rest}") } else { rest })
}

/// A path prefix: matched by segments on the raw path.
pub fn parse_path(text: &str) -> Result<Option<String>, MappingError> {
    let path = text.trim();
    let odd = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
    let trimmed = path.trim_end_matches('/');
    if !path.starts_with('/')
        || path.len() > 1024
        || path.contains("//")
        || path.bytes().any(|b| b <= b' ' || b == 0x7f || b"?#\\".contains(&b))
        || trimmed.split('/').skip(1).any(odd)
        || ["%2f", "%2e", "%5c"].iter().any(|escape| path.to_ascii_lowercase().contains(escape))
    {
        return Err(MappingError::Path(shown(text)));
    }
    Ok((!trimmed.is_empty()).then(|| trimmed.to_owned()))
}

/// An address or a network, as a CIDR.
pub fn parse_cidr(text: &str) -> Result<String, MappingError> {
    let text = text.trim();
    if let Ok(network) = text.parse::<ipnet::IpNet>() {
        return Ok(network.trunc().to_string());
    }
    match text.parse::<std::net::IpAddr>() {
        Ok(address) => Ok(ipnet::IpNet::from(address).to_string()),
        Err(_) => Err(MappingError::Cidr(shown(text))),
    }
}

/// Requests at once: 1 to 1,000,000, far more than a gateway has at all.
pub fn parse_concurrent(text: &str) -> Result<u32, MappingError> {
    let number = text.trim().parse::<u32>().ok().filter(|number| (1..=MAX_CONCURRENT).contains(number));
    number.ok_or_else(|| MappingError::Concurrent(shown(text)))
}

/// Bytes that a body may have: `10MB`, `512KiB`, `1000`.
pub fn parse_body(text: &str) -> Result<u64, MappingError> {
    filter::bytes(text.trim()).ok_or_else(|| MappingError::Body(shown(text)))
}

/// `120s`, `2m`, or a bare number of seconds; 1 ms to 24 h. Returned in milliseconds.
pub fn parse_timeout(text: &str) -> Result<u64, MappingError> {
    parse_duration(text)
        .map(|duration| duration.as_millis())
        .filter(|ms| (1..=86_400_000).contains(ms))
        .map(|ms| ms as u64)
        .ok_or_else(|| MappingError::Timeout(shown(text)))
}

/// `120s`, `2m`, or a bare number of seconds.
fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text).ok(),
    }
}

/// `USER:PASSWORD`, hashed here so that the password itself never leaves; a password that already is
/// an argon2id hash is taken as it stands. The hash takes about 20 ms of one core.
pub fn parse_basic_auth(text: &str) -> Result<BasicAuth, MappingError> {
    let (user, password) = text.split_once(':').ok_or(MappingError::BasicAuth)?;
    if user.is_empty() || password.is_empty() || user.chars().any(char::is_control) {
        return Err(MappingError::BasicAuth);
    }
    Ok(BasicAuth { user: user.to_owned(), hash: hash_password(password)? })
}

/// A password's argon2id hash (20 ms); what is one already stays as it is.
pub fn hash_password(password: &str) -> Result<String, MappingError> {
    if password.starts_with("$argon2id$") {
        return Ok(password.to_owned());
    }
    let hash = argon2::Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| MappingError::Hash(error.to_string()))
}

/// Splits `NAME=VALUE` or `NAME` for a condition.
pub fn parse_condition(text: &str) -> Result<(String, Option<String>), MappingError> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.to_owned())),
        None => (text.trim(), None),
    };
    if name.is_empty() || name.chars().any(|c| c.is_control() || c == ' ') {
        return Err(MappingError::Match(shown(text)));
    }
    Ok((name.to_owned(), value))
}

/// What was typed, safe and short enough for an error message.
pub fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// Serialises through `Display` and `FromStr`.
mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr,
        T::Err: Display,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_single_labels_and_lower_cased() {
        assert_eq!(parse_name("Shop-1").as_deref(), Ok("shop-1"));
        assert!(parse_name(&"a".repeat(63)).is_ok());
        for bad in ["", "-a", "a-", "a.b", "a_b", "ä", &"a".repeat(64)] {
            assert!(parse_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_may_start_with_a_star() {
        assert_eq!(parse_host("Shop.Example.com.").as_deref(), Ok("shop.example.com"));
        assert_eq!(parse_host("*.example.com").as_deref(), Ok("*.example.com"));
        assert_eq!(parse_host("bücher.example").as_deref(), Ok("xn--bcher-kva.example"));
        let odd = ["a!b.c", "a..b", ".a.b", "a'b.example", &format!("{}.example", "a".repeat(64))];
        let plain = ["", "shop", "a b.c", "*.", "a.*.c", "http://x.y", "1.2.3.4", "x.y:80"];
        for bad in plain.iter().chain(&odd) {
            assert!(parse_host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_prefix_is_one_that_reads_the_same_once_normalised() {
        assert_eq!(parse_path("/node"), Ok(Some("/node".into())));
        assert_eq!(parse_path("/a/b/"), Ok(Some("/a/b".into())));
        assert_eq!(parse_path("/"), Ok(None));
        for bad in ["", "node", "//a", "/a//b", "/a/../b", "/./a", "/a?b", "/a#b", "/a%2fb", "/a b"] {
            assert!(parse_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn networks_and_timeouts_are_normalised() {
        assert_eq!(parse_cidr("203.0.113.7").as_deref(), Ok("203.0.113.7/32"));
        assert_eq!(parse_cidr("203.0.113.7/24").as_deref(), Ok("203.0.113.0/24"));
        assert!(parse_cidr("203.0.113.0/33").is_err());
        assert_eq!(parse_timeout("120s"), Ok(120_000));
        assert_eq!(parse_timeout("120"), Ok(120_000));
        assert_eq!(parse_timeout("24h"), Ok(86_400_000));
        assert!(parse_timeout("0").is_err() && parse_timeout("86401s").is_err());
    }

    #[test]
    fn as_many_at_once_as_one_and_a_million() {
        assert_eq!((parse_concurrent(" 1 "), parse_concurrent("1000000")), (Ok(1), Ok(1_000_000)));
        for bad in ["0", "1000001", "-1", "1.5", "many", ""] {
            assert!(parse_concurrent(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bodys_size_is_bytes_and_shows_as_it_reads() {
        for (text, bytes) in [("0", 0), (" 10MB ", 10_000_000), ("1.5kib", 1536), ("1000", 1000)] {
            assert_eq!(parse_body(text), Ok(bytes), "{text}");
            assert_eq!(parse_body(&filter::bytes_text(bytes)), Ok(bytes));
        }
        for bad in ["", "-1", "10 MB", "1.5", "10XB", "9223372036854775808", "9999999999GiB"] {
            assert!(parse_body(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_leaves_only_as_an_argon2id_hash() {
        let auth = parse_basic_auth("me:hunter2").unwrap();
        assert!(auth.hash.starts_with("$argon2id$") && !auth.hash.contains("hunter2"));
        assert_eq!(parse_basic_auth(&format!("me:{}", auth.hash)).unwrap().hash, auth.hash);
        assert!(parse_basic_auth("me").is_err() && parse_basic_auth("me:").is_err());
    }

    #[test]
    fn a_spec_survives_its_json() {
        let spec = MappingSpec::new(random_id(), "https://localhost:8443".parse().unwrap());
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<MappingSpec>(&json).unwrap(), spec);
        assert_eq!(spec.id.len(), 12);
    }
}
