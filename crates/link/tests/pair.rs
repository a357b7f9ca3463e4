//! Both ends of a link over memory: what the owners of streams see.

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{hello, welcome};
use porthole_http1::{Fields, RequestHead, ResponseHead, Version};
use porthole_link::control::{Hello, ToAgent, ToGateway};
use porthole_link::driver::LinkError;
use porthole_link::mux::Role;
use porthole_link::{
    Item, Link, LinkStream, Open, OpenError, PROTOCOL, RecvHalf, ResetCode, Socket, Stopped, StreamKind,
    agent_handshake, gateway_handshake, socket,
};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

struct Pair {
    gateway: Link,
    agent: Link,
    from_agent: mpsc::Receiver<ToGateway>,
    from_gateway: mpsc::Receiver<ToAgent>,
}

async fn sockets() -> (Socket<DuplexStream>, Socket<DuplexStream>) {
    let (one, two) = tokio::io::duplex(64 * 1024);
    (socket(one, Vec::new(), Role::Agent).await, socket(two, Vec::new(), Role::Gateway).await)
}

async fn pair() -> Pair {
    let (agent, gateway) = sockets().await;
    let welcomed = tokio::spawn(agent_handshake(agent, hello()));
    let (gateway, from_agent) = gateway_handshake(gateway).await.unwrap().start();
    gateway.send_control(&welcome());
    let (agent, _, from_gateway) = welcomed.await.unwrap().unwrap();
    Pair { gateway, agent, from_agent, from_gateway }
}

fn get(target: &str) -> Open {
    let fields = Fields::from_iter([("Host", "shop.example"), ("X-Case", "Kept"), ("x-case", "twice")]);
    let head = RequestHead { method: "GET".into(), target: target.into(), version: Version::Http11, fields };
    Open {
        kind: StreamKind::Http,
        mapping: 7,
        request_id: "r1".into(),
        visitor: "192.0.2.1:4711".parse().unwrap(),
        gateway_us: Some(7),
        head: Some(head),
    }
}

fn ok() -> ResponseHead {
    let fields = Fields::from_iter([("Content-Type", "text/plain")]);
    ResponseHead { status: 200, reason: b"Fine".to_vec(), version: Version::Http11, fields }
}

async fn read_all(recv: &mut RecvHalf) -> Result<Vec<u8>, Stopped> {
    let mut all = Vec::new();
    loop {
        match recv.recv().await? {
            Item::Data(data) => all.extend_from_slice(&data),
            Item::End(_) => return Ok(all),
            Item::Head(_) | Item::Interim(_) => {}
        }
    }
}

fn pattern(n: usize) -> Bytes {
    (0..n).map(|i| (i % 251) as u8).collect::<Vec<_>>().into()
}

#[tokio::test]
async fn a_small_exchange_arrives_whole_with_its_heads_as_they_were() {
    let pair = pair().await;
    let sent = get("/a?b=c");
    let stream = pair.gateway.open(sent.clone(), Bytes::from_static(b"first"), true).unwrap();
    let incoming = pair.agent.accept().await.unwrap();
    assert_eq!((&incoming.open, &incoming.data[..], incoming.ended), (&sent, &b"first"[..], true));
    let (mut send, recv) = incoming.stream.split();
    send.send_interim(&ResponseHead { status: 103, ..ok() }).unwrap();
    send.send_head(&ok(), Bytes::from_static(b"hi"), true).unwrap();
    drop((send, recv));
    let (send, mut recv) = stream.split();
    assert!(matches!(recv.recv().await, Ok(Item::Interim(head)) if head.status == 103));
    assert_eq!(recv.recv().await, Ok(Item::Head(ok())));
    assert_eq!(recv.recv().await, Ok(Item::Data(Bytes::from_static(b"hi"))));
    assert_eq!(recv.recv().await, Ok(Item::End(None)));
    drop((send, recv));
    pair.gateway.idle().await;
    pair.agent.idle().await;
    assert_eq!((pair.gateway.streams(), pair.agent.streams()), (0, 0));
}

#[tokio::test]
async fn large_bodies_flow_both_ways_at_once_with_trailers() {
    let pair = pair().await;
    let (mut send, mut recv) = pair.gateway.open(get("/echo"), Bytes::new(), false).unwrap().split();
    let agent = pair.agent.clone();
    tokio::spawn(async move {
        let (mut send, mut recv) = agent.accept().await.unwrap().stream.split();
        send.send_head(&ok(), Bytes::new(), false).unwrap();
        loop {
            match recv.recv().await.unwrap() {
                Item::Data(data) => send.send(data).await.unwrap(),
                Item::End(trailers) => return send.end(trailers.as_ref()).unwrap(),
                other => panic!("{other:?}"),
            }
        }
    });
    let body = pattern(8 * 1024 * 1024);
    let upload = body.clone();
    tokio::spawn(async move {
        send.send(upload).await.unwrap();
        send.end(Some(&Fields::from_iter([("X-Sum", "1")]))).unwrap();
        send.stopped().await
    });
    let mut echoed = Vec::new();
    let trailers = loop {
        match recv.recv().await.unwrap() {
            Item::Data(data) => echoed.extend_from_slice(&data),
            Item::End(trailers) => break trailers,
            _ => {}
        }
    };
    assert!(echoed == body);
    assert_eq!(trailers.unwrap().get("x-sum"), Some(&b"1"[..]));
}

#[tokio::test]
async fn a_stalled_reader_does_not_stall_other_streams() {
    let pair = pair().await;
    let agent = pair.agent.clone();
    tokio::spawn(async move {
        while let Some(incoming) = agent.accept().await {
            tokio::spawn(async move {
                let (mut send, _recv) = incoming.stream.split();
                send.send_head(&ok(), Bytes::new(), false)?;
                send.send(pattern(4 * 1024 * 1024)).await?;
                send.end(None)
            });
        }
    });
    let stalled: Vec<LinkStream> =
        (0..20).map(|_| pair.gateway.open(get("/stalled"), Bytes::new(), true).unwrap()).collect();
    for _ in 0..3 {
        let (send, mut recv) = pair.gateway.open(get("/read"), Bytes::new(), true).unwrap().split();
        assert_eq!(read_all(&mut recv).await.unwrap().len(), 4 * 1024 * 1024);
        drop(send);
    }
    drop(stalled);
    pair.gateway.idle().await;
    pair.agent.idle().await;
}

#[tokio::test]
async fn a_visitor_gone_is_told_to_the_agent_and_a_broken_service_to_the_gateway() {
    let pair = pair().await;
    let visitor = pair.gateway.open(get("/gone"), Bytes::new(), true).unwrap();
    let (mut send, _recv) = pair.agent.accept().await.unwrap().stream.split();
    drop(visitor);
    assert_eq!(send.stopped().await, ResetCode::Cancelled);

    let (_send, mut recv) = pair.gateway.open(get("/broken"), Bytes::new(), true).unwrap().split();
    let (mut send, _recv) = pair.agent.accept().await.unwrap().stream.split();
    send.send_head(&ok(), Bytes::from_static(b"half"), false).unwrap();
    send.reset(ResetCode::BadAnswer);
    let end = loop {
        if let Err(stopped) = recv.recv().await {
            break stopped;
        }
    };
    assert_eq!(end, Stopped(ResetCode::BadAnswer));
}

#[tokio::test]
async fn an_early_answer_arrives_whole_though_the_agent_wants_no_more_of_the_upload() {
    let pair = pair().await;
    let (mut send, mut recv) = pair.gateway.open(get("/upload"), Bytes::new(), false).unwrap().split();
    let (mut answer, unread) = pair.agent.accept().await.unwrap().stream.split();
    answer.send_head(&ok(), Bytes::new(), false).unwrap();
    answer.send(pattern(60_000)).await.unwrap();
    answer.end(None).unwrap();
    drop((answer, unread));
    let gone = send.send(pattern(10_000_000)).await;
    assert_eq!(gone, Err(Stopped(ResetCode::Cancelled)));
    assert_eq!(read_all(&mut recv).await.unwrap().len(), 60_000);
}

#[tokio::test]
async fn streams_in_flight_survive_a_drain_of_either_end() {
    let mut pair = pair().await;
    let early = pair.gateway.open(get("/early"), Bytes::new(), true).unwrap();
    pair.agent.drain(Duration::from_secs(5));
    assert!(matches!(pair.from_agent.recv().await, Some(ToGateway::Draining { deadline_ms: 5000 })));
    assert_eq!(pair.gateway.open(get("/late"), Bytes::new(), true).err(), Some(OpenError::Draining));
    let (mut send, recv) = pair.agent.accept().await.unwrap().stream.split();
    send.send_head(&ok(), Bytes::from_static(b"done"), true).unwrap();
    drop((send, recv));
    let (send, mut recv) = early.split();
    assert_eq!(read_all(&mut recv).await.unwrap(), b"done");
    drop((send, recv));
    pair.agent.idle().await;
    pair.agent.close();
    assert_eq!(pair.gateway.closed().await, LinkError::Closed);
}

#[tokio::test]
async fn losing_the_link_ends_every_stream_and_both_owners_hear_of_it() {
    let mut pair = pair().await;
    let (_send, mut recv) = pair.gateway.open(get("/"), Bytes::new(), true).unwrap().split();
    let _held = pair.agent.accept().await.unwrap();
    pair.agent.close();
    assert_eq!(recv.recv().await, Err(Stopped(ResetCode::LinkLost)));
    assert!(pair.agent.accept().await.is_none());
    assert_eq!(pair.from_agent.recv().await, None);
    assert_eq!(pair.from_gateway.recv().await, None);
    assert_eq!(pair.gateway.open(get("/"), Bytes::new(), true).err(), Some(OpenError::Gone));
}

#[tokio::test(start_paused = true)]
async fn pings_measure_latency_and_a_live_end_answers_at_once() {
    let pair = pair().await;
    assert!(pair.gateway.alive(Duration::from_secs(2)).await);
    while pair.agent.latency().is_none() {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn a_version_that_does_not_fit_is_refused_with_a_sentence() {
    let (agent, gateway) = sockets().await;
    let from_the_future = Hello { protocol: PROTOCOL + 5, protocol_oldest: PROTOCOL + 3, ..hello() };
    let agent = tokio::spawn(agent_handshake(agent, from_the_future));
    assert!(gateway_handshake(gateway).await.is_err());
    let Err(LinkError::Refused(refused)) = agent.await.unwrap() else { panic!("welcomed") };
    assert_eq!((refused.code.as_str(), refused.retry), ("protocol-version", false));
    assert!(refused.message.contains("update the gateway"), "{}", refused.message);
}
