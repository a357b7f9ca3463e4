//! What tokens have to be like, onto a mapping's policy.

use std::io::Read as _;

use porthole_link::control::{JwtKeys, JwtRule, Policy};

use super::{FieldsError, MappingFields, each, unless_empty};
use crate::mapping::{MappingError, checked_jwt, parse_claim, shown};
use crate::secrets::resolve;

/// Sets, changes or takes off the rule. An empty place of keys, and no other, takes it off.
pub(super) fn apply(fields: &MappingFields, policy: &mut Policy) -> Result<(), FieldsError> {
    let places = [&fields.jwt_jwks_url, &fields.jwt_key_file, &fields.jwt_secret];
    let given = places.into_iter().flatten().filter(|text| !text.trim().is_empty()).count();
    if given > 1 {
        return Err(MappingError::JwtTwoKeys.into());
    }
    let about =
        fields.jwt_issuer.is_some() || !fields.jwt_audience.is_empty() || !fields.jwt_claim.is_empty();
    if given == 0 && places.into_iter().any(Option::is_some) {
        policy.jwt = None;
    }
    if given == 0 && !about {
        return Ok(());
    }
    let mut rule = policy.jwt.take().unwrap_or_default();
    match keys(fields)? {
        Some(keys) => rule.keys = keys,
        None if rule.keys == JwtKeys::default() => {
            let clears = |text: &String| text.trim().is_empty();
            let all =
                fields.jwt_issuer.iter().chain(&fields.jwt_audience).chain(&fields.jwt_claim).all(clears);
            // Nothing is taken off nothing.
            return if all { Ok(()) } else { Err(MappingError::JwtWithoutKeys.into()) };
        }
        None => {}
    }
    about_tokens(fields, &mut rule)?;
    policy.jwt = Some(checked_jwt(rule)?);
    Ok(())
}

fn about_tokens(fields: &MappingFields, rule: &mut JwtRule) -> Result<(), MappingError> {
    let own = |text: &str| Ok::<_, MappingError>(text.trim().to_owned());
    if let Some(issuer) = &fields.jwt_issuer {
        rule.issuer = unless_empty(issuer, own)?;
    }
    if !fields.jwt_audience.is_empty() {
        rule.audiences = each(&fields.jwt_audience, own)?;
    }
    if !fields.jwt_claim.is_empty() {
        rule.claims = each(&fields.jwt_claim, parse_claim)?;
    }
    Ok(())
}

fn keys(fields: &MappingFields) -> Result<Option<JwtKeys>, FieldsError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    if let Some(url) = given(&fields.jwt_jwks_url) {
        return Ok(Some(JwtKeys::JwksUrl(url.trim().to_owned())));
    }
    if let Some(path) = given(&fields.jwt_key_file) {
        let mut pem = String::new();
        // One byte more than fits, so that a longer file is told as such.
        let most = JwtRule::MAX_PEM_BYTES as u64 + 1;
        std::fs::File::open(path.trim())
            .and_then(|file| file.take(most).read_to_string(&mut pem))
            .map_err(|error| MappingError::JwtKeyFile(shown(&path), error.to_string()))?;
        return Ok(Some(JwtKeys::PublicKey(pem)));
    }
    let Some(secret) = given(&fields.jwt_secret) else { return Ok(None) };
    let secret = resolve(&secret).map_err(FieldsError::JwtSecret)?;
    Ok(Some(JwtKeys::Secret(secret.expose().to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn with(change: impl FnOnce(&mut MappingFields)) -> MappingFields {
        let mut fields = MappingFields::default();
        change(&mut fields);
        fields
    }

    #[test]
    fn a_rule_is_set_changed_in_parts_and_taken_off() {
        let mut policy = Policy::default();
        let set = with(|fields| {
            fields.jwt_jwks_url = Some("https://id.example/keys".into());
            fields.jwt_issuer = Some("https://id.example".into());
            fields.jwt_audience = vec!["shop".into()];
            fields.jwt_claim = vec!["role=admin".into()];
        });
        apply(&set, &mut policy).unwrap();
        apply(&MappingFields::default(), &mut policy).unwrap();
        let rule = policy.jwt.clone().unwrap();
        assert_eq!((rule.issuer.as_deref(), rule.audiences.len()), (Some("https://id.example"), 1));
        apply(&with(|fields| fields.jwt_issuer = Some(String::new())), &mut policy).unwrap();
        apply(&with(|fields| fields.jwt_secret = Some(SECRET.into())), &mut policy).unwrap();
        let rule = policy.jwt.clone().unwrap();
        assert_eq!((rule.issuer, rule.keys), (None, JwtKeys::Secret(SECRET.into())));
        assert_eq!(rule.claims[0].value, "admin");
        apply(&with(|fields| fields.jwt_secret = Some(String::new())), &mut policy).unwrap();
        assert_eq!(policy, Policy::default());
        apply(&with(|fields| fields.jwt_issuer = Some(String::new())), &mut policy).unwrap();
        assert_eq!(policy, Policy::default());
    }

    #[test]
    fn a_rule_that_cannot_be_is_refused_in_a_sentence_without_its_secret() {
        let told = |fields: MappingFields| apply(&fields, &mut Policy::default()).unwrap_err().to_string();
        assert!(told(with(|fields| fields.jwt_issuer = Some("x".into()))).contains("--jwt-jwks-url"));
        let two = with(|fields| {
            fields.jwt_jwks_url = Some("https://id.example/keys".into());
            fields.jwt_secret = Some(SECRET.into());
        });
        assert!(told(two).contains("only one"));
        let short = told(with(|fields| fields.jwt_secret = Some("hunter2".into())));
        assert!(short.contains("32") && !short.contains("hunter2"), "{short}");
        let nobodys = told(with(|fields| fields.jwt_jwks_url = Some("https://id.example/keys".into())));
        assert!(nobodys.contains("audience"), "{nobodys}");
        assert!(
            told(with(|fields| fields.jwt_key_file = Some("/nonexistent".into()))).contains("/nonexistent")
        );
    }
}
