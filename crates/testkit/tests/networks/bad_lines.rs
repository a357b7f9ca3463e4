//! Lines that are bad, but lines: the tunnel works over each of them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use porthole_testkit::lab::{Conditions, LabWorld, Sides};
use porthole_testkit::service::body::{self, pattern_of};
use porthole_testkit::{Visitor, long};
use tokio_tungstenite::tungstenite::Message;

use crate::{at_once, at_once_if_short};

const MIB: usize = 1024 * 1024;
/// Bytes each way where nothing limits the rate.
const SHORT: usize = MIB;
const LONG: usize = 50 * MIB;
/// Bytes each way at 1 Mbit/s: 2 s and 84 s of the line.
const SLOW_SHORT: usize = MIB / 4;
const SLOW_LONG: usize = 10 * MIB;
/// For one transfer of any size over any line. A bound for what hangs: the line sets the time.
const TRANSFER: Duration = Duration::from_secs(600);

#[test]
fn the_tunnel_works_over_lines_that_lose_delay_overtake_and_repeat_and_over_slow_ones() {
    at_once_if_short(&[
        ("two frames of a hundred lost", |name| {
            let conditions = Conditions { lost: 0.02, ..Conditions::default() };
            Box::pin(works_over(name, conditions, SHORT, LONG))
        }),
        ("a tenth of a second of unsteady delay", |name| {
            let (delay, jitter) = (Duration::from_millis(100), Duration::from_millis(30));
            let conditions = Conditions { delay, jitter, ..Conditions::default() };
            Box::pin(works_over(name, conditions, SHORT, LONG))
        }),
        ("one frame of five overtaken", |name| {
            let conditions = Conditions { reordered: 0.2, ..Conditions::default() };
            Box::pin(works_over(name, conditions, SHORT, LONG))
        }),
        ("one frame of five twice", |name| {
            let conditions = Conditions { doubled: 0.2, ..Conditions::default() };
            Box::pin(works_over(name, conditions, SHORT, LONG))
        }),
        ("one megabit", |name| Box::pin(works_over(name, slow(), SLOW_SHORT, SLOW_LONG))),
    ]);
}

#[test]
fn small_requests_are_answered_beside_bulk_on_a_line_of_one_megabit() {
    at_once(&[
        ("a download at 1 Mbit/s", |name| Box::pin(beside_bulk(name, "GET"))),
        ("an upload at 1 Mbit/s", |name| Box::pin(beside_bulk(name, "POST"))),
    ]);
}

fn slow() -> Conditions {
    Conditions { bits_per_second: Some(Conditions::MEGABIT), ..Conditions::default() }
}

/// Requests, a transfer each way compared byte by byte or by checksum, and a WebSocket, all over one link.
async fn works_over(name: &str, conditions: Conditions, short: usize, large: usize) {
    let world = LabWorld::new().await;
    world.lab.line.set(Sides::Both, conditions);
    let size = if long() { large } else { short };
    let visitor = world.visitor();
    for _ in 0..5 {
        assert_eq!(visitor.get("/hello").await.text(), "hello");
    }
    let data = Bytes::from(pattern_of(size));
    let began = Instant::now();
    let got = fetch(&visitor, "GET", &format!("/bytes?{size}"), Bytes::new()).await;
    let down = began.elapsed();
    assert!(got == data, "{} bytes, or others than sent", got.len());
    let began = Instant::now();
    let digest = fetch(&visitor, "POST", "/digest", data.clone()).await;
    let up = began.elapsed();
    assert_eq!(digest, body::digest(&data));
    let began = Instant::now();
    let mut socket = visitor.websocket("/ws").await;
    for number in 0..10 {
        let message = Message::text(format!("message {number}"));
        socket.send(message.clone()).await.expect("the WebSocket is open");
        let echoed = tokio::time::timeout(TRANSFER, socket.next()).await.expect("an echo");
        assert_eq!(echoed.expect("an open WebSocket").expect("an echo"), message);
    }
    println!("{name}: {size} bytes: down in {down:?}, up in {up:?}; 10 echoes in {:?}", began.elapsed());
    let told = world.agent.events();
    assert!(!told.iter().any(|event| event["event"] == "disconnected"), "the link was given up: {told:?}");
    world.has_one_link().await;
}

async fn fetch(visitor: &Visitor, method: &str, path: &str, body: Bytes) -> Bytes {
    let request = visitor.request(method, path).body(http_body_util::Full::new(body));
    let asked = visitor.try_fetch(request.expect("a valid request"));
    let reply =
        tokio::time::timeout(TRANSFER, asked).await.unwrap_or_else(|_| panic!("{path} takes for ever"));
    let reply = reply.unwrap_or_else(|error| panic!("{path} failed: {error:?}"));
    assert_eq!(reply.status, 200);
    reply.body
}

/// How many small requests are measured beside the bulk transfer.
const SMALL: (usize, usize) = (4, 100);
/// The slowest of them in the long form. What is asked is that they come out, not how fast: the queue of
/// the line alone holds half a second.
const SMALL_AT_MOST: Duration = Duration::from_secs(3);

async fn beside_bulk(name: &str, method: &'static str) {
    let world = LabWorld::new().await;
    world.lab.line.set(Sides::Both, slow());
    let visitor = world.visitor();
    assert_eq!(visitor.get("/hello").await.text(), "hello");
    // Larger than the line carries in the test's time; it ends with the test.
    let size = 100 * MIB;
    let bulk = {
        let visitor = visitor.clone();
        let (path, body) = match method {
            "GET" => (format!("/bytes?{size}"), Bytes::new()),
            _ => ("/digest".to_owned(), Bytes::from(vec![7; size])),
        };
        tokio::spawn(async move { fetch(&visitor, method, &path, body).await })
    };
    let count = if long() { SMALL.1 } else { SMALL.0 };
    let mut times = Vec::new();
    // The first ones meet a line whose queues still fill.
    for _ in 0..count {
        let began = Instant::now();
        assert_eq!(fetch(&visitor, "GET", "/hello", Bytes::new()).await, "hello");
        times.push(began.elapsed());
    }
    assert!(!bulk.is_finished(), "the transfer went on all the time");
    bulk.abort();
    times.sort();
    let (median, slowest) = (times[count / 2], times[count - 1]);
    println!("{count} small requests beside {name}: median {median:?}, slowest {slowest:?}");
    if long() {
        assert!(slowest < SMALL_AT_MOST, "{slowest:?}");
    }
    let told = world.agent.events();
    assert!(!told.iter().any(|event| event["event"] == "disconnected"), "the link was given up: {told:?}");
}
