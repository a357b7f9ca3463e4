//! Which tokens are let in, by which keys.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use porthole_link::control::Policy;
use proptest::prelude::*;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use serde_json::json;

use super::*;

/// For these tests alone: PKCS#1, and its public half.
const RSA_PRIVATE: &[u8] = include_bytes!("testdata/rsa-2048.der");
const RSA_PUBLIC: &str = include_str!("testdata/rsa-2048-public.pem");
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn rule(keys: JwtKeys) -> JwtRule {
    let claims = vec![RequiredClaim { name: "role".into(), value: "admin".into() }];
    JwtRule { issuer: Some("https://id.example".into()), audiences: vec!["shop".into()], claims, keys }
}

fn by(keys: JwtKeys) -> Jwt {
    Jwt::new(&rule(keys)).unwrap()
}

fn published() -> Jwt {
    by(JwtKeys::JwksUrl("https://id.example/keys".into()))
}

fn good() -> Value {
    json!({
        "iss": "https://id.example", "aud": "shop", "role": "admin", "sub": "ann", "exp": NOW + 60, "nbf": NOW,
    })
}

fn token(algorithm: Algorithm, id: Option<&str>, key: &EncodingKey, claims: &Value) -> ShownToken {
    let header = Header { kid: id.map(str::to_owned), ..Header::new(algorithm) };
    ShownToken::new(jsonwebtoken::encode(&header, claims, key).unwrap().as_bytes()).unwrap()
}

fn signed(algorithm: Algorithm, claims: &Value) -> ShownToken {
    token(algorithm, None, &EncodingKey::from_secret(SECRET.as_bytes()), claims)
}

/// What is asked of `token` by a rule with a fixed key.
fn opened(jwt: &Jwt, token: &ShownToken) -> Result<(), TokenProblem> {
    let Source::Fixed(keys) = jwt.source() else { panic!("a fixed key") };
    jwt.open(token, keys, now())
}

fn secret() -> Jwt {
    by(JwtKeys::Secret(SECRET.into()))
}

fn set(keys: &[Jwk]) -> KeySet {
    KeySet::published(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn jwk(id: Option<&str>, key: &EncodingKey, algorithm: Algorithm) -> Jwk {
    let mut jwk = Jwk::from_encoding_key(key, algorithm).unwrap();
    jwk.common.key_id = id.map(str::to_owned);
    jwk
}

fn p256() -> (EncodingKey, String) {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    (EncodingKey::from_ec_der(pair.serialized_der()), pair.public_key_pem())
}

#[test]
fn each_kind_of_key_opens_what_it_signed_published_or_not() {
    let (es256, es256_public) = p256();
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let (es384, es384_public) = (EncodingKey::from_ec_der(pair.serialized_der()), pair.public_key_pem());
    let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let (ed, ed_public) = (EncodingKey::from_ed_der(pair.serialized_der()), pair.public_key_pem());
    // The library does not read it off the private half that ring writes.
    let ed_published = json!({"kty": "OKP", "crv": "Ed25519", "x": url_safe(pair.public_key_raw())});
    let ed_published: Jwk = serde_json::from_value(ed_published).unwrap();
    let rsa = EncodingKey::from_rsa_der(RSA_PRIVATE);
    for (algorithm, key, public) in [
        (Algorithm::ES256, &es256, es256_public.as_str()),
        (Algorithm::ES384, &es384, &es384_public),
        (Algorithm::EdDSA, &ed, &ed_public),
        (Algorithm::RS256, &rsa, RSA_PUBLIC),
        (Algorithm::PS512, &rsa, RSA_PUBLIC),
    ] {
        let named = token(algorithm, Some("k1"), key, &good());
        assert_eq!(opened(&by(JwtKeys::PublicKey(public.into())), &named), Ok(()), "{algorithm:?}");
        let jwt = published();
        let is_ed = algorithm == Algorithm::EdDSA;
        let mut published = if is_ed { ed_published.clone() } else { jwk(None, key, algorithm) };
        published.common.key_id = Some("k1".into());
        let keys = set(&[published]);
        assert_eq!(jwt.open(&named, &keys, now()), Ok(()), "{algorithm:?}");
        let other = token(algorithm, Some("k2"), key, &good());
        assert_eq!(jwt.open(&other, &keys, now()), Err(TokenProblem::UnknownKey), "{algorithm:?}");
    }
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        assert_eq!(opened(&secret(), &signed(algorithm, &good())), Ok(()), "{algorithm:?}");
    }
}

#[test]
fn the_key_tells_the_algorithm_and_never_the_token() {
    let (key, public) = p256();
    let jwt = by(JwtKeys::PublicKey(public.clone()));
    // The public key as a secret, in each form that somebody could take it for.
    let pem = x509_parser::pem::parse_x509_pem(public.as_bytes()).unwrap().1;
    for bytes in [public.as_bytes(), public.trim().as_bytes(), &pem.contents] {
        let forged = token(Algorithm::HS256, None, &EncodingKey::from_secret(bytes), &good());
        assert_eq!(opened(&jwt, &forged), Err(TokenProblem::Algorithm));
    }
    let forged = token(Algorithm::HS256, Some("k1"), &EncodingKey::from_secret(public.as_bytes()), &good());
    let keys = set(&[jwk(Some("k1"), &key, Algorithm::ES256)]);
    assert_eq!(published().open(&forged, &keys, now()), Err(TokenProblem::Algorithm));
    // No signature at all, in every spelling.
    let claims = good().to_string();
    for alg in ["none", "None", "NONE", "nOnE", "", "HS1", "RS256 "] {
        let text = format!(
            "{}.{}.",
            url_safe(json!({ "alg": alg }).to_string().as_bytes()),
            url_safe(claims.as_bytes())
        );
        let unsigned = ShownToken::new(text.as_bytes()).unwrap();
        for jwt in [&jwt, &secret()] {
            assert_eq!(opened(jwt, &unsigned), Err(TokenProblem::Malformed), "{alg}");
        }
    }
    // A key for RSASSA-PKCS1-v1_5 alone is for nothing else.
    let rsa = EncodingKey::from_rsa_der(RSA_PRIVATE);
    let keys = set(&[jwk(None, &rsa, Algorithm::RS512)]);
    let other = token(Algorithm::RS256, None, &rsa, &good());
    assert_eq!(published().open(&other, &keys, now()), Err(TokenProblem::Algorithm));
    // A key in the token's own head opens nothing.
    let (own, _) = p256();
    let mut header = Header::new(Algorithm::ES256);
    header.jwk = Some(jwk(None, &own, Algorithm::ES256));
    header.jku = Some("https://evil.example/keys".into());
    let text = jsonwebtoken::encode(&header, &good(), &own).unwrap();
    let forged = ShownToken::new(text.as_bytes()).unwrap();
    assert_eq!(opened(&jwt, &forged), Err(TokenProblem::Signature));
}

#[test]
fn a_secret_that_is_published_is_none() {
    let oct = jwk(Some("k1"), &EncodingKey::from_secret(SECRET.as_bytes()), Algorithm::HS256);
    let json = json!({ "keys": [oct] }).to_string();
    assert_eq!(KeySet::published(json.as_bytes()).err(), Some(NoKeys::NoneUsable));
    let (key, _) = p256();
    let keys = set(&[oct, jwk(Some("k2"), &key, Algorithm::ES256)]);
    let forged = token(Algorithm::HS256, Some("k1"), &EncodingKey::from_secret(SECRET.as_bytes()), &good());
    assert_eq!(published().open(&forged, &keys, now()), Err(TokenProblem::UnknownKey));
}

#[test]
fn a_token_has_its_time_issuer_audience_and_claims() {
    let jwt = secret();
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        opened(&jwt, &signed(Algorithm::HS256, &claims))
    };
    let without = |name: &str| {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(name);
        opened(&jwt, &signed(Algorithm::HS256, &claims))
    };
    assert_eq!(with("exp", json!(NOW)), Ok(()));
    assert_eq!(with("exp", json!(NOW as f64 + 0.5)), Ok(()));
    assert_eq!(with("exp", json!(NOW - 1)), Err(TokenProblem::Expired));
    for none in [json!("soon"), json!(null), json!((NOW + 60).to_string())] {
        assert_eq!(with("exp", none), Err(TokenProblem::NoExpiry));
    }
    assert_eq!(without("exp"), Err(TokenProblem::NoExpiry));
    assert_eq!((with("nbf", json!(NOW + 60)), without("nbf")), (Ok(()), Ok(())));
    assert_eq!(with("nbf", json!(NOW + 61)), Err(TokenProblem::NotYetValid));
    assert_eq!(with("nbf", json!("now")), Err(TokenProblem::Malformed));
    for other in [json!("https://id.example/"), json!(["https://id.example"]), json!(null)] {
        assert_eq!(with("iss", other), Err(TokenProblem::Issuer));
    }
    assert_eq!((without("iss"), without("aud")), (Err(TokenProblem::Issuer), Err(TokenProblem::Audience)));
    assert_eq!(with("aud", json!(["other", "shop"])), Ok(()));
    for other in [json!("shop2"), json!(["other"]), json!([]), json!({"shop": true}), json!([["shop"]])] {
        assert_eq!(with("aud", other), Err(TokenProblem::Audience));
    }
    assert_eq!(with("role", json!(["user", "admin"])), Ok(()));
    for other in [json!("user"), json!("admin user"), json!({"admin": 1}), json!(null)] {
        assert_eq!(with("role", other), Err(TokenProblem::Claim));
    }
    assert_eq!(without("role"), Err(TokenProblem::Claim));
}

#[test]
fn claims_are_texts_numbers_truths_and_scopes() {
    let jwt = |name: &str, value: &str| {
        let claims = vec![RequiredClaim { name: name.into(), value: value.into() }];
        Jwt::new(&JwtRule {
            issuer: None,
            audiences: Vec::new(),
            claims,
            ..rule(JwtKeys::Secret(SECRET.into()))
        })
        .unwrap()
    };
    let claims =
        json!({"exp": NOW + 1, "level": 3, "verified": true, "scope": "read write", "roles": "read write"});
    let token = signed(Algorithm::HS256, &claims);
    for (name, value) in [("level", "3"), ("verified", "true"), ("scope", "write"), ("roles", "read write")] {
        assert_eq!(opened(&jwt(name, value), &token), Ok(()), "{name}={value}");
    }
    for (name, value) in [("level", "3.0"), ("verified", "false"), ("scope", "writ"), ("roles", "read")] {
        assert_eq!(opened(&jwt(name, value), &token), Err(TokenProblem::Claim), "{name}={value}");
    }
}

#[test]
fn what_has_to_be_understood_and_is_not_is_refused() {
    let mut header = Header::new(Algorithm::HS256);
    header.crit = Some(vec!["b64".into()]);
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let text = jsonwebtoken::encode(&header, &good(), &key).unwrap();
    let token = ShownToken::new(text.as_bytes()).unwrap();
    assert_eq!(opened(&secret(), &token), Err(TokenProblem::Malformed));
}

#[test]
fn another_keys_signature_is_wrong_and_one_without_a_name_is_perhaps_newer() {
    let other = token(Algorithm::HS256, None, &EncodingKey::from_secret(&[7; 32]), &good());
    assert_eq!(opened(&secret(), &other), Err(TokenProblem::Signature));
    let ((key, _), (next, _)) = (p256(), p256());
    let keys = set(&[jwk(Some("k1"), &key, Algorithm::ES256)]);
    let open = |id| published().open(&token(Algorithm::ES256, id, &next, &good()), &keys, now());
    assert_eq!(open(Some("k1")), Err(TokenProblem::Signature));
    assert_eq!(open(None), Err(TokenProblem::UnknownKey));
    assert_eq!(published().open(&token(Algorithm::ES256, None, &key, &good()), &keys, now()), Ok(()));
}

#[test]
fn a_token_that_is_no_token_by_its_form_is_none() {
    for text in ["a.b.c", "..", "A-_.b.c"] {
        assert!(ShownToken::new(text.as_bytes()).is_some(), "{text}");
    }
    for text in ["", "a.b", "a.b.c.d", "a.b c.d", "a.b.c=", "a.b.é"] {
        assert!(ShownToken::new(text.as_bytes()).is_none(), "{text}");
    }
    let of = |bytes: usize| ShownToken::new(format!("{}.b.c", "a".repeat(bytes - 4)).as_bytes());
    assert!(of(MAX_TOKEN_BYTES).is_some() && of(MAX_TOKEN_BYTES + 1).is_none());
    assert!(!format!("{:?}", of(10)).contains("aaa"));
}

#[test]
fn keys_that_are_none_are_skipped_and_a_set_without_any_is_refused() {
    let point = "A".repeat(43);
    let usable = json!({"kty": "EC", "crv": "P-256", "x": point, "y": point});
    let mut with = Vec::new();
    for (member, value) in [
        ("kty", json!("DSA")),
        ("crv", json!("secp256k1")),
        ("crv", json!("P-384")),
        ("x", json!("AAAA")),
        ("x", json!("!")),
        ("y", json!(null)),
        ("use", json!("enc")),
        ("key_ops", json!(["sign"])),
        ("alg", json!("ECDH-ES")),
        ("kid", json!(7)),
    ] {
        let mut key = usable.clone();
        key[member] = value;
        with.push(key);
    }
    for (n, e) in [(255, 3), (513, 3), (256, 5), (0, 3), (256, 0)] {
        with.push(json!({"kty": "RSA", "n": base64(n), "e": base64(e)}));
    }
    // The library would panic over a key of Ed25519 that is too short.
    for bytes in [0, 31, 33] {
        with.push(json!({"kty": "OKP", "crv": "Ed25519", "x": base64(bytes)}));
    }
    with.push(json!("nonsense"));
    for key in &with {
        let json = json!({ "keys": [key] }).to_string();
        assert_eq!(KeySet::published(json.as_bytes()).err(), Some(NoKeys::NoneUsable), "{key}");
    }
    with.push(usable);
    assert!(KeySet::published(json!({ "keys": with }).to_string().as_bytes()).is_ok());
    for none in ["", "[]", "{}", "{\"keys\":{}}", "<html>"] {
        assert_eq!(KeySet::published(none.as_bytes()).err(), Some(NoKeys::NoSet), "{none}");
    }
}

fn base64(bytes: usize) -> String {
    url_safe(&vec![0xff; bytes])
}

fn url_safe(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn no_more_than_32_keys_of_a_set_are_kept() {
    let key = |n: usize| json!({"kty": "OKP", "crv": "Ed25519", "x": base64(32), "kid": n.to_string()});
    let json = json!({ "keys": (0..40).map(key).collect::<Vec<_>>() }).to_string();
    let keys = KeySet::published(json.as_bytes()).unwrap();
    assert_eq!(format!("{keys:?}"), "KeySet(32)");
    assert!(keys.candidates(Some("31"), Algorithm::EdDSA).is_ok());
    assert_eq!(keys.candidates(Some("32"), Algorithm::EdDSA).err(), Some(TokenProblem::UnknownKey));
}

#[test]
fn a_rule_that_cannot_be_followed_is_refused_in_a_sentence() {
    let told = |keys: JwtKeys| Jwt::new(&rule(keys)).unwrap_err();
    let short_rsa = "-----BEGIN PUBLIC KEY-----\n\
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCuZQUcHuJ++3h40vCXBhGbsNdq\n\
        pqDqnF6WjXKYtWTyqhd2zSk9Szz+2Pg4nm4Cfqn99O0Y3vGuD+VrgVekNXu40c0k\n\
        8sbDB+AjdrDjP+nIlDgtNyJgtyDQJXKV9pB/RSoEAAvhhVevIOV7hxzzU413K0KQ\n\
        4VoyjZOAPmWi0Bd5GQIDAQAB\n-----END PUBLIC KEY-----\n";
    let other_curve = "-----BEGIN PUBLIC KEY-----\n\
        MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAESlvSA/ARZBWHd6ZknrQeg1CrFkgZ7aUt\n\
        rVIKm8COpT80jL5pqEOuAABaKi/NwMGIRFbLQWN7+yUnFlcDDXhXDQ==\n-----END PUBLIC KEY-----\n";
    let nonsense = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    for pem in [short_rsa, other_curve, nonsense] {
        assert!(told(JwtKeys::PublicKey(pem.into())).contains("2048 to 4096"), "{pem}");
    }
    for url in ["https://", "https://user@id.example/keys", "https://:p@id.example/", "ftp://id.example"] {
        assert!(told(JwtKeys::JwksUrl(url.into())).contains("URL of keys"), "{url}");
    }
    assert!(told(JwtKeys::Secret("short".into())).contains("32 to 1024"));
    let policy = Policy { jwt: Some(rule(JwtKeys::Secret("short".into()))), ..Policy::default() };
    assert!(super::super::Compiled::new(&policy, "shop").is_err());
    assert!(!format!("{:?}", secret()).contains(SECRET));
}

proptest! {
    #[test]
    fn any_text_is_opened_without_panic(head in "[A-Za-z0-9_-]{0,40}", claims in "[A-Za-z0-9_-]{0,40}", bytes in 0..80_usize) {
        let text = format!("{head}.{claims}.{}", base64(bytes));
        prop_assert!(opened(&secret(), &ShownToken::new(text.as_bytes()).unwrap()).is_err());
    }
}
