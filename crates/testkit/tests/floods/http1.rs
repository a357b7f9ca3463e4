//! Floods of connections, requests and fields over HTTP/1.

use porthole_testkit::wait::within;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{MORE_MIB, Other, size, withstands, withstands_within, world};

/// KiB that an idle connection may cost the gateway.
const IDLE_KIB: usize = 16;

#[tokio::test]
async fn idle_connections_by_the_thousand_cost_little() {
    let world = world().await;
    let other = Other::Clear(world.visitor());
    let count = size(1_000, 8_000);
    let more_mib = MORE_MIB + (count * IDLE_KIB / 1024) as u64;
    withstands_within("idle connections", world, other, [more_mib, MORE_MIB], async |world| {
        let mut idle = Vec::new();
        for number in 0..count {
            let mut raw = world.visitor().raw().await;
            // Some have been of use before.
            if number % 10 == 0 {
                let host = world.visitor().host;
                raw.send(format!("GET /hello HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
                assert!(raw.head().await.starts_with("HTTP/1.1 200 "));
            }
            idle.push(raw);
        }
    })
    .await;
}

#[tokio::test]
async fn connections_that_come_and_go_leave_nothing_behind() {
    let world = world().await;
    withstands("connections", world, async |world| {
        for number in 0..size(800, 10_000) {
            let mut socket = TcpStream::connect(world.gateway.address).await.expect("connected");
            let bytes = [&b""[..], b"GET / HTTP/1.1\r\n", b"\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
                [number % 4];
            let _ = socket.write_all(bytes).await;
        }
    })
    .await;
}

#[tokio::test]
async fn heads_without_end_are_refused() {
    let world = world().await;
    withstands("endless heads", world, async |world| {
        let host = world.visitor().host;
        let head = format!("GET /hello HTTP/1.1\r\nHost: {host}\r\n");
        let one_field = format!("{head}X-Long: {}", "v".repeat(4 << 20));
        let many_fields = format!("{head}{}", "a: b\r\n".repeat(500_000));
        let a_target = format!("GET /{}", "t".repeat(4 << 20));
        let empty_lines = "\r\n".repeat(1 << 20);
        for _ in 0..size(1, 30) {
            let refused = [&one_field, &many_fields, &a_target, &empty_lines].map(async |bytes| {
                let text = world.visitor().raw().await.exchange(bytes).await;
                // A refusal may be lost to the reset that answers what came after it.
                assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
            });
            futures_util::future::join_all(refused).await;
        }
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_pipelined_requests_wait_in_the_visitors_own_socket() {
    let world = world().await;
    withstands("pipelining", world, async |world| {
        let host = world.visitor().host;
        let count = size(1_000, 10_000);
        let requests = format!("GET /hello HTTP/1.1\r\nHost: {host}\r\n\r\n").repeat(count);
        let raw = world.visitor().raw().await;
        let (mut read, mut write) = raw.socket.into_split();
        let sending = tokio::spawn(async move {
            let sent = write.write_all(requests.as_bytes()).await;
            sent.map(|()| write)
        });
        // Nothing is read until nothing more can be sent, or everything is.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let mut answers = 0;
        within("every answer in turn", async {
            let mut input = Vec::new();
            while answers < count {
                let read = read.read_buf(&mut input).await.expect("answers");
                assert!(read > 0, "the connection ended after {answers} answers");
                while let Some(end) = porthole_testkit::visitor::find(&input, b"\r\n\r\nhello") {
                    assert!(input.starts_with(b"HTTP/1.1 200 "), "an answer in its turn");
                    input.drain(..end + 9);
                    answers += 1;
                }
            }
        })
        .await;
        drop(sending.await.expect("a task").expect("sent"));
    })
    .await;
}
