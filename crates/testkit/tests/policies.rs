//! What is decided before a request crosses the link, and whose word about the visitor is believed.

use bytes::Bytes;
use http_body_util::Empty;
use porthole_testkit::{Reply, World};

async fn ask(world: &World, path: &str, fields: &[(&str, &str)]) -> Reply {
    let mut request = world.visitor().request("GET", path);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    world.visitor().fetch(request.body(Empty::<Bytes>::new()).expect("a request")).await
}

#[tokio::test]
async fn a_password_is_asked_for_and_never_reaches_the_gateway_in_clear() {
    let world = World::builder().agent_args(["--basic-auth", "alice:open sesame:1"]).start().await;
    let without = ask(&world, "/hello", &[]).await;
    assert_eq!((without.status, without.error_code()), (401, Some("auth-required")));
    assert!(without.field("www-authenticate").is_some_and(|field| field.starts_with("Basic realm=")));
    // alice:open sesame:1 and alice:wrong
    let right = "Basic YWxpY2U6b3BlbiBzZXNhbWU6MQ==";
    assert_eq!(ask(&world, "/hello", &[("authorization", "Basic YWxpY2U6d3Jvbmc=")]).await.status, 401);
    for _ in 0..20 {
        assert_eq!(ask(&world, "/hello", &[("authorization", right)]).await.status, 200);
    }
    assert_eq!(ask(&world, "/hello", &[("authorization", "Basic !!!")]).await.status, 401);
    assert_eq!(world.service.seen().len(), 20, "refused requests reach nobody");
    for program in [&world.gateway.process, &world.agent.process] {
        assert!(!program.printed().contains("open sesame"), "{}", program.printed());
    }
}

#[tokio::test]
async fn visitors_outside_the_allowed_addresses_get_403() {
    let world = World::builder().agent_args(["--allow-ip", "10.0.0.0/8"]).start().await;
    let reply = ask(&world, "/hello", &[]).await;
    assert_eq!((reply.status, reply.error_code()), (403, Some("ip-denied")));
    let world = World::builder().agent_args(["--allow-ip", "127.0.0.1/32"]).start().await;
    assert_eq!(ask(&world, "/hello", &[]).await.status, 200);
    assert_eq!(
        ask(&world, "/hello", &[("x-forwarded-for", "6.6.6.6")]).await.status,
        200,
        "no proxy is trusted"
    );
}

#[tokio::test]
async fn denied_addresses_win_over_allowed_ones() {
    let more = ["--allow-ip", "127.0.0.0/8", "--deny-ip", "127.0.0.1"];
    let world = World::builder().agent_args(more).start().await;
    assert_eq!(ask(&world, "/hello", &[]).await.status, 403);
}

#[tokio::test]
async fn a_trusted_proxys_word_is_believed_up_to_the_last_address_that_is_not_trusted() {
    let world = World::builder()
        .gateway(|gateway| gateway.args(["--trusted-proxies", "127.0.0.0/8,10.0.0.0/8"]))
        .agent_args(["--allow-ip", "203.0.113.0/24"])
        .start()
        .await;
    let fields = [
        ("x-forwarded-for", "6.6.6.6, 203.0.113.7, 10.1.2.3"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "the-proxys-own-id"),
    ];
    assert_eq!(ask(&world, "/hello", &fields).await.status, 200);
    let seen = world.service.last();
    assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.field("x-request-id"), Some("the-proxys-own-id"));
    assert!(seen.field("x-forwarded-for").is_some_and(|list| list.contains("203.0.113.7")), "{seen:?}");
    assert_eq!(ask(&world, "/hello", &[("x-forwarded-for", "203.0.113.7, 6.6.6.6")]).await.status, 403);
}

#[tokio::test]
async fn an_invalid_address_range_is_refused_with_2() {
    let home = porthole_testkit::agent::Home::new();
    let outcome = home.run(&["http", "3000", "--allow-ip", "10.0.0.0/99"]).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("10.0.0.0/99"), "{outcome:?}");
}
