//! A mapping's settings as people write them, on a command line or in the file: one list for both.

mod jwt;
mod keys;
mod rules;
mod shape;

use porthole_link::control::Match;
use serde::Deserialize;

use crate::mapping::{
    MappingError, MappingSpec, parse_basic_auth, parse_body, parse_cidr, parse_concurrent, parse_condition,
    parse_host, parse_name, parse_path, parse_rate, parse_timeout,
};
use crate::secrets::SecretError;
use crate::target::Scheme;

pub use keys::MadeKey;

/// `on` or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    On,
    Off,
}

/// Everything but the target. What is absent leaves the mapping as it is; an empty text clears.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MappingFields {
    /// Name under the gateway's domain: `shop` becomes https://shop.tunnel.example.com
    #[arg(long, value_name = "NAME", env = "PORTHOLE_NAME")]
    pub name: Option<String>,
    /// Full public host name instead of a name, perhaps *.example.com; of a TCP service that speaks TLS: the
    /// one its clients ask for
    #[arg(long, value_name = "HOST", env = "PORTHOLE_HOST")]
    pub host: Option<String>,
    /// Only requests under this path prefix; without name and host: on the gateway's own host
    #[arg(long, value_name = "PATH", env = "PORTHOLE_PATH")]
    pub path: Option<String>,
    /// Take the path prefix away before the request reaches the service
    #[arg(long, value_name = "BOOL", env = "PORTHOLE_STRIP_PREFIX",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strip_prefix: Option<bool>,
    /// Host, Origin and X-Forwarded-Host as the service sees them: preserve, rewrite, or a value
    #[arg(long, value_name = "preserve|rewrite|VALUE", env = "PORTHOLE_HOST_HEADER")]
    pub host_header: Option<String>,
    /// Ask visitors for this user and password (repeatable; also file:…, env:…, exec:…)
    #[arg(long, value_name = "USER:PASSWORD", env = "PORTHOLE_BASIC_AUTH", hide_env_values = true)]
    pub basic_auth: Vec<String>,
    /// Let programs in that send this key as Authorization: Bearer KEY or X-API-Key: KEY; a NAME alone has one made
    /// and told once (repeatable; also file:…, env:…, exec:…)
    #[arg(long, value_name = "NAME[:KEY]", env = "PORTHOLE_BEARER_KEY", hide_env_values = true)]
    pub bearer_key: Vec<String>,
    /// Let visitors in with a token (JWT) that is signed with a key of this set (JWKS); empty: no tokens
    #[arg(long, value_name = "URL", env = "PORTHOLE_JWT_JWKS_URL")]
    pub jwt_jwks_url: Option<String>,
    /// The same, signed with the other half of this public key in PEM
    #[arg(long, value_name = "FILE", env = "PORTHOLE_JWT_KEY_FILE")]
    pub jwt_key_file: Option<String>,
    /// The same, signed with this secret of at least 32 bytes (also file:…, env:…, exec:…)
    #[arg(long, value_name = "SECRET", env = "PORTHOLE_JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,
    /// Only tokens of this issuer
    #[arg(long, value_name = "ISS", env = "PORTHOLE_JWT_ISSUER")]
    pub jwt_issuer: Option<String>,
    /// Only tokens for this audience, or another one given (repeatable)
    #[arg(long, value_name = "AUD", env = "PORTHOLE_JWT_AUDIENCE")]
    pub jwt_audience: Vec<String>,
    /// Only tokens with this claim, or with this among a list (repeatable; all have to hold)
    #[arg(long, value_name = "NAME=VALUE", env = "PORTHOLE_JWT_CLAIM")]
    pub jwt_claim: Vec<String>,
    /// Only visitors from this address or network (repeatable, or with commas)
    #[arg(long, value_name = "CIDR", env = "PORTHOLE_ALLOW_IP", value_delimiter = ',')]
    pub allow_ip: Vec<String>,
    /// No visitors from this address or network (repeatable, or with commas)
    #[arg(long, value_name = "CIDR", env = "PORTHOLE_DENY_IP", value_delimiter = ',')]
    pub deny_ip: Vec<String>,
    /// At most so many requests in so much time, of all visitors together: 100/s, 5000/h
    #[arg(long, value_name = "N/TIME", env = "PORTHOLE_RATE_LIMIT")]
    pub rate_limit: Option<String>,
    /// The same for each visitor's address
    #[arg(long, value_name = "N/TIME", env = "PORTHOLE_VISITOR_RATE_LIMIT")]
    pub visitor_rate_limit: Option<String>,
    /// At most so many requests at once
    #[arg(long, value_name = "N", env = "PORTHOLE_MAX_CONCURRENT")]
    #[serde(deserialize_with = "number_or_text")]
    pub max_concurrent: Option<String>,
    /// Refuse requests whose body is longer: 10MB, 512KiB
    #[arg(long, value_name = "SIZE", env = "PORTHOLE_MAX_BODY")]
    #[serde(deserialize_with = "number_or_text")]
    pub max_body: Option<String>,
    /// Answer all visitors with 503 and this sentence; on: with a sentence of the gateway's
    #[arg(long, value_name = "on|off|SENTENCE", env = "PORTHOLE_MAINTENANCE")]
    pub maintenance: Option<String>,
    /// In maintenance: tell visitors to try again after this time [default: 5m]
    #[arg(long, value_name = "DURATION", env = "PORTHOLE_MAINTENANCE_RETRY")]
    #[serde(deserialize_with = "number_or_text")]
    pub maintenance_retry: Option<String>,
    /// Only requests of this method; GET stands for HEAD, too (repeatable, or with commas)
    #[arg(long, value_name = "METHOD", env = "PORTHOLE_ALLOW_METHOD", value_delimiter = ',')]
    pub allow_method: Vec<String>,
    /// Ask for no password under this path; the longest of these and the private ones counts (repeatable)
    #[arg(long, value_name = "PATH", env = "PORTHOLE_PUBLIC_PATH")]
    pub public_path: Vec<String>,
    /// Serve nothing under this path: 404 (repeatable)
    #[arg(long, value_name = "PATH", env = "PORTHOLE_PRIVATE_PATH")]
    pub private_path: Vec<String>,
    /// Have the gateway answer under this path, without the service (repeatable)
    #[arg(long, value_name = "PATH=STATUS[ BODY]", env = "PORTHOLE_ANSWER")]
    pub answer: Vec<String>,
    /// Have the gateway redirect from this path [default status: 302] (repeatable)
    #[arg(long, value_name = "PATH=[STATUS ]URL", env = "PORTHOLE_REDIRECT")]
    pub redirect: Vec<String>,
    /// Set this header field of requests to the service, in place of what visitors send (repeatable)
    #[arg(long, value_name = "NAME: VALUE", env = "PORTHOLE_REQUEST_HEADER")]
    pub request_header: Vec<String>,
    /// Add this header field to requests (repeatable)
    #[arg(long, value_name = "NAME: VALUE", env = "PORTHOLE_ADD_REQUEST_HEADER")]
    pub add_request_header: Vec<String>,
    /// Take this header field off requests (repeatable, or with commas)
    #[arg(long, value_name = "NAME", env = "PORTHOLE_REMOVE_REQUEST_HEADER", value_delimiter = ',')]
    pub remove_request_header: Vec<String>,
    /// Set this header field of answers, in place of what the service sends (repeatable)
    #[arg(long, value_name = "NAME: VALUE", env = "PORTHOLE_RESPONSE_HEADER")]
    pub response_header: Vec<String>,
    /// Add this header field to answers (repeatable)
    #[arg(long, value_name = "NAME: VALUE", env = "PORTHOLE_ADD_RESPONSE_HEADER")]
    pub add_response_header: Vec<String>,
    /// Take this header field off answers (repeatable, or with commas)
    #[arg(long, value_name = "NAME", env = "PORTHOLE_REMOVE_RESPONSE_HEADER", value_delimiter = ',')]
    pub remove_response_header: Vec<String>,
    /// Have the service see another path; the longest counts, rules by path see the one that came (repeatable)
    #[arg(long, value_name = "FROM=TO", env = "PORTHOLE_REWRITE_PATH")]
    pub rewrite_path: Vec<String>,
    /// Let pages of this origin read answers, and answer browsers that ask; * is any (repeatable, or with commas)
    #[arg(long, value_name = "ORIGIN", env = "PORTHOLE_CORS_ORIGIN", value_delimiter = ',')]
    pub cors_origin: Vec<String>,
    /// With CORS: methods that pages may use beside GET, HEAD and POST; * is any (repeatable, or with commas)
    #[arg(long, value_name = "METHOD", env = "PORTHOLE_CORS_METHOD", value_delimiter = ',')]
    pub cors_method: Vec<String>,
    /// With CORS: header fields that pages may send; * is any (repeatable, or with commas)
    #[arg(long, value_name = "NAME", env = "PORTHOLE_CORS_HEADER", value_delimiter = ',')]
    pub cors_header: Vec<String>,
    /// With CORS: let pages send cookies and passwords; not with any origin
    #[arg(long, value_name = "BOOL", env = "PORTHOLE_CORS_CREDENTIALS",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub cors_credentials: Option<bool>,
    /// With CORS: header fields of answers that pages may read beside the usual ones (repeatable, or with commas)
    #[arg(long, value_name = "NAME", env = "PORTHOLE_CORS_EXPOSE", value_delimiter = ',')]
    pub cors_expose: Vec<String>,
    /// With CORS: for how long browsers need not ask again
    #[arg(long, value_name = "DURATION", env = "PORTHOLE_CORS_MAX_AGE")]
    #[serde(deserialize_with = "number_or_text")]
    pub cors_max_age: Option<String>,
    /// Only requests with this header (repeatable)
    #[arg(long, value_name = "NAME[=VALUE]", env = "PORTHOLE_MATCH_HEADER")]
    pub match_header: Vec<String>,
    /// Only requests with this query parameter (repeatable)
    #[arg(long, value_name = "NAME[=VALUE]", env = "PORTHOLE_MATCH_QUERY")]
    pub match_query: Vec<String>,
    /// Only requests with this cookie (repeatable)
    #[arg(long, value_name = "NAME[=VALUE]", env = "PORTHOLE_MATCH_COOKIE")]
    pub match_cookie: Vec<String>,
    /// Accept any certificate from an https:// service
    #[arg(long, value_name = "BOOL", env = "PORTHOLE_INSECURE",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub insecure: Option<bool>,
    /// How long the service may take until the first byte of its answer [default: 120s]
    #[arg(long, value_name = "DURATION", env = "PORTHOLE_TIMEOUT")]
    pub timeout: Option<String>,
    /// Keep exchanges for inspection [default: on]
    #[arg(long, value_name = "on|off", env = "PORTHOLE_INSPECT")]
    pub inspect: Option<Switch>,
}

/// The keys that a mapping in the file may have, in the order of the documentation.
pub const FILE_KEYS: &[&str] = &[
    "target",
    "id",
    "enabled",
    "remote_port",
    "proxy_protocol",
    "name",
    "host",
    "path",
    "strip_prefix",
    "host_header",
    "basic_auth",
    "bearer_key",
    "jwt_jwks_url",
    "jwt_key_file",
    "jwt_secret",
    "jwt_issuer",
    "jwt_audience",
    "jwt_claim",
    "allow_ip",
    "deny_ip",
    "rate_limit",
    "visitor_rate_limit",
    "max_concurrent",
    "max_body",
    "maintenance",
    "maintenance_retry",
    "allow_method",
    "public_path",
    "private_path",
    "answer",
    "redirect",
    "request_header",
    "add_request_header",
    "remove_request_header",
    "response_header",
    "add_response_header",
    "remove_response_header",
    "rewrite_path",
    "cors_origin",
    "cors_method",
    "cors_header",
    "cors_credentials",
    "cors_expose",
    "cors_max_age",
    "match_header",
    "match_query",
    "match_cookie",
    "insecure",
    "timeout",
    "inspect",
];

/// Why the settings do not make a mapping.
#[derive(Debug, thiserror::Error)]
pub enum FieldsError {
    #[error(transparent)]
    Mapping(#[from] MappingError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Of a bearer key.
    #[error(transparent)]
    KeySecret(SecretError),
    /// Of a rule about tokens.
    #[error(transparent)]
    JwtSecret(SecretError),
}

impl MappingFields {
    /// Puts the settings onto a mapping. Passwords are hashed here (about 20 ms each).
    pub fn apply(&self, spec: &mut MappingSpec) -> Result<(), FieldsError> {
        // There, a name is for lists and logs alone.
        let tcp = spec.target.scheme == Scheme::Tcp;
        if let Some(name) = &self.name {
            spec.name = unless_empty(name, parse_name)?;
            if spec.name.is_some() && self.host.is_none() && !tcp {
                spec.host = None;
            }
        }
        if let Some(host) = &self.host {
            spec.host = unless_empty(host, parse_host)?;
            if spec.host.is_some() && self.name.is_none() && !tcp {
                spec.name = None;
            }
        }
        if let Some(path) = &self.path {
            spec.path = unless_empty(path, parse_path)?.flatten();
        }
        if let Some(strip) = self.strip_prefix {
            spec.strip_prefix = strip;
        }
        if let Some(header) = &self.host_header {
            spec.host_header = header.parse().map_err(MappingError::from)?;
        }
        if !self.basic_auth.is_empty() {
            spec.policy.basic_auth = each(&self.basic_auth, |text| {
                let secret = crate::secrets::resolve(text)?;
                Ok::<_, FieldsError>(parse_basic_auth(secret.expose())?)
            })?;
        }
        keys::apply(self, &mut spec.policy)?;
        jwt::apply(self, &mut spec.policy)?;
        if !self.allow_ip.is_empty() {
            spec.policy.allow_ip = each(&self.allow_ip, parse_cidr)?;
        }
        if !self.deny_ip.is_empty() {
            spec.policy.deny_ip = each(&self.deny_ip, parse_cidr)?;
        }
        if let Some(limit) = &self.rate_limit {
            spec.policy.rate_limit = unless_empty(limit, parse_rate)?;
        }
        if let Some(limit) = &self.visitor_rate_limit {
            spec.policy.visitor_rate_limit = unless_empty(limit, parse_rate)?;
        }
        if let Some(most) = &self.max_concurrent {
            spec.policy.max_concurrent = unless_empty(most, parse_concurrent)?;
        }
        if let Some(most) = &self.max_body {
            spec.policy.max_body = unless_empty(most, parse_body)?;
        }
        rules::apply(self, &mut spec.policy)?;
        shape::apply(self, &mut spec.policy)?;
        self.apply_matches(spec)?;
        if let Some(insecure) = self.insecure {
            spec.allow_invalid_certs = insecure;
        }
        if let Some(timeout) = &self.timeout {
            spec.timeout_ms = parse_timeout(timeout)?;
        }
        if let Some(inspect) = self.inspect {
            spec.inspect = inspect == Switch::On;
        }
        Ok(spec.check()?)
    }

    fn apply_matches(&self, spec: &mut MappingSpec) -> Result<(), MappingError> {
        if !self.match_header.is_empty() {
            spec.matches.retain(|condition| !matches!(condition, Match::Header { .. }));
            let more = each(&self.match_header, parse_condition)?;
            spec.matches.extend(more.into_iter().map(|(name, value)| Match::Header { name, value }));
        }
        if !self.match_query.is_empty() {
            spec.matches.retain(|condition| !matches!(condition, Match::Query { .. }));
            let more = each(&self.match_query, parse_condition)?;
            spec.matches.extend(more.into_iter().map(|(name, value)| Match::Query { name, value }));
        }
        if !self.match_cookie.is_empty() {
            spec.matches.retain(|condition| !matches!(condition, Match::Cookie { .. }));
            let more = each(&self.match_cookie, parse_condition)?;
            spec.matches.extend(more.into_iter().map(|(name, value)| Match::Cookie { name, value }));
        }
        Ok(())
    }
}

/// In the file a number is written as one.
fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    Ok(Some(match Either::deserialize(deserializer)? {
        Either::Number(number) => number.to_string(),
        Either::Text(text) => text,
    }))
}

fn unless_empty<T, E>(text: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<Option<T>, E> {
    if text.trim().is_empty() { Ok(None) } else { parse(text).map(Some) }
}

fn each<T, E>(texts: &[String], parse: impl Fn(&str) -> Result<T, E>) -> Result<Vec<T>, E> {
    texts.iter().filter(|text| !text.trim().is_empty()).map(|text| parse(text)).collect()
}

#[cfg(test)]
mod tests {
    use porthole_link::control::RateLimit;

    use super::*;

    fn spec() -> MappingSpec {
        MappingSpec::new("a".into(), "3000".parse().unwrap())
    }

    #[test]
    fn an_absent_field_changes_nothing_and_an_empty_one_clears() {
        let mut spec = spec();
        let set = MappingFields {
            name: Some("Shop".into()),
            allow_ip: vec!["10.0.0.1".into()],
            rate_limit: Some("10/s".into()),
            visitor_rate_limit: Some("1/s".into()),
            ..Default::default()
        };
        set.apply(&mut spec).unwrap();
        MappingFields::default().apply(&mut spec).unwrap();
        assert_eq!((spec.name.as_deref(), spec.policy.allow_ip.len()), (Some("shop"), 1));
        let clear = MappingFields {
            name: Some(String::new()),
            allow_ip: vec![String::new()],
            rate_limit: Some(String::new()),
            ..Default::default()
        };
        assert!(spec.policy.rate_limit.is_some());
        clear.apply(&mut spec).unwrap();
        assert_eq!(spec.policy.rate_limit, None);
        assert_eq!(spec.policy.visitor_rate_limit, Some(RateLimit { requests: 1, seconds: 1 }));
        assert_eq!((spec.name, spec.policy.allow_ip.len()), (None, 0));
    }

    #[test]
    fn a_host_takes_the_place_of_a_name_but_both_at_once_are_refused() {
        let mut spec = spec();
        spec.name = Some("shop".into());
        let host = MappingFields { host: Some("shop.example.com".into()), ..Default::default() };
        host.apply(&mut spec).unwrap();
        assert_eq!(spec.name, None);
        let both = MappingFields { name: Some("shop".into()), ..host };
        assert!(both.apply(&mut spec).is_err());
    }

    #[test]
    fn what_needs_http_is_refused_for_tcp() {
        let mut spec = MappingSpec::new("a".into(), crate::target::Target::parse_tcp("5432").unwrap());
        let password = MappingFields { basic_auth: vec!["a:b".into()], ..Default::default() };
        assert!(password.apply(&mut spec.clone()).is_err());
        let lists = MappingFields { deny_ip: vec!["::/0".into()], ..Default::default() };
        lists.apply(&mut spec).unwrap();
    }

    #[test]
    fn a_tcp_mapping_has_a_port_or_a_host_and_its_name_beside_either() {
        let mut spec = MappingSpec::new("a".into(), crate::target::Target::parse_tcp("5432").unwrap());
        let named = MappingFields { name: Some("db".into()), ..Default::default() };
        let host = |host: &str| MappingFields { host: Some(host.into()), ..Default::default() };
        named.apply(&mut spec).unwrap();
        host("db.example.com").apply(&mut spec).unwrap();
        named.apply(&mut spec).unwrap();
        assert_eq!((spec.name.as_deref(), spec.host.as_deref()), (Some("db"), Some("db.example.com")));
        assert!(host("*.example.com").apply(&mut spec.clone()).is_err());
        spec.remote_port = Some(20_000);
        assert_eq!(spec.check(), Err(MappingError::PortAndHost));
    }
}
