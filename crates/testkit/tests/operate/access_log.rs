//! One line of JSON for each exchange, and nothing in it that is nobody's business.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use porthole_testkit::wait::until;
use porthole_testkit::{Admin, LocalService, World};
use serde_json::Value;

/// A secret that must be nowhere.
const CANARY: &str = "canary-8d1f2c";

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

async fn found(file: &Path, is_it: impl Fn(&Value) -> bool) -> Value {
    until("the exchange's line", || async { lines(file).into_iter().find(&is_it) }).await
}

async fn world(file: &Path) -> World {
    let file = file.to_str().expect("a path");
    World::builder().gateway(|gateway| gateway.args(["--access-log", file])).start().await
}

#[tokio::test]
async fn each_exchange_is_a_line_that_tells_who_what_whose_how_much_and_how_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.jsonl");
    let world = world(&file).await;
    let visitor = world.visitor();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = visitor
        .request("POST", &format!("/echo?page=2&token={CANARY}"))
        .header("user-agent", "shop/1.0")
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"))
        .header("authorization", format!("Bearer {CANARY}"))
        .header("cookie", format!("session={CANARY}"))
        .header("x-api-key", CANARY)
        .body(http_body_util::Full::new(Bytes::from(format!("{CANARY} and more"))));
    assert_eq!(visitor.fetch(request.expect("a request")).await.status, 200);

    let line = found(&file, |line| line["method"] == "POST").await;
    let expect = |key: &str, value: Value| assert_eq!(line[key], value, "{key} in {line}");
    expect("host", visitor.host.as_str().into());
    expect("path", "/echo?page=2&token=***".into());
    expect("status", 200.into());
    expect("code", Value::Null);
    expect("outcome", "done".into());
    expect("visitor", "127.0.0.1".into());
    expect("mapping", "app".into());
    expect("subject", "tester".into());
    expect("protocol", "http/1.1".into());
    expect("user_agent", "shop/1.0".into());
    expect("trace_id", trace.into());
    let body = format!("{CANARY} and more").len();
    expect("bytes_in", body.into());
    expect("bytes_out", body.into());
    let (ms, first) = (line["ms"].as_f64().expect("ms"), line["first_byte_ms"].as_f64().expect("ms"));
    assert!(first > 0.0 && first <= ms, "{line}");
    let time = line["time"].as_str().expect("a time");
    assert!(time.len() == "2026-01-02T03:04:05.678Z".len() && time.ends_with('Z'), "{time}");
    assert!(!line["mapping_id"].as_str().expect("an id").is_empty());
    let id = line["request_id"].as_str().expect("an id");
    assert_eq!(world.service.last().field("x-request-id"), Some(id));

    let text = std::fs::read_to_string(&file).expect("the log");
    assert!(!text.contains(CANARY), "{text}");
    let log = world.gateway.process.printed();
    assert!(!log.contains("/echo") && !log.contains(CANARY), "exchanges are told in one place: {log}");
    let mode = std::fs::metadata(&file).expect("the log").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "visitors' addresses are nobody else's business");
}

#[tokio::test]
async fn http_2_websockets_refusals_and_bytes_that_are_no_request_have_their_lines_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.jsonl");
    let world = world(&file).await;
    let visitor = world.visitor();

    let mut connection = visitor.http2::<http_body_util::Full<Bytes>>().await.expect("HTTP/2");
    let request = http::Request::builder().method("POST").uri(visitor.uri("/echo"));
    let request = request.body(http_body_util::Full::new(Bytes::from(vec![b'x'; 100_000])));
    let answer = connection.send_request(request.expect("a request")).await.expect("an answer");
    answer.into_body().collect().await.expect("a body");
    let line = found(&file, |line| line["protocol"] == "http/2").await;
    assert_eq!((&line["bytes_in"], &line["bytes_out"]), (&100_000.into(), &100_000.into()), "{line}");
    assert_eq!((&line["status"], &line["mapping"]), (&200.into(), &"app".into()), "{line}");
    assert!(line["first_byte_ms"].is_number(), "{line}");

    let mut socket = visitor.websocket("/ws").await;
    let hello = tokio_tungstenite::tungstenite::Message::text("x".repeat(1_000));
    futures_util::SinkExt::send(&mut socket, hello).await.expect("sent");
    futures_util::StreamExt::next(&mut socket).await.expect("an echo").expect("a message");
    drop(socket);
    let line = found(&file, |line| line["status"] == 101 && line["mapping"] == "app").await;
    let bytes = |key: &str| line[key].as_u64().expect("bytes");
    assert!(bytes("bytes_in") > 1_000 && bytes("bytes_out") > 1_000, "{line}");

    assert_eq!(world.gateway.visitor("nobody").get("/").await.status, 404);
    let line = found(&file, |line| line["code"] == "unknown-host").await;
    assert_eq!((&line["status"], &line["mapping"]), (&404.into(), &Value::Null), "{line}");

    let service = LocalService::sample().await;
    let _shut = world.another_agent(&service, &["--name", "shut", "--basic-auth", "ann:secret-word"]).await;
    assert_eq!(world.gateway.visitor("shut").get("/").await.status, 401);
    let line = found(&file, |line| line["code"] == "auth-required").await;
    assert_eq!((&line["mapping"], &line["subject"]), (&"shut".into(), &"tester".into()), "{line}");

    visitor.raw().await.exchange("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await;
    let line = found(&file, |line| line["status"] == 400).await;
    assert_eq!((&line["method"], &line["visitor"]), (&Value::Null, &"127.0.0.1".into()), "{line}");
}

#[tokio::test]
async fn a_visitor_that_leaves_before_the_answer_is_told_as_cancelled_over_both_protocols() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("access.jsonl");
    let world = world(&file).await;
    let visitor = world.visitor();
    let mut raw = visitor.raw().await;
    raw.send(format!("GET /hang?h1 HTTP/1.1\r\nHost: {}\r\n\r\n", visitor.host)).await;
    until("the service to have it", || async { (world.service.seen().len() == 1).then_some(()) }).await;
    drop(raw);
    let line = found(&file, |line| line["path"] == "/hang?h1").await;
    assert_eq!((&line["outcome"], &line["status"]), (&"cancelled".into(), &Value::Null), "{line}");

    let mut connection = visitor.http2::<Empty<Bytes>>().await.expect("HTTP/2");
    let request = http::Request::builder().uri(visitor.uri("/hang?h2")).body(Empty::new());
    let answer = tokio::spawn(connection.send_request(request.expect("a request")));
    until("the service to have it", || async { (world.service.seen().len() == 2).then_some(()) }).await;
    answer.abort();
    let line = found(&file, |line| line["path"] == "/hang?h2").await;
    assert_eq!((&line["outcome"], &line["status"]), (&"cancelled".into(), &Value::Null), "{line}");
}

#[tokio::test]
async fn a_disk_that_takes_nothing_costs_lines_that_are_counted_and_no_visitor_anything() {
    let mut world = World::builder()
        .gateway(|gateway| gateway.args(["--access-log", "/dev/full", "--admin-listen", "127.0.0.1:0"]))
        .start()
        .await;
    let admin = Admin::of(&mut world.gateway).await;
    for _ in 0..20 {
        assert_eq!(world.get("/hello").await.status, 200);
    }
    until("all to be counted as lost", || async {
        let metrics = admin.look("/metrics").await.text();
        let lost =
            metrics.lines().find_map(|line| line.strip_prefix("porthole_gateway_access_log_lost_total "));
        lost.and_then(|lost| lost.parse::<u64>().ok()).filter(|lost| *lost >= 20)
    })
    .await;
    let told = |text: String| text.lines().filter(|line| line.contains("missing in the access log")).count();
    assert_eq!(told(world.gateway.process.stderr()), 1, "once a minute");
}

#[tokio::test]
async fn lines_go_to_standard_output_where_that_is_asked_for() {
    let mut world = World::builder().gateway(|gateway| gateway.args(["--access-log", "-"])).start().await;
    assert_eq!(world.get("/hello").await.status, 200);
    let line = world.gateway.process.line("the exchange", |line| {
        serde_json::from_str::<Value>(line).ok().filter(|line| line["path"] == "/hello")
    });
    assert_eq!(line.await["status"], 200);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_told_before_the_gateway_listens() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("nowhere/access.jsonl");
    let file = file.to_str().expect("a path");
    for command in ["serve", "check"] {
        let arguments = [command, "--listen", "127.0.0.1:0", "--access-log", file];
        let ended = porthole_testkit::gateway::run(home.path(), &arguments).await;
        assert_eq!(ended.code, Some(2), "{command}: {ended:?}");
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert!(told.contains("access log cannot be written"), "{told}");
    }
}
