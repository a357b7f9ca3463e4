//! Which responses are read, how long their bodies are, and what is refused.

mod common;

use bytes::BytesMut;
use common::{response, response_refused, responses, responses_in};
use porthole_http1::{Event, Framing, Limits, Refusal, ResponseReader, Version};

#[test]
fn a_head_is_given_out_as_it_came() {
    let message = response(
        "GET",
        b"HTTP/1.0 299 \xc3\xa9 so so\r\nSET-cookie: a\r\nset-Cookie: b\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!((message.head.status, message.head.version), (299, Version::Http10));
    assert_eq!(message.head.reason, b"\xc3\xa9 so so");
    assert_eq!(message.head.fields.get_all("set-cookie").collect::<Vec<_>>(), [b"a", b"b"]);
}

#[test]
fn an_empty_reason_needs_no_space_before_it() {
    for line in ["HTTP/1.1 200", "HTTP/1.1 200 "] {
        let message = response("GET", format!("{line}\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!((message.head.status, &message.head.reason[..]), (200, &b""[..]), "{line:?}");
    }
}

#[test]
fn malformed_status_lines_are_refused() {
    for line in [
        "",
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1 20",
        "HTTP/1.1 2000",
        "HTTP/1.1 099 x",
        "HTTP/1.1 000",
        "HTTP/1.1  200",
        "HTTP/1.1 +20",
        "HTTP/1.1 20x",
        "HTTP/1.1\t200",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1 200 \0",
        "HTTP/1.1 200 a\rb",
        "HTTP/1.1 200 \u{7f}",
        "http/1.1 200 OK",
        " HTTP/1.1 200 OK",
        "ICY 200 OK",
        "GET / HTTP/1.1",
        "HTTP/1 200 OK",
        "HTTP/1.11 200",
    ] {
        assert_eq!(
            response_refused(format!("{line}\r\nContent-Length: 0\r\n\r\n")),
            Refusal::Line,
            "{line:?}"
        );
    }
    assert_eq!(response_refused("HTTP/2.0 200 OK\r\n\r\n"), Refusal::Version);
    assert_eq!(response_refused("HTTP/1.2 200 OK\r\n\r\n"), Refusal::Version);
    assert_eq!(response_refused("\r\nHTTP/1.1 200 OK\r\n\r\n"), Refusal::Line);
}

#[test]
fn malformed_fields_are_refused() {
    for lines in
        ["A : b\r\n", "A: b\r\n c\r\n", " A: b\r\n", "A: b\n", "A: \0\r\n", ": b\r\n", "A: b\r\r\n", "A\r\n"]
    {
        let refusal = response_refused(format!("HTTP/1.1 200 OK\r\n{lines}\r\n"));
        assert_eq!(refusal, Refusal::Field, "{lines:?}");
    }
    assert_eq!(response_refused("HTTP/1.1 200 OK\nA: b\n\n"), Refusal::Line);
}

#[test]
fn a_head_at_its_bounds_is_read_and_beyond_them_is_not() {
    let start = "HTTP/1.1 204 No Content\r\n";
    let sized = |bytes: usize| format!("{start}A: {}\r\n\r\n", "x".repeat(bytes - start.len() - 7));
    response("GET", sized(65535));
    response("GET", sized(65536));
    assert_eq!(response_refused(sized(65537)), Refusal::HeadTooLarge(65536));
    let counted = |fields: usize| format!("{start}{}\r\n", "A: b\r\n".repeat(fields));
    response("GET", counted(100));
    assert_eq!(response_refused(counted(101)), Refusal::TooManyFields(100));
}

#[test]
fn framing_follows_status_and_method() {
    let length = "Content-Length: 3\r\n";
    let chunked = "Transfer-Encoding: Chunked\r\n";
    for (method, status, fields, framing) in [
        ("GET", 200, "", Framing::UntilClose),
        ("GET", 200, length, Framing::Length(3)),
        ("GET", 200, chunked, Framing::Chunked),
        ("GET", 404, "Content-Length: 0\r\n", Framing::Length(0)),
        ("HEAD", 200, "", Framing::None),
        ("HEAD", 200, length, Framing::None),
        ("HEAD", 200, chunked, Framing::None),
        ("head", 200, length, Framing::Length(3)),
        ("GET", 204, length, Framing::None),
        ("GET", 304, length, Framing::None),
        ("GET", 304, chunked, Framing::None),
        ("GET", 100, length, Framing::None),
        ("GET", 101, "", Framing::None),
        ("GET", 199, "", Framing::None),
        ("CONNECT", 200, length, Framing::None),
        ("CONNECT", 299, chunked, Framing::None),
        ("CONNECT", 403, length, Framing::Length(3)),
        ("CONNECT", 301, "", Framing::UntilClose),
    ] {
        let outcome = responses(&[method], format!("HTTP/1.1 {status} x\r\n{fields}\r\n"));
        assert_eq!(outcome.refusal, None);
        assert_eq!(outcome.messages[0].framing, framing, "{method} {status} {fields:?}");
    }
}

#[test]
fn ambiguous_framing_is_refused_even_where_there_is_no_body() {
    for lines in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: \r\n",
    ] {
        for (method, status) in [("GET", 200), ("HEAD", 200), ("GET", 204), ("GET", 304)] {
            let outcome = responses(&[method], format!("HTTP/1.1 {status} x\r\n{lines}\r\n"));
            assert_eq!(outcome.refusal, Some(Refusal::Framing), "{method} {status} {lines:?}");
        }
    }
    assert_eq!(response_refused("HTTP/1.0 200 x\r\nTransfer-Encoding: chunked\r\n\r\n"), Refusal::Framing);
}

#[test]
fn interim_answers_come_before_the_final_one() {
    let input = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let outcome = responses(&["POST"], input);
    let seen: Vec<_> =
        outcome.messages.iter().map(|m| (m.head.status, m.body.len(), m.end.is_some())).collect();
    assert_eq!(seen, [(100, 0, true), (103, 0, true), (200, 2, true)]);
    assert!(outcome.idle);
}

#[test]
fn pipelined_answers_follow_the_methods_asked_with() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    let outcome = responses(&["HEAD", "GET", "HEAD"], format!("{head}{head}hi{head}"));
    let bodies: Vec<_> = outcome.messages.iter().map(|message| message.body.len()).collect();
    assert_eq!((bodies, outcome.refusal, outcome.idle), (vec![0, 2, 0], None, true));
}

#[test]
fn bytes_that_answer_no_request_are_refused() {
    assert_eq!(responses(&[], "HTTP/1.1 408 Request Timeout\r\n\r\n").refusal, Some(Refusal::Line));
    let outcome = responses(&["GET"], "HTTP/1.1 204 No Content\r\n\r\nx");
    assert_eq!((outcome.messages.len(), outcome.refusal), (1, Some(Refusal::Line)));
    assert_eq!(outcome.messages[0].end, Some(None));
}

#[test]
fn after_a_switch_of_protocols_the_bytes_are_left_alone() {
    for (method, status) in [("GET", 101), ("CONNECT", 200), ("CONNECT", 204)] {
        let input = format!("HTTP/1.1 {status} x\r\nUpgrade: y\r\n\r\n\0\n raw");
        let outcome = responses(&[method], &input);
        assert_eq!((outcome.messages.len(), &outcome.left[..]), (1, &b"\0\n raw"[..]), "{method} {status}");
        assert_eq!((outcome.messages[0].end.is_none(), outcome.idle), (true, false));
        assert_eq!(responses_in(&[method], [input.as_bytes()], true, Limits::default()).refusal, None);
    }
}

#[test]
fn the_connections_end_ends_only_a_body_that_lasts_until_then() {
    let closed = |input: &str| responses_in(&["GET"], [input.as_bytes()], true, Limits::default());
    let outcome = closed("HTTP/1.1 200 OK\r\n\r\nall of it");
    assert_eq!((&outcome.messages[0].body[..], &outcome.messages[0].end), (&b"all of it"[..], &Some(None)));
    assert_eq!(closed("").refusal, None);
    for input in [
        "H",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
    ] {
        assert_eq!(closed(input).refusal, Some(Refusal::Truncated), "{input:?}");
    }
    assert_eq!(closed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab").refusal, None);
}

#[test]
fn a_connection_is_idle_only_when_every_request_was_answered() {
    let mut reader = ResponseReader::new(Limits::default());
    let mut buf = BytesMut::new();
    assert!(reader.is_idle());
    reader.expect("GET");
    assert!(!reader.is_idle());
    buf.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    assert!(matches!(reader.read(&mut buf), Ok(Some(Event::Head(..)))));
    assert!(!reader.is_idle());
    assert!(matches!(reader.read(&mut buf), Ok(Some(Event::Data(_)))));
    assert!(!reader.is_idle());
    assert!(matches!(reader.read(&mut buf), Ok(Some(Event::End(None)))));
    assert!(reader.is_idle());
    assert_eq!(reader.eof(), Ok(None));
}
