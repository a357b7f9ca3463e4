//! Frames of WebSockets, which nobody between the two ends reads.

use porthole_testkit::service::Received;
use porthole_testkit::visitor::{Raw, find};
use porthole_testkit::wait::eventually;
use porthole_testkit::{LocalService, World};

use super::{size, withstands};

/// What the service got after its 101, on the one connection (perhaps one that was of use before) that
/// was asked for it.
fn opaque(received: &Received) -> Vec<u8> {
    let connections = received.connections();
    let after = |bytes: &Vec<u8>, mark: &[u8]| Some(bytes[find(bytes, mark)? + mark.len()..].to_vec());
    let upgraded = connections.iter().find_map(|bytes| after(bytes, b"GET /socket"));
    upgraded.and_then(|bytes| after(&bytes, b"\r\n\r\n")).unwrap_or_default()
}

async fn upgrade(world: &World) -> Raw {
    let mut raw = world.visitor().raw().await;
    let host = world.visitor().host;
    let head = format!(
        "GET /socket HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    );
    raw.send(head).await;
    assert!(raw.head().await.starts_with("HTTP/1.1 101 "));
    raw
}

#[tokio::test]
async fn frames_pass_as_they_are_whatever_they_say_of_themselves() {
    let answer = |head: &str| {
        let words = if head.starts_with("GET /socket") {
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        } else {
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        };
        words.to_owned()
    };
    let (service, received) = LocalService::recording(answer).await;
    let world = World::of(service).await;
    withstands("WebSocket frames", world, async |world| {
        // A frame of 2⁶³ − 1 bytes that never come, and one whose length has its highest bit set.
        let longest = b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04what there is";
        let impossible = b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04";
        // A message in pieces of nothing that never ends; pings between them.
        let fragments = b"\x00\x80\x01\x02\x03\x04\x89\x80\x01\x02\x03\x04".repeat(size(50_000, 500_000));
        // Compressed (RSV1): the bytes of a megabyte of nothing, again and again.
        let mut bomb = b"\xc2\xfe\x04\x00\x00\x00\x00\x00\x78\x9c".to_vec();
        bomb.resize(8 + 1024, 0);
        let bombs = bomb.repeat(size(1_000, 10_000));
        for bytes in [&longest[..], impossible, &fragments, &bombs] {
            received.clear();
            let mut raw = upgrade(world).await;
            raw.send(bytes).await;
            eventually("all of it at the service", || opaque(&received).len() >= bytes.len()).await;
            assert!(opaque(&received) == bytes, "other bytes than were sent");
        }
    })
    .await;
}
