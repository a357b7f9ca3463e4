//! Every exchange ends once: answered, failed with a code, broken off, or cancelled.

use std::time::Duration;

use bytes::Bytes;
use porthole_link::ResetCode;

use crate::harness::{World, answer, head, request, take, within};

#[tokio::test]
async fn a_stream_reset_before_its_answer_becomes_an_error_answer() {
    let world = World::new(|incoming| async move {
        let code = incoming.open.head.as_ref().unwrap().target.clone();
        let (mut send, _recv) = incoming.stream.split();
        send.reset(match code.as_str() {
            "/refused" => ResetCode::Refused,
            "/connect" => ResetCode::ConnectTimeout,
            "/slow" => ResetCode::AnswerTimeout,
            "/bad" => ResetCode::BadAnswer,
            "/busy" => ResetCode::Busy,
            "/certificate" => ResetCode::Certificate,
            "/gone" => ResetCode::NoMapping,
            "/draining" => ResetCode::Draining,
            _ => ResetCode::BadRequest,
        });
    })
    .await;
    let mut raw = world.raw().await;
    for (target, status, code) in [
        ("/refused", 502, "service-down"),
        ("/connect", 504, "service-connect-timeout"),
        ("/slow", 504, "service-timeout"),
        ("/bad", 502, "service-bad-answer"),
        ("/busy", 503, "busy"),
        ("/certificate", 502, "service-certificate"),
        ("/gone", 404, "no-mapping"),
        ("/draining", 503, "draining"),
        ("/request", 400, "bad-request"),
    ] {
        raw.send(request("GET", target, "Accept: application/json\r\n")).await;
        let reply = raw.until("}\n").await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {reply}");
        assert!(reply.contains(&format!("porthole-error: {code}\r\n")), "{target}: {reply}");
        assert!(!reply.contains("Connection: close"), "{target}: {reply}");
    }
}

#[tokio::test]
async fn a_stream_reset_after_its_head_never_looks_like_a_whole_answer() {
    let world = World::new(|incoming| async move {
        let length = incoming.open.head.as_ref().unwrap().target == "/length";
        let (mut send, _recv) = incoming.stream.split();
        let pairs: &[_] = if length { &[("Content-Length", "10")] } else { &[] };
        send.send_head(&head(200, pairs), Bytes::from_static(b"hello"), false).unwrap();
        // The reset would overtake what was not read yet.
        tokio::time::sleep(Duration::from_millis(200)).await;
        send.reset(ResetCode::BadAnswer);
    })
    .await;
    let reply = world.say(request("GET", "/chunked", "")).await;
    assert!(reply.ends_with("5\r\nhello\r\n"), "{reply}");
    let reply = world.say(request("GET", "/length", "")).await;
    assert!(reply.contains("Content-Length: 10\r\n") && reply.ends_with("hello"), "{reply}");
    let mut raw = world.raw().await;
    raw.send("GET /old HTTP/1.0\r\nHost: shop.gate.test\r\n\r\n").await;
    raw.until("hello").await;
    let (_, clean) = raw.end().await;
    assert!(!clean, "an HTTP/1.0 visitor must see a reset");
}

#[tokio::test]
async fn an_answer_shorter_than_announced_is_broken_off() {
    let world = World::new(|incoming| async move {
        let (mut send, _recv) = incoming.stream.split();
        send.send_head(&head(200, &[("Content-Length", "10")]), Bytes::from_static(b"hello"), true).unwrap();
    })
    .await;
    let mut raw = world.raw().await;
    raw.send(request("GET", "/", "") + &request("GET", "/next", "")).await;
    let reply = raw.rest().await;
    assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{reply}");
    assert_eq!(world.opened(), 1);
}

#[tokio::test]
async fn an_answer_whose_length_makes_no_sense_is_a_502() {
    let world = World::new(|incoming| async move {
        let (mut send, _recv) = incoming.stream.split();
        let pairs = [("Content-Length", "5"), ("Content-Length", "6")];
        let _ = send.send_head(&head(200, &pairs), Bytes::from_static(b"hello"), true);
    })
    .await;
    let reply = world.say(request("GET", "/", "Connection: close\r\n")).await;
    assert!(reply.starts_with("HTTP/1.1 502 ") && reply.contains("service-bad-answer"), "{reply}");
}

#[tokio::test]
async fn a_visitor_gone_before_or_during_an_answer_cancels_the_stream() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let world = World::new(move |incoming| {
        let tell = tell.clone();
        async move {
            let begun = incoming.open.head.as_ref().unwrap().target == "/begun";
            let (mut send, _recv) = incoming.stream.split();
            if begun {
                send.send_head(&head(200, &[]), Bytes::from_static(b"hello"), false).unwrap();
            }
            let code = send.stopped().await;
            tell.send(code).await.unwrap();
        }
    })
    .await;
    for target in ["/waiting", "/begun"] {
        let mut raw = world.raw().await;
        raw.send(request("GET", target, "")).await;
        if target == "/begun" {
            raw.until("hello\r\n").await;
        }
        drop(raw);
        assert_eq!(within(told.recv()).await, Some(ResetCode::Cancelled), "{target}");
    }
    let mut raw = world.raw().await;
    raw.send(request("POST", "/upload", "Content-Length: 100\r\n") + "part").await;
    world.has_opened(3).await;
    drop(raw);
    assert_eq!(within(told.recv()).await, Some(ResetCode::Cancelled));
}

#[tokio::test]
async fn a_visitor_that_only_shut_its_sending_half_still_gets_its_answer() {
    let world = World::new(|incoming| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        answer(incoming.stream, 200, "late").await;
    })
    .await;
    let mut raw = world.raw().await;
    raw.send(request("GET", "/", "")).await;
    tokio::io::AsyncWriteExt::shutdown(&mut raw.0).await.unwrap();
    assert!(raw.rest().await.ends_with("late"));
}

#[tokio::test]
async fn draining_closes_idle_connections_soon_and_busy_ones_after_their_answer() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let world = World::new(move |incoming| {
        let tell = tell.clone();
        async move {
            if incoming.open.head.as_ref().unwrap().target == "/busy" {
                let (go, gone) = tokio::sync::oneshot::channel::<()>();
                tell.send(go).await.unwrap();
                gone.await.unwrap();
            }
            answer(incoming.stream, 200, "done").await;
        }
    })
    .await;
    let mut fresh = world.raw().await;
    let mut idle = world.raw().await;
    idle.send(request("GET", "/", "")).await;
    idle.until("done").await;
    let mut busy = world.raw().await;
    busy.send(request("GET", "/busy", "")).await;
    let go = within(told.recv()).await.unwrap();
    world.gateway.draining.cancel();
    assert_eq!(idle.end().await, (String::new(), true));
    assert_eq!(fresh.end().await.0, "");
    go.send(()).unwrap();
    let reply = busy.rest().await;
    assert!(reply.contains("Connection: close\r\n") && reply.ends_with("done"), "{reply}");
}

#[tokio::test]
async fn a_link_that_ends_fails_its_requests_with_503() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let world = World::new(move |incoming| {
        let tell = tell.clone();
        async move {
            tell.send(()).await.unwrap();
            let _taken = take(incoming).await;
            std::future::pending::<()>().await;
        }
    })
    .await;
    let mut raw = world.raw().await;
    raw.send(request("GET", "/", "")).await;
    within(told.recv()).await.unwrap();
    world.link.close();
    let reply = raw.until("}\n").await;
    assert!(reply.starts_with("HTTP/1.1 503 ") && reply.contains("Retry-After: "), "{reply}");
}

#[tokio::test]
async fn a_head_that_never_ends_gets_408_and_a_silent_connection_is_left_alone() {
    let world = World::new(|incoming| async move { answer(incoming.stream, 200, "ok").await }).await;
    let mut slow = world.raw().await;
    slow.send("GET / HTTP/1.1\r\nHost: shop").await;
    let mut silent = world.raw().await;
    let begun = std::time::Instant::now();
    let reply = slow.rest().await;
    assert!(reply.starts_with("HTTP/1.1 408 ") && reply.contains("porthole-error: head-timeout"), "{reply}");
    let waited = begun.elapsed();
    assert!((Duration::from_secs(14)..Duration::from_secs(18)).contains(&waited), "{waited:?}");
    silent.send(request("GET", "/", "")).await;
    silent.until("ok").await;
}
