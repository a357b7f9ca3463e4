//! What holds for any bytes, however they come.

mod common;

use common::{requests_in, responses_in};
use porthole_http1::{
    BodyWriter, Fields, Framing, Limits, RequestHead, ResponseHead, Version, write_request_head,
    write_response_head,
};
use proptest::prelude::*;

/// Small bounds, so that generated input meets them.
fn limits() -> Limits {
    Limits { head_bytes: 300, fields: 6, trailer_bytes: 60, chunk_line_bytes: 24, ..Limits::default() }
}

/// Bytes that look like messages: pieces of HTTP, well-formed or not, in any order.
fn http_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => Just(&b"GET / HTTP/1.1\r\n"[..]),
        3 => Just(&b"HTTP/1.1 200 OK\r\n"[..]),
        1 => Just(&b"HTTP/1.1 100 Continue\r\n\r\n"[..]),
        1 => Just(&b"HTTP/1.1 101 Switching Protocols\r\n\r\n"[..]),
        1 => Just(&b"HTTP/1.1 204\r\n\r\n"[..]),
        3 => Just(&b"Host: a\r\n"[..]),
        2 => Just(&b"Content-Length: 7\r\n"[..]),
        2 => Just(&b"Transfer-Encoding: chunked\r\n"[..]),
        4 => Just(&b"\r\n"[..]),
        1 => Just(&b"\n"[..]),
        1 => Just(&b"\r"[..]),
        2 => Just(&b"5\r\nhello\r\n"[..]),
        2 => Just(&b"3;a=b\r\nabc\r\n"[..]),
        2 => Just(&b"0\r\n"[..]),
        1 => Just(&b"0\r\nX: y\r\n\r\n"[..]),
        1 => Just(&b"Name: value\r\n"[..]),
        1 => Just(&b"seven b"[..]),
        1 => Just(&b"\x00\xff :"[..]),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A well-formed start, so that many cases get past the head.
fn with_start(start: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        http_like(),
        http_like().prop_map(move |rest| [start, &rest].concat()),
        proptest::collection::vec(any::<u8>(), 0..600),
    ]
}

fn request_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        with_start(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
        with_start(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"),
    ]
}

fn response_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        with_start(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        with_start(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
        with_start(b"HTTP/1.1 200 OK\r\n\r\n"),
    ]
}

/// `bytes` cut into pieces of these lengths, again and again.
fn cut<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for &len in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(len.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just(vec![1]), proptest::collection::vec(1..40usize, 1..20)]
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}"
}

/// Names that mean nothing to the codec, with values as a reader would give them out.
fn plain_fields() -> impl Strategy<Value = Fields> {
    let name = "[XYZ]-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}"
        .prop_filter("is about framing", |name| !name.to_ascii_lowercase().starts_with("x-forwarded"));
    let value = "[!-~\u{a1}-\u{ff}]?|[!-~][ -~\t]{0,20}[!-~]";
    proptest::collection::vec((name, value), 0..6).prop_map(|pairs| pairs.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_read_alike_however_their_bytes_come(bytes in request_bytes(), lengths in lengths()) {
        let whole = requests_in([&bytes[..]], limits());
        prop_assert_eq!(requests_in(cut(&bytes, &lengths), limits()), whole);
    }

    #[test]
    fn responses_read_alike_however_their_bytes_come(bytes in response_bytes(), lengths in lengths(), close: bool) {
        let methods = ["GET", "HEAD", "GET", "CONNECT"];
        let whole = responses_in(&methods, [&bytes[..]], close, limits());
        prop_assert_eq!(responses_in(&methods, cut(&bytes, &lengths), close, limits()), whole);
    }

    #[test]
    fn a_written_request_is_read_back(
        method in token(),
        path in "/[!\"$-~\u{e9}]{0,30}",
        mut fields in plain_fields(),
        body in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..5),
        trailers in proptest::option::of(plain_fields()),
        chunked: bool,
        lengths in lengths(),
    ) {
        prop_assume!(method != "CONNECT");
        fields.push("Host", "a");
        let whole = body.concat();
        let framing = if chunked { Framing::Chunked } else { Framing::Length(whole.len() as u64) };
        porthole_http1::set_framing(&mut fields, framing);
        let head = RequestHead { method, target: path, version: Version::Http11, fields };
        let mut out = Vec::new();
        write_request_head(&head, &mut out).unwrap();
        let mut writer = BodyWriter::new(framing);
        for piece in &body {
            writer.data(piece, &mut out).unwrap();
        }
        writer.end(trailers.as_ref(), &mut out).unwrap();

        let outcome = requests_in(cut(&out, &lengths), Limits::default());
        prop_assert_eq!(outcome.refusal, None);
        prop_assert_eq!(outcome.messages.len(), 1);
        let message = &outcome.messages[0];
        prop_assert_eq!(&message.head, &head);
        prop_assert!(message.head.fields == head.fields);
        prop_assert_eq!(&message.body, &whole);
        let trailers = trailers.filter(|fields| chunked && !fields.is_empty());
        prop_assert!(message.end == Some(trailers));
    }

    #[test]
    fn a_written_response_is_read_back(
        status in 200..1000u16,
        reason in "[!-~][ -~\u{e9}]{0,20}",
        fields in plain_fields(),
    ) {
        let head = ResponseHead { status, reason: reason.into_bytes(), version: Version::Http11, fields };
        let mut out = Vec::new();
        write_response_head(&head, &mut out).unwrap();
        let outcome = responses_in(&["GET"], [&out[..]], true, Limits::default());
        prop_assert_eq!(outcome.refusal, None);
        prop_assert_eq!(&outcome.messages[0].head, &head);
    }

    #[test]
    fn what_the_writers_accept_holds_one_head(name in any::<Vec<u8>>(), value in any::<Vec<u8>>(), target: String) {
        let fields = Fields::from_iter([(&b"Host"[..], &b"a"[..]), (&name, &value)]);
        let head = RequestHead { method: "GET".into(), target, version: Version::Http11, fields };
        let mut out = Vec::new();
        if write_request_head(&head, &mut out).is_ok() {
            prop_assert_eq!(out.windows(4).filter(|window| window == b"\r\n\r\n").count(), 1);
            prop_assert_eq!(out.split(|&byte| byte == b'\n').count(), 5);
        }
    }
}
