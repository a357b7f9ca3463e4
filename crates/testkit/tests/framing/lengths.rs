//! How long a body is must be said once, in one way.

use super::{Scene, assert_refused, values};

/// What a smuggler would like to see answered as a request of its own.
const SMUGGLED: &str = "GET /canary HTTP/1.1\r\nHost: HOST\r\n\r\n";

#[tokio::test]
async fn an_ambiguous_length_is_refused_and_nothing_of_it_reaches_the_service() {
    let scene = Scene::new().await;
    // The fields of a POST, and what follows its head.
    let rows: &[(&str, &str, &str)] = &[
        ("length, then chunked", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nX"),
        ("chunked, then length", "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", "0\r\n\r\nX"),
        ("a length of nothing with chunked", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", ""),
        ("two lengths", "Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"),
        ("the same length twice", "Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
        ("two lengths in a list", "Content-Length: 3, 4\r\n", "abcd"),
        ("the same length in a list", "Content-Length: 3, 3\r\n", "abc"),
        ("a length with a sign", "Content-Length: +5\r\n", "hello"),
        ("a negative length", "Content-Length: -5\r\n", "hello"),
        ("a length in hex", "Content-Length: 0x5\r\n", "hello"),
        ("a length with an underscore", "Content-Length: 1_0\r\n", "hellohello"),
        ("a length with a space inside", "Content-Length: 1 0\r\n", "hellohello"),
        ("a length with a fraction", "Content-Length: 5.0\r\n", "hello"),
        ("a length with a semicolon", "Content-Length: 5;\r\n", "hello"),
        ("a length in quotes", "Content-Length: \"5\"\r\n", "hello"),
        ("a length in other digits", "Content-Length: \u{ff15}\r\n", "hello"),
        ("a length that says nothing", "Content-Length:\r\n", "hello"),
        ("one more than a signed 64-bit counter", "Content-Length: 9223372036854775808\r\n", "hello"),
        ("a length that wraps to 5", "Content-Length: 18446744073709551621\r\n", "hello"),
        ("an overflowing length", "Content-Length: 99999999999999999999999999\r\n", "hello"),
        ("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("chunked twice in a list", "Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
        ("gzip, then chunked", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        ("chunked, then identity", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        (
            "chunked and identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "0\r\n\r\n",
        ),
        ("identity alone", "Transfer-Encoding: identity\r\n", ""),
        ("an unknown coding", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        ("a coding that says nothing", "Transfer-Encoding:\r\n", "0\r\n\r\n"),
        ("a coding with a parameter", "Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"),
        ("a coding in quotes", "Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"),
        ("a coding after a vertical tab", "Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
        ("a coding's name with a space", "Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        ("a folded coding", "Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
        ("a coding behind a bare LF", "X: y\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("a coding behind a bare CR", "X: y\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    ];
    for (what, fields, rest) in rows {
        let attack = format!("POST /canary HTTP/1.1\r\nHost: HOST\r\n{fields}\r\n{rest}{SMUGGLED}");
        assert_refused(what, &scene.attack(&attack).await, 400);
    }
    for fields in
        ["Transfer-Encoding: chunked\r\n", "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n"]
    {
        let attack = format!("POST /canary HTTP/1.0\r\nHost: HOST\r\n{fields}\r\n0\r\n\r\n{SMUGGLED}");
        assert_refused("chunked on HTTP/1.0", &scene.attack(&attack).await, 400);
    }
    scene.nothing_arrived("ambiguous lengths").await;
}

#[tokio::test]
async fn what_is_clear_is_framed_anew_and_said_once() {
    let scene = Scene::new().await;
    // What the service is told: fields, and everything behind its head.
    type Row<'a> = (&'a str, &'a str, &'a [&'a str], &'a [&'a str], &'a str);
    let rows: &[Row<'_>] = &[
        ("Content-Length: 5\r\n\r\n", "hello", &["5"], &[], "hello"),
        ("Content-Length: 0005\r\n\r\n", "hello", &["0005"], &[], "hello"),
        ("Content-Length: \t 5 \t\r\n\r\n", "hello", &["5"], &[], "hello"),
        ("Content-Length: 0\r\n\r\n", "", &["0"], &[], ""),
        // Small bodies that are there at once need no chunks any more.
        ("Transfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", &["5"], &[], "hello"),
        ("transfer-ENCODING: CHUNKED\r\n\r\n", "5;x=y\r\nhello\r\n0\r\n\r\n", &["5"], &[], "hello"),
    ];
    for (number, (fields, body, length, coding, arrives)) in rows.iter().enumerate() {
        let path = format!("/clear/{number}");
        let request = format!("POST {path} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n{fields}{body}");
        assert!(scene.attack(&request).await.starts_with("HTTP/1.1 200 "), "{request:?}");
        let seen = scene.received.request(&path).unwrap_or_else(|| panic!("{request:?} arrives"));
        assert_eq!(values(&seen, "content-length"), *length, "{request:?}: {seen:?}");
        assert_eq!(values(&seen, "transfer-encoding"), *coding, "{request:?}: {seen:?}");
        assert!(seen.ends_with(&format!("\r\n\r\n{arrives}")), "{request:?}: {seen:?}");
    }
}
