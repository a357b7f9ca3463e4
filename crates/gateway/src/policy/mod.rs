//! What is decided before a request crosses the link: one pure function, and the check of passwords and keys
//! that it may ask for.

mod answers;
mod compile;
mod cors;
mod headers;
pub mod jwt;
mod keys;
mod passwords;
mod paths;
mod places;
mod rates;
mod rules;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use porthole_http1::Fields;

pub use answers::Canned;
pub use compile::{Compiled, Inside, parse_network};
pub use cors::Grant;
pub use jwt::ShownToken;
pub use keys::ShownKeys;
pub use passwords::Passwords;
pub use places::{Place, Places};
pub use rates::{Exceeded, Rates};
pub use rules::Rules;

use crate::rescue::Problem;
use compile::shown;
use rules::Passage;

/// Bytes of an `Authorization` value that is looked at for a password or a key; longer ones are none.
const MAX_AUTHORIZATION_BYTES: usize = 4096;

/// What the policy looks at.
#[derive(Debug, Clone, Copy)]
pub struct PolicyRequest<'a> {
    /// The visitor as the trusted proxies tell it.
    pub visitor: IpAddr,
    pub method: &'a str,
    /// As the service would see it, without the query.
    pub path: &'a str,
    pub fields: &'a Fields,
    pub now: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// To the service, or to the answer that the gateway gives in its place.
    Allow(Option<Arc<Canned>>),
    Refuse(Problem),
    /// Ask [`Passwords::check`]; its `Ok` is an allow.
    NeedsPassword(Credentials, Option<Arc<Canned>>),
    /// Ask [`Passwords::check_keys`]; its `Ok` is an allow.
    NeedsKey(ShownKeys, Option<Arc<Canned>>),
    /// Ask [`crate::jwks`]; its `Ok` is an allow.
    NeedsToken(ShownToken, Option<Arc<Canned>>),
}

/// How a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRefusal {
    /// 401, 403, 429 or 503.
    pub status: u16,
    /// `auth-required`, `ip-denied`, `rate-limited`, `too-many-at-once`, `too-many-attempts` or `maintenance`.
    pub code: &'static str,
    /// One sentence for the visitor.
    pub message: Cow<'static, str>,
    /// Values of `WWW-Authenticate` for a 401; free of CR, LF and unescaped quotes.
    pub www_authenticate: Vec<String>,
    /// Seconds for `Retry-After`.
    pub retry_after: Option<u64>,
    /// The limit behind a `rate-limited`.
    pub rate: Option<Exceeded>,
}

impl PolicyRefusal {
    /// One without further fields.
    pub const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        let message = Cow::Borrowed(message);
        Self { status, code, message, www_authenticate: Vec::new(), retry_after: None, rate: None }
    }
}

/// User and password as a visitor sent them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: Vec<u8>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).field("password", &"***").finish()
    }
}

/// Decides on one request: addresses first (deny before allow), then rate limits
/// (so that guesses at passwords count), then what is asked of requests, then credentials.
pub fn decide(policy: &Compiled, request: &PolicyRequest<'_>) -> Decision {
    if policy.is_open() {
        return Decision::Allow(None);
    }
    // The gateway's own rules first: what they refuse costs the mapping nothing.
    let floor = policy.floor.as_ref().map_or(Ok(()), |floor| pass(floor, request).map(drop));
    let passage = match floor.and_then(|()| pass(policy, request)) {
        Ok(passage) => passage,
        Err(problem) => return Decision::Refuse(problem),
    };
    if passage.public || !policy.asks_credentials() {
        return Decision::Allow(passage.canned);
    }
    if policy.asks_password()
        && let Some(credentials) = request.fields.get("authorization").and_then(credentials)
    {
        return Decision::NeedsPassword(credentials, passage.canned);
    }
    let keys = if policy.asks_key() { ShownKeys::of(request.fields) } else { None };
    let token = policy.jwt().and_then(|_| keys::bearer(request.fields.get("authorization")?));
    match (keys, token.and_then(ShownToken::new)) {
        // A key may look like a token.
        (Some(keys), Some(_)) if keys.are_known_to(policy) => Decision::NeedsKey(keys, passage.canned),
        (_, Some(token)) => Decision::NeedsToken(token, passage.canned),
        (Some(keys), None) => Decision::NeedsKey(keys, passage.canned),
        (None, None) => Decision::Refuse(policy.challenge().into()),
    }
}

/// What this policy alone says, but for credentials.
fn pass(policy: &Compiled, request: &PolicyRequest<'_>) -> Result<Passage, Problem> {
    if !policy.lists_admit(request.visitor) {
        let sentence = "Visitors from this address are not admitted here.";
        return Err(PolicyRefusal::new(403, "ip-denied", sentence).into());
    }
    policy.count_alone(request.visitor, request.now).map_err(PolicyRefusal::from)?;
    policy.rules.as_ref().map_or_else(|| Ok(Passage::default()), |rules| rules.decide(request))
}

/// Reads `Basic base64(user:password)`.
fn credentials(authorization: &[u8]) -> Option<Credentials> {
    if authorization.len() > MAX_AUTHORIZATION_BYTES {
        return None;
    }
    let text = std::str::from_utf8(authorization).ok()?;
    let (scheme, encoded) = text.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some(Credentials { user, password: decoded[colon + 1..].to_vec() })
}
