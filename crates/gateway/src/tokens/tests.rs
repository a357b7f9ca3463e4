//! Who is believed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use serde_json::json;
use sha2::Sha256;

use super::*;

struct World {
    home: tempfile::TempDir,
    config: Config,
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time")
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::fixed(Secret::new("0123456789abcdef0123456789abcdef"));
        let config = Config::in_folder(home.path(), secrets);
        Self { home, config }
    }

    fn tokens(&self) -> Tokens {
        Tokens::load(&self.config).expect("loads")
    }

    fn create(&self, new: NewToken) -> (String, String) {
        create(&self.config.secrets, self.home.path(), &new, now()).expect("created")
    }

    fn alice() -> NewToken {
        NewToken { name: "alice".into(), ..NewToken::default() }
    }
}

#[test]
fn a_token_tells_its_subject_and_what_it_may_claim() {
    let world = World::new();
    let new = NewToken {
        hosts: vec!["alice-*".into(), "*.alice".into()],
        tcp: Some("20000-20009".parse().expect("a range")),
        ..World::alice()
    };
    let (token, id) = world.create(new);
    let identity = world.tokens().verify(&format!(" {token}\n"), now()).expect("good");
    assert_eq!((&*identity.subject, identity.token_id.as_deref()), ("alice", Some(id.as_str())));
    assert!(identity.hosts.allows_label("alice-x", Some("t.example")));
    assert!(!identity.hosts.allows_label("bob", Some("t.example")));
    assert!(identity.tcp.allows(20000) && identity.tcp.allows(20009) && !identity.tcp.allows(20010));
}

#[test]
fn a_tokens_limits_are_those_granted_within_the_gateways_own() {
    let mut world = World::new();
    let granted = TokenLimits { mappings: Some(5), rate: Some(1_000_000), ..TokenLimits::default() };
    let (token, id) = world.create(NewToken { limits: granted, ..World::alice() });
    let (older, _) = world.create(World::alice());
    let limits = |world: &World, token: &str| world.tokens().verify(token, now()).expect("good").limits;
    assert_eq!((limits(&world, &token), limits(&world, &older)), (granted, TokenLimits::default()));
    let book = Book::new(world.home.path()).list().expect("a book");
    assert_eq!((book[0].id.as_str(), book[0].limits, book[1].limits.is_none()), (id.as_str(), granted, true));
    world.config.token_limits = TokenLimits { mappings: Some(3), streams: Some(9), ..TokenLimits::default() };
    world.config.client_token = Some(Secret::new("a shared token"));
    let within = TokenLimits { mappings: Some(3), streams: Some(9), ..granted };
    assert_eq!((limits(&world, &token), limits(&world, &older)), (within, world.config.token_limits));
    assert_eq!(limits(&world, "a shared token"), world.config.token_limits);
}

#[test]
fn a_token_lives_until_its_expiry_and_may_be_60_seconds_from_the_future() {
    let world = World::new();
    let (token, _) = world.create(NewToken { expires: Some(Duration::from_secs(100)), ..World::alice() });
    let tokens = world.tokens();
    assert!(tokens.verify(&token, after(100)).is_ok());
    let error = tokens.verify(&token, after(101)).expect_err("expired");
    assert_eq!(error.code(), codes::TOKEN_EXPIRED);
    assert!(error.to_string().contains("clock"), "{error}");
    assert!(tokens.verify(&token, after(-60)).is_ok());
    assert!(tokens.verify(&token, after(-61)).is_err());
    let error = tokens.verify(&token, after(-86_400)).expect_err("a clock off by a day");
    assert_eq!(error.code(), codes::TOKEN_NOT_YET_VALID);
    assert!(error.to_string().contains("clock"), "{error}");
}

#[test]
fn foreign_and_broken_tokens_are_refused() {
    let (one, two) = (World::new(), World::new());
    let mut foreign = two;
    foreign.config.secrets = Secrets::fixed(Secret::new("another-secret-another-secret-another"));
    let (token, _) = foreign.create(World::alice());
    let tokens = one.tokens();
    assert_eq!(tokens.verify(&token, now()).expect_err("foreign"), TokenError::Foreign);
    for broken in ["", "abc", "a.b.c", &token[..token.len() / 2], &"x".repeat(10_000)] {
        assert_eq!(tokens.verify(broken, now()).expect_err("broken").code(), codes::TOKEN_INVALID);
    }
    let (good, _) = one.create(World::alice());
    let (head, signature) = good.rsplit_once('.').expect("three parts");
    let flipped: String = signature.chars().rev().collect();
    assert_eq!(tokens.verify(&format!("{head}.{flipped}"), now()).expect_err("forged"), TokenError::Foreign);
}

#[test]
fn only_hs256_is_believed() {
    let world = World::new();
    let secret = &world.config.secrets.all().expect("one")[0];
    let claims = serde_json::json!({"aud": AUDIENCE, "sub": "eve", "jti": "x", "iat": now().as_second()});
    let kid = Some(secret.key_id());
    let key = jsonwebtoken::EncodingKey::from_secret(&secret.derive("porthole-gateway token signing v1"));
    let sign = |algorithm, claims: &serde_json::Value| {
        let header = jsonwebtoken::Header { kid: kid.clone(), ..jsonwebtoken::Header::new(algorithm) };
        jsonwebtoken::encode(&header, claims, &key).expect("signed")
    };
    let tokens = world.tokens();
    assert!(tokens.verify(&sign(jsonwebtoken::Algorithm::HS256, &claims), now()).is_ok());
    assert!(tokens.verify(&sign(jsonwebtoken::Algorithm::HS512, &claims), now()).is_err());
    let other =
        serde_json::json!({"aud": "something-else", "sub": "eve", "jti": "x", "iat": now().as_second()});
    assert!(tokens.verify(&sign(jsonwebtoken::Algorithm::HS256, &other), now()).is_err());
}

/// A token of any header and claims, signed with HMAC-SHA-256 under `key` whatever its header says.
fn forged(header: &serde_json::Value, claims: &serde_json::Value, key: &[u8]) -> String {
    let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key");
    mac.update(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[test]
fn a_token_of_another_algorithm_key_audience_or_shape_is_refused() {
    let world = World::new();
    let secret = &world.config.secrets.all().expect("one")[0];
    let (key, kid) = (secret.derive("porthole-gateway token signing v1"), secret.key_id());
    let tokens = world.tokens();
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": kid});
    let claims = json!({"aud": AUDIENCE, "sub": "eve", "jti": "x", "iat": now().as_second()});
    let with = |object: &serde_json::Value, name: &str, value: serde_json::Value| {
        let mut object = object.clone();
        object[name] = value;
        object
    };
    let good = forged(&header, &claims, &key);
    assert!(tokens.verify(&good, now()).is_ok(), "what is varied below is right as it is");

    // Algorithms by name, signed as if they were ours.
    for algorithm in ["none", "None", "", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA", "hs256"] {
        let token = forged(&with(&header, "alg", json!(algorithm)), &claims, &key);
        assert!(tokens.verify(&token, now()).is_err(), "{algorithm}");
        let (unsigned, _) = token.rsplit_once('.').expect("three parts");
        for bare in [format!("{unsigned}."), unsigned.to_owned()] {
            assert!(tokens.verify(&bare, now()).is_err(), "{algorithm}, no signature");
        }
    }
    // Truly signed with a longer hash under the right key.
    for algorithm in [jsonwebtoken::Algorithm::HS384, jsonwebtoken::Algorithm::HS512] {
        let header = jsonwebtoken::Header { kid: Some(kid.clone()), ..jsonwebtoken::Header::new(algorithm) };
        let key = jsonwebtoken::EncodingKey::from_secret(&key);
        let token = jsonwebtoken::encode(&header, &claims, &key).expect("signed");
        assert!(tokens.verify(&token, now()).is_err(), "{algorithm:?}");
    }
    // Other keys: named by the token, brought along in it, empty, or the secret itself.
    let headers = [
        with(&header, "kid", json!("../../../dev/null")),
        with(&header, "kid", json!("")),
        with(&header, "kid", json!(null)),
        with(&header, "jwk", json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode("mine")})),
        with(&header, "jku", json!("http://127.0.0.1/keys")),
        header.clone(),
    ];
    for header in &headers {
        for key in [&b"mine"[..], b"", secret.bytes(), kid.as_bytes()] {
            assert!(tokens.verify(&forged(header, &claims, key), now()).is_err(), "{header}");
        }
    }
    // The right key, wrong contents.
    let contents = [
        with(&claims, "aud", json!("something-else")),
        with(&claims, "aud", json!(["something-else", "porthole-gateway"])),
        with(&claims, "aud", json!(null)),
        with(&claims, "sub", json!(null)),
        with(&claims, "sub", json!(7)),
        with(&claims, "jti", json!(null)),
        with(&claims, "iat", json!(null)),
        with(&claims, "iat", json!("today")),
        with(&claims, "iat", json!(i64::MAX)),
        with(&claims, "exp", json!("never")),
        with(&claims, "exp", json!(i64::MAX)),
        with(&claims, "exp", json!(-1)),
        with(&claims, "exp", json!(now().as_second() - 1)),
        with(&claims, "hosts", json!("*")),
        with(&claims, "hosts", json!(["a b"])),
        with(&claims, "tcp", json!("1-99999")),
        json!([]),
    ];
    for claims in &contents {
        assert!(tokens.verify(&forged(&header, claims, &key), now()).is_err(), "{claims}");
    }
}

#[test]
fn a_revoked_token_is_refused_at_the_next_reading() {
    let world = World::new();
    let (token, id) = world.create(World::alice());
    let tokens = world.tokens();
    let changes = tokens.changes();
    let identity = tokens.verify(&token, now()).expect("good");
    Book::new(world.home.path()).revoke(&id, now()).expect("revoked");
    tokens.reread();
    assert!(changes.has_changed().expect("alive"));
    assert_eq!(tokens.verify(&token, now()).expect_err("revoked"), TokenError::Revoked);
    assert_eq!(tokens.still_good(&identity, now()), Err(TokenError::Revoked));
    assert!(matches!(Book::new(world.home.path()).revoke("nope", now()), Err(BookError::Unknown(_))));
}

#[test]
fn after_rotation_old_tokens_hold_until_their_secret_is_removed() {
    let mut world = World::new();
    let folders = crate::config::Folders { config: world.home.path().into(), data: world.home.path().into() };
    let layers = crate::config::Layers::default();
    world.config.secrets = Config::resolve(&layers, &folders).expect("made").secrets;
    let (old, _) = world.create(World::alice());
    let tokens = world.tokens();
    let identity = tokens.verify(&old, now()).expect("good");
    world.config.secrets.rotate().expect("rotated");
    let (new, _) = world.create(World::alice());
    assert!(tokens.verify(&new, now()).is_ok(), "the secrets are read again for a key not seen before");
    assert!(tokens.verify(&old, now()).is_ok());
    std::fs::remove_file(world.home.path().join("secret")).expect("removed");
    tokens.reread();
    assert!(tokens.verify(&new, now()).is_ok());
    assert_eq!(tokens.verify(&old, now()).expect_err("gone"), TokenError::Foreign);
    assert_eq!(tokens.still_good(&identity, now()), Err(TokenError::Foreign));
}

#[test]
fn the_shared_client_token_is_subject_shared_with_all_names() {
    let mut world = World::new();
    world.config.client_token = Some(Secret::new("open-sesame"));
    let tokens = world.tokens();
    let identity = tokens.verify("open-sesame", now()).expect("good");
    assert_eq!(&*identity.subject, "shared");
    assert!(identity.hosts.allows_host("shop.example.com", Some("t.example")));
    assert!(!identity.tcp.allows(20000));
    assert!(tokens.verify("open-sesam", now()).is_err());
    assert!(tokens.verify("", now()).is_err());
}

#[test]
fn host_patterns_allow_what_they_say() {
    let domain = Some("t.example");
    let grant = |text: &str| HostGrant::from_patterns(&[text.to_owned()]).expect("a pattern");
    assert!(grant("alice").allows_label("alice", domain) && !grant("alice").allows_label("alicea", domain));
    assert!(grant("alice-*").allows_label("alice-", domain));
    assert!(grant("*-dev").allows_label("x-dev", domain) && !grant("a*a").allows_label("a", domain));
    assert!(grant("*.alice").allows_host("x.alice.t.example", domain));
    assert!(!grant("*.alice").allows_host("alice.t.example", domain));
    assert!(!grant("*.alice").allows_host("x.malice.t.example", domain));
    assert!(grant("shop.example.com").allows_host("shop.example.com", domain));
    assert!(!grant("shop.example.com").allows_host("www.shop.example.com", domain));
    assert!(grant("*.example.com").allows_host("*.example.com", domain));
    assert!(grant("*.example.com").allows_host("a.example.com", domain));
    assert!(!grant("*.example.com").allows_host("example.com", domain));
    assert!(!grant("a.example.com").allows_host("*.example.com", domain));
    assert!(!grant("alice").allows_host("alice.other.example", domain));
    assert!(HostGrant::AnyLabel.allows_host("x.t.example", domain));
    assert!(!HostGrant::AnyLabel.allows_host("x.y.t.example", domain));
    assert!(!HostGrant::AnyLabel.allows_host("*.t.example", domain));
    assert!(!HostGrant::AnyLabel.allows_host("shop.example.com", domain));
    for wrong in ["", "a b", "-a", "a*b*", "*.", "ü*"] {
        assert!(HostGrant::from_patterns(&[wrong.to_owned()]).is_err(), "{wrong}");
    }
}

#[test]
fn a_label_has_1_to_63_characters_and_no_dash_at_its_ends() {
    assert!(is_label("a") && is_label(&"a".repeat(63)) && is_label("a-b") && is_label("3000"));
    for wrong in ["", "-a", "a-", "A", "a_b", "a.b", "ä"] {
        assert!(!is_label(wrong), "{wrong}");
    }
    assert!(!is_label(&"a".repeat(64)));
}

proptest! {
    #[test]
    fn no_text_but_a_signed_one_is_believed(text in "[A-Za-z0-9_.-]{0,120}") {
        let world = World::new();
        prop_assert!(world.tokens().verify(&text, now()).is_err());
    }
}
