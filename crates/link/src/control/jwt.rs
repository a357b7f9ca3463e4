//! Tokens (JWT) with which visitors come in, and that somebody else has signed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a token has to be like. Its time has to be right in any case: it must tell when it expires.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtRule {
    /// The only `iss`; none: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// One of these is among `aud`; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// All of these hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<RequiredClaim>,
    pub keys: JwtKeys,
}

/// By what signatures are checked. The kind of key tells the algorithms, whatever a token says of itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JwtKeys {
    /// Where the issuer publishes its keys (RFC 7517 §5), fetched by the gateway.
    JwksUrl(String),
    /// One public key in PEM: RSA, P-256, P-384 or Ed25519.
    PublicKey(String),
    /// A text that whoever signs has, too (HS256, HS384, HS512).
    Secret(String),
}

impl Default for JwtKeys {
    /// Nothing that could be used.
    fn default() -> Self {
        Self::Secret(String::new())
    }
}

impl fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JwksUrl(url) => f.debug_tuple("JwksUrl").field(url).finish(),
            Self::PublicKey(_) => f.debug_tuple("PublicKey").finish_non_exhaustive(),
            Self::Secret(_) => f.debug_tuple("Secret").field(&"***").finish(),
        }
    }
}

/// A claim that has this value, or has it among others in a list. `scope` is a list with spaces (RFC 8693 §4.2).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredClaim {
    pub name: String,
    /// Numbers, true and false as JSON writes them.
    pub value: String,
}

impl JwtRule {
    /// Audiences and claims of one rule: looked through for each request.
    pub const MAX_LIST: usize = 16;
    /// Bytes of an issuer, an audience, a claim's name or value.
    pub const MAX_TEXT_BYTES: usize = 512;
    pub const MAX_URL_BYTES: usize = 2048;
    /// Bytes of a public key; the largest RSA key has some 800.
    pub const MAX_PEM_BYTES: usize = 4096;
    /// Bytes of a secret: 256 bits at least (RFC 7518 §3.2).
    pub const MIN_SECRET_BYTES: usize = 32;
    pub const MAX_SECRET_BYTES: usize = 1024;

    /// Whether it could be followed; whether the key is one is the gateway's to find out.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence.
    pub fn check(&self) -> Result<(), &'static str> {
        let usable = |text: &String| {
            (1..=Self::MAX_TEXT_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
        };
        if self.audiences.len().max(self.claims.len()) > Self::MAX_LIST {
            return Err("there are at most 16 audiences and 16 claims");
        }
        let claims = self.claims.iter().flat_map(|claim| [&claim.name, &claim.value]);
        if !self.issuer.iter().chain(&self.audiences).chain(claims).all(usable) {
            return Err(
                "an issuer, an audience, a claim's name and its value have 1 to 512 bytes and no line breaks",
            );
        }
        match &self.keys {
            JwtKeys::JwksUrl(url) => {
                let begins = url.starts_with("https://") || url.starts_with("http://");
                let graphic = url.bytes().all(|byte| byte.is_ascii_graphic());
                if !begins || !graphic || url.len() > Self::MAX_URL_BYTES {
                    return Err("the URL of keys is an https URL of at most 2048 visible ASCII characters");
                }
                if self.audiences.is_empty() && self.claims.is_empty() {
                    return Err(
                        "an issuer signs tokens for others with the same keys: give an audience or a claim, too",
                    );
                }
                Ok(())
            }
            JwtKeys::PublicKey(pem) => {
                let fits = pem.len() <= Self::MAX_PEM_BYTES && pem.contains("-----BEGIN PUBLIC KEY-----");
                fits.then_some(()).ok_or("the key is a public one in PEM, which begins with BEGIN PUBLIC KEY")
            }
            JwtKeys::Secret(secret) => {
                let fits = (Self::MIN_SECRET_BYTES..=Self::MAX_SECRET_BYTES).contains(&secret.len());
                fits.then_some(()).ok_or("the secret has 32 to 1024 bytes")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(keys: JwtKeys) -> JwtRule {
        JwtRule { audiences: vec!["shop".into()], keys, ..JwtRule::default() }
    }

    fn url(text: &str) -> JwtRule {
        with(JwtKeys::JwksUrl(text.into()))
    }

    #[test]
    fn a_rule_has_keys_and_bounds_on_both_sides() {
        assert!(JwtRule::default().check().is_err(), "nothing to check signatures by");
        assert!(url("https://id.example/keys").check().is_ok());
        for bad in ["", "id.example", "ftp://id.example", "https://id.example/a b", "https://id.example/\r\n"]
        {
            assert!(url(bad).check().is_err(), "{bad:?}");
        }
        assert!(url(&format!("https://a.example/{}", "x".repeat(2048))).check().is_err());
        let secret = |bytes: usize| with(JwtKeys::Secret("x".repeat(bytes))).check().is_ok();
        assert!(!secret(31) && secret(32) && secret(1024) && !secret(1025));
        let many = |count: usize| JwtRule { audiences: vec!["a".into(); count], ..url("https://a.example") };
        assert!(many(16).check().is_ok() && many(17).check().is_err());
        let text =
            |text: &str| JwtRule { issuer: Some(text.into()), ..url("https://a.example") }.check().is_ok();
        assert!(text("x") && text(&"x".repeat(512)) && !text("") && !text(&"x".repeat(513)) && !text("a\nb"));
        assert!(with(JwtKeys::PublicKey("-----BEGIN PUBLIC KEY-----".into())).check().is_ok());
        assert!(with(JwtKeys::PublicKey("-----BEGIN PRIVATE KEY-----".into())).check().is_err());
    }

    #[test]
    fn keys_that_others_use_need_an_audience_or_a_claim() {
        let mut rule =
            JwtRule { issuer: Some("https://id.example".into()), ..url("https://id.example/keys") };
        rule.audiences.clear();
        assert!(rule.check().is_err());
        rule.claims.push(RequiredClaim { name: "client_id".into(), value: "shop".into() });
        assert!(rule.check().is_ok());
    }

    #[test]
    fn a_secret_crosses_the_link_and_shows_nowhere_else() {
        let rule = with(JwtKeys::Secret("s3cret".repeat(8)));
        let json = serde_json::to_string(&rule).unwrap();
        assert!(json.contains("\"keys\":{\"secret\":\"s3crets3cret"), "{json}");
        assert_eq!(serde_json::from_str::<JwtRule>(&json).unwrap(), rule);
        assert!(!format!("{rule:?}").contains("s3cret"));
    }
}
