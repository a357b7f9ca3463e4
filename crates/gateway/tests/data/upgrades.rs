//! Connections that become something else.

use bytes::Bytes;
use porthole_link::{Item, StreamKind};
use tokio::io::AsyncWriteExt as _;

use crate::harness::{World, answer, head, request, within};

const ASK: &str = "Connection: Upgrade\r\nUpgrade: echo/1\r\n";

/// Agrees when asked for `/echo`, once `go` fires; then echoes.
async fn echo(incoming: porthole_link::stream::Incoming) {
    assert_eq!(incoming.open.kind, StreamKind::Upgrade);
    let asked = incoming.open.head.as_ref().unwrap();
    assert_eq!(asked.fields.get_str("upgrade"), Some("echo/1"));
    assert!(!asked.fields.contains("connection"));
    assert!(incoming.data.is_empty() && !incoming.ended, "nothing is relayed before the 101");
    let (mut send, mut recv) = incoming.stream.split();
    let early = tokio::time::timeout(std::time::Duration::from_millis(100), recv.recv()).await;
    assert!(early.is_err(), "nothing is relayed before the 101");
    send.send_head(&head(101, &[("Upgrade", "echo/1"), ("X-A", "b")]), Bytes::new(), false).unwrap();
    loop {
        match recv.recv().await.unwrap() {
            Item::Data(data) => send.send(data).await.unwrap(),
            Item::End(_) => {
                send.send(Bytes::from_static(b"bye")).await.unwrap();
                return send.end(None).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn bytes_after_an_upgrade_wait_for_the_101_and_halves_close_on_their_own() {
    let world = World::new(echo).await;
    let mut raw = world.raw().await;
    raw.send(request("GET", "/echo", ASK) + "early").await;
    let seen = raw.until("early").await;
    assert_eq!(
        seen,
        "HTTP/1.1 101 Switching Protocols\r\nX-A: b\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\nearly"
    );
    raw.send("GET / HTTP/1.1\r\n\r\n").await;
    raw.until("GET / HTTP/1.1\r\n\r\n").await;
    raw.0.shutdown().await.unwrap();
    assert_eq!(raw.end().await, ("bye".into(), true));
}

#[tokio::test]
async fn large_messages_flow_both_ways_after_an_upgrade() {
    const BYTES: usize = 16 * 1024 * 1024;
    let world = World::new(echo).await;
    let mut raw = world.raw().await;
    raw.send(request("GET", "/echo", ASK)).await;
    raw.until("\r\n\r\n").await;
    let (mut read, mut write) = raw.0.into_split();
    let writing = tokio::spawn(async move {
        write.write_all(&vec![b'x'; BYTES]).await.unwrap();
        write.shutdown().await.unwrap();
        write
    });
    let mut seen = Vec::new();
    within(tokio::io::AsyncReadExt::read_to_end(&mut read, &mut seen)).await.unwrap();
    within(writing).await.unwrap();
    assert_eq!(seen.len(), BYTES + 3);
}

#[tokio::test]
async fn an_upgrade_that_is_not_granted_is_an_ordinary_answer() {
    let world = World::new(|incoming| async move { answer(incoming.stream, 403, "no").await }).await;
    // The connection ends, whether what was sent ahead is there already, comes later, or was never sent:
    // which of these it is, is a matter of timing (RFC 9931).
    for (ahead, later) in [("/smuggled", ""), ("", "/smuggled"), ("", "")] {
        let mut raw = world.raw().await;
        let smuggled = |path: &str| if path.is_empty() { String::new() } else { request("GET", path, "") };
        raw.send(request("GET", "/", ASK) + &smuggled(ahead)).await;
        let reply = raw.until("no").await;
        assert!(reply.starts_with("HTTP/1.1 403 "), "{reply}");
        assert!(reply.contains("Connection: close\r\n"), "{reply}");
        let _ = raw.0.write_all(smuggled(later).as_bytes()).await;
        assert_eq!(raw.rest().await, "", "one answer and then the end");
    }
    assert_eq!(world.opened(), 3, "what was sent ahead is no request");
}

#[tokio::test]
async fn an_upgrade_with_a_body_and_h2c_are_plain_requests() {
    let world = World::new(|incoming| async move {
        let asked = incoming.open.head.as_ref().unwrap();
        let plain = incoming.open.kind == StreamKind::Http && !asked.fields.contains("upgrade");
        answer(incoming.stream, 200, if plain { "plain" } else { "upgrade" }).await;
    })
    .await;
    let mut raw = world.raw().await;
    raw.send(request("POST", "/", &format!("{ASK}Content-Length: 2\r\n")) + "ab").await;
    raw.until("plain").await;
    raw.send(request(
        "GET",
        "/",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n",
    ))
    .await;
    raw.until("plain").await;
}

#[tokio::test]
async fn a_101_that_nobody_asked_for_is_a_bad_answer() {
    let world = World::new(|incoming| async move {
        let (mut send, _recv) = incoming.stream.split();
        let _ = send.send_head(&head(101, &[("Upgrade", "x")]), Bytes::new(), false);
        let _ = send.stopped().await;
    })
    .await;
    let reply = world.say(request("GET", "/", "Connection: close\r\n")).await;
    assert!(reply.starts_with("HTTP/1.1 502 "), "{reply}");
}
