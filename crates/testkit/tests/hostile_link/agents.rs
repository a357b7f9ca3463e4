//! Hostile agents against the real gateway, with another tenant on it who must not notice.

use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::Empty;
use porthole_link::frame::{self, Kind};
use porthole_link::limits::{MESSAGE_BYTES, WINDOW_INITIAL};
use porthole_link::{Mapping, ResetCode};
use porthole_testkit::bare_link::Heard;
use porthole_testkit::gateway::Token;
use porthole_testkit::light_agent::{hello, named, raise_open_files};
use porthole_testkit::wait::{until, within};
use porthole_testkit::{BareLink, Gateway, World, long};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::frames::{answer, get, put, put_promise};

/// KiB that a gateway may have used at its worst under one hostile agent: what one link's stalled
/// streams may hold (`WINDOW_BUDGET`), and as much again for the program, visitors and the allocator.
const MEMORY_KIB: u64 = 256 * 1024;

/// A gateway with a tenant's agent on it, and a token of somebody else.
pub async fn world_with_mallory() -> (World, Token) {
    let world = World::new().await;
    let token = world.gateway.token("mallory", &[]).await;
    (world, token)
}

/// Mallory's agent, with the name `mallory` as mapping 1; a higher epoch replaces a lower.
pub async fn join(gateway: &Gateway, token: &Token, epoch: u64) -> (BareLink, Value) {
    join_with(gateway, token, epoch, vec![named(1, "mallory")]).await
}

pub async fn join_with(
    gateway: &Gateway,
    token: &Token,
    epoch: u64,
    mappings: Vec<Mapping>,
) -> (BareLink, Value) {
    let mut link = BareLink::agent(gateway.address, &token.token).await.expect("a good token enters");
    link.say(&porthole_link::ToGateway::Hello(hello("mallorys-agent", epoch, mappings))).await;
    let welcome = link.control("welcome").await;
    (link, welcome)
}

/// The tenant's visitors are served; says how long one took.
pub async fn tenant_is_well(world: &World) -> Duration {
    let began = Instant::now();
    assert_eq!(world.get("/hello").await.text(), "hello");
    began.elapsed()
}

type Breach = (&'static str, fn(&mut BytesMut));

/// Stream 1 is open when these are sent, and what the visitor asked for not yet answered.
const BREACHES: &[Breach] = &[
    ("half a frame", |out| out.put_slice(&[0, 0, 5, 1])),
    ("a frame beyond its bound", |out| put_promise(out, 3, 1, 0x00ff_ffff)),
    ("an open", |out| frame::put_open(out, 9, &get("/"), &[], true)),
    ("data for a stream never opened", |out| put(out, Kind::Data, 0, 99, b"x")),
    ("an answer to a stream never opened", |out| frame::put_head(out, 99, &answer(200, &[]), 0, b"x")),
    ("an answer to stream 0", |out| frame::put_head(out, 0, &answer(200, &[]), 0, b"x")),
    ("credit for a stream never opened", |out| frame::put_window(out, 99, 1)),
    ("a reset for a stream never opened", |out| frame::put_reset(out, 99, ResetCode::Cancelled)),
    ("more data than credit", |out| {
        frame::put_head(out, 1, &answer(200, &[]), 0, b"");
        put(out, Kind::Data, 0, 1, &vec![0; WINDOW_INITIAL as usize + 1]);
    }),
    ("credit beyond reason", |out| frame::put_window(out, 1, u32::MAX)),
    ("an end after the end", |out| {
        frame::put_head(out, 1, &answer(200, &[]), 0, b"");
        (0..2).for_each(|_| put(out, Kind::End, 0, 1, b""));
    }),
    ("data after the end", |out| {
        frame::put_head(out, 1, &answer(200, &[]), frame::FLAG_END, b"");
        put(out, Kind::Data, 0, 1, b"x");
    }),
];

#[tokio::test]
async fn an_agent_that_breaks_the_protocol_loses_its_own_link_and_nothing_else() {
    let (mut world, mallory) = world_with_mallory().await;
    let mut slow = world.visitor().websocket("/ws").await;
    for (epoch, (name, breach)) in BREACHES.iter().enumerate() {
        let from = world.gateway.process.line_count();
        let (mut link, _) = join(&world.gateway, &mallory, epoch as u64).await;
        let visitor = world.gateway.visitor("mallory");
        let asked = tokio::spawn(async move {
            let request = visitor.request("GET", "/").body(Empty::<Bytes>::new()).expect("a request");
            visitor.try_fetch(request).await.map(|reply| reply.status)
        });
        assert_eq!(link.frame(|frame| frame.kind == Kind::Open).await.stream, 1);
        link.frames(breach).await;
        link.over().await;
        // Its visitor hears of it: a 502, or an answer that breaks off.
        let got = within("the visitor's answer", asked).await.expect("no panic");
        assert!(!matches!(got, Ok(200)) || name.ends_with("the end"), "{name}: {got:?}");
        let said = |line: &str| line.contains("broke the protocol").then(|| line.to_owned());
        let said = world.gateway.process.line_after(from, name, said).await;
        assert!(said.contains("an agent is gone"), "{name}: {said}");
        tenant_is_well(&world).await;
    }
    // A tenant's WebSocket lived through all of it.
    use futures_util::{SinkExt, StreamExt};
    slow.send(Message::text("still here")).await.expect("sent");
    let echo = within("the echo", slow.next()).await.expect("open").expect("a message");
    assert_eq!(echo, Message::text("still here"));
}

#[tokio::test]
async fn what_is_no_hello_is_refused_with_the_connection() {
    let (world, mallory) = world_with_mallory().await;
    let good =
        serde_json::to_value(porthole_link::ToGateway::Hello(hello("a", 1, Vec::new()))).expect("JSON");
    let with = |key: &str, value: Value| {
        let mut hello = good.clone();
        hello[key] = value;
        hello.to_string()
    };
    let too_many: Vec<Value> =
        (0..10_000).map(|n| json!({"id": format!("{n}"), "number": n, "name": format!("n{n}")})).collect();
    let rows: Vec<(&str, String, Option<&str>)> = vec![
        ("no JSON", "hello".into(), None),
        ("another message", json!({"type": "ping", "at": 1}).to_string(), None),
        ("a message of tomorrow", json!({"type": "tomorrow"}).to_string(), None),
        (
            "mappings without a hello",
            json!({"type": "mappings", "revision": 1, "mappings": []}).to_string(),
            None,
        ),
        ("a number for an id", with("agent_id", json!(7)), None),
        ("an epoch below zero", with("epoch", json!(-1)), None),
        ("no id", with("agent_id", json!("")), Some("protocol-version")),
        ("an id that splits a line", with("agent_id", json!("a\r\nb")), Some("protocol-version")),
        ("an id of a mebibyte", with("agent_id", json!("a".repeat(900_000))), Some("protocol-version")),
        ("a protocol of tomorrow", with("protocol_oldest", json!(2)), Some("protocol-version")),
        ("10,000 mappings", with("mappings", json!(too_many)), Some("limit")),
        (
            "twice the same number",
            with("mappings", json!([{"id": "a", "number": 1}, {"id": "b", "number": 1}])),
            Some("mapping-invalid"),
        ),
        (
            "an id with a slash",
            with("mappings", json!([{"id": "../x", "number": 1}])),
            Some("mapping-invalid"),
        ),
        (
            "an id that splits a line",
            with("mappings", json!([{"id": "a\r\nb", "number": 1}])),
            Some("mapping-invalid"),
        ),
    ];
    for (name, text, code) in rows {
        let mut link = BareLink::agent(world.gateway.address, &mallory.token).await.expect("a good token");
        link.say_text(text).await;
        match (code, link.hear().await) {
            (Some(code), Heard::Control(refused)) => {
                assert_eq!(
                    (refused["type"].as_str(), refused["code"].as_str()),
                    (Some("refused"), Some(code)),
                    "{name}: {refused}"
                );
                assert!(
                    refused["message"]
                        .as_str()
                        .is_some_and(|message| message.len() > 20 && message.len() < 300),
                    "{name}"
                );
            }
            (None, Heard::Over(_)) => continue,
            (_, other) => panic!("{name}: {other:?}"),
        }
        link.over().await;
    }
    // Frames first, a message beyond the bound, or a frame that is none.
    let messages = [
        Message::binary(vec![0; 11]),
        Message::binary(vec![0; MESSAGE_BYTES + 1]),
        Message::text(" ".repeat(MESSAGE_BYTES + 1)),
    ];
    for message in messages {
        let mut link = BareLink::agent(world.gateway.address, &mallory.token).await.expect("a good token");
        link.send(message).await;
        link.over().await;
    }
    tenant_is_well(&world).await;
    assert_eq!(links(&world).await, 1, "only the tenant's");
}

/// Links that the gateway counts.
async fn links(world: &World) -> u64 {
    world.gateway.own().get("/api/v1/status").await.json()["links"].as_u64().expect("a number")
}

#[tokio::test]
async fn agents_that_never_say_hello_are_sent_away_and_cost_little() {
    raise_open_files();
    let count = if long() { 2_000 } else { 200 };
    let (world, mallory) = world_with_mallory().await;
    let before = world.gateway.process.memory_kib();
    let mut waiting = JoinSet::new();
    for _ in 0..count {
        let link = BareLink::agent(world.gateway.address, &mallory.token).await.expect("a good token");
        waiting.spawn(async move {
            let mut link = link;
            link.over().await
        });
    }
    tenant_is_well(&world).await;
    let grown = world.gateway.process.peak_memory_kib().saturating_sub(before);
    println!("{count} silent agents: {grown} KiB");
    assert!(grown < count * 64, "{grown} KiB for {count} silent agents");
    while let Some(over) = waiting.join_next().await {
        over.expect("closed by the gateway");
    }
    assert_eq!(links(&world).await, 1, "only the tenant's");
}

#[tokio::test]
async fn an_agent_with_the_id_of_anothers_replaces_nothing_of_theirs() {
    let (world, mallory) = world_with_mallory().await;
    // The tenant's agent id, as it lies in its database; epochs do not grow higher than this.
    let database = world.agent.home().path();
    let id = agent_id(database);
    let mut link = BareLink::agent(world.gateway.address, &mallory.token).await.expect("a good token");
    link.say(&porthole_link::ToGateway::Hello(hello(
        &id,
        u64::MAX,
        vec![named(1, "app"), named(2, "mallory")],
    )))
    .await;
    let welcome = link.control("welcome").await;
    assert_eq!(welcome["results"][0]["code"], "name-in-use", "{welcome}");
    assert!(welcome["results"][1]["public_url"].is_string(), "{welcome}");
    tenant_is_well(&world).await;
    assert_eq!(links(&world).await, 2);
    assert!(!world.agent.process.printed().contains("replaced"));
}

/// The random id of an agent with this home, a version 4 UUID in its database.
fn agent_id(home: &std::path::Path) -> String {
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap_or_default();
            let at = porthole_testkit::visitor::find(&bytes, b"agent_id");
            if let Some(found) = at.and_then(|at| bytes.get(at + 8..at + 44)) {
                return String::from_utf8_lossy(found).into_owned();
            }
        }
    }
    panic!("no agent id in {}", home.display());
}

type Flood = (&'static str, fn(u64) -> Message);

fn batch(write: impl FnOnce(&mut BytesMut)) -> Message {
    let mut out = BytesMut::new();
    write(&mut out);
    Message::Binary(out.freeze())
}

fn text(message: &Value) -> Message {
    Message::text(message.to_string())
}

/// Stream 1 is open. Each makes one message; the number grows.
const FLOODS: &[Flood] = &[
    ("pings", |at| text(&json!({"type": "ping", "at": at}))),
    ("hellos", |at| {
        text(
            &json!({"type": "hello", "protocol": 1, "protocol_oldest": 1, "agent_version": "x".repeat(1_000), "agent_id": "a", "epoch": at, "revision": 1, "mappings": []}),
        )
    }),
    ("sets of one mapping", |at| {
        text(
            &json!({"type": "mappings", "revision": at, "mappings": [{"id": "m", "number": 1, "name": format!("mallory-{}", at % 50)}]}),
        )
    }),
    ("sets of 1,000 mappings", |at| {
        let set: Vec<Value> = (0..1_000)
            .map(|n| json!({"id": format!("m{n}"), "number": n, "name": format!("mallory-{n}-{}", at % 5)}))
            .collect();
        text(&json!({"type": "mappings", "revision": at, "mappings": set}))
    }),
    ("farewells", |_| text(&json!({"type": "draining", "deadline_ms": 1}))),
    ("messages of tomorrow", |_| text(&json!({"type": "tomorrow", "x": "y".repeat(1_000)}))),
    ("resets", |_| batch(|out| (0..1_000).for_each(|_| frame::put_reset(out, 1, ResetCode::Cancelled)))),
    ("windows", |_| batch(|out| (0..1_000).for_each(|_| frame::put_window(out, 1, 1)))),
    ("empty data", |at| {
        batch(|out| {
            if at == 0 {
                frame::put_head(out, 1, &answer(200, &[]), 0, b"");
            }
            (0..1_000).for_each(|_| put(out, Kind::Data, 0, 1, b""));
        })
    }),
    ("frames of tomorrow", |_| {
        batch(|out| (0..1_000).for_each(|n| put(out, Kind::Unknown(77), 0, n, b"what?")))
    }),
    ("WebSocket pings", |_| Message::Ping(Bytes::from_static(&[0; 125]))),
];

#[tokio::test]
async fn floods_of_an_agent_leave_the_other_tenants_alone() {
    let messages = if long() { 3_000 } else { 300 };
    let (world, mallory) = world_with_mallory().await;
    for (epoch, (name, flood)) in FLOODS.iter().enumerate() {
        let (mut link, _) = join(&world.gateway, &mallory, epoch as u64).await;
        let visitor = world.gateway.visitor("mallory");
        let asking = tokio::spawn(async move {
            let request = visitor.request("GET", "/").body(Empty::<Bytes>::new()).expect("a request");
            visitor.try_fetch(request).await.map(|reply| reply.status)
        });
        link.frame(|frame| frame.kind == Kind::Open).await;
        let over = std::cell::Cell::new(false);
        let flooding = async {
            let mut sent = 0;
            while sent < messages && link.send(flood(sent)).await {
                sent += 1;
            }
            over.set(true);
            sent
        };
        let others = async {
            let mut worst = Duration::ZERO;
            loop {
                worst = worst.max(tenant_is_well(&world).await);
                if over.get() {
                    return worst;
                }
            }
        };
        let (sent, worst) = tokio::join!(flooding, others);
        drop(link);
        let _ = within("the visitor's answer", asking).await;
        tenant_is_well(&world).await;
        let peak = world.gateway.process.peak_memory_kib();
        println!(
            "{name}: {sent} of {messages} messages; the tenant waited {worst:?} at most; {} MiB at most",
            peak / 1024
        );
        assert!(peak < MEMORY_KIB, "{name}: {peak} KiB");
    }
    until("only the tenant's link", || async { (links(&world).await == 1).then_some(()) }).await;
}

#[tokio::test]
async fn an_agent_that_does_not_read_costs_its_own_visitors_and_bounded_memory() {
    raise_open_files();
    let visitors = if long() { 400 } else { 100 };
    let (world, mallory) = world_with_mallory().await;
    let before = world.gateway.process.memory_kib();
    // Grants credit for all that its visitors will send, and reads none of it.
    let (mut link, _) = join(&world.gateway, &mallory, 1).await;
    let mut uploads = JoinSet::new();
    let body = Bytes::from(vec![7; 4 << 20]);
    for _ in 0..visitors {
        let (visitor, body) = (world.gateway.visitor("mallory"), body.clone());
        uploads.spawn(async move {
            let request = visitor.request("POST", "/").body(http_body_util::Full::new(body));
            visitor.try_fetch(request.expect("a request")).await.map(|reply| reply.status)
        });
    }
    // The first opens are read to give the credit, then nothing more.
    let first = link.frame(|frame| frame.kind == Kind::Open).await.stream;
    link.frames(|out| frame::put_window(out, first, 15 << 20)).await;
    link.alive_while(async {
        for _ in 0..10 {
            tenant_is_well(&world).await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    })
    .await;
    let grown = world.gateway.process.peak_memory_kib().saturating_sub(before);
    println!("{visitors} uploads to an agent that does not read: {grown} KiB");
    assert!(grown < MEMORY_KIB, "{grown} KiB");
    tenant_is_well(&world).await;
    drop(link);
    while let Some(answered) = uploads.join_next().await {
        let answered = answered.expect("no panic");
        assert!(!matches!(answered, Ok(200)), "{answered:?}");
    }
    tenant_is_well(&world).await;
}

#[tokio::test]
async fn answers_that_their_visitor_does_not_read_cost_an_agent_no_more_than_its_credit() {
    let (world, mallory) = world_with_mallory().await;
    let before = world.gateway.process.memory_kib();
    let (mut link, _) = join(&world.gateway, &mallory, 1).await;
    // Visitors that ask and read nothing; each answer fills what credit the gateway gives and no more.
    let visitors = 50;
    let mut stalled = Vec::new();
    for id in 1..=visitors {
        let visitor = world.gateway.visitor("mallory");
        let mut raw = visitor.raw().await;
        raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", visitor.host)).await;
        stalled.push(raw);
        link.frame(|frame| frame.kind == Kind::Open).await;
        link.frames(|out| {
            frame::put_head(out, id, &answer(200, &[]), 0, b"");
            put(out, Kind::Data, 0, id, &vec![0; WINDOW_INITIAL as usize]);
        })
        .await;
    }
    link.alive_while(async {
        for _ in 0..10 {
            tenant_is_well(&world).await;
        }
    })
    .await;
    let grown = world.gateway.process.peak_memory_kib().saturating_sub(before);
    println!("{visitors} stalled answers: {grown} KiB");
    assert!(grown < visitors * 512, "{grown} KiB");
    // All visitors still get what was sent.
    let mut raw = stalled.pop().expect("one");
    raw.head().await;
    drop(stalled);
    let visitor = world.gateway.visitor("mallory");
    drop(link);
    let gone = || async {
        let request = visitor.request("GET", "/").body(Empty::<Bytes>::new()).ok()?;
        let reply = visitor.try_fetch(request).await.ok()?;
        (reply.status == 503).then_some(())
    };
    until("mallory to be away", gone).await;
}
