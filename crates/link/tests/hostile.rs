//! Links whose peer does what it should not, or nothing at all.

mod common;

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use common::{Counter, get, hello, ok, tcp, welcome};
use futures_util::{SinkExt, StreamExt};
use porthole_link::driver::LinkError;
use porthole_link::frame::{self, Kind};
use porthole_link::limits::{CLOSE, DEAD_AFTER, HEARTBEAT, MESSAGE_BYTES};
use porthole_link::mux::Role;
use porthole_link::{
    Counted, Item, Link, Socket, ToAgent, ToGateway, agent_handshake, gateway_handshake, socket, socket_over,
};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, protocol};

type Raw = WebSocketStream<DuplexStream>;

/// An agent's socket, and a raw one in its gateway's place.
async fn agent_socket() -> (Socket<DuplexStream>, Raw) {
    let (one, two) = tokio::io::duplex(64 * 1024);
    let raw = WebSocketStream::from_raw_socket(two, protocol::Role::Server, None).await;
    (socket(one, Vec::new(), Role::Agent).await, raw)
}

/// A gateway's socket, and a raw one in its agent's place.
async fn gateway_socket() -> (Socket<DuplexStream>, Raw) {
    let (one, two) = tokio::io::duplex(64 * 1024);
    let raw = WebSocketStream::from_raw_socket(one, protocol::Role::Client, None).await;
    (socket(two, Vec::new(), Role::Gateway).await, raw)
}

fn text(message: &impl serde::Serialize) -> Message {
    Message::text(serde_json::to_string(message).unwrap())
}

/// An agent's link whose gateway is the test.
async fn agent() -> (Link, mpsc::Receiver<ToAgent>, Raw) {
    let (agent, mut raw) = agent_socket().await;
    raw.send(text(&welcome())).await.unwrap();
    let (link, _, inbox) = agent_handshake(agent, hello()).await.unwrap();
    raw.next().await.unwrap().unwrap();
    (link, inbox, raw)
}

/// A gateway's link whose agent is the test.
async fn gateway() -> (Link, mpsc::Receiver<ToGateway>, Raw) {
    let (socket, mut raw) = gateway_socket().await;
    raw.send(text(&ToGateway::Hello(hello()))).await.unwrap();
    let (link, inbox) = gateway_handshake(socket).await.unwrap().start();
    (link, inbox, raw)
}

fn batch(write: impl FnOnce(&mut BytesMut)) -> Message {
    let mut out = BytesMut::new();
    write(&mut out);
    Message::Binary(out.freeze())
}

/// A stream goes through the link as if nothing had happened.
async fn works(link: &Link, raw: &mut Raw, id: u64) {
    raw.send(batch(|out| frame::put_open(out, id, &get("/"), b"first", true))).await.unwrap();
    let incoming = timeout(Duration::from_secs(5), link.accept()).await.unwrap().unwrap();
    assert_eq!(incoming.data, b"first"[..]);
}

#[tokio::test]
async fn a_peer_that_provokes_answers_and_reads_none_loses_its_link() {
    let (link, _inbox, mut raw) = agent().await;
    let mut id = 0;
    loop {
        let opens = batch(|out| {
            for _ in 0..10_000 {
                id += 1;
                frame::put_open(out, id, &tcp(), &[], false);
            }
        });
        if raw.send(opens).await.is_err() || link.is_closed() {
            break;
        }
    }
    assert!(matches!(link.closed().await, LinkError::Protocol(_)));
}

#[tokio::test]
async fn pings_are_answered_up_to_a_bound_by_a_link_that_goes_on() {
    let (link, _inbox, mut raw) = agent().await;
    for at in 0..20_000 {
        raw.send(text(&ToAgent::Ping { at })).await.unwrap();
    }
    raw.send(batch(|out| frame::put_open(out, 1, &tcp(), &[], false))).await.unwrap();
    let _stream = link.accept().await.unwrap();
    assert!(!link.is_closed());
    let mut answers = 0;
    while let Ok(Some(Ok(_))) = timeout(Duration::from_millis(300), raw.next()).await {
        answers += 1;
    }
    // What the connection holds, and two queues.
    assert!((512..4_000).contains(&answers), "{answers}");
}

#[tokio::test]
async fn unknown_messages_and_frames_are_skipped_however_many() {
    let (link, _inbox, mut raw) = agent().await;
    for _ in 0..5_000 {
        raw.send(Message::text(r#"{"type":"tomorrow","x":1}"#)).await.unwrap();
        raw.send(batch(|out| frame::put_header(out, Kind::Unknown(99), 0, 7, 0))).await.unwrap();
    }
    works(&link, &mut raw, 1).await;
}

#[tokio::test]
async fn control_messages_that_nobody_takes_end_the_link() {
    let (link, _inbox, mut raw) = agent().await;
    for revision in 0..1_000 {
        if raw.send(text(&ToAgent::Mapped { revision, results: Vec::new() })).await.is_err() {
            break;
        }
    }
    assert!(matches!(link.closed().await, LinkError::Protocol(_)));
}

#[tokio::test]
async fn a_message_beyond_the_bound_ends_the_link_and_one_at_the_bound_does_not() {
    let (link, _inbox, mut raw) = agent().await;
    let unknown = |n: usize| {
        let rest = n - r#"{"type":"tomorrow","x":""}"#.len();
        Message::text(format!(r#"{{"type":"tomorrow","x":"{}"}}"#, "y".repeat(rest)))
    };
    raw.send(unknown(MESSAGE_BYTES)).await.unwrap();
    works(&link, &mut raw, 1).await;
    let _ = raw.send(unknown(MESSAGE_BYTES + 1)).await;
    assert!(matches!(link.closed().await, LinkError::Protocol(_)));
}

#[tokio::test]
async fn frames_before_the_hello_are_refused() {
    let (gateway, mut raw) = gateway_socket().await;
    raw.send(batch(|out| frame::put_open(out, 1, &tcp(), &[], false))).await.unwrap();
    assert!(matches!(gateway_handshake(gateway).await, Err(LinkError::Protocol(_))));
}

#[tokio::test]
async fn an_agent_that_opens_a_stream_loses_its_link() {
    let (link, _inbox, mut raw) = gateway().await;
    raw.send(batch(|out| frame::put_open(out, 1, &tcp(), &[], false))).await.unwrap();
    assert!(matches!(link.closed().await, LinkError::Protocol(_)));
}

#[tokio::test]
async fn a_heartbeat_may_come_before_the_welcome() {
    let (agent, mut raw) = agent_socket().await;
    raw.send(text(&ToAgent::Ping { at: 1 })).await.unwrap();
    raw.send(text(&welcome())).await.unwrap();
    assert!(agent_handshake(agent, hello()).await.is_ok());
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_no_breach_of_protocol() {
    let (link, _inbox, raw) = gateway().await;
    drop(raw);
    assert!(matches!(link.closed().await, LinkError::Io(_)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_given_up_at_the_bound() {
    let (link, _inbox, mut raw) = gateway().await;
    let start = Instant::now();
    let Some(Ok(Message::Text(ping))) = raw.next().await else { panic!("no ping") };
    assert!(matches!(serde_json::from_str(&ping), Ok(ToAgent::Ping { .. })));
    assert_eq!(start.elapsed().as_secs(), HEARTBEAT.as_secs());
    assert!(matches!(link.closed().await, LinkError::Silent(_)));
    assert_eq!(start.elapsed().as_secs(), DEAD_AFTER.as_secs());
}

#[tokio::test(start_paused = true)]
async fn the_connection_of_a_silent_peer_is_abandoned_and_that_of_one_who_leaves_is_not() {
    static ABANDONED: AtomicUsize = AtomicUsize::new(0);
    for (silent, abandoned) in [(false, 0), (true, 1)] {
        let (one, two) = tokio::io::duplex(64 * 1024);
        let mut raw = WebSocketStream::from_raw_socket(one, protocol::Role::Client, None).await;
        let io = Counted::new(two).abandoned_by(|_| {
            ABANDONED.fetch_add(1, Ordering::SeqCst);
        });
        raw.send(text(&ToGateway::Hello(hello()))).await.unwrap();
        let socket = socket_over(io, Vec::new(), Role::Gateway).await;
        let (link, _inbox) = gateway_handshake(socket).await.unwrap().start();
        if !silent {
            raw.close(None).await.unwrap();
        }
        link.closed().await;
        assert_eq!(ABANDONED.load(Ordering::SeqCst), abandoned);
    }
}

#[tokio::test(start_paused = true)]
async fn any_message_keeps_a_link_alive() {
    let (link, _inbox, mut raw) = gateway().await;
    for _ in 0..10 {
        tokio::time::sleep(DEAD_AFTER.mul_f32(0.99)).await;
        raw.send(Message::text(r#"{"type":"tomorrow"}"#)).await.unwrap();
    }
    assert!(!link.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_byte_a_second_of_one_long_message_keeps_a_link_alive_and_none_ends_it_at_the_bound() {
    let (link, _inbox, mut raw) = gateway().await;
    let text = format!(r#"{{"type":"tomorrow","x":"{}"}}"#, "y".repeat(90));
    // A text message with the mask 0, so that the bytes on the wire are those of the text.
    let mut message = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    message.extend_from_slice(text.as_bytes());
    for byte in message {
        tokio::time::sleep(Duration::from_secs(1)).await;
        raw.get_mut().write_all(&[byte]).await.unwrap();
    }
    assert!(!link.is_closed());
    let start = Instant::now();
    assert_eq!(link.closed().await, LinkError::Silent(DEAD_AFTER));
    assert_eq!(start.elapsed().as_secs(), DEAD_AFTER.as_secs());
}

#[tokio::test(start_paused = true)]
async fn part_of_a_message_shows_that_the_peer_is_alive() {
    let (link, _inbox, mut raw) = gateway().await;
    let asking = link.clone();
    let asked = tokio::spawn(async move { asking.alive(Duration::from_secs(2)).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    raw.get_mut().write_all(&[0x81]).await.unwrap();
    assert!(asked.await.unwrap());
    assert!(!link.alive(Duration::from_secs(2)).await);
}

#[tokio::test(start_paused = true)]
async fn a_link_whose_peer_does_not_read_closes_in_time() {
    let (link, _inbox, mut raw) = agent().await;
    for id in 1..20 {
        raw.send(batch(|out| frame::put_open(out, id, &tcp(), &[], false))).await.unwrap();
        let (mut send, recv) = link.accept().await.unwrap().stream.split();
        tokio::spawn(async move {
            let _ = send.send(Bytes::from(vec![0; 1024 * 1024])).await;
            drop(recv);
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    link.close();
    assert_eq!(link.closed().await, LinkError::Closed);
    assert!(start.elapsed() <= CLOSE + Duration::from_millis(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn who_waits_for_the_end_is_not_woken_by_traffic() {
    let (link, _inbox, mut raw) = agent().await;
    let counter = Counter::default();
    let mut closed = pin!(link.closed());
    assert!(closed.as_mut().poll(&mut counter.context()).is_pending());
    for id in 1..100 {
        works(&link, &mut raw, id).await;
    }
    assert_eq!(counter.count(), 0);
    link.close();
    link.closed().await;
    assert_eq!(counter.count(), 1);
}

#[tokio::test]
async fn a_control_message_leaves_though_answers_never_stop() {
    let (link, _inbox, mut raw) = agent().await;
    raw.send(batch(|out| frame::put_open(out, 1, &tcp(), &[], false))).await.unwrap();
    let _first = link.accept().await.unwrap();
    let answering = link.clone();
    let answers = tokio::spawn(async move {
        while let Some(incoming) = answering.accept().await {
            let (mut send, mut recv) = incoming.stream.split();
            let _ = send.send_head(&ok(), Bytes::from(vec![0; 10_000]), true);
            let _: Result<Item, _> = recv.recv().await;
        }
    });
    let mut id = 1;
    link.send_control(&ToGateway::Draining { deadline_ms: 1 });
    loop {
        id += 1;
        raw.send(batch(|out| frame::put_open(out, id, &get("/"), &[], true))).await.unwrap();
        let Some(Ok(message)) = raw.next().await else { panic!("link over") };
        if matches!(message, Message::Text(_)) {
            break;
        }
        assert!(id < 50, "the control message waits for ever");
    }
    answers.abort();
}
