//! WebSockets and any other upgrade.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use porthole_testkit::service::{body, read_head};
use porthole_testkit::wait::{within, within_time};
use porthole_testkit::{LocalService, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_websocket_echoes_text_and_bytes() {
    let world = World::new().await;
    let mut socket = world.visitor().websocket("/ws").await;
    for message in [Message::text("hello"), Message::binary(vec![0, 1, 2]), Message::text("")] {
        socket.send(message.clone()).await.expect("the socket is open");
        assert_eq!(within("the echo", socket.next()).await.expect("open").expect("a message"), message);
    }
}

#[tokio::test]
async fn a_16_mib_websocket_message_is_whole_both_ways() {
    let world = World::new().await;
    let mut socket = world.visitor().websocket("/ws").await;
    for size in [16 * 1024 * 1024 - 1, 16 * 1024 * 1024, 16 * 1024 * 1024 + 1] {
        let message = Message::binary(body::pattern(size));
        let (mut write, mut read) = (&mut socket).split();
        let sent = message.clone();
        let exchange = async { tokio::join!(write.send(sent), read.next()) };
        let (sent, echo) = within_time("a 16 MiB echo", Duration::from_secs(90), exchange).await;
        sent.expect("sent");
        let echo = echo.expect("open").expect("a message");
        assert!(echo == message, "{} bytes came back of {size}", echo.len());
    }
}

#[tokio::test]
async fn ten_thousand_small_websocket_messages_arrive_in_order() {
    let world = World::new().await;
    let socket = world.visitor().websocket("/ws").await;
    let began = Instant::now();
    let (mut write, mut read) = socket.split();
    let sending = tokio::spawn(async move {
        for number in 0..10_000 {
            write.send(Message::text(number.to_string())).await.expect("the socket is open");
        }
    });
    within_time("10,000 echoes", Duration::from_secs(90), async {
        for number in 0..10_000 {
            let message = read.next().await.expect("open").expect("a message");
            assert_eq!(message, Message::text(number.to_string()));
        }
    })
    .await;
    sending.await.expect("all were sent");
    println!("10,000 small messages there and back: {:?}", began.elapsed());
}

#[tokio::test]
async fn a_subprotocol_is_agreed_between_visitor_and_service() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: vite-hmr\r\n\r\n",
        world.visitor().host
    ))
    .await;
    let head = raw.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let lower = head.to_ascii_lowercase();
    assert!(
        lower.contains("sec-websocket-protocol: vite-hmr") && lower.contains("connection: upgrade"),
        "{head}"
    );
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    let seen = world.service.last();
    assert_eq!(seen.field("upgrade"), Some("websocket"));
}

#[tokio::test]
async fn closing_handshakes_pass_from_either_side() {
    let world = World::new().await;
    let mut socket = world.visitor().websocket("/ws").await;
    socket.send(Message::text("hello")).await.expect("open");
    within("the echo", socket.next()).await;
    socket.close(None).await.expect("a close can be sent");
    let answer = within("the close back", socket.next()).await;
    assert!(matches!(answer, Some(Ok(Message::Close(_))) | None), "{answer:?}");
    assert_eq!(world.get("/hello").await.status, 200);
}

/// A service that switches to a protocol of its own: says what it read before and after the 101.
async fn odd_protocol(answer_first: &'static str) -> LocalService {
    LocalService::raw(move |mut socket| async move {
        let Some(head) = read_head(&mut socket).await else { return };
        assert!(head.to_ascii_lowercase().contains("upgrade: odd"), "{head}");
        let mut early = [0; 64];
        // Anything relayed before the 101 would be here within this time.
        let looked = tokio::time::timeout(Duration::from_millis(200), socket.read(&mut early)).await;
        if let Ok(Ok(count)) = looked {
            let _ =
                socket.write_all(format!("HTTP/1.1 500 Early\r\nX-Count: {count}\r\n\r\n").as_bytes()).await;
            return;
        }
        let _ =
            socket.write_all(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n").await;
        let _ = socket.write_all(answer_first.as_bytes()).await;
        let (mut read, mut write) = socket.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
        let _ = write.write_all(b"[the service saw the end]").await;
        let _ = write.shutdown().await;
    })
    .await
}

#[tokio::test]
async fn any_other_protocol_is_opaque_after_101_and_nothing_is_relayed_before() {
    let world = World::of(odd_protocol("service speaks first;").await).await;
    let mut raw = world.visitor().raw().await;
    // Impatient: protocol bytes in the same packet as the head.
    raw.send(format!(
        "GET /odd HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
        world.visitor().host
    ))
    .await;
    let head = raw.head().await;
    assert!(head.starts_with("HTTP/1.1 101 Switching\r\n"), "{head}");
    raw.send(b"\0\xff raw bytes").await;
    let expected = b"service speaks first;GET /smuggled HTTP/1.1\r\n\r\n\0\xff raw bytes";
    assert_eq!(raw.bytes(expected.len()).await, expected);
    // Half a close: the service still has something to say.
    raw.socket.shutdown().await.expect("half a close");
    assert_eq!(raw.rest_text().await, "[the service saw the end]");
}

#[tokio::test]
async fn an_upgrade_that_the_service_declines_is_an_ordinary_answer() {
    let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nnot today";
    let world = World::of(LocalService::canned(answer).await).await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        world.visitor().host
    ))
    .await;
    let head = raw.head().await;
    assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{head}");
    assert_eq!(raw.bytes(9).await, b"not today");
}

#[tokio::test]
async fn a_websocket_visitor_that_vanishes_ends_the_local_connection() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let service = LocalService::raw(move |mut socket| {
        let tell = tell.clone();
        async move {
            let _ = read_head(&mut socket).await;
            let _ = socket.write_all(b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n").await;
            let mut rest = Vec::new();
            let _ = socket.read_to_end(&mut rest).await;
            let _ = tell.send(()).await;
        }
    });
    let world = World::of(service.await).await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n",
        world.visitor().host
    ))
    .await;
    raw.head().await;
    drop(raw);
    within("the end at the service", told.recv()).await;
}

#[tokio::test]
async fn a_service_that_vanishes_ends_the_visitors_websocket() {
    let service = LocalService::raw(|mut socket| async move {
        let _ = read_head(&mut socket).await;
        let _ = socket.write_all(b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\nbye").await;
    });
    let world = World::of(service.await).await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n",
        world.visitor().host
    ))
    .await;
    raw.head().await;
    assert_eq!(raw.rest_text().await, "bye");
}

#[tokio::test]
async fn websockets_live_beside_ordinary_requests() {
    let world = World::new().await;
    let mut sockets = Vec::new();
    for _ in 0..50 {
        sockets.push(world.visitor().websocket("/ws").await);
    }
    for (number, socket) in sockets.iter_mut().enumerate() {
        socket.send(Message::text(number.to_string())).await.expect("open");
        assert_eq!(world.get("/hello").await.status, 200);
        let echo = within("the echo", socket.next()).await.expect("open").expect("a message");
        assert_eq!(echo, Message::text(number.to_string()));
    }
    drop(sockets);
    assert_eq!(world.get("/hello").await.status, 200);
}
