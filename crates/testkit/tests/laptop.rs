//! What a developer at a laptop sees: status, doctor, the terminal and `--json`, with a real gateway.

use std::time::Duration;

use porthole_testkit::agent::Home;
use porthole_testkit::certificates::Pair;
use porthole_testkit::service::body;
use porthole_testkit::wait::{eventually, until, within};
use porthole_testkit::{Agent, LocalService, World};
use rustix::process::Signal;
use serde_json::Value;

async fn status(home: &Home) -> Value {
    let outcome = home.run(&["status", "--json"]).await;
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"))
}

#[tokio::test]
async fn status_tells_how_far_the_gateway_is_soon_after_connecting() {
    let world = World::new().await;
    let home = world.agent.home();
    let ms = within_two_seconds("a latency", || async { status(home).await["latency_ms"].as_f64() }).await;
    assert!(ms > 0.0 && ms < 2000.0, "{ms} ms");
    let shown = home.run(&["status"]).await;
    let link = shown.stdout.lines().find(|line| line.starts_with("link")).unwrap_or_default().to_owned();
    assert!(link.contains("connected") && link.contains(" ms"), "{shown:?}");
}

async fn within_two_seconds<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    tokio::time::timeout(Duration::from_secs(2), until(what, ask)).await.expect("in time")
}

#[tokio::test]
async fn doctor_tells_the_latency_and_compares_the_clocks() {
    let world = World::new().await;
    let words = ["doctor", "--gateway", &world.gateway.url(), "--token", &world.token.token];
    let outcome = Home::new().run(&words).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let line = |check: &str| outcome.stdout.lines().find(|line| line.contains(check)).unwrap_or_default();
    assert!(line(" token ").contains("accepted"), "{outcome:?}");
    assert!(line(" version ").contains("ms away"), "{outcome:?}");
    assert!(line(" clock ").contains("within 60 s of"), "{outcome:?}");
}

#[tokio::test]
async fn a_request_that_ends_while_the_agent_drains_is_told() {
    let mut world = World::new().await;
    let visitor = world.visitor();
    let slow = tokio::spawn(async move { visitor.get("/slow?800").await });
    eventually("the request at the service", || world.service.seen().len() == 1).await;
    world.agent.process.signal(Signal::INT);
    let reply = within("the slow answer", slow).await.expect("no panic");
    assert_eq!(reply.status, 200);
    assert_eq!(world.agent.process.exit_code().await, Some(0));
    let told = |event: &&Value| event["event"] == "exchange" && event["path"] == "/slow?800";
    let events = world.agent.events();
    assert_eq!(events.iter().filter(told).count(), 1, "{events:?}");
}

#[tokio::test]
async fn a_command_whose_engine_dies_says_that_it_was_away() {
    let mut world = World::new().await;
    let service = LocalService::sample().await;
    let home = world.agent.home().clone();
    let mut second = world.start_agent(&home, &service.port().to_string(), &["--name", "second"]);
    second.ready().await;
    world.agent.process.kill9();
    let kinds = |agent: &Agent| -> Vec<String> {
        let events = agent.events();
        events.iter().filter_map(|event| event["event"].as_str().map(str::to_owned)).collect()
    };
    eventually("ready again", || kinds(&second).iter().filter(|kind| *kind == "ready").count() == 2).await;
    assert_eq!(kinds(&second), ["ready", "disconnected", "ready"]);
    assert_eq!(world.gateway.visitor("second").get("/hello").await.status, 200);
}

async fn self_signed() -> LocalService {
    let pair = Pair::self_signed(&["localhost"]);
    LocalService::https(pair.server(), |_, _| async { http::Response::new(body::full("over TLS")) }).await
}

#[tokio::test]
async fn a_refused_certificate_is_told_in_words_for_people() {
    let service = self_signed().await;
    let mut world = World::builder().service(service).scheme("https").start().await;
    assert_eq!(world.get("/").await.status, 502);
    let warned = world.agent.event("warning").await;
    let message = warned["message"].as_str().unwrap_or_default();
    assert!(message.contains("--insecure"), "{message}");
    for leak in ["Other(", "OtherError", "UnknownIssuer", "CaUsedAsEndEntity"] {
        assert!(!message.contains(leak), "{message}");
    }
}

#[tokio::test]
async fn a_target_with_the_wrong_scheme_is_recognised_and_the_right_one_named() {
    let tls = self_signed().await;
    let mut clear_to_tls = World::builder().service(tls).scheme("http").start().await;
    assert_eq!(clear_to_tls.get("/").await.status, 502);
    let exchange = clear_to_tls.agent.event("exchange").await;
    assert!(exchange["note"].as_str().unwrap_or_default().contains("https://"), "{exchange}");
    let mut tls_to_clear = World::builder().scheme("https").start().await;
    assert_eq!(tls_to_clear.get("/").await.status, 502);
    let exchange = tls_to_clear.agent.event("exchange").await;
    assert!(exchange["note"].as_str().unwrap_or_default().contains("http://"), "{exchange}");
}
