//! What one token may use at most: mappings, agents, requests, connections, bytes a second.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Empty};
use porthole_testkit::agent::Home;
use porthole_testkit::service::body;
use porthole_testkit::wait::{until, within, within_time};
use porthole_testkit::world::http_arguments;
use porthole_testkit::{Admin, Agent, LocalService, World};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

async fn world(token: &[&str]) -> World {
    World::builder().token_args(token).start().await
}

#[tokio::test]
async fn a_mapping_too_many_is_refused_with_3_until_another_computers_is_gone() {
    let mut world = world(&["--max-mappings", "1"]).await;
    let more = ["--name", "other"];
    let mut refused = world.start_agent(&Home::new(), "3000", &more);
    let error = refused.event("error").await;
    assert_eq!(error["code"], "token-limit", "{error}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("1 mapping(s) at once")), "{error}");
    assert_eq!(refused.process.exit_code().await, Some(3));
    assert_eq!(world.get("/hello").await.status, 200);
    world.agent.process.kill9();
    let service = LocalService::sample().await;
    let (world, service) = (&world, &service);
    let home = Home::new();
    let outcome = until("the other mapping's turn", || async {
        let mut agent = world.start_agent(&home, &service.port().to_string(), &more);
        let either = |event: &serde_json::Value| event["event"] == "ready" || event["event"] == "error";
        let told = agent.event_after(0, either, "what became of it").await;
        (told["event"] == "ready").then_some(agent)
    });
    let _agent = outcome.await;
    assert_eq!(world.gateway.visitor("other").get("/hello").await.status, 200);
}

#[tokio::test]
async fn an_agent_too_many_says_so_and_comes_in_when_another_leaves() {
    let mut world = world(&["--max-links", "1"]).await;
    let service = LocalService::sample().await;
    let mut waiting = world.start_agent(&Home::new(), &service.port().to_string(), &["--name", "other"]);
    let told = waiting.event("disconnected").await;
    assert_eq!(told["code"], "token-limit", "{told}");
    assert!(told["message"].as_str().is_some_and(|text| text.contains("1 agent(s) at once")), "{told}");
    let impatient = Home::new();
    let mut arguments = http_arguments(&world.gateway, &world.token, "3000");
    arguments.extend(["--name", "third", "--no-wait"].map(Into::into));
    let mut impatient = Agent::start(&impatient, arguments);
    assert_eq!(impatient.process.exit_code().await, Some(4));
    world.agent.process.kill9();
    waiting.ready().await;
    assert_eq!(world.gateway.visitor("other").get("/hello").await.status, 200);
}

#[tokio::test]
async fn a_request_beyond_a_tokens_streams_gets_503_whichever_of_its_agents_it_is_for() {
    let world = World::builder()
        .gateway(|gateway| gateway.args(["--token-streams", "2"]))
        .token_args(&["--max-streams", "5"])
        .start()
        .await;
    let service = LocalService::sample().await;
    let _second = world.another_agent(&service, &["--name", "second"]).await;
    let second = world.gateway.visitor("second");
    let drip = |visitor: &porthole_testkit::Visitor| {
        visitor.request("GET", "/drip").body(Empty::<Bytes>::new()).expect("a request")
    };
    let first = world.visitor();
    let over_http1 = first.send(drip(&first)).await.expect("an answer begins");
    let mut http2 = second.http2().await.expect("a connection");
    let asked = http::Request::get(second.uri("/drip")).body(Empty::<Bytes>::new()).expect("a request");
    let over_http2 = http2.send_request(asked).await.expect("an answer begins");
    assert_eq!((over_http1.status().as_u16(), over_http2.status().as_u16()), (200, 200));
    for visitor in [&first, &second] {
        let reply = visitor.get("/hello").await;
        assert_eq!((reply.status, reply.error_code()), (503, Some("token-limit")));
        assert!(reply.field("retry-after").is_some(), "{reply:?}");
        let mut http2 = visitor.http2().await.expect("a connection");
        let asked = http::Request::get(visitor.uri("/hello")).body(Empty::<Bytes>::new()).expect("a request");
        assert_eq!(http2.send_request(asked).await.expect("an answer").status(), 503);
    }
    let stranger = world.gateway.token("stranger", &[]).await;
    let mut arguments = http_arguments(&world.gateway, &stranger, &service.port().to_string());
    arguments.extend(["--name", "third"].map(Into::into));
    let mut other = Agent::start(&Home::new(), arguments);
    other.ready().await;
    assert_eq!(world.gateway.visitor("third").get("/hello").await.status, 200, "another token has its own");
    let free = async || (second.get("/hello").await.status == 200).then_some(());
    drop(over_http1);
    until("the place of a connection", free).await;
    let again = first.send(drip(&first)).await.expect("an answer begins");
    assert_eq!(first.get("/hello").await.status, 503);
    drop((over_http2, http2));
    until("the place of a stream", free).await;
    drop(again);
    // A WebSocket counts for as long as it lasts.
    until("the places of both", free).await;
    let one = first.websocket("/ws").await;
    until("the other place", free).await;
    let sockets = (one, second.websocket("/ws").await);
    assert_eq!(first.get("/hello").await.status, 503);
    drop(sockets);
    until("their places", free).await;
}

#[tokio::test]
async fn a_connection_beyond_a_tokens_is_closed_and_requests_go_on() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let first = free.expect("a free port").port();
    let range = format!("{first}-{}", first.saturating_add(20));
    let world = world(&["--max-connections", "1", "--tcp", &range]).await;
    let echo = LocalService::raw(|mut socket| async move {
        let (mut read, mut write) = socket.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
    })
    .await;
    let url = world.gateway.url();
    let port = echo.port().to_string();
    let words = ["tcp", &port, "--gateway", &url, "--token", &world.token.token, "--json"];
    let mut agent = Agent::start(&Home::new(), words);
    let at = agent.ready().await;
    let at: u16 = at.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    let connect = async || TcpStream::connect(("127.0.0.1", at)).await.expect("the port is open");
    let echoes = async |socket: &mut TcpStream| {
        let mut back = [0; 4];
        socket.write_all(b"echo").await.is_ok() && socket.read_exact(&mut back).await.is_ok()
    };
    let mut first = connect().await;
    assert!(within("an echo", echoes(&mut first)).await);
    let mut second = connect().await;
    assert!(!within("the end of one too many", echoes(&mut second)).await);
    assert!(within("an echo", echoes(&mut first)).await, "the first goes on");
    assert_eq!(world.get("/hello").await.status, 200);
    drop(first);
    until("the place of the first", || async {
        let mut third = connect().await;
        within("an echo or an end", echoes(&mut third)).await.then_some(())
    })
    .await;
}

/// Long enough for what takes seconds at its rate, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Of 2 MiB at 768 KiB a second: one second's worth passes at once, and a stream's last piece is not waited for.
const AT_LEAST: Duration = Duration::from_millis(1400);
const BYTES: usize = 2 * 1024 * 1024;

async fn timed(what: &str, transfer: impl Future<Output = ()>) {
    let begun = Instant::now();
    within_time(what, PATIENCE, transfer).await;
    println!("{what}: {BYTES} bytes in {:?}", begun.elapsed());
    assert!(begun.elapsed() >= AT_LEAST, "{what} took {:?}", begun.elapsed());
}

#[tokio::test]
async fn bytes_beyond_a_tokens_rate_wait_and_arrive_whole_in_every_direction_and_protocol() {
    let world = world(&["--max-rate", "768KiB"]).await;
    let visitor = world.visitor();
    let expected = body::pattern_of(BYTES);
    timed("a download", async {
        let reply = visitor.get(&format!("/bytes?{BYTES}")).await;
        assert!(reply.status == 200 && reply.body == expected, "{}", reply.body.len());
    })
    .await;
    timed("an upload", async {
        assert_eq!(visitor.post("/digest", expected.clone()).await.text(), body::digest(&expected));
    })
    .await;
    timed("a download over HTTP/2", async {
        let mut http2 = visitor.http2().await.expect("a connection");
        let asked = http::Request::get(visitor.uri(&format!("/bytes?{BYTES}")));
        let asked = asked.body(Empty::<Bytes>::new()).expect("a request");
        let answer = http2.send_request(asked).await.expect("an answer");
        let bytes = answer.into_body().collect().await.expect("a whole body").to_bytes();
        assert!(bytes == expected, "{}", bytes.len());
    })
    .await;
    timed("both ways over a WebSocket", async {
        let mut socket = visitor.websocket("/ws").await;
        let message = Bytes::from(body::pattern(BYTES / 16));
        for _ in 0..8 {
            socket.send(Message::Binary(message.clone())).await.expect("sent");
            let back = socket.next().await.expect("an echo").expect("a message");
            assert_eq!(back.into_data(), message);
        }
    })
    .await;
}

#[tokio::test]
async fn a_tokens_limits_are_shown_wherever_tokens_are() {
    let limits = ["--max-mappings", "3", "--max-streams", "1", "--max-rate", "10MiB"];
    let mut world = World::builder()
        .gateway(|gateway| gateway.args(["--admin-listen", "127.0.0.1:0", "--token-links", "2"]))
        .token_args(&limits)
        .start()
        .await;
    let admin = Admin::of(&mut world.gateway).await;
    let listed = world.gateway.run(&["token", "list"]).await;
    assert!(listed.stdout.contains("at most mappings 3, streams 1, rate 10MiB/s"), "{listed:?}");
    let visitor = world.visitor();
    let drip = visitor.request("GET", "/drip").body(Empty::<Bytes>::new()).expect("a request");
    let _drip = visitor.send(drip).await.expect("an answer begins");
    assert_eq!(visitor.get("/hello").await.status, 503);
    let token = admin.ask("GET", "/api/v1/tokens").await.json()[0].take();
    let expected =
        serde_json::json!({"mappings": 3, "links": 2, "streams": 1, "connections": null, "rate": 10_485_760});
    assert_eq!(token["limits"], expected, "{token}");
    assert_eq!(token["in_use"], serde_json::json!({"links": 1, "mappings": 1, "streams": 1}), "{token}");
    let metrics = admin.look("/metrics").await.text();
    assert!(metrics.contains("porthole_gateway_token_limits_total{limit=\"streams\"} 1"), "{metrics}");
    assert!(metrics.contains("porthole_gateway_refusals_total{code=\"token-limit\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_limit_that_makes_no_sense_is_refused_with_2() {
    let gateway = porthole_testkit::Gateway::start().await;
    for (option, wrong) in [("--max-mappings", "0"), ("--max-links", "-"), ("--max-rate", "1KiB")] {
        let made = gateway.run(&["token", "create", "--name", "alice", option, wrong]).await;
        assert_eq!(made.code, Some(2), "{made:?}");
        assert!(made.stderr.contains(option) && made.stderr.contains("give "), "{made:?}");
    }
}
