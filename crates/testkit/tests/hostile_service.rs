//! A local service that is broken or hostile: what its visitor gets, and that nobody else notices.
//!
//! Each row is a script of raw bytes. The same service answers `/good` properly, and another mapping of the
//! same gateway stays what it was.

use std::time::Duration;

use porthole_testkit::service::read_head;
use porthole_testkit::visitor::find;
use porthole_testkit::wait::within;
use porthole_testkit::{Agent, LocalService, World, long};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One step of an answer.
#[derive(Debug, Clone, Copy)]
enum Step {
    Send(&'static [u8]),
    /// The same bytes until the other side goes away.
    Forever(&'static [u8]),
    /// The same, so many times.
    Times(usize, &'static [u8]),
    /// The same bytes with a pause before each, without end.
    Drip(&'static [u8]),
    /// Until the other side goes away.
    Wait,
    /// The end of the connection as a program gives it that died: a reset.
    Reset,
}

use Step::{Drip, Forever, Reset, Send, Times, Wait};

/// Between the bytes of a drip: often enough that only a deadline for the whole head ends it.
const PAUSE: Duration = Duration::from_millis(50);

/// What one row is called, and does after it has read a head.
type Row = (&'static str, &'static [Step]);

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";

/// A service that does to `/N` what row N says, and answers everything else with `good`.
async fn service(rows: &'static [Row]) -> LocalService {
    LocalService::raw(move |mut socket| async move {
        while let Some(head) = read_head(&mut socket).await {
            let path = head.split(' ').nth(1).unwrap_or_default();
            let Some((_, steps)) = path.trim_start_matches('/').parse().ok().and_then(|n: usize| rows.get(n))
            else {
                if socket.write_all(GOOD).await.is_err() {
                    return;
                }
                continue;
            };
            for step in *steps {
                if perform(&mut socket, *step).await.is_none() {
                    return;
                }
            }
            let _ = socket.shutdown().await;
            return;
        }
    })
    .await
}

/// None: the other side has gone, or the end is to be abrupt.
async fn perform(socket: &mut TcpStream, step: Step) -> Option<()> {
    match step {
        Send(bytes) => socket.write_all(bytes).await.ok(),
        Forever(bytes) => {
            let many = bytes.repeat(16 * 1024 / bytes.len() + 1);
            loop {
                socket.write_all(&many).await.ok()?;
            }
        }
        Times(count, bytes) => socket.write_all(&bytes.repeat(count)).await.ok(),
        Drip(bytes) => loop {
            tokio::time::sleep(PAUSE).await;
            socket.write_all(bytes).await.ok()?;
        },
        Wait => {
            let mut ignored = [0; 1024];
            while socket.read(&mut ignored).await.ok()? > 0 {}
            None
        }
        Reset => {
            let _ = socket.set_zero_linger();
            None
        }
    }
}

/// A world with the hostile service, and a second agent whose service is an ordinary one.
async fn beside_another(rows: &'static [Row], more: &[&'static str]) -> (World, Agent, LocalService) {
    let builder = World::builder().service(service(rows).await).agent_args(["--name", "app"]);
    let world = builder.agent_args(more.iter().copied()).start().await;
    let quiet = LocalService::sample().await;
    let agent = world.another_agent(&quiet, &["--name", "quiet"]).await;
    (world, agent, quiet)
}

/// Asks for row `number` with `method` on a connection of its own, and reads until its end.
async fn ask(world: &World, method: &str, number: usize, more: &str) -> Vec<u8> {
    let mut raw = world.visitor().raw().await;
    let host = world.visitor().host;
    let connection = if more.contains("Connection:") { "" } else { "Connection: close\r\n" };
    raw.send(format!("{method} /{number} HTTP/1.1\r\nHost: {host}\r\n{connection}{more}\r\n")).await;
    raw.rest().await.0
}

/// Everybody else is served: by the same service, and by the neighbour.
async fn others_are_served(world: &World, what: &str) {
    let good = world.get("/good").await;
    assert_eq!((good.status, good.text().as_str()), (200, "good"), "{what}: the same service");
    let neighbour = world.gateway.visitor("quiet").get("/hello").await;
    assert_eq!((neighbour.status, neighbour.text().as_str()), (200, "hello"), "{what}: the neighbour");
}

fn text(answer: &[u8]) -> String {
    let shown = &answer[..answer.len().min(2000)];
    String::from_utf8_lossy(shown).into_owned()
}

/// Asserts a 502 of the gateway's own, and not a byte of what the service said.
fn assert_bad_gateway(what: &str, answer: &[u8]) {
    let text = text(answer);
    assert!(text.starts_with("HTTP/1.1 502 "), "{what}: {text:?}");
    assert!(text.contains("\r\nporthole-error: service-bad-answer\r\n"), "{what}: {text:?}");
    assert!(!text.contains("canary"), "{what}: {text:?}");
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{what}: {text:?}");
}

/// Whether a strict reader would take these bytes for one whole answer.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = find(answer, b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let body = &answer[end + 4..];
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    match length {
        Some(length) => body.len() >= length.trim().parse::<usize>().expect("a length"),
        None => {
            (body.starts_with(b"0\r\n") || find(body, b"\r\n0\r\n").is_some()) && body.ends_with(b"\r\n\r\n")
        }
    }
}

const NOT_ANSWERS: &[Row] = &[
    ("nothing at all", &[]),
    ("a reset at once", &[Reset]),
    ("half a status line", &[Send(b"HTTP/1.1 20")]),
    ("half a head", &[Send(b"HTTP/1.1 200 OK\r\nX-Canary: canary\r\n")]),
    ("half a head and a reset", &[Send(b"HTTP/1.1 200 OK\r\nX-Canary: canary\r\n"), Reset]),
    ("HTTP/0.9", &[Send(b"<html>canary</html>\r\n")]),
    ("another protocol", &[Send(b"SSH-2.0-canary\r\n")]),
    ("a request", &[Send(b"GET /canary HTTP/1.1\r\nHost: x\r\n\r\n")]),
    ("an empty line first", &[Send(b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]),
    ("version 2", &[Send(b"HTTP/2 200\r\nContent-Length: 0\r\n\r\n")]),
    ("version 1.2", &[Send(b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n")]),
    ("a version in lower case", &[Send(b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")]),
    ("a status of two digits", &[Send(b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n")]),
    ("a status of four digits", &[Send(b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n")]),
    ("a status below 100", &[Send(b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n")]),
    ("a status with a sign", &[Send(b"HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n")]),
    ("two spaces before the status", &[Send(b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n")]),
    ("NUL in the reason", &[Send(b"HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n")]),
    ("a bare CR in the reason", &[Send(b"HTTP/1.1 200 O\rX-Canary: canary\r\nContent-Length: 0\r\n\r\n")]),
    ("LF for every line", &[Send(b"HTTP/1.1 200 OK\nContent-Length: 6\n\ncanary")]),
    ("one bare LF", &[Send(b"HTTP/1.1 200 OK\r\nX: a\nX-Canary: canary\r\nContent-Length: 0\r\n\r\n")]),
    ("a bare CR", &[Send(b"HTTP/1.1 200 OK\r\nX: a\rX-Canary: canary\r\nContent-Length: 0\r\n\r\n")]),
    ("NUL in a value", &[Send(b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n")]),
    ("NUL in a name", &[Send(b"HTTP/1.1 200 OK\r\nX\0: a\r\nContent-Length: 0\r\n\r\n")]),
    ("ESC in a value", &[Send(b"HTTP/1.1 200 OK\r\nX: a\x1bb\r\nContent-Length: 0\r\n\r\n")]),
    ("a folded value", &[Send(b"HTTP/1.1 200 OK\r\nX: a\r\n canary\r\nContent-Length: 0\r\n\r\n")]),
    ("a space before a colon", &[Send(b"HTTP/1.1 200 OK\r\nX : canary\r\nContent-Length: 0\r\n\r\n")]),
    ("a field without a colon", &[Send(b"HTTP/1.1 200 OK\r\ncanary\r\nContent-Length: 0\r\n\r\n")]),
    ("a field without a name", &[Send(b"HTTP/1.1 200 OK\r\n: canary\r\nContent-Length: 0\r\n\r\n")]),
    ("two lengths", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Length: 7\r\n\r\ncanary!")]),
    ("a length twice", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Length: 6\r\n\r\ncanary")]),
    ("a list of lengths", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 6, 6\r\n\r\ncanary")]),
    ("a length with a sign", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: +6\r\n\r\ncanary")]),
    ("a length in hex", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 0x6\r\n\r\ncanary")]),
    ("an overflowing length", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551622\r\n\r\ncanary")]),
    (
        "length and chunked",
        &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ncanary\r\n0\r\n\r\n")],
    ),
    (
        "chunked twice",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")],
    ),
    ("gzip and chunked", &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")]),
    ("an unknown coding", &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: canary\r\n\r\n0\r\n\r\n")]),
    ("chunked on 1.0", &[Send(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ncanary\r\n0\r\n\r\n")]),
    ("101 unasked", &[Send(b"HTTP/1.1 101 Canary\r\nConnection: upgrade\r\nUpgrade: canary\r\n\r\ncanary"), Wait]),
    (
        "101 after 100",
        &[Send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Canary\r\nUpgrade: canary\r\n\r\ncanary"), Wait],
    ),
    ("101 fields", &[Send(b"HTTP/1.1 200 OK\r\n"), Times(101, b"X: canary\r\n"), Send(b"\r\n")]),
    ("a head beyond 64 KiB", &[Send(b"HTTP/1.1 200 OK\r\nX: "), Times(66_000, b"x"), Send(b"\r\n\r\n")]),
    ("an endless status line", &[Send(b"HTTP/1.1 200 "), Forever(b"x")]),
    ("an endless value", &[Send(b"HTTP/1.1 200 OK\r\nX: "), Forever(b"x")]),
    ("endless fields", &[Send(b"HTTP/1.1 200 OK\r\n"), Forever(b"X: canary\r\n")]),
    ("endless empty lines", &[Forever(b"\r\n")]),
    ("a body that is bad from its first chunk", &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\n")]),
];

#[tokio::test]
async fn what_is_no_answer_is_502_and_none_of_it_is_passed_on() {
    let (world, _agent, _quiet) = beside_another(NOT_ANSWERS, &[]).await;
    let before = (world.agent.process.memory_kib(), world.gateway.process.memory_kib());
    let rounds = if long() { 20 } else { 1 };
    for _ in 0..rounds {
        for (number, (what, _)) in NOT_ANSWERS.iter().enumerate() {
            assert_bad_gateway(what, &ask(&world, "GET", number, "").await);
            others_are_served(&world, what).await;
        }
    }
    assert_memory_is_flat(&world, before);
}

/// Resident memory that either program may gain over a whole table, in KiB: arenas and caches, far below
/// what any endless row sends.
const GROWTH_KIB: u64 = 64 * 1024;

fn assert_memory_is_flat(world: &World, before: (u64, u64)) {
    let after = (world.agent.process.memory_kib(), world.gateway.process.memory_kib());
    println!("agent {} → {} KiB, gateway {} → {} KiB", before.0, after.0, before.1, after.1);
    let peak = (world.agent.process.peak_memory_kib(), world.gateway.process.peak_memory_kib());
    println!("peaks: agent {} KiB, gateway {} KiB", peak.0, peak.1);
    assert!(peak.0 < before.0 + GROWTH_KIB && peak.1 < before.1 + GROWTH_KIB, "{before:?} {peak:?}");
}

const ENDLESS_INTERIM: &[Row] = &[
    ("100 for ever", &[Forever(b"HTTP/1.1 100 Continue\r\n\r\n")]),
    ("103 for ever", &[Forever(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")]),
    ("a 1xx with a length", &[Send(b"HTTP/1.1 103 X\r\nContent-Length: 6\r\n\r\nHTTP/1.1 canary\r\n\r\n")]),
];

#[tokio::test]
async fn interim_answers_without_end_are_cut_off() {
    let (world, _agent, _quiet) = beside_another(ENDLESS_INTERIM, &[]).await;
    for (number, (what, _)) in ENDLESS_INTERIM.iter().enumerate() {
        let answer = ask(&world, "GET", number, "").await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let interim = text.matches("HTTP/1.1 1").count();
        assert!(interim <= 64, "{what}: {interim} were passed on");
        let last = text.rfind("HTTP/1.1 ").map_or("", |at| &text[at..]);
        assert_bad_gateway(what, last.as_bytes());
        others_are_served(&world, what).await;
    }
}

const BROKEN_BODIES: &[Row] = &[
    ("shorter than its length", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")]),
    ("shorter, then a reset", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), Reset]),
    ("chunks without a last one", &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")]),
    (
        "cut off in a chunk's size",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1")],
    ),
    (
        "cut off before the last empty line",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")],
    ),
    (
        "chunks and a reset",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), Reset],
    ),
    (
        "a bad size later",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Times(9999, b"5\r\nhello\r\n"), Send(b"0x5\r\n")],
    ),
    (
        "a chunk longer than its size",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n")],
    ),
    (
        "an endless size line",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5;"), Forever(b"x")],
    ),
    (
        "extensions without end",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Forever(b"1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\nx\r\n")],
    ),
    (
        "an endless trailer",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: "), Forever(b"x")],
    ),
    (
        "endless trailers",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"), Forever(b"X: y\r\n")],
    ),
    (
        "a trailer named Content-Length",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n")],
    ),
    (
        "a trailer named Set-Cookie",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nSet-Cookie: a=canary\r\n\r\n")],
    ),
    (
        "a trailer with a bare LF",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\nX-Canary: canary\r\n\r\n")],
    ),
    ("until close, and a reset", &[Send(b"HTTP/1.1 200 OK\r\n\r\nhello"), Reset]),
];

#[tokio::test]
async fn a_body_that_goes_wrong_is_502_or_a_broken_transfer_and_never_a_clean_end() {
    let (world, _agent, _quiet) = beside_another(BROKEN_BODIES, &[]).await;
    let before = (world.agent.process.memory_kib(), world.gateway.process.memory_kib());
    let rounds = if long() { 20 } else { 1 };
    for _ in 0..rounds {
        for (number, (what, _)) in BROKEN_BODIES.iter().enumerate() {
            let answer = ask(&world, "GET", number, "").await;
            // A body that was wrong together with its head needs no head at all.
            if answer.starts_with(b"HTTP/1.1 502 ") {
                assert_bad_gateway(what, &answer);
            } else {
                assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{what}: {:?}", text(&answer));
                assert!(!is_whole(&answer), "{what}: {:?}", text(&answer));
            }
            assert!(find(&answer, b"canary").is_none(), "{what}: {:?}", text(&answer));
            others_are_served(&world, what).await;
        }
    }
    assert_memory_is_flat(&world, before);
}

/// Answers that are fine, with something behind them that nobody asked for. It comes in the same write: what
/// comes after a connection was given to the next request, nobody can tell from that request's answer.
const SURPLUS: &[Row] = &[
    ("more than the length", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhellocanary"), Wait]),
    (
        "a second answer",
        &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncanary"), Wait],
    ),
    (
        "an answer behind the last chunk",
        &[
            Send(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n\
                  HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncanary",
            ),
            Wait,
        ],
    ),
    ("a body for 204", &[Send(b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\ncanary"), Wait]),
    ("a body for 304", &[Send(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\ncanary"), Wait]),
    ("chunks for 204", &[Send(b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ncanary\r\n0\r\n\r\n"), Wait]),
    ("a surplus without end", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhellocanary"), Forever(b"canary")]),
];

#[tokio::test]
async fn bytes_behind_an_answer_are_never_the_next_answer() {
    let (world, _agent, _quiet) = beside_another(SURPLUS, &[]).await;
    for (number, (what, _)) in SURPLUS.iter().enumerate() {
        // On one visitor's connection, with the next request already there.
        let mut raw = world.visitor().raw().await;
        let host = world.visitor().host;
        raw.send(format!("GET /{number} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        raw.send(format!("GET /good HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        let both = raw.rest_text().await;
        assert!(!both.contains("canary"), "{what}: {both:?}");
        assert_eq!(both.matches("HTTP/1.1 ").count(), 2, "{what}: {both:?}");
        assert!(both.ends_with("\r\n\r\ngood"), "{what}: {both:?}");
        others_are_served(&world, what).await;
    }
    let head = ask(&world, "HEAD", 0, "").await;
    let head = text(&head);
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"),
        "no body for HEAD: {head:?}"
    );
    others_are_served(&world, "a body for HEAD").await;
}

#[tokio::test]
async fn what_a_service_says_unasked_on_a_kept_connection_is_nobodys_answer() {
    // Answers properly, then says more once the test asks for it.
    let (speak, _) = tokio::sync::watch::channel(0_usize);
    let (spoke, mut spoken) = tokio::sync::mpsc::channel(64);
    let speaking = speak.clone();
    let service = LocalService::raw(move |mut socket| {
        let (mut speak, spoke) = (speaking.subscribe(), spoke.clone());
        async move {
            let mut byte = [0];
            while read_head(&mut socket).await.is_some() {
                speak.mark_unchanged();
                if socket.write_all(GOOD).await.is_err() {
                    return;
                }
                tokio::select! {
                    biased;
                    _ = speak.changed() => {
                        let poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncanary";
                        let _ = socket.write_all(poison).await;
                        let _ = spoke.send(()).await;
                    }
                    next = socket.peek(&mut byte) => if next.is_err() { return },
                }
            }
        }
    });
    let world = World::of(service.await).await;
    for round in 0..20 {
        let answer = world.get("/").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "good"), "round {round}");
        speak.send_modify(|count| *count += 1);
        within("the service to say something unasked", spoken.recv()).await.expect("the service lives");
    }
    assert!(world.service.connections() >= 20, "a connection that spoke unasked is not used again");
}

const SLOW: &[Row] = &[
    ("nothing, ever", &[Wait]),
    ("one byte of a head, then nothing", &[Send(b"H"), Wait]),
    ("a head without its end", &[Send(b"HTTP/1.1 200 OK\r\nX: canary\r\n"), Wait]),
    ("a head that drips", &[Send(b"HTTP/1.1 200 OK\r\nX: "), Drip(b"x")]),
];

#[tokio::test]
async fn a_head_that_does_not_come_in_time_is_504_however_it_drips() {
    let (world, _agent, _quiet) = beside_another(SLOW, &["--timeout", "500ms"]).await;
    for (number, (what, _)) in SLOW.iter().enumerate() {
        let answer = text(&ask(&world, "GET", number, "").await);
        assert!(answer.starts_with("HTTP/1.1 504 ") && !answer.contains("canary"), "{what}: {answer:?}");
        others_are_served(&world, what).await;
    }
}

const ENDLESS: &[Row] = &[
    ("an endless body", &[Send(b"HTTP/1.1 200 OK\r\n\r\n"), Forever(b"x")]),
    (
        "endless chunks",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Forever(b"1\r\nx\r\n")],
    ),
    (
        "chunks that stop without an end",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"), Wait],
    ),
];

#[tokio::test]
async fn an_answer_without_end_costs_its_visitors_time_and_nobodys_memory() {
    let (world, _agent, _quiet) = beside_another(ENDLESS, &[]).await;
    let before = (world.agent.process.memory_kib(), world.gateway.process.memory_kib());
    let mut waiting = Vec::new();
    // Visitors who do not read, and stay.
    for _ in 0..if long() { 40 } else { 5 } {
        for (number, _) in ENDLESS.iter().enumerate() {
            let mut raw = world.visitor().raw().await;
            raw.send(format!("GET /{number} HTTP/1.1\r\nHost: {}\r\n\r\n", world.visitor().host)).await;
            assert!(raw.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
            waiting.push(raw);
        }
    }
    for round in 0..10 {
        others_are_served(&world, &format!("round {round}")).await;
    }
    assert_memory_is_flat(&world, before);
    drop(waiting);
    others_are_served(&world, "after they left").await;
}

/// What a service may say of a switch that was asked for.
const SWITCHES: &[Row] = &[
    ("no protocol named", &[Send(b"HTTP/1.1 101 X\r\nConnection: upgrade\r\n\r\ncanary"), Wait]),
    (
        "a switch with two lengths",
        &[Send(b"HTTP/1.1 101 X\r\nUpgrade: odd\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), Wait],
    ),
    ("a switch with a bad field", &[Send(b"HTTP/1.1 101 X\r\nUpgrade: odd\r\nX : y\r\n\r\ncanary"), Wait]),
    ("a switch cut off", &[Send(b"HTTP/1.1 101 X\r\nUpgrade: odd\r\n")]),
];

#[tokio::test]
async fn a_switch_of_protocols_that_makes_no_sense_is_502() {
    let (world, _agent, _quiet) = beside_another(SWITCHES, &[]).await;
    for (number, (what, _)) in SWITCHES.iter().enumerate() {
        let more = "Connection: Upgrade\r\nUpgrade: odd\r\n";
        assert_bad_gateway(what, &ask(&world, "GET", number, more).await);
        others_are_served(&world, what).await;
    }
}

const ODD_BUT_CLEAR: &[Row] = &[
    (
        "nominations of ours",
        &[Send(
            b"HTTP/1.1 200 Fine\r\nConnection: X-Forwarded-For, Content-Length, Date, close\r\nDate: today\r\n\
              X-Forwarded-For: 6.6.6.6\r\nContent-Length: 5\r\n\r\nhello",
        )],
    ),
    ("no reason and a high byte", &[Send(b"HTTP/1.1 200\r\nX-Odd: \xff\r\nContent-Length: 5\r\n\r\nhello")]),
    ("HTTP/1.0 until close", &[Send(b"HTTP/1.0 200 Old\r\n\r\nhello")]),
    ("a status nobody knows", &[Send(b"HTTP/1.1 799 What\r\nContent-Length: 5\r\n\r\nhello")]),
    ("100 fields", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), Times(99, b"X: y\r\n"), Send(b"\r\nhello")]),
    ("60 KiB of head", &[Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: "), Times(60_000, b"x"), Send(b"\r\n\r\nhello")]),
    (
        "extensions and a trailer",
        &[Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;canary=\"x\"\r\nhello\r\n0;canary\r\nX-Sum: 1\r\n\r\n")],
    ),
];

#[tokio::test]
async fn an_odd_answer_that_is_clear_arrives_framed_anew() {
    let (world, _agent, _quiet) = beside_another(ODD_BUT_CLEAR, &[]).await;
    for (number, (what, _)) in ODD_BUT_CLEAR.iter().enumerate() {
        let answer = ask(&world, "GET", number, "").await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(
            text.starts_with("HTTP/1.1 200 ") || text.starts_with("HTTP/1.1 799 What\r\n"),
            "{what}: {text:?}"
        );
        assert!(is_whole(&answer), "{what}: {text:?}");
        assert!(text.contains("hello") && !text.contains("canary"), "{what}: {text:?}");
        others_are_served(&world, what).await;
    }
}

#[tokio::test]
async fn an_early_answer_and_a_reset_leave_other_uploads_alone() {
    // Answers after the head, then dies while the visitor still sends.
    let service = LocalService::raw(|mut socket| async move {
        let Some(head) = read_head(&mut socket).await else { return };
        if head.starts_with("POST /early") {
            let _ = socket.write_all(b"HTTP/1.1 413 Too much\r\nContent-Length: 3\r\n\r\nend").await;
            let _ = socket.set_zero_linger();
            return;
        }
        let mut read = 0;
        let mut piece = vec![0; 64 * 1024];
        while read < 1024 * 1024 {
            match socket.read(&mut piece).await {
                Ok(count) if count > 0 => read += count,
                _ => return,
            }
        }
        let _ = socket.write_all(GOOD).await;
    });
    let world = World::of(service.await).await;
    let body = vec![7; 1024 * 1024];
    for round in 0..10 {
        let mut raw = world.visitor().raw().await;
        let host = world.visitor().host;
        raw.send(format!("POST /early HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000000\r\n\r\n")).await;
        let head = raw.head().await;
        // The reset may overtake the answer at the agent's socket.
        assert!(head.starts_with("HTTP/1.1 413 ") || head.starts_with("HTTP/1.1 502 "), "{head:?}");
        let answer = world.visitor().post("/whole", body.clone()).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "good"), "round {round}");
    }
}
