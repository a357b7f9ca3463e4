//! Requests that are sent again: `porthole exchanges replay`.

use porthole_testkit::agent::Home;
use porthole_testkit::exchanges::{ended, listed, shown};
use porthole_testkit::process::Finished;
use porthole_testkit::service::Received;
use porthole_testkit::{LocalService, World};
use rustix::process::Signal;
use serde_json::Value;

/// Bytes of a body that are kept.
const KEPT: usize = 2 * 1024 * 1024;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A body that no program of the way may take for anything.
const BINARY: &[u8] = b"\0\x01\xff\xfe\r\n\r\nPOST / HTTP/1.1\r\n\r\n{\"a\":\"\xc3\"}";

/// A tunnel to a service that keeps every byte it gets.
async fn recording() -> (World, Received) {
    let (service, received) = LocalService::recording(|_| OK.to_owned()).await;
    (World::of(service).await, received)
}

/// A webhook as providers send them: signed over its bytes, with fields in an order and case of its own.
async fn webhook(world: &World, target: &str) -> Value {
    let mut visitor = world.visitor().raw().await;
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: {}\r\nStripe-Signature: t=1,v1=5257a869\r\nX-LOUD: Yes\r\n\
         x-twice: 1\r\nContent-Type: application/octet-stream\r\nX-Twice: 2\r\nContent-Length: {}\r\n\r\n",
        world.visitor().host,
        BINARY.len()
    );
    visitor.send(head).await;
    visitor.send(BINARY).await;
    assert!(visitor.head().await.starts_with("HTTP/1.1 200 "));
    ended(world.agent.home(), target).await
}

async fn replay(home: &Home, id: &Value, more: &[&str]) -> Finished {
    home.run(&[&["exchanges", "replay", "--json", &id.to_string()], more].concat()).await
}

/// The new exchanges that a replay tells of.
fn told(finished: &Finished) -> Vec<Value> {
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.stdout.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
}

/// Nothing was sent, because what was asked for cannot be.
fn refused(finished: &Finished, why: &str) {
    assert!(finished.code == Some(2) && finished.stdout.contains(why), "{finished:?}");
}

#[tokio::test]
async fn a_request_is_sent_again_byte_for_byte_and_is_linked_to_its_original() {
    let (world, received) = recording().await;
    let home = world.agent.home();
    let original = webhook(&world, "/hook?a=%20b&a=").await;
    let again = told(&replay(home, &original["id"], &[]).await);
    let [again] = &again[..] else { panic!("one exchange: {again:?}") };

    let connections = received.connections();
    let sent = connections.concat();
    let (first, second) = sent.split_at(sent.len() / 2);
    assert_eq!(String::from_utf8_lossy(first), String::from_utf8_lossy(second));
    assert_eq!(first, second, "every byte of head and body");
    assert!(second.ends_with(BINARY));
    for line in
        ["\r\nStripe-Signature: t=1,v1=5257a869\r\nX-LOUD: Yes\r\nx-twice: 1\r\n", "\r\nX-Twice: 2\r\n"]
    {
        assert!(received.text().matches(line).count() == 2, "{line}: {}", received.text());
    }

    assert_eq!((&again["source"], &again["original_id"]), (&"replay".into(), &original["id"]));
    assert_eq!((&again["status"], &again["state"]), (&200.into(), &"done".into()));
    assert_eq!((&again["edited"], &again["visitor"]), (&false.into(), &Value::Null));
    for same in ["mapping_id", "mapping", "method", "url", "request_bytes"] {
        assert_eq!(again[same], original[same], "{same}");
    }
    assert_eq!(
        shown(home, &again["id"]).await["request"],
        shown(home, &original["id"]).await["request"],
        "it is kept as the original was"
    );
    let found = home.run(&["exchanges", "list", "--json", "is:replay"]).await;
    assert_eq!(found.stdout.lines().count(), 1, "{found:?}");
}

#[tokio::test]
async fn each_part_of_a_request_can_be_edited() {
    let (world, received) = recording().await;
    let home = world.agent.home();
    let original = webhook(&world, "/hook").await;
    let more = [
        "--method",
        "PUT",
        "--path",
        "/other?x=1",
        "--header",
        "X-Loud: no",
        "--header",
        "Stripe-Signature:",
        "--header",
        "X-New: new",
        "--body",
        "text in place of bytes",
    ];
    let again = told(&replay(home, &original["id"], &more).await).remove(0);
    assert_eq!((&again["edited"], &again["method"]), (&true.into(), &"PUT".into()));
    let sent = received.request("/other?x=1").expect("it was sent");
    assert!(sent.starts_with("PUT /other?x=1 HTTP/1.1\r\n"), "{sent}");
    for part in
        ["\r\nX-LOUD: no\r\n", "\r\nX-New: new\r\n", "\r\nContent-Length: 22\r\n", "\r\nX-Twice: 2\r\n"]
    {
        assert!(sent.contains(part), "{part}: {sent}");
    }
    assert!(sent.ends_with("\r\n\r\ntext in place of bytes") && !sent.contains("Stripe"), "{sent}");

    let file = home.path().join("body.bin");
    std::fs::write(&file, BINARY).expect("a file in the data folder");
    let from_file = format!("@{}", file.display());
    let more = ["--path", "/file", "--header", "Content-Type: x/y", "--body", &from_file];
    told(&replay(home, &original["id"], &more).await);
    assert!(received.connections().last().expect("a connection").ends_with(BINARY));

    let gone = replay(home, &original["id"], &["--body", "@/nowhere/at/all"]).await;
    refused(&gone, "/nowhere/at/all");
    let wrong = replay(home, &original["id"], &["--path", "no-slash"]).await;
    refused(&wrong, "begins with /");
    assert_eq!(received.requests().len(), 3, "what is refused is not sent");
}

#[tokio::test]
async fn it_needs_neither_a_link_nor_an_engine() {
    let (world, received) = recording().await;
    let original = webhook(&world, "/hook").await;
    let World { mut agent, gateway, service: _service, .. } = world;
    let home = agent.home().clone();
    drop(gateway);
    agent.event("disconnected").await;
    let again = told(&replay(&home, &original["id"], &[]).await).remove(0);
    assert_eq!(again["status"], 200);

    agent.process.signal(Signal::TERM);
    assert_eq!(agent.process.exit_code().await, Some(0));
    let alone = told(&replay(&home, &original["id"], &[]).await).remove(0);
    assert_eq!((&alone["status"], &alone["original_id"]), (&200.into(), &original["id"]));
    assert!(alone["id"].as_i64() > again["id"].as_i64(), "numbers go on: {alone}");
    let requests = received.requests();
    assert!(requests.len() == 3 && requests.iter().all(|request| *request == requests[0]), "{requests:#?}");
}

#[tokio::test]
async fn it_goes_to_another_port_or_mapping_and_never_where_no_mapping_leads() {
    let (world, received) = recording().await;
    let home = world.agent.home();
    let original = webhook(&world, "/hook").await;
    let (other, others) = LocalService::recording(|_| OK.to_owned()).await;
    let port = other.port().to_string();
    let at_port = told(&replay(home, &original["id"], &["--port", &port]).await).remove(0);
    assert_eq!(at_port["mapping_id"], original["mapping_id"]);
    told(&replay(home, &original["id"], &["--to", &format!("127.0.0.1:{port}")]).await);

    let more = ["mappings", "add", &port, "--name", "second", "--host-header", "rewrite"];
    assert_eq!(home.run(&more).await.code, Some(0));
    let at_mapping = told(&replay(home, &original["id"], &["--mapping", "second"]).await).remove(0);
    assert_eq!(at_mapping["mapping"], "second");
    let requests = others.requests();
    assert_eq!(requests.len(), 3, "{requests:#?}");
    assert_eq!(requests[0], received.requests()[0]);
    assert!(
        requests[2].contains(&format!("\r\nHost: localhost:{port}\r\n")),
        "its rules count: {}",
        requests[2]
    );
    // What was kept is what was asked for, as with a visitor.
    assert_eq!(at_mapping["host"], original["host"]);

    let elsewhere = replay(home, &original["id"], &["--to", "http://192.0.2.1:80"]).await;
    refused(&elsewhere, "no mapping names");
    let unknown = replay(home, &original["id"], &["--mapping", "third"]).await;
    refused(&unknown, "third");
    assert_eq!(received.requests().len(), 1, "none of them went where the original did");
}

#[tokio::test]
async fn several_go_in_order_and_the_same_many_times() {
    let (world, received) = recording().await;
    let home = world.agent.home();
    let (first, second) = (webhook(&world, "/first").await, webhook(&world, "/second").await);
    received.clear();
    let again = replay(home, &second["id"], &[&first["id"].to_string(), "--times", "3"]).await;
    let originals: Vec<Value> = told(&again).into_iter().map(|row| row["original_id"].clone()).collect();
    let wanted = [&second["id"], &first["id"]].repeat(3);
    assert_eq!(originals.iter().collect::<Vec<_>>(), wanted);
    let targets: Vec<String> = received
        .requests()
        .iter()
        .map(|request| request.split(' ').nth(1).unwrap_or_default().to_owned())
        .collect();
    assert_eq!(targets, ["/second", "/first"].repeat(3));
    let much = replay(home, &first["id"], &["--times", "101"]).await;
    refused(&much, "1 to 100 times");
}

#[tokio::test]
async fn what_fails_is_told_and_kept_and_what_cannot_be_sent_again_is_said() {
    let world = World::new().await;
    let home = world.agent.home();
    assert_eq!(world.get("/hello").await.text(), "hello");
    let original = ended(home, "/hello").await;
    let free = LocalService::sample().await;
    let port = free.port().to_string();
    drop(free);
    let down = home.run(&["exchanges", "replay", &original["id"].to_string(), "--port", &port]).await;
    assert!(down.code == Some(1) && down.stdout.contains("service-down"), "{down:?}");
    let row = listed(home).await.remove(0);
    assert_eq!((&row["error"], &row["source"]), (&"service-down".into(), &"replay".into()));

    // A service that answers with a failure has answered.
    assert_eq!(world.get("/status/503").await.status, 503);
    let refusal = ended(home, "/status/503").await;
    let people = home.run(&["exchanges", "replay", &refusal["id"].to_string()]).await;
    assert!(people.code == Some(0) && people.stdout.contains("  503  "), "{people:?}");

    let sent = vec![7; KEPT + 1];
    world.visitor().post("/sink", sent).await;
    let large = ended(home, "/sink").await;
    let cut = replay(home, &large["id"], &[]).await;
    refused(&cut, "first 2097152 bytes");
    let edited = told(&replay(home, &large["id"], &["--body", "less"]).await).remove(0);
    assert_eq!(edited["status"], 200);

    let mut socket = world.visitor().websocket("/ws").await;
    socket.close(None).await.expect("the socket closes");
    drop(socket);
    let socket = ended(home, "/ws").await;
    let conversation = replay(home, &socket["id"], &[]).await;
    refused(&conversation, "websocket");
    let none = replay(home, &12345.into(), &[]).await;
    refused(&none, "12345");
}
