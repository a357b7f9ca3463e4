//! How long a request's body is, and what of it is refused.

mod common;

use common::{get_with, refused, request, requests, requests_in};
use porthole_http1::{Framing, Limits, Refusal};

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

#[test]
fn a_request_that_announces_nothing_has_no_body() {
    assert_eq!(request(get_with("")).framing, Framing::None);
    assert_eq!(request(get_with("Content-Length: 0\r\n")).framing, Framing::Length(0));
}

#[test]
fn a_length_is_read_to_its_last_byte_and_not_further() {
    let input = get_with("Content-Length: 5\r\n") + "hello" + &get_with("");
    let outcome = requests(input);
    assert_eq!((outcome.messages.len(), outcome.refusal), (2, None));
    assert_eq!(
        (outcome.messages[0].framing, &outcome.messages[0].body[..]),
        (Framing::Length(5), &b"hello"[..])
    );
}

#[test]
fn an_unfinished_body_is_not_idle() {
    for (input, idle) in [
        (String::new(), true),
        ("\r\n".into(), true),
        ("G".into(), false),
        (get_with("Content-Length: 5\r\n") + "hell", false),
        (get_with("Content-Length: 5\r\n") + "hello", true),
        (get_with(CHUNKED) + "0\r\n\r", false),
        (get_with(CHUNKED) + "0\r\n\r\n", true),
    ] {
        assert_eq!(requests(&input).idle, idle, "{input:?}");
    }
}

#[test]
fn ambiguous_framing_is_refused() {
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunke\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding:\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\ncontent-length: 6\r\n",
        "Content-Length: x\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5,\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5_0\r\n",
        "Content-Length: 5 0\r\n",
        "Content-Length: 5\t0\r\n",
        "Content-Length: 5.0\r\n",
        "Content-Length: five\r\n",
        "Content-Length:\r\n",
        "Content-Length: \r\n",
        "Content-Length: 9223372036854775808\r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 18446744073709551621\r\n",
        "Content-Length: \u{665}\r\n",
    ] {
        assert_eq!(refused(get_with(lines)), Refusal::Framing, "{lines:?}");
    }
    assert_eq!(refused("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), Refusal::Framing);
}

#[test]
fn the_largest_length_is_that_of_a_signed_counter() {
    let outcome = requests(get_with("Content-Length: 9223372036854775807\r\n"));
    assert_eq!(outcome.messages[0].framing, Framing::Length(i64::MAX as u64));
}

#[test]
fn chunks_are_joined_and_trailers_given_out_apart() {
    let body = "5\r\nhello\r\nA;ext=1\r\n 123456789\r\n000\r\nX-Sum: 1\r\nx-sum:\t2 \r\n\r\n";
    let message = request(get_with("TRANSFER-encoding: ChUnKeD\r\n") + body);
    assert_eq!((message.framing, message.body), (Framing::Chunked, b"hello 123456789".to_vec()));
    let trailers = message.end.flatten().expect("trailers came");
    let expected: [(&[u8], &[u8]); 2] = [(b"X-Sum", b"1"), (b"x-sum", b"2")];
    assert_eq!(trailers.iter().collect::<Vec<_>>(), expected);
    assert!(!message.head.fields.contains("x-sum"));
}

#[test]
fn an_empty_chunked_body_ends_without_trailers() {
    let message = request(get_with(CHUNKED) + "0\r\n\r\n");
    assert_eq!((message.body, message.end), (Vec::new(), Some(None)));
}

#[track_caller]
fn chunks_refused(body: impl AsRef<[u8]>) -> Refusal {
    let mut input = get_with(CHUNKED).into_bytes();
    input.extend_from_slice(body.as_ref());
    let outcome = requests(&input);
    outcome.refusal.unwrap_or_else(|| panic!("not refused: {}", input.escape_ascii()))
}

#[test]
fn malformed_chunks_are_refused() {
    for body in [
        "+5\r\nhello\r\n",
        "-5\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "5_0\r\nhello\r\n",
        " 5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5\t\r\nhello\r\n",
        "5 ;a\r\nhello\r\n",
        "g\r\nhello\r\n",
        "\r\nhello\r\n",
        ";a\r\nhello\r\n",
        "5;\r\nhello\r\n",
        "5\nhello\r\n",
        "5\r\nhello\n",
        "5\r\nhelloX\r\n",
        "5\r\nhello\rX",
        "5\r\nhello0\r\n\r\n",
        "4\r\nhello\r\n",
        "5\r\r\nhello\r\n",
        "5;a\rb\r\nhello\r\n",
        "5;a\0\r\nhello\r\n",
        "5;a\u{1}\r\nhello\r\n",
        "5;\u{7f}\r\nhello\r\n",
        "0\n\r\n",
        "0\n\n",
        "8000000000000000\r\n",
        "ffffffffffffffff\r\n",
        "10000000000000005\r\n",
        "00000000000000005\r\n",
        "5;a=\n1\r\nhello\r\n",
        "\n",
    ] {
        assert_eq!(chunks_refused(body), Refusal::Chunk, "{body:?}");
    }
}

#[test]
fn a_size_of_sixteen_digits_is_read() {
    let message = request(get_with(CHUNKED) + "0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n");
    assert_eq!(message.body, b"hello");
}

#[test]
fn a_chunk_line_at_its_bound_is_read_and_one_byte_more_is_not() {
    let limits = Limits { chunk_line_bytes: 32, ..Limits::default() };
    let body = |line: usize| format!("5;{}\r\nhello\r\n0\r\n\r\n", "e".repeat(line - 4));
    for (bytes, refusal) in [(31, None), (32, None), (33, Some(Refusal::Chunk))] {
        let input = get_with(CHUNKED) + &body(bytes);
        assert_eq!(requests_in([input.as_bytes()], limits).refusal, refusal, "{bytes}");
    }
    let open = get_with(CHUNKED) + "5;" + &"e".repeat(29);
    assert_eq!(requests_in([open.as_bytes()], limits).refusal, None);
    assert_eq!(requests_in([(open + "e").as_bytes()], limits).refusal, Some(Refusal::Chunk));
}

#[test]
fn extensions_are_bounded_over_the_whole_body() {
    // 16 KiB in one body: 128 lines of 128 bytes, the semicolon counted.
    let chunk = format!("1;{}\r\nx\r\n", "e".repeat(127));
    let body = |chunks: usize, last: &str| get_with(CHUNKED) + &chunk.repeat(chunks) + last + "0\r\n\r\n";
    assert_eq!(request(body(128, "")).body.len(), 128);
    assert_eq!(requests(body(128, "1;e\r\nx\r\n")).refusal, Some(Refusal::Chunk));
}

#[test]
fn trailers_that_mean_something_to_a_parser_are_refused() {
    for name in [
        "Content-Length",
        "Transfer-Encoding",
        "Host",
        "Trailer",
        "Connection",
        "Authorization",
        "Cookie",
        "Set-Cookie",
        "Content-Encoding",
        "Content-Type",
        "Content-Range",
        "Upgrade",
        "TE",
        "Expect",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authorization",
        "X-Forwarded-For",
        "x-forwarded-host",
        "Forwarded",
        "cOOKIE",
        "If-None-Match",
        "Range",
    ] {
        assert_eq!(chunks_refused(format!("0\r\nX: y\r\n{name}: 1\r\n\r\n")), Refusal::Trailer, "{name}");
    }
}

#[test]
fn trailers_follow_the_rules_for_fields() {
    for lines in [
        "A : b\r\n",
        " A: b\r\n",
        "A: b\r\n c\r\n",
        "A: b\n",
        "A: \0\r\n",
        "A: b\rc\r\n",
        ": b\r\n",
        "A\r\n",
        "\r\r\n",
    ] {
        assert_eq!(chunks_refused(format!("0\r\n{lines}\r\n")), Refusal::Trailer, "{lines:?}");
    }
    assert_eq!(chunks_refused("0\r\n\n"), Refusal::Trailer);
}

#[test]
fn a_trailer_section_at_its_bounds_is_read_and_beyond_them_is_not() {
    let limits = Limits { trailer_bytes: 20, fields: 3, ..Limits::default() };
    let refusal = |trailers: String| {
        let input = get_with("").trim_end().to_owned() + "\r\n" + CHUNKED + "\r\n0\r\n" + &trailers + "\r\n";
        requests_in([input.as_bytes()], limits).refusal
    };
    for (bytes, expected) in [(19, None), (20, None), (21, Some(Refusal::Trailer))] {
        assert_eq!(refusal(format!("A: {}\r\n", "x".repeat(bytes - 7))), expected, "{bytes}");
    }
    for (fields, expected) in [(2, None), (3, None), (4, Some(Refusal::Trailer))] {
        assert_eq!(refusal("A:\r\n".repeat(fields)), expected, "{fields}");
    }
}

#[test]
fn pipelined_requests_come_one_after_the_other() {
    let input = get_with("Content-Length: 2\r\n")
        + "hi"
        + &get_with(CHUNKED)
        + "1\r\nx\r\n0\r\nA: b\r\n\r\n"
        + &get_with("X: last\r\n");
    let outcome = requests(input);
    let bodies: Vec<_> = outcome.messages.iter().map(|message| &message.body[..]).collect();
    assert_eq!(bodies, [&b"hi"[..], b"x", b""]);
    assert!(outcome.messages.iter().all(|message| message.end.is_some()));
    assert_eq!(outcome.messages[2].head.fields.get("x"), Some(&b"last"[..]));
}

#[test]
fn data_is_handed_out_before_the_body_is_complete() {
    let outcome = requests(get_with("Content-Length: 1000\r\n") + "hel");
    assert_eq!((&outcome.messages[0].body[..], &outcome.messages[0].end), (&b"hel"[..], &None));
    assert!(outcome.left.is_empty());
    let outcome = requests(get_with(CHUNKED) + "3e8\r\nhel");
    assert_eq!((&outcome.messages[0].body[..], outcome.left.is_empty()), (&b"hel"[..], true));
}
