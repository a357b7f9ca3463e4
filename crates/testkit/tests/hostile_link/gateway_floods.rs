//! Floods of a hostile gateway, and what they cost the real agent.

use std::time::Duration;

use bytes::BytesMut;
use porthole_link::ResetCode;
use porthole_link::frame::{self, Kind};
use porthole_testkit::light_agent::raise_open_files;
use porthole_testkit::wait::{eventually, within_time};
use porthole_testkit::{BareLink, FalseGateway, LocalService, long};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::frames::{get, put, request, tcp};
use crate::gateways::{MEMORY_KIB, Outcome, agent, outcome, own, works};

/// Names a flood, and makes one message of it. The number grows with each.
type Flood = (&'static str, fn(&mut BytesMut, u64));

/// How long a flood may wait for room: what was sent before is worked off meanwhile.
const ROOM: Duration = Duration::from_secs(120);

/// Streams or frames in a message of a flood.
const IN_A_MESSAGE: u64 = 1_000;

const FLOODS: &[Flood] = &[
    ("opens of unknown mappings", |out, at| {
        (0..IN_A_MESSAGE).for_each(|n| frame::put_open(out, at * IN_A_MESSAGE + n + 1, &tcp(9), &[], true));
    }),
    ("opens of a service that does not answer", |out, at| {
        (0..IN_A_MESSAGE)
            .for_each(|n| frame::put_open(out, at * IN_A_MESSAGE + n + 1, &get("/hang"), &[], false));
    }),
    ("opens, each reset at once", |out, at| {
        for id in (at * IN_A_MESSAGE + 1..).take(IN_A_MESSAGE as usize) {
            frame::put_open(out, id, &get("/hang"), &[], false);
            frame::put_reset(out, id, ResetCode::Cancelled);
        }
    }),
    ("windows of one byte", |out, at| {
        if at == 0 {
            frame::put_open(out, 1, &get("/hang"), &[], false);
        }
        (0..IN_A_MESSAGE).for_each(|_| frame::put_window(out, 1, 1));
    }),
    ("resets of one stream", |out, at| {
        if at == 0 {
            frame::put_open(out, 1, &get("/hang"), &[], false);
        }
        (0..IN_A_MESSAGE).for_each(|_| frame::put_reset(out, 1, ResetCode::Cancelled));
    }),
    ("empty data", |out, at| {
        if at == 0 {
            frame::put_open(out, 1, &get("/hang"), &[], false);
        }
        (0..IN_A_MESSAGE).for_each(|_| put(out, Kind::Data, 0, 1, b""));
    }),
    ("frames of tomorrow", |out, _| {
        (0..IN_A_MESSAGE).for_each(|n| put(out, Kind::Unknown(77), 0, n, b"what?"))
    }),
    ("heads of 100 KiB", |out, at| {
        let large = "x".repeat(100 * 1024);
        let open = request(1, "GET", "/hang", &[("Host", "a"), ("X-Large", &large)]);
        (0..8).for_each(|n| frame::put_open(out, at * 8 + n + 1, &open, &[], false));
    }),
];

#[tokio::test]
async fn floods_of_a_gateway_cost_an_agent_bounded_memory() {
    raise_open_files();
    // An agent each: after links that lived short the next is waited for.
    tokio::join!(flooded_by_all(true), flooded_by_all(false));
}

async fn flooded_by_all(reads: bool) {
    let messages = if long() { 200 } else { 25 };
    let (gateway, service) = (FalseGateway::start().await, LocalService::sample().await);
    let mut agent = agent(&gateway, &service, &["--json"]);
    for (name, flood) in FLOODS {
        let (mut link, _) = gateway.welcomed().await;
        let mut sent = 0;
        for at in 0..messages {
            let mut batch = BytesMut::new();
            flood(&mut batch, at);
            if !flooded(&mut link, Message::Binary(batch.freeze()), reads).await {
                break;
            }
            sent += 1;
        }
        let peak = agent.process.peak_memory_kib();
        println!(
            "{name}, {}: {sent} of {messages} messages, {} MiB at most",
            if reads { "reading" } else { "not reading" },
            peak / 1024
        );
        assert!(peak < MEMORY_KIB, "{name}: {peak} KiB");
        assert!(agent.process.is_running(), "{name}");
    }
    let (mut link, _) = gateway.welcomed().await;
    link.frames(|out| frame::put_open(out, 1, &get("/hello"), &[], true)).await;
    assert_eq!(outcome(&mut link, 1).await, Outcome::Answer(200, b"hello".to_vec()));
}

/// Sends one message of a flood, perhaps reading meanwhile. False once the link is over.
async fn flooded(link: &mut BareLink, message: Message, reads: bool) -> bool {
    use futures_util::{SinkExt, StreamExt};
    let (mut send, mut recv) = (&mut link.socket).split();
    let sending = async { within_time("room for a flood", ROOM, send.send(message)).await.is_ok() };
    let reading = async {
        if reads {
            while let Some(Ok(_)) = recv.next().await {}
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        sent = sending => sent,
        () = reading => false,
    }
}

#[tokio::test]
async fn floods_of_control_messages_are_read_or_end_the_link() {
    let messages = if long() { 200_000 } else { 10_000 };
    let (gateway, own) = (FalseGateway::start().await, own().await);
    let mut agent = agent(&gateway, &own, &["--json"]);
    let floods = [
        json!({"type": "ping", "at": 1}),
        json!({"type": "pong", "at": 1}),
        json!({"type": "mapped", "revision": 1, "results": []}),
        json!({"type": "drained"}),
        json!({"type": "tomorrow", "x": "y".repeat(1_000)}),
        json!({"type": "welcome", "protocol": 1, "gateway_version": "", "session_id": "", "revision": 1, "results": []}),
    ];
    for flood in floods {
        let (mut link, _) = gateway.welcomed().await;
        let mut sent = 0;
        while sent < messages && flooded(&mut link, Message::text(flood.to_string()), true).await {
            sent += 1;
        }
        println!("{}: {sent} of {messages}", flood["type"]);
        if sent == messages {
            works(&mut link, 1).await;
        }
        let peak = agent.process.peak_memory_kib();
        assert!(peak < 64 * 1024, "{}: {peak} KiB", flood["type"]);
    }
    assert!(agent.process.is_running());
}

#[tokio::test]
async fn a_gateway_that_does_not_read_costs_an_agent_its_streams_and_bounded_memory() {
    raise_open_files();
    let streams = if long() { 300 } else { 100 };
    let (gateway, service) = (FalseGateway::start().await, LocalService::sample().await);
    let agent = agent(&gateway, &service, &["--json"]);
    let (mut link, _) = gateway.welcomed().await;
    for id in 1..=streams {
        link.frames(|out| {
            frame::put_open(out, id, &get("/bytes?100000000"), &[], true);
            frame::put_window(out, id, 15 << 20);
        })
        .await;
    }
    let all_there = eventually("all at the service", || service.seen().len() as u64 == streams);
    link.alive_while(all_there).await;
    // What they send fills what there is room for.
    link.alive_while(tokio::time::sleep(Duration::from_secs(if long() { 5 } else { 1 }))).await;
    let peak = agent.process.peak_memory_kib();
    println!("{streams} downloads that nobody reads: {} MiB at most", peak / 1024);
    assert!(peak < MEMORY_KIB, "{peak} KiB");
    // The link is still good once it is read.
    assert!(link.frame(|frame| frame.kind == Kind::Head).await.stream <= streams);
}
