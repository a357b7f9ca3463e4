//! Hostile gateways against the real agent.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::{BufMut, BytesMut};
use porthole_link::frame::{self, Kind};
use porthole_link::limits::{MESSAGE_BYTES, WINDOW_INITIAL};
use porthole_link::{Open, ResetCode, StreamKind};
use porthole_testkit::agent::Home;
use porthole_testkit::service::body;
use porthole_testkit::{Agent, BareLink, FalseGateway, LocalService, long};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use crate::frames::{get, put, put_promise, request, tcp};

/// KiB that an agent may have used at its worst. Half is what one link's stalled streams may hold
/// (`WINDOW_BUDGET`), the rest the program and what the allocator keeps.
pub const MEMORY_KIB: u64 = 256 * 1024;

/// An agent with one mapping, on its way to `gateway`.
pub fn agent(gateway: &FalseGateway, service: &LocalService, more: &[&str]) -> Agent {
    let (port, url) = (service.port().to_string(), gateway.url());
    let mut words = vec!["http", &port, "--gateway", &url, "--token", "a-token", "--name", "app"];
    words.extend(more);
    Agent::start(&Home::new(), words)
}

/// A service that answers `own` to everything.
pub async fn own() -> LocalService {
    LocalService::http(|_, _| async { http::Response::new(body::full("own")) }).await
}

/// What became of one stream: the status and first bytes of its answer, or the code of its reset.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Answer(u16, Vec<u8>),
    Reset(u16),
}

pub async fn outcome(link: &mut BareLink, id: u64) -> Outcome {
    let ends = |frame: &frame::Frame| frame.stream == id && matches!(frame.kind, Kind::Head | Kind::Reset);
    let frame = link.frame(ends).await;
    match frame.kind {
        Kind::Reset => Outcome::Reset(u16::from_be_bytes([frame.payload[0], frame.payload[1]])),
        _ => {
            let (head, data) = frame::read_head(frame.payload).expect("an agent sends good heads");
            Outcome::Answer(head.status, data.to_vec())
        }
    }
}

/// The link carries an exchange as if nothing had happened.
pub async fn works(link: &mut BareLink, id: u64) {
    link.frames(|out| frame::put_open(out, id, &get("/"), &[], true)).await;
    assert_eq!(outcome(link, id).await, Outcome::Answer(200, b"own".to_vec()));
}

/// Whom a process has connections to.
fn peers(pid: u32) -> BTreeSet<SocketAddr> {
    let folder = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let own: BTreeSet<String> = folder
        .filter_map(|entry| std::fs::read_link(entry.path()).ok()?.to_str().map(str::to_owned))
        .filter_map(|target| Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap_or_default();
    let peer = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (address, port) = columns.get(2)?.split_once(':')?;
        let address = u32::from_str_radix(address, 16).ok()?.to_le_bytes();
        let port = u16::from_str_radix(port, 16).ok()?;
        own.contains(*columns.get(9)?).then(|| SocketAddr::from((Ipv4Addr::from(address), port)))
    };
    table.lines().filter_map(peer).filter(|peer| peer.port() != 0).collect()
}

#[tokio::test]
async fn an_agent_connects_only_to_what_its_own_mappings_name() {
    let (gateway, own) = (FalseGateway::start().await, own().await);
    let trap = LocalService::raw(|_| async {}).await;
    let agent = agent(&gateway, &own, &["--json"]);
    let (mut link, _) = gateway.welcomed().await;
    let (port, local) = (trap.port(), format!("127.0.0.1:{}", trap.port()));
    let absolute = format!("http://{local}/");
    let host = |value: &str| request(1, "GET", "/", &[("Host", value)]);
    let asked: Vec<(&str, Open)> = vec![
        ("mapping 0", request(0, "GET", "/", &[("Host", "app.example")])),
        ("mapping 2", request(2, "GET", "/", &[("Host", "app.example")])),
        ("the last mapping", request(u32::MAX, "GET", "/", &[("Host", "app.example")])),
        ("a mapping of the port's number", request(u32::from(port), "GET", "/", &[("Host", "app.example")])),
        ("TCP", tcp(1)),
        ("TCP to an unknown mapping", tcp(u32::from(port))),
        ("an absolute target", request(1, "GET", &absolute, &[("Host", "app.example")])),
        ("an absolute target, both the same", request(1, "GET", &absolute, &[("Host", &local)])),
        (
            "metadata",
            request(1, "GET", "http://169.254.169.254/latest/meta-data/", &[("Host", "169.254.169.254")]),
        ),
        ("metadata as host", host("169.254.169.254")),
        ("another host", host(&local)),
        ("a host with a user", host(&format!("app@{local}"))),
        ("no host", request(1, "GET", "/", &[])),
        ("two hosts", request(1, "GET", "/", &[("Host", "app.example"), ("Host", &local)])),
        ("a target of two slashes", request(1, "GET", &format!("//{local}/"), &[("Host", "app.example")])),
        ("a target that is an authority", request(1, "GET", &local, &[("Host", "app.example")])),
        ("CONNECT", request(1, "CONNECT", &local, &[("Host", &local)])),
        ("a forwarded host", request(1, "GET", "/", &[("Host", "a"), ("X-Forwarded-Host", &local)])),
        (
            "a proxy's field",
            request(1, "GET", "/", &[("Host", "a"), ("Proxy", &absolute), ("Via", &absolute)]),
        ),
        (
            "an upgrade",
            Open {
                kind: StreamKind::Upgrade,
                ..request(1, "GET", &absolute, &[("Host", &local), ("Upgrade", "websocket")])
            },
        ),
    ];
    for (number, (name, open)) in asked.iter().enumerate() {
        let id = number as u64 + 1;
        link.frames(|out| frame::put_open(out, id, open, &[], true)).await;
        match outcome(&mut link, id).await {
            // A 200 to CONNECT has no body.
            Outcome::Answer(200, body) if *name == "CONNECT" => assert!(body.is_empty(), "{body:?}"),
            Outcome::Answer(200, body) => assert_eq!(body, b"own", "{name}"),
            // A service may refuse what is no request to it.
            Outcome::Answer(400, _) => {}
            Outcome::Reset(code) if open.mapping != 1 => {
                assert_eq!(code, ResetCode::NoMapping as u16, "{name}")
            }
            Outcome::Reset(code) => assert!(
                [ResetCode::BadRequest as u16, ResetCode::BadAnswer as u16].contains(&code),
                "{name}: {code}"
            ),
            other @ Outcome::Answer(..) => panic!("{name}: {other:?}"),
        }
        let strangers: Vec<SocketAddr> = peers(agent.process.pid())
            .into_iter()
            .filter(|peer| *peer != gateway.address && *peer != own.address)
            .collect();
        assert!(strangers.is_empty(), "{name}: {strangers:?}");
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_handed_on_and_not_followed() {
    let gateway = FalseGateway::start().await;
    let trap = LocalService::raw(|_| async {}).await;
    let away = format!("http://127.0.0.1:{}/", trap.port());
    let service = LocalService::http(move |_, _| {
        let answer = http::Response::builder()
            .status(302)
            .header("Location", &away)
            .header("Refresh", format!("0; {away}"));
        let answer = answer.body(body::full("over there")).expect("an answer");
        async { answer }
    })
    .await;
    let _agent = agent(&gateway, &service, &["--json"]);
    let (mut link, _) = gateway.welcomed().await;
    link.frames(|out| frame::put_open(out, 1, &get("/"), &[], true)).await;
    assert_eq!(outcome(&mut link, 1).await, Outcome::Answer(302, b"over there".to_vec()));
    works_as(&mut link, 3, 302).await;
    assert_eq!(trap.connections(), 0);
}

async fn works_as(link: &mut BareLink, id: u64, status: u16) {
    link.frames(|out| frame::put_open(out, id, &get("/"), &[], true)).await;
    assert!(matches!(outcome(link, id).await, Outcome::Answer(got, _) if got == status));
}

/// What a request may not hold, and would make two of one at the service.
#[tokio::test]
async fn a_gateway_cannot_put_a_second_request_into_one() {
    let gateway = FalseGateway::start().await;
    let service = LocalService::sample().await;
    let _agent = agent(&gateway, &service, &["--json"]);
    let (mut link, _) = gateway.welcomed().await;
    let smuggled = "x\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: b";
    let host = ("Host", "a");
    let asked = [
        request(1, "GET", &format!("/ HTTP/1.1\r\nHost: {smuggled}"), &[host]),
        request(1, &format!("GET /hello HTTP/1.1\r\nHost: {smuggled}\r\n\r\nGET"), "/", &[host]),
        request(1, "GET", "/hello", &[host, ("X", smuggled)]),
        request(1, "GET", "/hello", &[host, (smuggled, "x")]),
        request(1, "GET", "/hello", &[("Host", smuggled)]),
        request(1, "GET", "/hello smuggled", &[host]),
        request(1, "", "/hello", &[host]),
        request(1, "GET", "", &[host]),
        request(1, "POST", "/sink", &[host, ("Content-Length", "5"), ("Content-Length", "6")]),
        request(1, "POST", "/sink", &[host, ("Content-Length", "+3")]),
        request(1, "POST", "/sink", &[host, ("Content-Length", "3, 3")]),
    ];
    let mut id = 0;
    for open in &asked {
        id += 1;
        link.frames(|out| frame::put_open(out, id, open, b"GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n", true))
            .await;
        let got = outcome(&mut link, id).await;
        assert_eq!(got, Outcome::Reset(ResetCode::BadRequest as u16), "{open:?}");
    }
    // Fields that say how the body is framed are made anew: these only look like an attack.
    for field in
        [("Transfer-Encoding", "chunked"), ("Content-Length", "3"), ("Connection", "X, Content-Length")]
    {
        id += 1;
        let open = request(1, "POST", "/sink", &[host, field]);
        let body: &[u8] =
            if field.0 == "Content-Length" { b"abc" } else { b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n" };
        link.frames(|out| frame::put_open(out, id, &open, body, true)).await;
        outcome(&mut link, id).await;
    }
    works_as(&mut link, id + 1, 404).await;
    let seen = service.seen();
    assert!(!seen.iter().any(|seen| seen.target.contains("smuggled")), "{seen:?}");
}

/// Names what a gateway does wrong, and does it.
type Breach = (&'static str, fn(&mut BytesMut));

const BREACHES: &[Breach] = &[
    ("half a frame", |out| out.put_slice(&[0, 0, 5, 1])),
    ("a frame cut off", |out| put_promise(out, 1, 1, 100)),
    ("a frame beyond its bound", |out| put_promise(out, 3, 1, 0x00ff_ffff)),
    ("an unknown stream kind", |out| put(out, Kind::Open, 0, 1, &[9; 40])),
    ("an open of nothing", |out| put(out, Kind::Open, 0, 1, &[])),
    ("a request id that splits a line", |out| {
        put(out, Kind::Open, 0, 1, b"\x03\x00\x00\x00\x01\x04ab\r\n\x04\xc0\x00\x02\x01\x12\x67\x00");
    }),
    ("an unknown address family", |out| {
        put(out, Kind::Open, 0, 1, b"\x03\x00\x00\x00\x01\x01a\x05\xc0\x00\x02\x01\x12\x67\x00")
    }),
    ("an HTTP stream without a head", |out| {
        put(out, Kind::Open, 0, 1, b"\x01\x00\x00\x00\x01\x01a\x04\xc0\x00\x02\x01\x12\x67\x00")
    }),
    ("a method of four mebibytes", |out| {
        put(
            out,
            Kind::Open,
            0,
            1,
            b"\x01\x00\x00\x00\x01\x01a\x04\xc0\x00\x02\x01\x12\x67\x01\x0b\xff\xff\xff\x01",
        )
    }),
    ("a field section of a million fields", |out| {
        put(
            out,
            Kind::Open,
            0,
            1,
            b"\x01\x00\x00\x00\x01\x01a\x04\xc0\x00\x02\x01\x12\x67\x01\x0b\x03GET\x01/\xc0\x84\x3d",
        )
    }),
    ("a target that is no text", |out| {
        put(
            out,
            Kind::Open,
            0,
            1,
            b"\x01\x00\x00\x00\x01\x01a\x04\xc0\x00\x02\x01\x12\x67\x01\x0b\x03GET\x02/\xff\x00",
        )
    }),
    ("stream 0", |out| frame::put_open(out, 0, &get("/"), &[], true)),
    ("a stream opened twice", |out| (0..2).for_each(|_| frame::put_open(out, 1, &get("/"), &[], true))),
    ("ids that go down", |out| {
        [5, 3].into_iter().for_each(|id| frame::put_open(out, id, &get("/"), &[], true))
    }),
    ("data for a stream never opened", |out| put(out, Kind::Data, 0, 7, b"x")),
    ("an end for a stream never opened", |out| put(out, Kind::End, 0, 7, b"")),
    ("a reset for a stream never opened", |out| frame::put_reset(out, 7, ResetCode::Cancelled)),
    ("credit for a stream never opened", |out| frame::put_window(out, 7, 1)),
    ("an answer from the gateway", |out| {
        frame::put_open(out, 1, &get("/"), &[], false);
        frame::put_head(out, 1, &crate::frames::answer(200, &[]), 0, &[]);
    }),
    ("more data than credit", |out| {
        frame::put_open(out, 1, &get("/"), &[], false);
        put(out, Kind::Data, 0, 1, &vec![0; WINDOW_INITIAL as usize + 1]);
    }),
    ("credit beyond reason", |out| {
        frame::put_open(out, 1, &get("/"), &[], false);
        frame::put_window(out, 1, u32::MAX);
    }),
    ("data after the end", |out| {
        frame::put_open(out, 1, &get("/"), &[], false);
        put(out, Kind::End, 0, 1, b"");
        put(out, Kind::Data, 0, 1, b"x");
    }),
    ("an end after the end", |out| {
        frame::put_open(out, 1, &get("/"), &[], false);
        (0..2).for_each(|_| put(out, Kind::End, 0, 1, b""));
    }),
    ("trailers of nonsense", |out| {
        frame::put_open(out, 1, &get("/"), &[], false);
        put(out, Kind::End, 0, 1, &[0xff; 9]);
    }),
    ("a reset of half a code", |out| {
        frame::put_open(out, 1, &get("/"), &[], false);
        put(out, Kind::Reset, 0, 1, &[0]);
    }),
];

/// The agent says in one sentence that the gateway broke the protocol.
async fn told(agent: &mut Agent, from: usize, name: &str) {
    let event = agent.event_after(from, |event| event["event"] == "disconnected", name).await;
    assert_eq!(event["code"], "link-protocol", "{name}: {event}");
    let message = event["message"].as_str().expect("a message");
    assert!(message.ends_with('.') && message.len() > 40 && !message.contains('\n'), "{name}: {message}");
}

#[tokio::test]
async fn a_gateway_that_breaks_the_protocol_loses_its_link_and_the_agent_comes_again() {
    // Agents wait longer after each link that lived short: each takes a share of the rows.
    const SHARES: usize = 4;
    let share = |number: usize| async move {
        let (gateway, own) = (FalseGateway::start().await, own().await);
        let mut agent = agent(&gateway, &own, &["--json"]);
        for (name, breach) in BREACHES.iter().skip(number).step_by(SHARES) {
            let from = agent.process.line_count();
            let (mut link, _) = gateway.welcomed().await;
            link.frames(breach).await;
            link.over().await;
            told(&mut agent, from, name).await;
        }
        let (mut link, _) = gateway.welcomed().await;
        works(&mut link, 1).await;
        agent.process.peak_memory_kib()
    };
    let peaks = futures_util::future::join_all((0..SHARES).map(share)).await;
    assert!(peaks.iter().all(|peak| *peak < MEMORY_KIB), "{peaks:?} KiB");
}

#[tokio::test]
async fn messages_that_are_none_end_the_link() {
    let (gateway, own) = (FalseGateway::start().await, own().await);
    let mut agent = agent(&gateway, &own, &["--json"]);
    let messages = [
        ("no JSON", Message::text("welcome!")),
        ("JSON of no type", Message::text("[1]")),
        ("a message of the wrong shape", Message::text(r#"{"type":"mapped","revision":"x","results":7}"#)),
        ("a batch beyond its bound", Message::binary(vec![0; MESSAGE_BYTES + 1])),
        ("a text beyond its bound", Message::text(" ".repeat(MESSAGE_BYTES + 1))),
    ];
    for (name, message) in messages {
        let from = agent.process.line_count();
        let (mut link, _) = gateway.welcomed().await;
        link.send(message).await;
        link.over().await;
        told(&mut agent, from, name).await;
    }
    // Bytes that are no WebSocket frame: reserved bits, and a length of 2^63.
    for bytes in [&b"\xf2\x01x"[..], b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"] {
        let from = agent.process.line_count();
        let (mut link, _) = gateway.welcomed().await;
        link.socket.get_mut().write_all(bytes).await.expect("sent");
        link.over().await;
        told(&mut agent, from, "no frame").await;
    }
    let (mut link, _) = gateway.welcomed().await;
    works(&mut link, 1).await;
}

#[tokio::test]
async fn a_welcome_of_nonsense_harms_nobody() {
    let (gateway, own) = (FalseGateway::start().await, own().await);
    let mut agent = agent(&gateway, &own, &["--json"]);
    let welcome = |protocol: u64, results: serde_json::Value| {
        json!({"type": "welcome", "protocol": protocol, "gateway_version": "\u{1b}[2J", "session_id": "s\r\n",
            "revision": u64::MAX, "results": results})
    };
    let nonsense = [
        ("a protocol of tomorrow", welcome(99, json!([]))),
        ("no results field", json!({"type": "welcome", "protocol": 1})),
        ("results that are none", welcome(1, json!("all of them"))),
        ("mapped before the welcome", json!({"type": "mapped", "revision": 1, "results": []})),
        ("draining before the welcome", json!({"type": "draining", "deadline_ms": 1})),
    ];
    for (name, message) in nonsense {
        let from = agent.process.line_count();
        let (mut link, _) = gateway.hello().await;
        link.say(&message).await;
        // The same sentence twice is told once: only that the link is over is looked at.
        link.over().await;
        println!("{name}: {}", agent.process.line_count() - from);
    }
    // Results for mappings that nobody announced, thousands of them, and its own twice.
    let (mut link, hello) = gateway.hello().await;
    assert!(!hello.mappings.is_empty(), "known by now");
    let mut results: Vec<_> = (0..5_000)
        .map(|n| json!({"id": format!("other-{n}"), "public_url": "http://other.example"}))
        .collect();
    for url in ["http://one.example", "http://two.example"] {
        results.push(json!({"id": hello.mappings[0].id, "public_url": url}));
    }
    link.say(&welcome(1, json!(results))).await;
    works(&mut link, 1).await;
    let ready = agent.event_after(0, |event| event["public_url"] == "http://two.example", "ready").await;
    assert_eq!(ready["mapping_id"], hello.mappings[0].id.as_str());
    for revision in [0, u64::MAX] {
        link.say(&json!({"type": "mapped", "revision": revision, "results": [{"id": "nobody"}]})).await;
        link.say(&json!({"type": "pong", "at": revision})).await;
    }
    works(&mut link, 2).await;
    assert!(!agent.process.printed().contains('\u{1b}'), "{}", agent.process.printed());
}

#[tokio::test]
async fn what_a_gateway_says_reaches_a_terminal_without_control_characters() {
    const EVIL: &str = "\u{1b}]0;owned\u{7}\r\u{9b}31mred\nPublic: http://bank.example\u{202e}";
    let (gateway, own) = (FalseGateway::start().await, own().await);
    let mut agent = agent(&gateway, &own, &[]);
    // The first link is lost, so that the second begins with what the agent has to serve.
    drop(gateway.welcomed().await);
    let (mut link, hello) = gateway.hello().await;
    let id = &hello.mappings[0].id;
    let url = format!("http://x.example/{EVIL}");
    link.say(
        &json!({"type": "welcome", "protocol": 1, "gateway_version": EVIL, "session_id": EVIL, "revision": 1,
        "results": [{"id": id, "public_url": url}, {"id": EVIL, "code": EVIL, "message": EVIL}]}),
    )
    .await;
    agent.process.line("the URL", |line| line.contains("x.example").then_some(())).await;
    let refusal =
        json!({"type": "mapped", "revision": 1, "results": [{"id": id, "code": EVIL, "message": EVIL}]});
    link.say(&refusal).await;
    link.say(&json!({"type": "refused", "code": EVIL, "message": EVIL, "retry": false})).await;
    agent.process.exit_code().await;
    let printed = agent.process.printed();
    assert!(printed.contains("owned"), "it was told: {printed}");
    let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!printed.contains(bad), "{printed:?}");
    assert!(!printed.lines().any(|line| line.starts_with("Public:")), "{printed:?}");
}

#[tokio::test]
async fn a_gateway_that_never_welcomes_is_given_up() {
    let (gateway, own) = (FalseGateway::start().await, own().await);
    let mut agent = agent(&gateway, &own, &["--json"]);
    // Says nothing after the hello; heartbeats alone are no welcome.
    let (mut link, _) = gateway.hello().await;
    let pings = async {
        while link.say(&json!({"type": "ping", "at": 1})).await {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    };
    let told = agent.event("disconnected");
    let event = tokio::select! {
        event = told => event,
        () = pings => agent.event("disconnected").await,
    };
    assert_eq!(event["code"], "link-silent", "{event}");
    let (mut link, _) = gateway.welcomed().await;
    works(&mut link, 1).await;
    if !long() {
        return;
    }
    // Says nothing at all, or drips a head that never ends.
    for dribbles in [false, true] {
        let (gateway, own) = (FalseGateway::start().await, self::own().await);
        let mut agent = self::agent(&gateway, &own, &["--json"]);
        let mut socket = gateway.accept().await;
        let dribble = async {
            let mut sent = socket.write_all(b"HTTP/1.1 101 Switching Protocols\r\nX: ").await;
            while sent.is_ok() {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                sent = if dribbles { socket.write_all(b"x").await } else { Ok(()) };
            }
        };
        let event = tokio::select! {
            event = agent.event("disconnected") => event,
            () = dribble => agent.event("disconnected").await,
        };
        // A head in single bytes is taken for an attack before its time is over.
        let code = event["code"].as_str().expect("a code");
        assert!(code == "gateway-timeout" || (dribbles && code == "not-a-gateway"), "{event}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_gateways_is_told_in_a_sentence_and_followed_nowhere() {
    let trap = LocalService::raw(|_| async {}).await;
    let away = format!("http://127.0.0.1:{}/tunnel", trap.port());
    let page = "<html>\u{1b}[31mHello</html>";
    let answers: Vec<(String, &str)> = vec![
        (format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len()), "not-a-gateway"),
        (format!("HTTP/1.1 302 Found\r\nLocation: {away}\r\n\r\n"), "gateway-redirects"),
        (format!("HTTP/1.1 307 Found\r\nLocation: {away}\u{1b}[31m\r\n\r\n"), "not-a-gateway"),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 99999999999\r\n\r\n".into(), "not-a-gateway"),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n".into(), "not-a-gateway"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n".into(), "not-a-gateway"),
        ("SSH-2.0-OpenSSH_9.9\r\n".into(), "not-a-gateway"),
        ("\u{0}\u{1}\u{2}\u{3}\r\n\r\n".into(), "not-a-gateway"),
        (format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(100_000)), "not-a-gateway"),
        (format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(2_000_000)), "not-a-gateway"),
    ];
    let one = |(answer, code): (String, &'static str)| async move {
        let (gateway, own) = (FalseGateway::start().await, own().await);
        let mut agent = agent(&gateway, &own, &["--json"]);
        let mut socket = gateway.accept().await;
        // An agent that has seen enough hangs up.
        let _ = socket.write_all(answer.as_bytes()).await;
        let _ = socket.shutdown().await;
        let event = agent.event("disconnected").await;
        let shown: String = answer.chars().take(60).collect();
        println!("{shown:?}: {event}");
        assert_eq!(event["code"], code, "{shown:?}: {event}");
        let message = event["message"].as_str().expect("a message");
        assert!(message.ends_with('.') && message.len() < 600, "{message}");
        assert!(!message.contains(char::is_control), "{message:?}");
        let peak = agent.process.peak_memory_kib();
        assert!(peak < 64 * 1024, "{shown:?}: {peak} KiB");
    };
    futures_util::future::join_all(answers.into_iter().map(one)).await;
    assert_eq!(trap.connections(), 0);
}
