//! What two parsers could read differently is refused, and nothing of it reaches an agent.

use crate::harness::{World, answer, request, saying};

#[tokio::test]
async fn ambiguous_or_malformed_requests_get_400_and_reach_nobody() {
    let world = World::new(saying(|_| "never".into())).await;
    let post = |fields: &str, body: &str| request("POST", "/", fields) + body;
    let bad = [
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
        post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"),
        post("Content-Length: +5\r\n", "hello"),
        post("Content-Length: 0x5\r\n", "hello"),
        post("Content-Length: 99999999999999999999\r\n", "hello"),
        post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: gzip\r\n", "x"),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        "POST / HTTP/1.0\r\nHost: shop.gate.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
        "GET / HTTP/1.1\nHost: shop.gate.test\n\n".into(),
        "GET / HTTP/1.1\r\nHost: shop.gate.test\nX: y\r\n\r\n".into(),
        post("X: a\rb\r\n", ""),
        post("X: a\0b\r\n", ""),
        post("X : a\r\n", ""),
        post("X: a\r\n b\r\n", ""),
        "GET / HTTP/1.1\r\n\r\n".into(),
        "GET / HTTP/1.1\r\nHost: shop.gate.test\r\nHost: shop.gate.test\r\n\r\n".into(),
        "GET / HTTP/1.1\r\nHost: shop.gate.test/x\r\n\r\n".into(),
        "GET http://u@shop.gate.test/ HTTP/1.1\r\nHost: shop.gate.test\r\n\r\n".into(),
    ];
    for request in bad {
        let reply = world.say(&request).await;
        assert!(reply.starts_with("HTTP/1.1 400 "), "{request:?} gave {reply:?}");
        assert!(reply.contains("porthole-error: bad-request\r\n"), "{reply:?}");
        assert!(reply.contains("Connection: close\r\n"), "{reply:?}");
        assert_eq!(reply.matches("HTTP/1.1").count(), 1, "{reply:?}");
    }
    assert_eq!(world.opened(), 0);
}

#[tokio::test]
async fn a_head_that_is_too_large_gets_431_and_a_strange_version_505() {
    let world = World::new(saying(|_| "never".into())).await;
    let large = request("GET", "/", &format!("X: {}\r\n", "x".repeat(64 * 1024)));
    assert!(world.say(large).await.starts_with("HTTP/1.1 431 "));
    let many = request("GET", "/", &"X: y\r\n".repeat(100));
    assert!(world.say(many).await.starts_with("HTTP/1.1 431 "));
    let version = "GET / HTTP/2.0\r\nHost: shop.gate.test\r\n\r\n";
    assert!(world.say(version).await.starts_with("HTTP/1.1 505 "));
    assert_eq!(world.opened(), 0);
}

#[tokio::test]
async fn bytes_of_a_refused_request_are_never_read_as_the_next_one() {
    let world = World::new(saying(|_| "smuggled".into())).await;
    let inner = request("GET", "/inner", "");
    let outer = format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", inner.len());
    let reply = world.say(request("POST", "/", &outer) + &inner).await;
    assert!(reply.starts_with("HTTP/1.1 400 ") && !reply.contains("smuggled"), "{reply}");
    assert_eq!(world.opened(), 0);
}

#[tokio::test]
async fn the_targets_authority_wins_over_host_everywhere() {
    let world = World::new(saying(|incoming| {
        let head = incoming.open.head.as_ref().unwrap();
        let field = |name| head.fields.get_str(name).unwrap_or("-").to_owned();
        format!(
            "{} {} {} {}",
            head.target,
            field("host"),
            field("x-forwarded-host"),
            head.fields.get_all("host").count()
        )
    }))
    .await;
    let request = "GET http://Shop.gate.test:80/a?b HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n";
    let reply = world.say(request).await;
    assert!(reply.ends_with("/a?b Shop.gate.test:80 Shop.gate.test:80 1"), "{reply}");
}

#[tokio::test]
async fn hop_by_hop_and_forged_fields_stop_here_and_ours_are_set() {
    let world = World::new(saying(|incoming| {
        let head = incoming.open.head.as_ref().unwrap();
        head.fields
            .iter()
            .map(|(name, value)| {
                format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
            })
            .collect::<Vec<_>>()
            .join("|")
            + &format!(" id={}", incoming.open.request_id)
    }))
    .await;
    let fields = "Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Authorization: x\r\nTE: gzip\r\n\
                  Upgrade: h2c\r\nX-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nX-KEPT: yes\r\n";
    let reply = world.say(request("GET", "/", fields)).await;
    let (_, body) = reply.split_once("\r\n\r\n").unwrap();
    let (seen, id) = body.split_once(" id=").unwrap();
    let expected = format!(
        "Host=shop.gate.test|X-KEPT=yes|X-Forwarded-For=127.0.0.1|X-Forwarded-Proto=http|\
         X-Forwarded-Host=shop.gate.test|X-Forwarded-Port=80|X-Request-Id={id}"
    );
    assert_eq!(seen, expected);
    assert_eq!(id.len(), 32);
}

#[tokio::test]
async fn a_visitors_request_id_passes_through_untouched() {
    let world = World::new(saying(|incoming| {
        let theirs = incoming.open.head.as_ref().unwrap().fields.get_str("x-request-id").unwrap().to_owned();
        format!("{theirs} {}", incoming.open.request_id == theirs)
    }))
    .await;
    let reply = world.say(request("GET", "/", "X-Request-Id: mine\r\nConnection: close\r\n")).await;
    assert!(reply.ends_with("mine false"), "{reply}");
}

#[tokio::test]
async fn a_malformed_chunk_in_the_middle_of_a_body_resets_the_stream() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let world = World::new(move |incoming| {
        let tell = tell.clone();
        async move {
            let taken = crate::harness::take(incoming).await;
            tell.send((taken.body, taken.reset)).await.unwrap();
        }
    })
    .await;
    let mut raw = world.raw().await;
    raw.send(request("POST", "/", "Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n").await;
    world.has_opened(1).await;
    raw.send("+5\r\nhello\r\n0\r\n\r\n").await;
    let reply = raw.rest().await;
    assert!(reply.starts_with("HTTP/1.1 400 "), "{reply}");
    let (body, reset) = crate::harness::within(told.recv()).await.unwrap();
    // The reset may overtake the bytes that came before it.
    assert!(body == b"hello" || body.is_empty());
    assert_eq!(reset, Some(porthole_link::ResetCode::BadRequest));
}

#[tokio::test]
async fn connect_is_refused_and_options_of_the_server_is_forwarded() {
    let world = World::new(|incoming| async move {
        let target = incoming.open.head.as_ref().unwrap().target.clone();
        answer(incoming.stream, 200, &target).await;
    })
    .await;
    let connect = "CONNECT shop.gate.test:443 HTTP/1.1\r\nHost: shop.gate.test:443\r\n\r\n";
    let mut raw = world.raw().await;
    raw.send(connect).await;
    let reply = raw.until("\r\n\r\n").await;
    assert!(
        reply.starts_with("HTTP/1.1 405 ") && reply.contains("porthole-error: connect-not-supported"),
        "{reply}"
    );
    assert_eq!(world.opened(), 0);
    let reply = world.say(request("OPTIONS", "*", "Connection: close\r\n")).await;
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("\r\n\r\n*"), "{reply}");
}
