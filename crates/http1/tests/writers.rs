//! What the writers write, what they refuse, and that the readers read it back.

mod common;

use common::{request, requests, response, responses_in};
use porthole_http1::{
    BodyWriter, Fields, Framing, Limits, RequestHead, ResponseHead, Version, WriteError, set_framing,
    write_request_head, write_response_head,
};

fn get(fields: &[(&str, &str)]) -> RequestHead {
    RequestHead {
        method: "GET".into(),
        target: "/p?q".into(),
        version: Version::Http11,
        fields: fields.iter().copied().collect(),
    }
}

fn ok(fields: &[(&str, &str)]) -> ResponseHead {
    ResponseHead {
        status: 200,
        reason: Vec::new(),
        version: Version::Http10,
        fields: fields.iter().copied().collect(),
    }
}

#[test]
fn a_request_head_is_written_as_given_in_http_1_1() {
    let mut out = b"before ".to_vec();
    let head = RequestHead { version: Version::Http2, ..get(&[("hOST", "a"), ("B", ""), ("b", "\t\u{e9}")]) };
    write_request_head(&head, &mut out).unwrap();
    assert_eq!(out, "before GET /p?q HTTP/1.1\r\nhOST: a\r\nB: \r\nb: \t\u{e9}\r\n\r\n".as_bytes());
}

#[test]
fn an_empty_reason_gets_the_standard_one() {
    let written = |status, reason: &str| {
        let mut out = Vec::new();
        let head = ResponseHead { status, reason: reason.into(), ..ok(&[("A", "b")]) };
        write_response_head(&head, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(written(404, ""), "HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n");
    assert_eq!(written(404, "Gone \u{e9}"), "HTTP/1.1 404 Gone \u{e9}\r\nA: b\r\n\r\n");
    assert_eq!(written(999, ""), "HTTP/1.1 999 \r\nA: b\r\n\r\n");
    assert_eq!(written(100, ""), "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n");
}

#[test]
fn standard_reasons_are_those_other_libraries_know() {
    for status in 100..1000 {
        let ours = porthole_http1::standard_reason(status);
        let theirs = http::StatusCode::from_u16(status).unwrap().canonical_reason().unwrap_or_default();
        // The http crate still has the older names of three.
        let renamed = [
            ("Non-Authoritative Information", "Non Authoritative Information"),
            ("Content Too Large", "Payload Too Large"),
            ("Unprocessable Content", "Unprocessable Entity"),
        ];
        assert!(ours == theirs || renamed.contains(&(ours, theirs)), "{status}: {ours:?}, {theirs:?}");
    }
}

#[test]
fn characters_that_would_split_a_head_are_not_written() {
    let requests = [
        RequestHead { method: String::new(), ..get(&[]) },
        RequestHead { method: "G T".into(), ..get(&[]) },
        RequestHead { method: "G\r\nT".into(), ..get(&[]) },
        RequestHead { target: String::new(), ..get(&[]) },
        RequestHead { target: "/a b".into(), ..get(&[]) },
        RequestHead { target: "/a\r\nb".into(), ..get(&[]) },
        RequestHead { target: "/\0".into(), ..get(&[]) },
        RequestHead { target: "/\u{7f}".into(), ..get(&[]) },
        RequestHead { target: "/#".into(), ..get(&[]) },
        get(&[("", "v")]),
        get(&[("a b", "v")]),
        get(&[("a:", "v")]),
        get(&[("a\r\nb", "v")]),
        get(&[("ok", "v"), ("a", "v\r\nb: c")]),
        get(&[("a", "\n")]),
        get(&[("a", "\r")]),
        get(&[("a", "\0")]),
        get(&[("a", "\u{1}")]),
        get(&[("a", "\u{7f}")]),
    ];
    for head in requests {
        let mut out = b"before".to_vec();
        assert_eq!(write_request_head(&head, &mut out), Err(WriteError::Field), "{head:?}");
        assert_eq!(out, b"before", "nothing of it may be left");
    }
    for head in [
        ResponseHead { status: 99, ..ok(&[]) },
        ResponseHead { status: 1000, ..ok(&[]) },
        ResponseHead { reason: b"a\r\nb".to_vec(), ..ok(&[]) },
        ResponseHead { reason: b"\0".to_vec(), ..ok(&[]) },
        ok(&[("a", "b\r\nc")]),
        ok(&[("a ", "b")]),
    ] {
        let mut out = b"before".to_vec();
        assert_eq!(write_response_head(&head, &mut out), Err(WriteError::Field), "{head:?}");
        assert_eq!(out, b"before");
    }
}

#[test]
fn a_length_is_held_to_its_last_byte() {
    let mut out = Vec::new();
    let mut body = BodyWriter::new(Framing::Length(5));
    body.data(b"hel", &mut out).unwrap();
    assert_eq!(body.data(b"loo", &mut out), Err(WriteError::Overrun));
    body.before(2, &mut out).unwrap();
    assert_eq!(body.after(), b"");
    out.extend_from_slice(b"lo");
    assert_eq!(body.data(b"!", &mut out), Err(WriteError::Overrun));
    body.end(None, &mut out).unwrap();
    assert_eq!(out, b"hello");

    let mut short = BodyWriter::new(Framing::Length(5));
    short.data(b"hell", &mut out).unwrap();
    assert_eq!(short.end(None, &mut out), Err(WriteError::Underrun));
    assert_eq!(BodyWriter::new(Framing::Length(0)).end(None, &mut out), Ok(()));
}

#[test]
fn no_body_takes_no_byte() {
    let mut out = Vec::new();
    let mut body = BodyWriter::new(Framing::None);
    assert_eq!(body.data(b"x", &mut out), Err(WriteError::Overrun));
    assert_eq!(body.data(b"", &mut out), Ok(()));
    assert_eq!(body.end(Some(&Fields::from_iter([("A", "b")])), &mut out), Ok(()));
    assert!(out.is_empty());
}

#[test]
fn chunks_stand_between_their_sizes() {
    let mut out = Vec::new();
    let mut body = BodyWriter::new(Framing::Chunked);
    body.data(b"hello", &mut out).unwrap();
    body.data(b"", &mut out).unwrap();
    body.before(0, &mut out).unwrap();
    assert_eq!(body.after(), b"", "an empty chunk would end the body");
    body.before(26, &mut out).unwrap();
    out.extend_from_slice(&[b'x'; 26]);
    assert_eq!(body.after(), b"\r\n");
    out.extend_from_slice(body.after());
    body.end(Some(&Fields::from_iter([("X-Sum", "1")])), &mut out).unwrap();
    assert_eq!(out, b"5\r\nhello\r\n1a\r\nxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n0\r\nX-Sum: 1\r\n\r\n");
    assert_eq!(body.data(b"late", &mut out), Err(WriteError::Overrun));
    let len = out.len();
    body.end(None, &mut out).unwrap();
    assert_eq!(out.len(), len, "a body ends once");
}

#[test]
fn trailers_that_a_reader_refuses_are_not_written() {
    for (name, value) in
        [("Content-Length", "1"), ("host", "a"), ("a b", "c"), ("A", "b\r\nc"), ("Cookie", "x")]
    {
        let mut out = Vec::new();
        let trailers = Fields::from_iter([("ok", "1"), (name, value)]);
        let ended = BodyWriter::new(Framing::Chunked).end(Some(&trailers), &mut out);
        assert_eq!((ended, out.len()), (Err(WriteError::Field), 0), "{name}");
    }
}

#[test]
fn a_body_until_close_is_its_bytes_alone() {
    let mut out = Vec::new();
    let mut body = BodyWriter::new(Framing::UntilClose);
    body.data(b"ab", &mut out).unwrap();
    body.data(b"c", &mut out).unwrap();
    body.end(Some(&Fields::from_iter([("A", "b")])), &mut out).unwrap();
    assert_eq!((&out[..], body.after()), (&b"abc"[..], &b""[..]));
}

#[test]
fn what_is_written_in_each_framing_is_read_back() {
    let large = vec![0xff; 70_000];
    let pieces: [&[u8]; 3] = [b"hello", &large, b"\r\n0\r\n\r\n"];
    let whole = pieces.concat();
    for framing in [Framing::Length(whole.len() as u64), Framing::Chunked, Framing::UntilClose] {
        let mut head = ok(&[("Content-Length", "1"), ("Transfer-Encoding", "x"), ("A", "b")]);
        set_framing(&mut head.fields, framing);
        let mut out = Vec::new();
        write_response_head(&head, &mut out).unwrap();
        let mut body = BodyWriter::new(framing);
        for piece in pieces {
            body.data(piece, &mut out).unwrap();
        }
        body.end(None, &mut out).unwrap();
        let outcome = responses_in(&["GET"], [&out[..]], true, Limits::default());
        assert_eq!(outcome.refusal, None);
        let message = &outcome.messages[0];
        assert_eq!((message.framing, &message.end), (framing, &Some(None)));
        assert!(message.body == whole && message.head.fields == head.fields);
    }
}

#[test]
fn heads_read_and_written_again_are_the_same_bytes() {
    let input = "GET /a//../%41?b HTTP/1.1\r\nHOST: a\r\nx: 1\r\nX: 2\r\nx: \r\n\r\n";
    let mut out = Vec::new();
    write_request_head(&request(input).head, &mut out).unwrap();
    assert_eq!(out, input.as_bytes());
    let input = "HTTP/1.1 200 Fine\r\nset-cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n";
    out.clear();
    write_response_head(&response("GET", input).head, &mut out).unwrap();
    assert_eq!(out, input.as_bytes());
    assert!(requests("").messages.is_empty());
}
