//! Tokens (JWT, RFC 7519) with which visitors come in: pure. Keys and time are arguments; how keys are had that
//! somebody publishes is [`crate::jwks`].

mod keys;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use jsonwebtoken::Validation;
use porthole_link::control::{JwtKeys, JwtRule, RequiredClaim};
use serde_json::{Map, Value};
use url::Url;

pub use keys::{KeySet, NoKeys};

/// Bytes of a token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// How far the clock of whoever signed may be ahead, in seconds. For expiry there is none, as for agents' tokens.
const LEEWAY_SECONDS: f64 = 60.0;
/// Keys that are tried for a token that names none: each takes part of a millisecond.
const MAX_TRIES: usize = 4;

/// A token as a visitor sent it.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownToken(String);

impl std::fmt::Debug for ShownToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShownToken(***)")
    }
}

impl ShownToken {
    /// None where it is none by its form.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_TOKEN_BYTES)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let three = text.bytes().all(plain) && text.bytes().filter(|byte| *byte == b'.').count() == 2;
        three.then(|| Self(text.to_owned()))
    }

    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Why a token is not accepted: a sentence for whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    #[error("What came as a token is none that can be read here.")]
    Malformed,
    /// Perhaps one that is newer than the keys that are known.
    #[error("The token was signed with a key that its issuer does not publish.")]
    UnknownKey,
    #[error("The token names an algorithm that its key is not for.")]
    Algorithm,
    #[error("The token's signature is not right.")]
    Signature,
    #[error("The token does not tell when it expires.")]
    NoExpiry,
    #[error("The token expired; get a new one.")]
    Expired,
    #[error("The token is not valid yet; check the clock of whoever made it.")]
    NotYetValid,
    #[error("The token is from another issuer.")]
    Issuer,
    #[error("The token is meant for another audience.")]
    Audience,
    #[error("The token lacks a claim that is asked for here.")]
    Claim,
}

impl TokenProblem {
    /// Whether it was right once, or will be: nobody guesses with such a token.
    pub fn is_about_time(self) -> bool {
        matches!(self, Self::Expired | Self::NotYetValid)
    }
}

/// Where the keys are.
#[derive(Debug, Clone)]
pub enum Source {
    Fixed(KeySet),
    Published(Url),
}

/// A rule ready to be asked.
#[derive(Debug, Clone)]
pub struct Jwt {
    issuer: Option<String>,
    audiences: Vec<String>,
    claims: Vec<RequiredClaim>,
    source: Source,
}

impl Jwt {
    /// # Errors
    /// One sentence that says what is wrong.
    pub fn new(rule: &JwtRule) -> Result<Self, String> {
        let wrong = |what: &dyn std::fmt::Display| format!("The rule about tokens is not usable: {what}.");
        rule.check().map_err(|error| wrong(&error))?;
        let source = match &rule.keys {
            JwtKeys::JwksUrl(url) => {
                let parsed = Url::parse(url).ok().filter(|url| url.has_host() && url.username().is_empty());
                let parsed = parsed.filter(|url| url.password().is_none());
                Source::Published(parsed.ok_or_else(|| {
                    wrong(&"the URL of keys is one like https://id.example.com/keys, without a user")
                })?)
            }
            JwtKeys::PublicKey(pem) => Source::Fixed(KeySet::public(pem).map_err(|error| wrong(&error))?),
            JwtKeys::Secret(secret) => Source::Fixed(KeySet::secret(secret.as_bytes())),
        };
        Ok(Self {
            issuer: rule.issuer.clone(),
            audiences: rule.audiences.clone(),
            claims: rule.claims.clone(),
            source,
        })
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Whether `token` lets a visitor in at `now`, by `keys`. The key tells the algorithm; what a token says of keys
    /// (`jwk`, `jku`, `x5c`) is not looked at.
    pub fn open(&self, token: &ShownToken, keys: &KeySet, now: Timestamp) -> Result<(), TokenProblem> {
        let header = jsonwebtoken::decode_header(&token.0).map_err(|_| TokenProblem::Malformed)?;
        if header.crit.is_some() {
            // Something that has to be understood, and is not (RFC 7515 §4.1.11).
            return Err(TokenProblem::Malformed);
        }
        let candidates = keys.candidates(header.kid.as_deref(), header.alg)?;
        let mut rules = Validation::new(header.alg);
        // All of it is done below, where the time is an argument.
        rules.required_spec_claims.clear();
        (rules.validate_exp, rules.validate_nbf, rules.validate_aud) = (false, false, false);
        for key in candidates.into_iter().take(MAX_TRIES) {
            if let Ok(opened) = jsonwebtoken::decode::<Map<String, Value>>(&token.0, key, &rules) {
                return self.judge(&opened.claims, now);
            }
        }
        let named = header.kid.is_some() || keys.is_fixed();
        Err(if named { TokenProblem::Signature } else { TokenProblem::UnknownKey })
    }

    fn judge(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), TokenProblem> {
        // Seconds since 1970, perhaps with a fraction (RFC 7519 §2).
        let now = now.as_millisecond() as f64 / 1000.0;
        let expires = claims.get("exp").and_then(Value::as_f64).ok_or(TokenProblem::NoExpiry)?;
        if now > expires {
            return Err(TokenProblem::Expired);
        }
        if let Some(from) = claims.get("nbf") {
            let from = from.as_f64().ok_or(TokenProblem::Malformed)?;
            if from > now + LEEWAY_SECONDS {
                return Err(TokenProblem::NotYetValid);
            }
        }
        let issuer = claims.get("iss").and_then(Value::as_str);
        if self.issuer.as_deref().is_some_and(|wanted| issuer != Some(wanted)) {
            return Err(TokenProblem::Issuer);
        }
        let is_for = |wanted: &String| claims.get("aud").is_some_and(|aud| among(aud, wanted));
        if !self.audiences.is_empty() && !self.audiences.iter().any(is_for) {
            return Err(TokenProblem::Audience);
        }
        if self.claims.iter().all(|claim| has(claims, claim)) { Ok(()) } else { Err(TokenProblem::Claim) }
    }
}

fn has(claims: &Map<String, Value>, wanted: &RequiredClaim) -> bool {
    match claims.get(&wanted.name) {
        Some(Value::String(scopes)) if wanted.name == "scope" => {
            scopes.split(' ').any(|scope| scope == wanted.value)
        }
        Some(value) => among(value, &wanted.value),
        None => false,
    }
}

/// Whether a claim is `wanted`, or a list that holds it.
fn among(claim: &Value, wanted: &str) -> bool {
    match claim {
        Value::Array(items) => items.iter().any(|item| is(item, wanted)),
        one => is(one, wanted),
    }
}

fn is(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Number(number) => number.to_string() == wanted,
        Value::Bool(truth) => wanted == if *truth { "true" } else { "false" },
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}
