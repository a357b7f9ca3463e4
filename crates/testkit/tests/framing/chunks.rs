//! Chunk sizes, extensions and trailers.

use porthole_testkit::wait::eventually;

use super::{Scene, assert_refused, values};

/// Chunked bodies that two readers could take for different ones.
const MALFORMED: &[(&str, &str)] = &[
    ("a size with a sign", "+5\r\nhello\r\n0\r\n\r\n"),
    ("a negative size", "-5\r\nhello\r\n0\r\n\r\n"),
    ("a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"),
    ("a size with an underscore", "5_0\r\nhello\r\n0\r\n\r\n"),
    ("a space before the size", " 5\r\nhello\r\n0\r\n\r\n"),
    ("a space after the size", "5 \r\nhello\r\n0\r\n\r\n"),
    ("a tab after the size", "5\t\r\nhello\r\n0\r\n\r\n"),
    ("no size", "\r\nhello\r\n0\r\n\r\n"),
    ("a size that is no number", "five\r\nhello\r\n0\r\n\r\n"),
    ("a size in other digits", "\u{ff15}\r\nhello\r\n0\r\n\r\n"),
    ("a size beyond 64 bits", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("a size of 64 bits with the sign's bit", "8000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("a size line that ends with LF", "5\nhello\r\n0\r\n\r\n"),
    ("a size line that ends with CR", "5\rhello\r\n0\r\n\r\n"),
    ("more bytes than the size says", "5\r\nhelloX\r\n0\r\n\r\n"),
    ("fewer bytes than the size says", "6\r\nhello\r\n0\r\n\r\n"),
    ("a chunk that ends with LF", "5\r\nhello\n0\r\n\r\n"),
    ("an extension that is empty", "5;\r\nhello\r\n0\r\n\r\n"),
    ("an extension with NUL", "5;a=\0b\r\nhello\r\n0\r\n\r\n"),
    ("an extension with a bare LF", "5;a=b\nc\r\nhello\r\n0\r\n\r\n"),
    ("an extension with a bare CR", "5;a=b\rc\r\nhello\r\n0\r\n\r\n"),
    ("an extension behind a space", "5 ;a=b\r\nhello\r\n0\r\n\r\n"),
    ("a last chunk that ends with LF", "5\r\nhello\r\n0\n\n"),
    ("a trailer named Content-Length", "5\r\nhello\r\n0\r\nContent-Length: 99\r\n\r\n"),
    ("a trailer named Transfer-Encoding", "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("a trailer named Host", "5\r\nhello\r\n0\r\nhost: evil\r\n\r\n"),
    ("a trailer named Authorization", "5\r\nhello\r\n0\r\nAuthorization: Basic eDp5\r\n\r\n"),
    ("a trailer named X-Forwarded-For", "5\r\nhello\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"),
    ("a trailer named Connection", "5\r\nhello\r\n0\r\nConnection: upgrade\r\n\r\n"),
    ("a trailer with a space before its colon", "5\r\nhello\r\n0\r\nX : y\r\n\r\n"),
    ("a folded trailer", "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n"),
    ("a trailer with NUL", "5\r\nhello\r\n0\r\nX: a\0b\r\n\r\n"),
    ("a trailer that ends with LF", "5\r\nhello\r\n0\r\nX: y\n\r\n"),
];

const HEAD: &str = "POST /canary HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_malformed_chunked_body_is_refused_and_nothing_of_it_reaches_the_service() {
    let scene = Scene::new().await;
    for (what, body) in MALFORMED {
        let smuggled = "GET /canary HTTP/1.1\r\nHost: HOST\r\n\r\n";
        assert_refused(what, &scene.attack(format!("{HEAD}{body}{smuggled}")).await, 400);
    }
    scene.nothing_arrived("malformed chunked bodies").await;
}

#[tokio::test]
async fn extensions_and_trailers_have_bounds() {
    let scene = Scene::new().await;
    let many =
        |count: usize| (0..count).map(|number| format!("X-{number}: y\r\n")).collect::<Vec<_>>().concat();
    for (what, body) in [
        ("extensions without end", format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(2000))),
        ("extensions on every chunk", format!("1;{}\r\na\r\n", "x".repeat(900)).repeat(20) + "0\r\n\r\n"),
        ("16 KiB of trailers", format!("0\r\nX: {}\r\n\r\n", "x".repeat(16 * 1024))),
        ("101 trailers", format!("0\r\n{}\r\n", many(101))),
    ] {
        let answer = scene.attack(format!("{HEAD}{body}")).await;
        assert_refused(what, &answer, 400);
        // Where the head went ahead of a body that large, its request never ended.
        assert!(scene.received.requests().is_empty(), "{what}: {:?}", scene.received.text());
    }
    let most = format!("{HEAD}0\r\n{}\r\n", many(100)).replace("/canary", "/most");
    let mut raw = scene.raw().await;
    raw.send(scene.fill(&most)).await;
    assert!(raw.head().await.starts_with("HTTP/1.1 200 "), "100 trailers are read");
    let seen = scene.received.request("/most").expect("the request arrives");
    assert!(seen.ends_with("X-98: y\r\nX-99: y\r\n\r\n"), "{seen:?}");
}

#[tokio::test]
async fn a_body_that_goes_wrong_later_never_ends_cleanly_at_the_service() {
    let scene = Scene::new().await;
    for (what, body) in MALFORMED {
        let mut raw = scene.raw().await;
        raw.send(scene.fill(format!("{HEAD}4\r\ngood\r\n"))).await;
        let arrived = || scene.received.text().ends_with("\r\n4\r\ngood\r\n");
        eventually(format!("{what}: the good chunk at the service"), arrived).await;
        let _ = raw.try_send(body).await;
        let answer = raw.rest_text().await;
        assert_refused(what, &answer, 400);
        scene.received_no_end(what);
        scene.received.clear();
    }
}

impl Scene {
    /// Asserts that what the service has is no whole request, and holds good chunks only.
    fn received_no_end(&self, what: &str) {
        let text = self.received.text();
        assert!(self.received.requests().is_empty(), "{what}: {text:?}");
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let good = ["4\r\ngood\r\n", "4\r\ngood\r\n5\r\nhello\r\n", "4\r\ngood\r\n6\r\nhello\r\r\n"];
        assert!(good.iter().any(|good| good.starts_with(body)), "{what}: {body:?}");
    }
}

#[tokio::test]
async fn extensions_are_dropped_and_trailers_stay_behind_the_body() {
    let scene = Scene::new().await;
    let request = "POST /trailers HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\
         Connection: close\r\n\r\n\
         5;canary\r\nhello\r\n005;canary=\"a b\";d\r\nworld\r\n0;canary\r\nX-Sum: 42\r\nX-Host: t\r\n\r\n";
    assert!(scene.attack(request).await.starts_with("HTTP/1.1 200 "));
    let seen = scene.received.request("/trailers").expect("the request arrives");
    assert!(!seen.contains("canary"), "{seen:?}");
    assert_eq!(values(&seen, "transfer-encoding"), ["chunked"], "{seen:?}");
    assert!(values(&seen, "x-sum").is_empty(), "trailers are never merged: {seen:?}");
    let (_, body) = seen.split_once("\r\n\r\n").expect("a head");
    assert!(body.ends_with("\r\n0\r\nX-Sum: 42\r\nX-Host: t\r\n\r\n"), "{body:?}");
    let data: String = body.lines().filter(|line| line.starts_with(['h', 'w'])).collect();
    assert_eq!(data, "helloworld", "{body:?}");
}
