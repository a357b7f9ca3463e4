//! Tokens (JWT) with which visitors come in.

use porthole_testkit::agent::Home;
use porthole_testkit::issuer::{now, unsigned};
use porthole_testkit::wait::until;
use porthole_testkit::{Issuer, Reply, World};
use serde_json::{Value, json};

use super::ask;

const ISSUER: &str = "https://id.example";

/// A mapping that asks for tokens of `issuer`, whom the gateway may call.
async fn world_of(issuer: &Issuer, more: &[&str]) -> World {
    World::builder()
        .gateway(|gateway| gateway.args(["--outgoing-allow", "127.0.0.0/8"]))
        .agent_args(["--jwt-jwks-url", &issuer.url(), "--jwt-issuer", ISSUER, "--jwt-audience", "shop"])
        .agent_args(more)
        .start()
        .await
}

fn good() -> Value {
    json!({"iss": ISSUER, "aud": ["other", "shop"], "sub": "ann", "roles": ["user", "admin"]})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    claims[name] = value;
    claims
}

async fn show(world: &World, token: &str) -> Reply {
    ask(world, "/hello", &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn an_issuers_tokens_are_let_in_and_what_is_wrong_with_others_is_told() {
    let issuer = Issuer::start().await;
    let world = world_of(&issuer, &["--jwt-claim", "roles=admin"]).await;
    let without = ask(&world, "/hello", &[]).await;
    assert_eq!((without.status, without.error_code()), (401, Some("auth-required")));
    assert!(without.field("www-authenticate").is_some_and(|field| field.starts_with("Bearer realm=")));
    assert_eq!(issuer.fetches(), 0, "nobody came with a token");
    for _ in 0..20 {
        assert_eq!(show(&world, &issuer.token(good())).await.status, 200);
    }
    assert_eq!(issuer.fetches(), 1);
    assert!(world.service.last().field("authorization").is_some(), "the service sees who it is");
    let seen = world.service.seen().len();
    for (token, said) in [
        (issuer.token(with("exp", json!(now() - 10))), "expired"),
        (issuer.token(with("nbf", json!(now() + 600))), "not valid yet"),
        (issuer.token(with("aud", json!("other"))), "another audience"),
        (issuer.token(with("iss", json!("https://evil.example"))), "another issuer"),
        (issuer.token(with("roles", json!(["user"]))), "lacks a claim"),
        (format!("{}.", unsigned(&json!({"alg": "none"}), &good())), "none that can be read"),
        (format!("{}.AAAA", unsigned(&json!({"alg": "HS256", "kid": "key-1"}), &good())), "algorithm"),
        (issuer.token(good()) + "A", "signature"),
    ] {
        let reply = show(&world, &token).await;
        assert_eq!((reply.status, reply.error_code()), (401, Some("auth-required")), "{said}");
        assert!(reply.text().contains(said), "{said}: {}", reply.text());
        let asked = reply.field("www-authenticate").unwrap_or_default();
        assert!(asked.ends_with("error=\"invalid_token\""), "{asked}");
    }
    assert_eq!((world.service.seen().len(), issuer.fetches()), (seen, 1));
}

#[tokio::test]
async fn a_key_that_is_rotated_in_is_fetched_at_once_and_unknown_ones_do_not_flood_the_issuer() {
    let issuer = Issuer::start().await;
    let world = world_of(&issuer, &[]).await;
    let old = issuer.token(good());
    assert_eq!(show(&world, &old).await.status, 200);
    issuer.rotate();
    assert_eq!(show(&world, &issuer.token(good())).await.status, 200);
    assert_eq!(issuer.fetches(), 2);
    let taken_back = show(&world, &old).await;
    assert!(taken_back.status == 401 && taken_back.text().contains("does not publish"), "{taken_back:?}");
    for n in 0..50 {
        let reply = show(&world, &issuer.token_named(&format!("unknown-{n}"), good())).await;
        assert!([401, 429].contains(&reply.status), "{reply:?}");
    }
    assert_eq!(issuer.fetches(), 2, "a key that is not there is looked for twice a minute at most");
}

#[tokio::test]
async fn without_keys_nobody_gets_in_and_with_old_ones_everybody_does() {
    let issuer = Issuer::start().await;
    issuer.away(true);
    let world = world_of(&issuer, &[]).await;
    let reply = show(&world, &issuer.token(good())).await;
    assert_eq!((reply.status, reply.error_code()), (503, Some("keys-unavailable")));
    assert!(reply.field("retry-after").is_some(), "{reply:?}");
    assert_eq!(world.service.seen().len(), 0);
    issuer.away(false);
    until("the keys", async || (show(&world, &issuer.token(good())).await.status == 200).then_some(())).await;
    issuer.away(true);
    assert_eq!(show(&world, &issuer.token(good())).await.status, 200);
}

#[tokio::test]
async fn a_mapping_has_no_gateway_call_its_own_network() {
    let issuer = Issuer::start().await;
    let more = ["--jwt-jwks-url", &issuer.url(), "--jwt-audience", "shop"];
    let world = World::builder().agent_args(more).start().await;
    let reply = show(&world, &issuer.token(good())).await;
    assert_eq!((reply.status, reply.error_code()), (503, Some("keys-unavailable")));
    assert!(!reply.text().contains("127.0.0.1"), "{}", reply.text());
    assert_eq!(issuer.service.connections(), 0);
    let printed = world.gateway.process.printed();
    assert!(printed.contains("--outgoing-allow"), "the operator is told: {printed}");
}

#[tokio::test]
async fn a_public_key_in_a_file_will_do_and_so_do_a_password_and_a_key_beside_it() {
    let issuer = Issuer::start().await;
    let folder = Home::new();
    let file = folder.path().join("key.pem");
    std::fs::write(&file, issuer.public_key()).expect("a file can be written");
    let file = file.to_str().expect("text");
    let more = ["--jwt-key-file", file, "--basic-auth", "u:p", "--bearer-key", "ci:a.key.with-two-dots"];
    let world = World::builder().agent_args(more).agent_args(["--public-path", "/head"]).start().await;
    // No audience was asked for, and no name of a key.
    let token = issuer.token_named("whatever", json!({"sub": "ann"}));
    assert_eq!(show(&world, &token).await.status, 200);
    assert_eq!(show(&world, "a.key.with-two-dots").await.status, 200);
    assert_eq!(show(&world, "a.key.with-two.dots").await.status, 401);
    assert_eq!(ask(&world, "/hello", &[("authorization", "Basic dTpw")]).await.status, 200);
    assert_eq!(ask(&world, "/head", &[]).await.status, 200);
    assert_eq!(issuer.fetches(), 0);
}

#[tokio::test]
async fn a_secret_is_printed_nowhere() {
    let secret = "canary-secret-0123456789abcdef-0123456789";
    let world = World::builder().agent_args(["--jwt-secret", secret]).start().await;
    let token = format!("{}.AAAA", unsigned(&json!({"alg": "HS256"}), &json!({"exp": now() + 60})));
    assert!(show(&world, &token).await.text().contains("signature"));
    for program in [&world.gateway.process, &world.agent.process] {
        assert!(!program.printed().contains(secret), "{}", program.printed());
    }
    let home = Home::new();
    let added = home.run(&["mappings", "add", "3000", "--jwt-secret", secret, "--json"]).await;
    let listed = home.run(&["mappings", "list", "--json"]).await;
    for outcome in [added, listed] {
        assert!(
            outcome.stdout.contains("\"has_secret\":true") && !outcome.stdout.contains(secret),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn rules_about_tokens_that_cannot_be_are_refused_with_2() {
    let home = Home::new();
    for (options, said) in [
        (&["--jwt-jwks-url", "https://id.example/keys"][..], "audience"),
        (&["--jwt-jwks-url", "id.example", "--jwt-audience", "a"], "https URL"),
        (&["--jwt-audience", "shop"], "--jwt-jwks-url"),
        (&["--jwt-secret", "hunter2"], "32"),
        (&["--jwt-key-file", "/nonexistent/key.pem"], "/nonexistent/key.pem"),
        (&["--jwt-claim", "role", "--jwt-secret", "0123456789abcdef0123456789abcdef"], "“role”"),
    ] {
        let arguments = [&["http", "3000"], options].concat();
        let outcome = home.run(&arguments).await;
        assert_eq!(outcome.code, Some(2), "{options:?}: {outcome:?}");
        assert!(
            outcome.stderr.contains(said) && !outcome.stderr.contains("hunter2"),
            "{options:?}: {outcome:?}"
        );
    }
}
