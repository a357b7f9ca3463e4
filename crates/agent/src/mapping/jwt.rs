//! What tokens of visitors have to be like, as people write it.

use base64::Engine as _;
use porthole_link::control::{JwtKeys, JwtRule, RequiredClaim};

use super::{MappingError, shown};

/// Bytes of the shortest RSA key in DER that is taken: 2048 bits. One of 1024 has 162.
const RSA_DER_BYTES: usize = 290;
const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
/// P-256, P-384 and Ed25519 as object identifiers.
const CURVES: [&[u8]; 3] =
    [b"\x2a\x86\x48\xce\x3d\x03\x01\x07", b"\x2b\x81\x04\x00\x22", b"\x06\x03\x2b\x65\x70"];

/// `NAME=VALUE`.
pub fn parse_claim(text: &str) -> Result<RequiredClaim, MappingError> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.is_empty() => {
            Ok(RequiredClaim { name: name.trim().to_owned(), value: value.to_owned() })
        }
        _ => Err(MappingError::JwtClaim(shown(text))),
    }
}

/// The rule, if it could be followed.
pub fn checked_jwt(mut rule: JwtRule) -> Result<JwtRule, MappingError> {
    if let JwtKeys::PublicKey(pem) = &mut rule.keys {
        *pem = pem.trim().to_owned();
        if pem.contains("PRIVATE KEY-----") {
            return Err(MappingError::Jwt(
                "that is a private key, which stays with whoever signs: give the public one",
            ));
        }
        if !is_public_key(pem) {
            return Err(MappingError::Jwt(
                "the key is no public one of RSA (2048 to 4096 bits), P-256, P-384 or Ed25519 in PEM",
            ));
        }
    }
    rule.check().map_err(MappingError::Jwt)?;
    Ok(rule)
}

/// Whether it looks like one that the gateway takes, which reads it in full.
fn is_public_key(pem: &str) -> bool {
    let inside = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    let Ok(der) = base64::engine::general_purpose::STANDARD.decode(inside.collect::<String>()) else {
        return false;
    };
    // The kind stands at the front.
    let front = &der[..der.len().min(32)];
    let names = |id: &[u8]| front.windows(id.len()).any(|window| window == id);
    let known = CURVES.into_iter().any(names) || (names(RSA) && der.len() >= RSA_DER_BYTES);
    pem.starts_with("-----BEGIN PUBLIC KEY-----") && known
}

#[cfg(test)]
mod tests {
    use super::*;

    const P256: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEa13QgPHoSwgPBoJ1LbfY1bTJMCus\n\
        Kqty4cbZR0XaFl5enIYLD22MsHiCXOiMcGSvQ6Ul7QXBoictJO1gtgV/Hw==\n-----END PUBLIC KEY-----\n";

    fn rule(keys: JwtKeys) -> JwtRule {
        JwtRule { audiences: vec!["shop".into()], keys, ..JwtRule::default() }
    }

    #[test]
    fn a_claim_is_a_name_and_a_value() {
        let claim = |name: &str, value: &str| RequiredClaim { name: name.into(), value: value.into() };
        assert_eq!(parse_claim("role=admin"), Ok(claim("role", "admin")));
        assert_eq!(parse_claim("https://a.example/x=a=b"), Ok(claim("https://a.example/x", "a=b")));
        for bad in ["", "role", "role=", "=admin"] {
            assert!(parse_claim(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_that_is_none_or_private_is_told_before_it_travels() {
        let told = |pem: &str| match checked_jwt(rule(JwtKeys::PublicKey(pem.into()))) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told(P256), "");
        assert!(told(&P256.replace("PUBLIC", "PRIVATE")).contains("private"));
        assert!(told("nonsense").contains("public one"));
        assert!(told(&P256.replace("AQYIKoZI", "AAAAAAAA")).contains("public one"));
        assert!(told("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----").contains("public one"));
    }

    #[test]
    fn a_rule_needs_keys_that_are_long_enough_or_somewhere() {
        assert!(checked_jwt(rule(JwtKeys::Secret("x".repeat(32)))).is_ok());
        assert!(checked_jwt(rule(JwtKeys::Secret("x".repeat(31)))).is_err());
        assert!(checked_jwt(rule(JwtKeys::JwksUrl("https://id.example/keys".into()))).is_ok());
        assert!(checked_jwt(rule(JwtKeys::JwksUrl("id.example".into()))).is_err());
    }
}
