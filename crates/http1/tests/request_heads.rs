//! Which request heads are read and which are refused.

mod common;

use common::{get_with, refused, request, requests, requests_in};
use porthole_http1::{Framing, Limits, Refusal, Version};

#[test]
fn a_head_is_given_out_as_it_came() {
    let message = request(
        "pAtCh /a%2F..//b?x=%zz&y HTTP/1.1\r\nhOST: A.example:80\r\nX-Two:  1 \r\nx-two:\t2\r\nEmpty:\r\n\r\n",
    );
    let head = message.head;
    assert_eq!((head.method.as_str(), head.target.as_str()), ("pAtCh", "/a%2F..//b?x=%zz&y"));
    assert_eq!(head.version, Version::Http11);
    let fields: Vec<_> = head.fields.iter().collect();
    let expected: [(&[u8], &[u8]); 4] =
        [(b"hOST", b"A.example:80"), (b"X-Two", b"1"), (b"x-two", b"2"), (b"Empty", b"")];
    assert_eq!(fields, expected);
    assert_eq!((message.framing, message.end), (Framing::None, Some(None)));
}

#[test]
fn values_may_hold_tabs_and_bytes_beyond_ascii() {
    let message = request(b"GET / HTTP/1.1\r\nHost: a\r\nA: x\ty \xff\x80\r\n\r\n");
    assert_eq!(message.head.fields.get("a"), Some(&b"x\ty \xff\x80"[..]));
}

#[test]
fn http_1_0_needs_no_host() {
    let head = request("GET / HTTP/1.0\r\n\r\n").head;
    assert_eq!((head.version, head.authority()), (Version::Http10, None));
}

#[test]
fn line_ends_other_than_crlf_are_refused_everywhere() {
    for input in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        "GET / HTTP/1.1\n\n",
        "GET / HTTP/1.1\rHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n",
        "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(refused(input).status(), 400, "{input:?}");
    }
}

#[test]
fn a_bare_line_feed_is_refused_without_waiting_for_the_rest() {
    assert_eq!(requests("GET / HTTP/1.1\n").refusal, Some(Refusal::Line));
    assert_eq!(requests("GET / HTTP/1.1\r\nHost: a\n").refusal, Some(Refusal::Field));
}

#[test]
fn folded_fields_are_refused() {
    for lines in ["A: b\r\n c\r\n", "A: b\r\n\tc\r\n", "A:\r\n b\r\n"] {
        assert_eq!(refused(get_with(lines)), Refusal::Field, "{lines:?}");
    }
    assert_eq!(refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), Refusal::Field);
    assert_eq!(refused("GET / HTTP/1.1\r\n\tHost: a\r\n\r\n"), Refusal::Field);
}

#[test]
fn field_names_are_tokens() {
    for line in [
        "A : b",
        "A\t: b",
        " A: b",
        ": b",
        "A",
        "A b: c",
        "A\0: b",
        "A\u{7f}: b",
        "\u{e9}: b",
        "A(: b",
        "A/B: c",
        "\"A\": b",
        "A;: b",
        "A@: b",
        "A,: b",
        "{A}: b",
        "A\x0b: b",
    ] {
        assert_eq!(refused(get_with(&format!("{line}\r\n"))), Refusal::Field, "{line:?}");
    }
}

#[test]
fn control_bytes_in_values_are_refused() {
    for byte in (0..0x20u8).chain([0x7f]).filter(|byte| *byte != b'\t') {
        for value in [vec![byte], vec![b'a', byte], vec![byte, b'a'], vec![b'a', byte, b'b']] {
            let mut input = b"GET / HTTP/1.1\r\nHost: a\r\nA: ".to_vec();
            input.extend_from_slice(&value);
            input.extend_from_slice(b"\r\n\r\n");
            assert_eq!(refused(&input).status(), 400, "{byte:#x}");
        }
    }
}

#[test]
fn malformed_request_lines_are_refused() {
    for line in [
        "",
        "GET",
        "GET ",
        "GET /",
        "GET / ",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET / a HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        "G(T / HTTP/1.1",
        "G\0T / HTTP/1.1",
        "GÉT / HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "GET /\u{7f} HTTP/1.1",
        "GET /#f HTTP/1.1",
        "GET /a#f HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/1.",
        "GET / HTTP/11",
        "GET / HTTP/1.1a",
        "GET / HTTP/1.10",
        "GET / HTTP/01.1",
        "GET / HTP/1.1",
        "GET / HTTPS/1.1",
        "GET / HTTP/a.b",
        "GET a HTTP/1.1",
        "GET * HTTP/1.1",
        "GET ?q HTTP/1.1",
        "GET ftp://a/ HTTP/1.1",
        "GET a:80 HTTP/1.1",
        "CONNECT / HTTP/1.1",
        "CONNECT a HTTP/1.1",
        "CONNECT [::1] HTTP/1.1",
        "CONNECT http://a:1/ HTTP/1.1",
        "CONNECT u@a:1 HTTP/1.1",
        "HTTP/1.1 200 OK",
    ] {
        assert_eq!(refused(format!("{line}\r\nHost: a\r\n\r\n")), Refusal::Line, "{line:?}");
    }
    assert_eq!(refused(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"), Refusal::Line);
    assert_eq!(refused(b"G\xffT / HTTP/1.1\r\nHost: a\r\n\r\n"), Refusal::Line);
}

#[test]
fn other_versions_get_505() {
    for version in ["HTTP/0.9", "HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"] {
        let refusal = refused(format!("GET / {version}\r\nHost: a\r\n\r\n"));
        assert_eq!((refusal, refusal.status()), (Refusal::Version, 505), "{version}");
    }
    assert_eq!(refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Refusal::Version);
}

#[test]
fn two_empty_lines_before_a_request_are_skipped_and_three_are_not() {
    for lines in 0..=2 {
        request("\r\n".repeat(lines) + &get_with(""));
    }
    assert_eq!(refused("\r\n".repeat(3) + &get_with("")), Refusal::Line);
    let outcome = requests((get_with("") + "\r\n\r\n").repeat(3));
    assert_eq!((outcome.messages.len(), outcome.refusal, outcome.idle), (3, None, true));
}

#[test]
fn a_head_of_64_kib_is_read_and_one_byte_more_is_not() {
    let head = |bytes: usize| {
        let rest = get_with("A: \r\n").len();
        get_with(&format!("A: {}\r\n", "x".repeat(bytes - rest)))
    };
    let bound = Limits::default().head_bytes;
    assert_eq!(bound, 65536);
    for bytes in [bound - 1, bound] {
        assert_eq!(head(bytes).len(), bytes);
        request(head(bytes));
    }
    let refusal = refused(head(bound + 1));
    assert_eq!((refusal, refusal.status()), (Refusal::HeadTooLarge(bound), 431));
    // Not a byte later than needed, not a byte earlier.
    let open = head(bound + 100);
    assert_eq!(requests(&open[..bound - 1]).refusal, None);
    assert_eq!(requests(&open[..bound]).refusal, Some(Refusal::HeadTooLarge(bound)));
}

#[test]
fn what_follows_a_head_does_not_count_towards_its_size() {
    let limits = Limits { head_bytes: get_with("").len(), ..Limits::default() };
    let input = get_with("").repeat(5);
    let outcome = requests_in([input.as_bytes()], limits);
    assert_eq!((outcome.messages.len(), outcome.refusal), (5, None));
}

#[test]
fn a_hundred_fields_are_read_and_one_more_is_not() {
    let with = |fields: usize| get_with(&"A: b\r\n".repeat(fields - 1));
    assert_eq!(request(with(99)).head.fields.len(), 99);
    assert_eq!(request(with(100)).head.fields.len(), 100);
    let refusal = refused(with(101));
    assert_eq!((refusal, refusal.status()), (Refusal::TooManyFields(100), 431));
}

#[test]
fn a_bound_beyond_the_table_on_the_stack_holds_as_well() {
    let limits = Limits { fields: 300, ..Limits::default() };
    let with = |fields: usize| get_with(&"A: b\r\n".repeat(fields - 1));
    assert_eq!(requests_in([with(300).as_bytes()], limits).messages[0].head.fields.len(), 300);
    assert_eq!(requests_in([with(301).as_bytes()], limits).refusal, Some(Refusal::TooManyFields(300)));
}

#[test]
fn a_missing_repeated_or_invalid_host_is_refused() {
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a b\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(refused(head), Refusal::Host, "{head:?}");
    }
    for host in [
        "", "a b", "a,b", "a, b", "a/b", "a\\b", "a?b", "a#b", "u@a", "u:p@a", "a:", ":80", "a:b", "a:-1",
        "a:65536", "a:80:80", "a%00", "é", "[::1", "[::g]", "<a>", "a;b", "a'b", "a\tb", "http://a",
    ] {
        assert_eq!(refused(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), Refusal::Host, "{host}");
        // Refused even where an absolute target makes it irrelevant.
        assert_eq!(refused(format!("GET http://a/ HTTP/1.1\r\nHost: {host}\r\n\r\n")), Refusal::Host);
    }
}

#[test]
fn the_targets_authority_wins_over_host() {
    let head = request("GET http://b:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n").head;
    assert_eq!(head.target, "http://b:81/p?q");
    assert_eq!(head.authority(), Some("b:81"));
    assert_eq!(head.origin_form(), "/p?q");
    assert!(head.is_absolute_form());
    assert_eq!(head.fields.get_str("host"), Some("a"));
}

#[test]
fn an_absolute_target_with_an_invalid_authority_is_refused() {
    for target in
        ["http:///p", "http://u@b/", "http://u:p@b/", "http://b:x/", "http://b,c/", "http://b%2e/", "http://"]
    {
        let refusal = refused(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(refusal, Refusal::Host, "{target}");
    }
}

#[test]
fn options_and_connect_have_targets_of_their_own() {
    let head = request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").head;
    assert_eq!((head.authority(), head.origin_form().as_ref()), (Some("a"), "*"));
    let head = request("CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n").head;
    assert_eq!((head.authority(), head.origin_form().as_ref()), (Some("b:443"), "b:443"));
    let head = request("CONNECT [::1]:443 HTTP/1.1\r\nHost: a\r\n\r\n").head;
    assert_eq!(head.authority(), Some("[::1]:443"));
}

#[test]
fn every_refusal_has_a_status() {
    for (refusal, status) in [
        (Refusal::Line, 400),
        (Refusal::Field, 400),
        (Refusal::HeadTooLarge(1), 431),
        (Refusal::TooManyFields(1), 431),
        (Refusal::Version, 505),
        (Refusal::Framing, 400),
        (Refusal::Chunk, 400),
        (Refusal::Trailer, 400),
        (Refusal::Host, 400),
        (Refusal::Truncated, 400),
    ] {
        assert_eq!(refusal.status(), status, "{refusal}");
    }
}
