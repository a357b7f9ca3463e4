//! Signing and opening tokens: JWT, HS256 and nothing else.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::allowance::TokenLimits;
use crate::secret::Secret;

/// Who the tokens are for.
pub const AUDIENCE: &str = "porthole-gateway";
/// How far the clock of whoever signed may be ahead. There is none for expiry: the gateway judges what
/// was mostly its own clock's, and "expired" is what the operator asked for.
pub const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// Bytes of a token; ours have some 300.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub aud: String,
    /// The name given at `token create`: whose claims these are.
    pub sub: String,
    /// The id to revoke it by.
    pub jti: String,
    /// Seconds since 1970, as is `exp`.
    pub iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Patterns; empty: any free single label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// `20000-20009`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// Tokens from before have none.
    #[serde(default, skip_serializing_if = "TokenLimits::is_none")]
    pub limits: TokenLimits,
}

/// Why a token is not accepted. `Display` is one sentence for the agent's user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error(
        "The token is not a Porthole token: paste it again, whole, or ask the gateway's operator for a new one."
    )]
    Malformed,
    #[error("The token was not made by this gateway: ask its operator for one, or check the gateway's URL.")]
    Foreign,
    #[error("The token expired on {} ({} ago): ask the gateway's operator for a new one, or check the clocks of this computer and the gateway.", day(.at), ago(*.at, *.now))]
    Expired { at: Timestamp, now: Timestamp },
    #[error("The token is valid only from {}, {} from now by the gateway's clock: check the clocks of this computer and the gateway.", day(.from), ago(*.now, *.from))]
    NotYetValid { from: Timestamp, now: Timestamp },
    #[error("The token was revoked by the gateway's operator: ask for a new one.")]
    Revoked,
}

fn day(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn ago(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

impl Claims {
    /// Whether the token is in force at `now`; it may be up to [`LEEWAY`] from the future.
    pub fn check_times(&self, now: Timestamp) -> Result<(), TokenError> {
        let time = |second: i64| Timestamp::from_second(second).map_err(|_| TokenError::Malformed);
        if let Some(expires) = self.exp {
            let at = time(expires)?;
            if now > at {
                return Err(TokenError::Expired { at, now });
            }
        }
        let from = time(self.iat)?;
        if from.duration_since(now) > LEEWAY {
            return Err(TokenError::NotYetValid { from, now });
        }
        Ok(())
    }
}

/// The keys that open tokens. Compared by their ids.
#[derive(Clone)]
pub(super) struct Keys(Vec<(Arc<str>, DecodingKey)>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(|(id, _)| id).eq(other.0.iter().map(|(id, _)| id))
    }
}

const PURPOSE: &str = "porthole-gateway token signing v1";

impl Keys {
    pub(super) fn new(secrets: &[Secret]) -> Self {
        let key =
            |secret: &Secret| (secret.key_id().into(), DecodingKey::from_secret(&secret.derive(PURPOSE)));
        Self(secrets.iter().map(key).collect())
    }

    pub(super) fn knows(&self, key_id: &str) -> bool {
        self.0.iter().any(|(id, _)| **id == *key_id)
    }

    /// Checks form, key, signature and audience; times are the caller's.
    pub(super) fn open(&self, token: &str) -> Result<(Claims, Arc<str>), TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        let wanted = header.kid.ok_or(TokenError::Foreign)?;
        let (id, key) = self.0.iter().find(|(id, _)| **id == *wanted).ok_or(TokenError::Foreign)?;
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["aud", "sub"]);
        // Done in `check_times`, where the time is an argument.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let data = jsonwebtoken::decode::<Claims>(token, key, &rules).map_err(|_| TokenError::Foreign)?;
        Ok((data.claims, id.clone()))
    }
}

pub(super) fn sign(secret: &Secret, claims: &Claims) -> String {
    let header = Header { kid: Some(secret.key_id()), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(&secret.derive(PURPOSE)))
        .expect("claims are plain JSON and HS256 takes any key")
}
