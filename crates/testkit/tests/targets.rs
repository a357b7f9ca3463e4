//! What a mapping may point at, and what the service sees of the public host.

use bytes::Bytes;
use http_body_util::Empty;
use porthole_testkit::agent::Home;
use porthole_testkit::certificates::Pair;
use porthole_testkit::service::body;
use porthole_testkit::world::http_arguments;
use porthole_testkit::{Agent, LocalService, World};
use tokio::io::AsyncWriteExt;

async fn self_signed() -> LocalService {
    let pair = Pair::self_signed(&["localhost"]);
    LocalService::https(pair.server(), |_, _| async { http::Response::new(body::full("over TLS")) }).await
}

#[tokio::test]
async fn a_self_signed_local_service_is_502_with_a_sentence_that_names_the_switch() {
    let mut world = World::builder().service(self_signed().await).scheme("https").start().await;
    let reply = world.get("/").await;
    assert_eq!((reply.status, reply.error_code()), (502, Some("service-certificate")));
    let warned = |event: &serde_json::Value| {
        event["event"] == "warning"
            && event["message"].as_str().is_some_and(|text| text.contains("--insecure"))
    };
    world.agent.event_after(0, warned, "warning that names --insecure").await;
}

#[tokio::test]
async fn insecure_accepts_any_local_certificate() {
    let builder = World::builder().service(self_signed().await).scheme("https");
    let world = builder.agent_args(["--insecure"]).start().await;
    for _ in 0..5 {
        assert_eq!(world.get("/").await.text(), "over TLS");
    }
}

#[tokio::test]
async fn localhost_is_found_on_ipv6_alone() {
    let world = World::new().await;
    let Ok(listener) = tokio::net::TcpListener::bind("[::1]:0").await else {
        eprintln!("skipped: this machine has no IPv6 loopback");
        return;
    };
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = porthole_testkit::service::read_head(&mut socket).await;
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nsix").await;
        }
    });
    let mut agent = world.start_agent(&Home::new(), &port.to_string(), &["--name", "six"]);
    agent.ready().await;
    for _ in 0..3 {
        assert_eq!(world.gateway.visitor("six").get("/").await.text(), "six");
    }
}

#[tokio::test]
async fn a_target_is_a_port_a_host_with_port_or_a_url() {
    let world = World::new().await;
    let port = world.service.port();
    let targets = [port.to_string(), format!("127.0.0.1:{port}"), format!("http://localhost:{port}")];
    for (number, target) in targets.iter().enumerate() {
        let name = format!("target-{number}");
        let mut words = http_arguments(&world.gateway, &world.token, target);
        words.extend(["--name".into(), (&name).into()]);
        let mut agent = Agent::start(&Home::new(), words);
        agent.ready().await;
        assert_eq!(world.gateway.visitor(&name).get("/hello").await.text(), "hello", "{target}");
    }
}

#[tokio::test]
async fn the_host_is_preserved_unless_rewriting_was_asked_for_and_then_all_of_it_is() {
    for (setting, own) in [("preserve", false), ("rewrite", true)] {
        let world = World::builder().agent_args(["--host-header", setting]).start().await;
        let public = format!("app.localhost:{}", world.gateway.port());
        let local = format!("localhost:{}", world.service.port());
        let expected = if own { &local } else { &public };
        let request = world
            .visitor()
            .request("GET", "/head")
            .header("origin", format!("http://{public}"))
            .body(Empty::<Bytes>::new());
        world.visitor().fetch(request.expect("a request")).await;
        let seen = world.service.last();
        assert_eq!(seen.field("host"), Some(expected.as_str()), "{setting}");
        assert_eq!(seen.field("x-forwarded-host"), Some(expected.as_str()), "{setting}");
        assert_eq!(seen.field("origin"), Some(&*format!("http://{expected}")), "{setting}");
        let foreign = world.visitor().request("GET", "/head").header("origin", "https://elsewhere.example");
        world.visitor().fetch(foreign.body(Empty::<Bytes>::new()).expect("a request")).await;
        assert_eq!(world.service.last().field("origin"), Some("https://elsewhere.example"));
        // A redirect to what the service believes is its host leads the visitor to the public one.
        let redirect = world.get("/redirect").await;
        assert_eq!(redirect.field("location"), Some(&*format!("http://{public}/hello")), "{setting}");
    }
}

#[tokio::test]
async fn a_host_header_of_ones_own_is_sent() {
    let world = World::builder().agent_args(["--host-header", "shop.internal"]).start().await;
    world.get("/head").await;
    let seen = world.service.last();
    assert_eq!(
        (seen.field("host"), seen.field("x-forwarded-host")),
        (Some("shop.internal"), Some("shop.internal"))
    );
}

#[tokio::test]
async fn redirects_are_the_visitors_to_follow() {
    let world = World::new().await;
    assert_eq!(world.get("/redirect").await.status, 302);
    assert_eq!(world.service.seen().len(), 1);
}

#[tokio::test]
async fn a_refusal_by_a_dev_server_that_knows_no_such_host_names_the_fix() {
    for refusal in [
        &b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nBlocked request. This host (\"app.localhost\") is not allowed.\nTo allow this host, add \"app.localhost\" to `server.allowedHosts` in vite.config.js."[..],
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 19\r\n\r\nInvalid Host header",
    ] {
        let mut world = World::of(LocalService::canned(refusal).await).await;
        assert_eq!(world.get("/").await.status, 403);
        let named = |event: &serde_json::Value| {
            event["event"] == "warning" && event["message"].as_str().is_some_and(|text| text.contains("--host-header rewrite"))
        };
        world.agent.event_after(0, named, "warning that names --host-header rewrite").await;
        let noted = |event: &serde_json::Value| {
            event["event"] == "exchange" && event["note"].as_str().is_some_and(|note| note.contains("host"))
        };
        world.agent.event_after(0, noted, "exchange with a note").await;
    }
}

#[tokio::test]
async fn every_exchange_is_told_once_with_its_outcome() {
    let mut world = World::new().await;
    world.get("/hello").await;
    world.visitor().post("/echo", "12345").await;
    world.get("/status/500?token=very-secret-value").await;
    let last = |event: &serde_json::Value| event["event"] == "exchange" && event["status"] == 500;
    let last = world.agent.event_after(0, last, "the third exchange").await;
    let exchanges: Vec<_> =
        world.agent.events().into_iter().filter(|event| event["event"] == "exchange").collect();
    assert_eq!(exchanges.len(), 3, "{exchanges:?}");
    assert!(last["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{last}");
    for program in [&world.agent.process, &world.gateway.process] {
        assert!(!program.printed().contains("very-secret-value"), "{}", program.printed());
    }
}

#[tokio::test]
async fn the_request_id_is_the_same_on_both_sides_and_at_the_service() {
    let mut world = World::new().await;
    world.get("/hello").await;
    let exchange = world.agent.event("exchange").await;
    let at_service = world.service.last();
    assert_eq!(at_service.field("x-request-id"), exchange["request_id"].as_str());
}
