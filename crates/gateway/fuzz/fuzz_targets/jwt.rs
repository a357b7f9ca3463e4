#![no_main]
//! A visitor's token and an issuer's keys, whatever they are: the first line is the token, the rest a set of keys, or
//! where it is none a public key in PEM. Nothing is let in without a signature, and nothing panics.

use libfuzzer_sys::fuzz_target;
use porthole_gateway::policy::ShownToken;
use porthole_gateway::policy::jwt::{Jwt, KeySet, Source};
use porthole_link::control::{JwtKeys, JwtRule};

fuzz_target!(|text: &str| {
    let (token, keys) = text.split_once('\n').unwrap_or((text, ""));
    let Some(token) = ShownToken::new(token.trim().as_bytes()) else { return };
    let now = jiff::Timestamp::from_second(1_800_000_000).expect("a constant");
    let audiences = vec!["shop".to_owned()];
    let url = JwtKeys::JwksUrl("https://id.example/keys".into());
    let published = JwtRule { audiences: audiences.clone(), keys: url, ..JwtRule::default() };
    let published = Jwt::new(&published).expect("a constant");
    if let Ok(keys) = KeySet::published(keys.as_bytes()) {
        // Who chose the keys may have signed with them.
        let _ = published.open(&token, &keys, now);
    }
    if let Ok(keys) = KeySet::public(keys) {
        let _ = published.open(&token, &keys, now);
    }
    let fixed = JwtRule { audiences, keys: JwtKeys::Secret(SECRET.into()), ..JwtRule::default() };
    let fixed = Jwt::new(&fixed).expect("a constant");
    let Source::Fixed(keys) = fixed.source() else { unreachable!("a secret") };
    assert!(fixed.open(&token, keys, now).is_err(), "nobody knows the secret: {token:?}");
});

/// In no input: what is signed with it was not made by a fuzzer.
const SECRET: &str = "7d2f0c1f5a7b4d0fa4c4a1f0e8f9b2c36e5d";
