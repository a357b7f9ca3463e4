//! Bodies in every framing, both ways.

use std::fmt::Write as _;

use bytes::Bytes;
use porthole_http1::Fields;
use porthole_link::Item;

use crate::harness::{World, answer, head, request, take, within};

#[tokio::test]
async fn a_get_comes_back_with_its_answer_and_the_connection_goes_on() {
    let world = World::new(|incoming| async move {
        assert_eq!(incoming.open.mapping, 7);
        assert!(incoming.ended);
        answer(incoming.stream, 200, "hello").await;
    })
    .await;
    let mut raw = world.raw().await;
    for _ in 0..3 {
        raw.send(request("GET", "/", "")).await;
        assert_eq!(raw.until("hello").await, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let world = World::new(|incoming| async move {
        let taken = take(incoming).await;
        let mut send = taken.send;
        send.send_head(&head(200, &[]), taken.body.into(), true).unwrap();
    })
    .await;
    let mut all = String::new();
    for n in 0..50 {
        write!(all, "{}{n:02}x", request("POST", "/", "Content-Length: 3\r\n")).unwrap();
    }
    all += &request("POST", "/", "Connection: close\r\nTransfer-Encoding: chunked\r\n");
    all += "3\r\nend\r\n0\r\n\r\n";
    let reply = world.say(all).await;
    let bodies: Vec<&str> = reply.split("3\r\n").skip(1).filter_map(|part| part.get(..3)).collect();
    let mut expected: Vec<String> = (0..50).map(|n| format!("{n:02}x")).collect();
    expected.push("end".into());
    assert_eq!(bodies, expected, "{reply}");
}

#[tokio::test]
async fn a_chunked_body_crosses_with_its_trailers_in_both_directions() {
    let world = World::new(|incoming| async move {
        let mut taken = take(incoming).await;
        let told = taken.trailers.unwrap();
        taken.send.send_head(&head(200, &[("Trailer", "X-Sum")]), taken.body.into(), false).unwrap();
        let back: Fields = [("X-Sum", told.get_str("x-sum").unwrap())].into_iter().collect();
        taken.send.end(Some(&back)).unwrap();
    })
    .await;
    for body in ["2\r\nab\r\n3\r\ncde\r\n0\r\nX-Sum: 5\r\n\r\n", "5\r\nabcde\r\n0\r\nX-Sum: 5\r\n\r\n"] {
        let fields = "Connection: close\r\nTransfer-Encoding: chunked\r\n";
        let reply = world.say(request("POST", "/", fields) + body).await;
        assert!(reply.ends_with("5\r\nabcde\r\n0\r\nX-Sum: 5\r\n\r\n"), "{reply}");
        assert!(
            reply.contains("Transfer-Encoding: chunked\r\n") && reply.contains("Trailer: X-Sum\r\n"),
            "{reply}"
        );
    }
}

#[tokio::test]
async fn head_204_and_304_have_no_body_and_keep_the_connection() {
    let world = World::new(|incoming| async move {
        let target = incoming.open.head.as_ref().unwrap().target.clone();
        let (mut send, _recv) = incoming.stream.split();
        let (status, pairs): (u16, &[_]) = match target.as_str() {
            "/head" => (200, &[("Content-Length", "500")]),
            "/none" => (204, &[]),
            _ => (304, &[("Content-Length", "500")]),
        };
        send.send_head(&head(status, pairs), Bytes::new(), true).unwrap();
    })
    .await;
    let mut raw = world.raw().await;
    raw.send(request("HEAD", "/head", "") + &request("GET", "/none", "") + &request("GET", "/same", ""))
        .await;
    assert_eq!(raw.until("\r\n\r\n").await, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
    assert_eq!(raw.until("\r\n\r\n").await, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(raw.until("\r\n\r\n").await, "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n");
}

#[tokio::test]
async fn an_http_1_0_visitor_gets_no_chunks_and_may_keep_its_connection() {
    let world = World::new(|incoming| async move {
        let known = incoming.open.head.as_ref().unwrap().target == "/known";
        if known {
            return answer(incoming.stream, 200, "hello").await;
        }
        let (mut send, _recv) = incoming.stream.split();
        send.send_interim(&head(103, &[])).unwrap();
        send.send_head(&head(200, &[]), Bytes::from_static(b"hello"), true).unwrap();
    })
    .await;
    let mut raw = world.raw().await;
    raw.send("GET /known HTTP/1.0\r\nHost: shop.gate.test\r\nConnection: keep-alive\r\n\r\n").await;
    let reply = raw.until("hello").await;
    assert!(reply.contains("Connection: keep-alive\r\n"), "{reply}");
    raw.send("GET / HTTP/1.0\r\nHost: shop.gate.test\r\nConnection: keep-alive\r\n\r\n").await;
    let (reply, clean) = raw.end().await;
    assert_eq!(reply, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
    assert!(clean);
}

#[tokio::test]
async fn interim_answers_are_relayed_and_100_comes_from_the_service() {
    let world = World::new(|incoming| async move {
        assert!(incoming.data.is_empty() && !incoming.ended);
        assert_eq!(incoming.open.head.as_ref().unwrap().fields.get_str("expect"), Some("100-continue"));
        let (mut send, mut recv) = incoming.stream.split();
        send.send_interim(&head(103, &[("Link", "</a>")])).unwrap();
        send.send_interim(&head(100, &[])).unwrap();
        let Ok(Item::Data(data)) = recv.recv().await else { panic!("no body") };
        send.send_head(&head(200, &[("Content-Length", "2")]), data, true).unwrap();
        let _ = recv.recv().await;
    })
    .await;
    let mut raw = world.raw().await;
    raw.send(request("POST", "/", "Expect: 100-continue\r\nContent-Length: 2\r\n")).await;
    let seen = raw.until("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert!(seen.starts_with("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), "{seen}");
    raw.send("ok").await;
    assert_eq!(raw.until("ok").await, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

#[tokio::test]
async fn bodies_of_any_size_flow_both_ways_at_once() {
    const PIECE: usize = 64 * 1024;
    const PIECES: usize = 256;
    let world = World::new(|incoming| async move {
        let (mut send, mut recv) = incoming.stream.split();
        send.send_head(&head(200, &[]), incoming.data, false).unwrap();
        loop {
            match recv.recv().await.unwrap() {
                Item::Data(data) => send.send(data).await.unwrap(),
                Item::End(_) => return send.end(None).unwrap(),
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
    let raw = world.raw().await;
    let (mut read, mut write) = raw.0.into_split();
    let length = PIECE * PIECES;
    let fields = format!("Connection: close\r\nContent-Length: {length}\r\n");
    let writing = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        write.write_all(request("POST", "/", &fields).as_bytes()).await.unwrap();
        for n in 0..PIECES {
            write.write_all(&vec![n as u8; PIECE]).await.unwrap();
        }
        write
    });
    let mut seen = Vec::new();
    within(tokio::io::AsyncReadExt::read_to_end(&mut read, &mut seen)).await.unwrap();
    let _write = within(writing).await.unwrap();
    // The codec's own reader is tested elsewhere; here it is the judge.
    let mut reader = porthole_http1::ResponseReader::new(porthole_http1::Limits::default());
    reader.expect("POST");
    let mut seen = bytes::BytesMut::from(&seen[..]);
    let mut body = Vec::new();
    loop {
        match reader.read(&mut seen).unwrap() {
            Some(porthole_http1::Event::Data(data)) => body.extend_from_slice(&data),
            Some(porthole_http1::Event::End(_)) => break,
            Some(porthole_http1::Event::Head(..)) => {}
            None => panic!("truncated after {} bytes", body.len()),
        }
    }
    assert_eq!(body.len(), length);
    assert!(body.chunks(PIECE).enumerate().all(|(n, piece)| piece.iter().all(|&byte| byte == n as u8)));
}

#[tokio::test]
async fn an_early_answer_to_a_long_upload_arrives_and_ends_the_connection() {
    let world = World::new(|incoming| async move { answer(incoming.stream, 413, "too much").await }).await;
    let mut raw = world.raw().await;
    raw.send(request("POST", "/", "Content-Length: 1000000000\r\n")).await;
    raw.send(vec![b'x'; 100 * 1024]).await;
    let (reply, clean) = raw.end().await;
    assert!(reply.starts_with("HTTP/1.1 413 ") && reply.ends_with("too much"), "{reply}");
    assert!(clean);
}

#[tokio::test]
async fn an_early_answer_is_found_by_a_visitor_that_never_stops_writing() {
    let world = World::new(|incoming| async move { answer(incoming.stream, 413, "too much").await }).await;
    let mut raw = world.raw().await;
    raw.send(request("POST", "/", "Content-Length: 1000000000\r\n")).await;
    let (mut read, mut write) = raw.0.split();
    let piece = vec![0; 64 * 1024];
    let writing = async { while tokio::io::AsyncWriteExt::write_all(&mut write, &piece).await.is_ok() {} };
    let mut head = [0; 13];
    tokio::select! {
        seen = within(tokio::io::AsyncReadExt::read_exact(&mut read, &mut head)) => drop(seen.unwrap()),
        () = writing => panic!("the connection broke before the answer was read"),
    }
    assert_eq!(&head, b"HTTP/1.1 413 ");
}

#[tokio::test]
async fn a_small_body_that_nobody_reads_is_skipped_and_never_taken_for_a_request() {
    let world = World::new(|incoming| async move { answer(incoming.stream, 200, "ok").await }).await;
    let mut raw = world.raw().await;
    let inner = request("GET", "/inner", "");
    raw.send(format!(
        "POST / HTTP/1.1\r\nHost: nobody.gate.test\r\nContent-Length: {}\r\n\r\n{inner}",
        inner.len()
    ))
    .await;
    raw.send(request("GET", "/after", "Connection: close\r\n")).await;
    let reply = raw.rest().await;
    assert!(reply.starts_with("HTTP/1.1 404 ") && reply.ends_with("ok"), "{reply}");
    assert_eq!(reply.matches("HTTP/1.1").count(), 2, "{reply}");
    assert_eq!(world.opened(), 1);
}
