//! Tokens with which visitors come in: the rule about them as it is shown, and as somebody writes it.

use porthole_link::control;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::mapping::{MappingError, checked_jwt};

/// What tokens (JWT) have to be like. One of the three kinds of keys is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Jwt {
    /// Where the issuer publishes its keys.
    jwks_url: Option<String>,
    /// In PEM.
    public_key: Option<String>,
    /// A secret, which stays where it is.
    has_secret: bool,
    /// The only one; null: any.
    issuer: Option<String>,
    /// One of these; empty: any.
    audiences: Vec<String>,
    /// All of these.
    claims: Vec<Claim>,
}

/// What tokens have to be like; exactly one kind of keys.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JwtInput {
    #[serde(default)]
    jwks_url: Option<String>,
    /// In PEM: RSA, P-256, P-384 or Ed25519.
    #[serde(default)]
    public_key: Option<String>,
    /// 32 to 1024 bytes.
    #[serde(default)]
    secret: Option<String>,
    /// Without a secret: as it was.
    #[serde(default)]
    has_secret: Option<bool>,
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    audiences: Vec<String>,
    #[serde(default)]
    claims: Vec<Claim>,
}

/// A claim that has this value, or has it in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    name: String,
    value: String,
}

impl std::fmt::Debug for JwtInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtInput").field("jwks_url", &self.jwks_url).finish_non_exhaustive()
    }
}

impl From<control::JwtRule> for Jwt {
    fn from(rule: control::JwtRule) -> Self {
        let (jwks_url, public_key, has_secret) = match rule.keys {
            control::JwtKeys::JwksUrl(url) => (Some(url), None, false),
            control::JwtKeys::PublicKey(pem) => (None, Some(pem), false),
            control::JwtKeys::Secret(_) => (None, None, true),
        };
        let claims = rule.claims.into_iter().map(|claim| Claim { name: claim.name, value: claim.value });
        let (issuer, audiences) = (rule.issuer, rule.audiences);
        Self { jwks_url, public_key, has_secret, issuer, audiences, claims: claims.collect() }
    }
}

impl JwtInput {
    /// Whether it is to keep a secret.
    pub(super) fn keeps(&self) -> bool {
        self.has_secret == Some(true) && given(self.secret.as_ref()).is_none()
    }

    /// The rule that is meant, over the one that was there.
    pub(super) fn read(self, kept: Option<&control::JwtRule>) -> Result<control::JwtRule, MappingError> {
        let secret = match (given(self.secret.as_ref()), self.keeps()) {
            (Some(secret), _) => Some(control::JwtKeys::Secret(secret)),
            (None, true) => {
                Some(secret_of(kept).ok_or(MappingError::Jwt("there is no secret to keep: write one"))?)
            }
            (None, false) => None,
        };
        let url = given(self.jwks_url.as_ref()).map(control::JwtKeys::JwksUrl);
        let pem = given(self.public_key.as_ref()).map(control::JwtKeys::PublicKey);
        let mut all = [url, pem, secret].into_iter().flatten();
        let (Some(keys), None) = (all.next(), all.next()) else {
            return Err(MappingError::Jwt("give one of a URL of keys, a public key and a secret"));
        };
        let claims = self.claims.into_iter();
        checked_jwt(control::JwtRule {
            issuer: given(self.issuer.as_ref()),
            audiences: self.audiences.iter().filter_map(|audience| given(Some(audience))).collect(),
            claims: claims.map(|Claim { name, value }| control::RequiredClaim { name, value }).collect(),
            keys,
        })
    }
}

/// The secret of a rule.
pub(super) fn secret_of(rule: Option<&control::JwtRule>) -> Option<control::JwtKeys> {
    rule.map(|rule| rule.keys.clone()).filter(|keys| matches!(keys, control::JwtKeys::Secret(_)))
}

fn given(text: Option<&String>) -> Option<String> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(input: Value, kept: Option<&control::JwtRule>) -> Result<control::JwtRule, MappingError> {
        serde_json::from_value::<JwtInput>(input).unwrap().read(kept)
    }

    #[test]
    fn a_rule_is_shown_without_its_secret_and_kept_with_it() {
        let given = json!({"secret": "0123456789abcdef0123456789abcdef", "issuer": "me",
            "audiences": ["shop"], "claims": [{"name": "role", "value": "admin"}]});
        assert!(!format!("{:?}", serde_json::from_value::<JwtInput>(given.clone())).contains("0123456789"));
        let rule = read(given, None).unwrap();
        let shown = serde_json::to_value(Jwt::from(rule.clone())).unwrap();
        assert!(shown["has_secret"] == true && !shown.to_string().contains("0123456789"), "{shown}");
        assert_eq!(read(shown.clone(), Some(&rule)), Ok(rule));
        assert!(read(shown, None).is_err());
    }

    #[test]
    fn keys_come_from_one_place() {
        let url = json!({"jwks_url": "https://id.example/keys", "audiences": ["shop"]});
        let rule = read(url.clone(), None).unwrap();
        assert_eq!(read(serde_json::to_value(Jwt::from(rule.clone())).unwrap(), None), Ok(rule));
        let mut two = url;
        two["secret"] = json!("0123456789abcdef0123456789abcdef");
        for wrong in
            [json!({}), two, json!({"jwks_url": "https://id.example/keys"}), json!({"secret": "short"})]
        {
            assert!(read(wrong.clone(), None).is_err(), "{wrong}");
        }
    }
}
