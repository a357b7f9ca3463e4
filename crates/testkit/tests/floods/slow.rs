//! Peers that take their time: many at once, and how long they may.

use std::time::{Duration, Instant};

use porthole_testkit::h2_frames::{self, END_STREAM, Frame, Frames, HEADERS, PREFACE};
use porthole_testkit::long;
use porthole_testkit::visitor::Raw;
use porthole_testkit::wait::{eventually, within_time};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{MORE_MIB, Other, size, tls_world, withstands, withstands_within, world};

/// How long a head, or a preface, may take; a TLS handshake takes less.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// What a noisy machine may add.
const LATENESS: Duration = Duration::from_secs(10);

/// Requests that are opened before the service is seen to have accepted them.
const AT_ONCE: usize = 50;

/// KiB that a TLS handshake under way may cost.
const HANDSHAKE_KIB: usize = 40;

/// In the long form waits for the end of all of these, which is to come when their time is over.
async fn end_in_time<IO: AsyncRead + Unpin>(what: &str, begun: Instant, peers: Vec<IO>, after: Duration) {
    if !long() {
        return;
    }
    for mut peer in peers {
        let mut rest = Vec::new();
        // However it ends.
        let _ = within_time(what, after + LATENESS, peer.read_to_end(&mut rest)).await;
    }
    let took = begun.elapsed();
    eprintln!("  {what}: over after {took:.1?}");
    assert!(took < after + LATENESS, "{what}: {took:?}");
}

#[tokio::test]
async fn heads_that_come_byte_by_byte_are_ended_after_15_seconds() {
    let world = world().await;
    withstands("slow heads", world, async |world| {
        let visitor = world.visitor();
        let begun = Instant::now();
        let mut peers: Vec<Raw> = Vec::new();
        for number in 0..size(300, 2_000) {
            let mut peer = visitor.raw().await;
            let beginning = match number % 3 {
                0 => "G".to_owned(),
                1 => "GET /".to_owned(),
                _ => format!("GET /hello HTTP/1.1\r\nHost: {}\r\nX-Slow: ", visitor.host),
            };
            peer.send(beginning).await;
            peers.push(peer);
        }
        // A drip keeps nothing alive.
        let drips = if long() { 12 } else { 2 };
        for _ in 0..drips {
            for peer in &mut peers {
                let _ = peer.try_send("a").await;
            }
            tokio::time::sleep(Duration::from_millis(if long() { 1_000 } else { 100 })).await;
        }
        if long() {
            let mut told = peers.pop().expect("a peer");
            assert!(told.rest_text().await.starts_with("HTTP/1.1 408 "));
        }
        let sockets = peers.into_iter().map(|peer| peer.socket).collect();
        end_in_time("slow heads", begun, sockets, HEAD_TIME).await;
    })
    .await;
}

#[tokio::test]
async fn bodies_that_never_come_and_answers_that_nobody_reads_cost_only_themselves() {
    let world = world().await;
    let other = Other::Clear(world.visitor());
    // The link's own bounds, as for HTTP/2 windows that never open.
    withstands_within("slow bodies and readers", world, other, [192, 320], async |world| {
        let visitor = world.visitor();
        let mut peers: Vec<Raw> = Vec::new();
        for number in 0..size(150, 1_500) {
            let mut peer = visitor.raw().await;
            let host = &visitor.host;
            let request = match number % 3 {
                0 => format!("POST /sink HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n\r\nx"),
                1 => format!(
                    "POST /sink HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab"
                ),
                _ => format!("GET /bytes?20000000 HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            };
            peer.send(request).await;
            peers.push(peer);
            if number % AT_ONCE == 0 {
                // A service drops what does not fit its queue of newcomers: that would be its own limit.
                let arrived =
                    || world.service.seen().iter().filter(|seen| seen.target != "/hello").count() > number;
                eventually("the requests at the service", arrived).await;
            }
        }
        tokio::time::sleep(Duration::from_secs(if long() { 20 } else { 1 })).await;
    })
    .await;
}

#[tokio::test]
async fn header_blocks_and_prefaces_that_never_end_are_ended_after_15_seconds() {
    let world = world().await;
    withstands("slow HTTP/2 heads", world, async |world| {
        let begun = Instant::now();
        let mut peers: Vec<TcpStream> = Vec::new();
        for number in 0..size(200, 1_000) {
            let mut bytes = PREFACE.to_vec();
            Frame::settings(&[]).write(&mut bytes);
            match number % 3 {
                0 => bytes.truncate(10),
                1 => Frame::new(HEADERS, END_STREAM, 1, *b"\x82").write(&mut bytes),
                _ => bytes.extend([0, 0, 100, HEADERS, 5, 0, 0, 0, 1, 0x82]),
            }
            let mut socket = TcpStream::connect(world.gateway.address).await.expect("connected");
            socket.write_all(&bytes).await.expect("sent");
            peers.push(socket);
        }
        end_in_time("HTTP/2 heads", begun, peers, HEAD_TIME).await;
    })
    .await;
}

#[tokio::test]
async fn tls_that_stalls_is_ended_and_others_are_served_over_tls_meanwhile() {
    let (world, authority, _folder) = tls_world().await;
    let other = Other::Tls(world.visitor(), authority.client(&["http/1.1"]));
    let count = size(300, 2_000);
    let more_mib = MORE_MIB + (count * HANDSHAKE_KIB / 1024) as u64;
    withstands_within("stalled TLS", world, other, [more_mib, MORE_MIB], async |world| {
        let begun = Instant::now();
        let mut peers = Vec::new();
        let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
        for number in 0..count {
            let mut socket = TcpStream::connect(world.gateway.address).await.expect("connected");
            // Nothing at all, one byte, half a ClientHello.
            let part = [0, 1, hello.len()][number % 3];
            socket.write_all(&hello[..part]).await.expect("sent");
            peers.push(socket);
        }
        // Past the handshake, no preface or half of one.
        let mut agreed = Vec::new();
        let host = world.visitor().host;
        for number in 0..size(20, 200) {
            let mut stream = h2_frames::tls(world.gateway.address, &host, authority.client(&["h2"])).await;
            let part = [0, 10][number % 2];
            stream.write_all(&PREFACE[..part]).await.expect("sent");
            stream.flush().await.expect("sent");
            agreed.push(stream);
        }
        let mut well = Frames::tls(world.gateway.address, &host, authority.client(&["h2"]), &[]).await;
        let fields =
            [(":method", "GET"), (":scheme", "https"), (":authority", &host[..]), (":path", "/hello")];
        well.send(&[Frame::head(1, END_STREAM, &fields)]).await.expect("sent");
        assert_eq!(well.verdict(1).await, h2_frames::Verdict::Status(200));
        end_in_time("TLS handshakes", begun, peers, HEAD_TIME).await;
        end_in_time("prefaces over TLS", begun, agreed, HEAD_TIME + LATENESS).await;
    })
    .await;
}
