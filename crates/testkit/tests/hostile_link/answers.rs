//! Answers that no service gave: what a hostile agent can make of a visitor's connection.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty};
use porthole_link::frame::{self, FLAG_END, FLAG_INTERIM, Kind};
use porthole_testkit::wait::within;
use porthole_testkit::{BareLink, Gateway};

use crate::agents::{join, tenant_is_well, world_with_mallory};
use crate::frames::{answer, put};

/// What the visitor may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// An error of the gateway's own: 502, or 503 where the link ended over it.
    Refused,
    /// The head, then an end that does not look clean.
    Broken,
    /// Something whole, without what was smuggled.
    Clean,
}

type Row = (&'static str, Expect, fn(&mut BytesMut, u64));

/// Shows where a smuggled line came through: in no answer that is right.
const EVIL: &str = "Evil: 1";

fn head(out: &mut BytesMut, id: u64, status: u16, fields: &[(&str, &str)], body: &[u8]) {
    frame::put_head(out, id, &answer(status, fields), FLAG_END, body);
}

fn interim(out: &mut BytesMut, id: u64, status: u16, fields: &[(&str, &str)]) {
    frame::put_head(out, id, &answer(status, fields), FLAG_INTERIM, &[]);
}

/// An open answer with no length, then trailers.
fn trailers(out: &mut BytesMut, id: u64, fields: &[(&str, &str)]) {
    frame::put_head(out, id, &answer(200, &[]), 0, b"body");
    let mut section = BytesMut::new();
    porthole_link::head::put_fields(&mut section, &fields.iter().copied().collect());
    put(out, Kind::End, 0, id, &section);
}

const ROWS: &[Row] = &[
    ("a value that splits the head", Expect::Refused, |out, id| {
        head(out, id, 200, &[("X", "a\r\nEvil: 1")], b"")
    }),
    ("a value with a bare line feed", Expect::Refused, |out, id| {
        head(out, id, 200, &[("X", "a\nEvil: 1")], b"")
    }),
    ("a value with a bare return", Expect::Refused, |out, id| {
        head(out, id, 200, &[("X", "a\rEvil: 1")], b"")
    }),
    ("a value with a NUL", Expect::Refused, |out, id| head(out, id, 200, &[("X", "a\0b")], b"")),
    ("a name that splits the head", Expect::Refused, |out, id| {
        head(out, id, 200, &[("X: a\r\nEvil", "1")], b"")
    }),
    ("a name with a space", Expect::Refused, |out, id| {
        head(out, id, 200, &[("Content-Length ", "5")], b"hello")
    }),
    ("a name with a colon", Expect::Refused, |out, id| head(out, id, 200, &[("Evil: 1\r\nX:", "1")], b"")),
    ("no name", Expect::Refused, |out, id| head(out, id, 200, &[("", "Evil: 1")], b"")),
    ("a reason that splits the head", Expect::Refused, |out, id| {
        let mut evil = answer(200, &[]);
        evil.reason = b"OK\r\nEvil: 1".to_vec();
        frame::put_head(out, id, &evil, FLAG_END, b"");
    }),
    ("a switch that nobody asked for", Expect::Refused, |out, id| {
        head(out, id, 101, &[("Upgrade", "x")], b"")
    }),
    ("100 as the last word", Expect::Refused, |out, id| head(out, id, 100, &[], b"")),
    ("199 as the last word", Expect::Refused, |out, id| head(out, id, 199, &[], b"")),
    ("two lengths", Expect::Refused, |out, id| {
        head(out, id, 200, &[("Content-Length", "5"), ("Content-Length", "6")], b"hello");
    }),
    ("twice the same length", Expect::Refused, |out, id| {
        head(out, id, 200, &[("Content-Length", "5"), ("content-length", "5")], b"hello");
    }),
    ("a list of lengths", Expect::Refused, |out, id| {
        head(out, id, 200, &[("Content-Length", "5, 5")], b"hello")
    }),
    ("a length with a sign", Expect::Refused, |out, id| {
        head(out, id, 200, &[("Content-Length", "+5")], b"hello")
    }),
    ("a length in hex", Expect::Refused, |out, id| {
        head(out, id, 200, &[("Content-Length", "0x5")], b"hello")
    }),
    ("a length below zero", Expect::Refused, |out, id| {
        head(out, id, 200, &[("Content-Length", "-5")], b"hello")
    }),
    ("a length beyond counting", Expect::Refused, |out, id| {
        head(out, id, 200, &[("Content-Length", "99999999999999999999")], b"hello");
    }),
    ("no bytes where five were announced", Expect::Broken, |out, id| {
        head(out, id, 200, &[("Content-Length", "5")], b"")
    }),
    ("fewer bytes than announced", Expect::Broken, |out, id| {
        head(out, id, 200, &[("Content-Length", "50")], b"hello")
    }),
    ("more bytes than announced", Expect::Broken, |out, id| {
        head(out, id, 200, &[("Content-Length", "2")], b"okHTTP/1.1 200 OK\r\nEvil: 1\r\n\r\n");
    }),
    ("a body after 204", Expect::Broken, |out, id| {
        head(out, id, 204, &[], b"HTTP/1.1 200 OK\r\nEvil: 1\r\n\r\n")
    }),
    ("a body after 304", Expect::Broken, |out, id| {
        head(out, id, 304, &[], b"HTTP/1.1 200 OK\r\nEvil: 1\r\n\r\n")
    }),
    ("a coding beside a length", Expect::Clean, |out, id| {
        head(out, id, 200, &[("Transfer-Encoding", "chunked"), ("Content-Length", "5")], b"hello");
    }),
    ("a coding of its own", Expect::Clean, |out, id| {
        head(out, id, 200, &[("Transfer-Encoding", "chunked, gzip")], b"hello")
    }),
    ("a body that looks like chunks", Expect::Clean, |out, id| {
        head(
            out,
            id,
            200,
            &[("Transfer-Encoding", "chunked"), ("Connection", "keep-alive, Transfer-Encoding")],
            b"0\r\n\r\n",
        );
    }),
    ("fields of a connection", Expect::Clean, |out, id| {
        head(
            out,
            id,
            200,
            &[
                ("Connection", "X, close"),
                ("X", EVIL),
                ("Keep-Alive", EVIL),
                ("Proxy-Authenticate", EVIL),
                ("Content-Length", "0"),
            ],
            b"",
        );
    }),
    ("trailers that frame", Expect::Broken, |out, id| {
        trailers(
            out,
            id,
            &[("Content-Length", "99"), ("Transfer-Encoding", "x"), ("Host", "x"), ("Good", "1")],
        )
    }),
    ("trailers that split", Expect::Broken, |out, id| trailers(out, id, &[("X", "a\r\nEvil: 1")])),
    ("an interim switch", Expect::Refused, |out, id| interim(out, id, 101, &[("Upgrade", "x")])),
    ("an interim 200", Expect::Refused, |out, id| interim(out, id, 200, &[])),
    ("an interim that splits the head", Expect::Refused, |out, id| {
        interim(out, id, 103, &[("Link", "a\r\nEvil: 1")])
    }),
    ("interims without end", Expect::Refused, |out, id| {
        (0..40).for_each(|_| interim(out, id, 103, &[("Link", "a")]))
    }),
    ("data before the head", Expect::Refused, |out, id| {
        put(out, Kind::Data, 0, id, b"HTTP/1.1 200 OK\r\nEvil: 1\r\n\r\n")
    }),
    ("an end before the head", Expect::Refused, |out, id| put(out, Kind::End, 0, id, b"")),
    ("a reset of tomorrow", Expect::Refused, |out, id| put(out, Kind::Reset, 0, id, &[0xff, 0xff, 1, 2, 3])),
    ("a head of nonsense", Expect::Refused, |out, id| put(out, Kind::Head, 0, id, &[0xff; 30])),
    ("a status of nonsense", Expect::Refused, |out, id| put(out, Kind::Head, 0, id, &[11, 0xff, 0xff, 0, 0])),
    ("two heads", Expect::Broken, |out, id| {
        frame::put_head(out, id, &answer(200, &[("Content-Length", "5")]), 0, b"");
        head(out, id, 200, &[("X", EVIL)], b"");
    }),
    ("an interim after the head", Expect::Broken, |out, id| {
        frame::put_head(out, id, &answer(200, &[("Content-Length", "5")]), 0, b"");
        interim(out, id, 103, &[]);
    }),
];

/// The next stream that a visitor's request opens.
async fn opened(link: &mut BareLink) -> u64 {
    link.frame(|frame| frame.kind == Kind::Open).await.stream
}

/// Asks mallory's host over HTTP/1.1; gives what came, to the end of the connection.
async fn over_http1(gateway: &Gateway, link: &mut BareLink, write: fn(&mut BytesMut, u64)) -> Vec<u8> {
    let visitor = gateway.visitor("mallory");
    let mut raw = visitor.raw().await;
    let request =
        format!("GET / HTTP/1.1\r\nHost: {}\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n", visitor.host);
    raw.send(request).await;
    let id = opened(link).await;
    link.frames(|out| write(out, id)).await;
    raw.rest().await.0
}

/// Whether an answer of HTTP/1.1 is whole by its own framing.
fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    match length {
        Some(length) => length.parse() == Ok(body.len()),
        None if head.contains("Transfer-Encoding: chunked") => {
            body.ends_with("0\r\n\r\n") || body.contains("\r\n0\r\n") && body.ends_with("\r\n\r\n")
        }
        None => body.is_empty(),
    }
}

#[tokio::test]
async fn nonsense_from_an_agent_is_refused_or_broken_off_and_never_splits_an_answer() {
    let (world, mallory) = world_with_mallory().await;
    for (epoch, (name, expect, write)) in ROWS.iter().enumerate() {
        let (mut link, _) = join(&world.gateway, &mallory, epoch as u64).await;
        let got = over_http1(&world.gateway, &mut link, *write).await;
        let text = String::from_utf8_lossy(&got);
        assert!(!text.contains(EVIL), "{name}: {text}");
        // Early hints that came before are good ones.
        let text =
            text.rsplit_once("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n").map_or(&*text, |(_, rest)| rest);
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "one answer to one request, {name}: {text}");
        match expect {
            Expect::Refused => {
                let error = ["HTTP/1.1 502 ", "HTTP/1.1 503 "].iter().any(|start| text.starts_with(start));
                assert!(error && is_whole(text), "{name}: {text}");
                assert!(text.contains("porthole-error: "), "{name}: {text}");
            }
            Expect::Broken => {
                let bodyless = text.starts_with("HTTP/1.1 204") || text.starts_with("HTTP/1.1 304");
                assert!(bodyless || !is_whole(text), "{name}: {text}");
            }
            Expect::Clean => {
                assert!(text.starts_with("HTTP/1.1 200 ") && is_whole(text), "{name}: {text}");
                let head = text.split("\r\n\r\n").next().unwrap_or_default();
                let (length, coding) = (head.contains("Content-Length"), head.contains("Transfer-Encoding"));
                assert!(length != coding, "framed in one way, {name}: {text}");
                assert!(!text.contains("Content-Length: 99") && !text.contains("Host:"), "{name}: {text}");
            }
        }
    }
    tenant_is_well(&world).await;
}

#[tokio::test]
async fn the_same_over_http2_ends_its_stream_and_not_the_visitors_connection() {
    let (world, mallory) = world_with_mallory().await;
    let visitor = world.gateway.visitor("mallory");
    let mut connection = visitor.http2::<Empty<Bytes>>().await.expect("a connection");
    // Interim heads are not passed on over HTTP/2; the final one is waited for.
    let rows = ROWS.iter().filter(|(name, _, _)| !name.starts_with("an interim"));
    for (epoch, (name, expect, write)) in rows.enumerate() {
        let (mut link, _) = join(&world.gateway, &mallory, epoch as u64).await;
        let request = visitor.request("GET", &visitor.uri("/")).body(Empty::new()).expect("a request");
        let mut asking = connection.clone();
        let answering = async {
            let id = opened(&mut link).await;
            link.frames(|out| write(out, id)).await;
        };
        let asked = async {
            let answer = within(name, asking.send_request(request)).await?;
            let (head, body) = answer.into_parts();
            Ok::<_, hyper::Error>((
                head,
                within(name, body.collect()).await.map(http_body_util::Collected::to_bytes),
            ))
        };
        let ((), got) = tokio::join!(answering, asked);
        match (expect, got) {
            // HTTP/2 has no reasons.
            (Expect::Refused, Ok((head, Ok(_)))) if name.starts_with("a reason") => {
                assert_eq!(head.status, 200, "{name}");
            }
            (Expect::Refused, Ok((head, Ok(_)))) => {
                assert!(matches!(head.status.as_u16(), 502 | 503), "{name}: {head:?}");
            }
            (Expect::Clean, Ok((head, Ok(body)))) => {
                assert_eq!(head.status, 200, "{name}");
                assert!(
                    !head.headers.contains_key("connection") && !head.headers.contains_key("x"),
                    "{name}: {head:?}"
                );
                assert!(!body.is_empty() || name.contains("connection"), "{name}");
            }
            // HTTP/2 says by itself that a body is none: what the agent sends beyond is left out.
            (Expect::Broken, Ok((head, Ok(body)))) if matches!(head.status.as_u16(), 204 | 304) => {
                assert!(body.is_empty(), "{name}");
            }
            // Trailers that cannot be are left out.
            (Expect::Broken, Ok((head, Ok(body)))) if name.starts_with("trailers") => {
                assert_eq!((head.status.as_u16(), &body[..]), (200, &b"body"[..]), "{name}");
            }
            (Expect::Broken, Ok((_, Err(_))) | Err(_)) => {}
            (_, got) => panic!("{name}: {got:?}"),
        }
    }
    tenant_is_well(&world).await;
    // The connection that saw all that is still good.
    connection.ready().await.expect("still open");
}

#[tokio::test]
async fn a_protocol_switch_needs_the_visitors_question_and_an_honest_head() {
    let (world, mallory) = world_with_mallory().await;
    type Row = (&'static str, &'static [(&'static str, &'static str)], bool);
    let rows: [Row; 4] = [
        ("no Upgrade", &[], false),
        ("an Upgrade that splits the head", &[("Upgrade", "a\r\nEvil: 1")], false),
        ("a field that splits the head", &[("Upgrade", "websocket"), ("X", "a\r\nEvil: 1")], false),
        (
            "an honest one",
            &[("Upgrade", "websocket"), ("Content-Length", "7"), ("Transfer-Encoding", "chunked")],
            true,
        ),
    ];
    for (epoch, (name, fields, switches)) in rows.into_iter().enumerate() {
        let (mut link, _) = join(&world.gateway, &mallory, epoch as u64).await;
        let visitor = world.gateway.visitor("mallory");
        let mut raw = visitor.raw().await;
        raw.send(format!(
            "GET / HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            visitor.host
        ))
        .await;
        let id = opened(&mut link).await;
        link.frames(|out| {
            frame::put_head(out, id, &answer(101, fields), 0, b"");
            put(out, Kind::Data, FLAG_END, id, b"raw bytes");
        })
        .await;
        let head = raw.head().await;
        assert!(!head.contains(EVIL), "{name}: {head}");
        if switches {
            assert!(head.starts_with("HTTP/1.1 101 ") && !head.contains("Content-Length"), "{head}");
            assert!(!head.contains("Transfer-Encoding"), "{head}");
            assert_eq!(raw.bytes(9).await, b"raw bytes");
        } else {
            assert!(head.starts_with("HTTP/1.1 502 "), "{name}: {head}");
        }
    }
}
