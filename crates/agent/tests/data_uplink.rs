//! The uplink against gateways that come, go, refuse, or are none, and through proxies.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "data/world.rs"]
mod world;

use std::time::{Duration, Instant};

use porthole_agent::events::{Event, LinkState, events};
use porthole_agent::uplink;
use porthole_link::control::{Refused, ToAgent, ToGateway};
use porthole_link::{Item, ResetCode, StreamKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use world::{Exchange, Gateway, PATIENCE, World, config, get, live, served, service, set, soon};

/// Starts an uplink towards something that is perhaps no gateway and gives its first failure.
async fn first_failure(serve: &'static str) -> (String, String, bool) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut request).await.unwrap();
            }
            stream.write_all(serve.as_bytes()).await.unwrap();
        }
    });
    let (_mappings, seen) = watch::channel(set(1, vec![served("3000")]));
    let sender = events();
    let mut events = sender.subscribe();
    let uplink = uplink::start(config(address), seen, sender);
    let failure = soon("a failure", async {
        loop {
            match events.recv().await.unwrap() {
                Event::Disconnected { code, message, retry_in } => {
                    assert!(retry_in.is_some());
                    return (code, message, false);
                }
                Event::Refused { code, message } => return (code, message, true),
                _ => {}
            }
        }
    })
    .await;
    if failure.2 {
        let mut state = uplink.state();
        let done = state.wait_for(|state| matches!(state, LinkState::Refused { .. }));
        soon("the final state", done).await.unwrap();
    }
    failure
}

#[tokio::test]
async fn what_is_no_gateway_is_told_in_words_and_tried_again() {
    let (code, message, last) =
        first_failure("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>").await;
    assert_eq!((code.as_str(), last), ("not-a-gateway", false));
    assert!(message.contains("it is not a Porthole gateway: check the gateway URL"), "{message}");
    let (code, ..) =
        first_failure("HTTP/1.1 301 Moved\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(code, "gateway-redirects");
    let (code, ..) = first_failure("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(code, "gateway-down");
    let (code, ..) = first_failure("220 mail.example ESMTP\r\n").await;
    assert_eq!(code, "not-a-gateway");
}

#[tokio::test]
async fn a_refused_token_ends_the_trying_with_the_gateways_sentence() {
    let (code, message, last) = first_failure(
        "HTTP/1.1 401 Unauthorized\r\nporthole-error: token-expired\r\nContent-Type: application/json\r\nContent-Length: 58\r\n\r\n{\"code\":\"token-expired\",\"message\":\"The token has expired.\"}",
    )
    .await;
    assert_eq!((code.as_str(), message.as_str(), last), ("token-expired", "The token has expired.", true));
}

#[tokio::test]
async fn a_lost_link_is_back_at_once() {
    let mut world = World::to("3000").await;
    world.link.link.close();
    let lost = Instant::now();
    let second = world.gateway.accept().await;
    assert!(lost.elapsed() < Duration::from_secs(1));
    assert_eq!(second.hello.mappings[0].id, "shop");
    world.event(|event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
    world.event(|event| matches!(event, Event::MappingLive { .. }).then_some(())).await;
}

#[tokio::test]
async fn a_gateway_that_was_away_is_found_again_within_a_second() {
    let world = World::to("3000").await;
    let World { gateway, link, uplink, events: mut heard, mappings: _mappings } = world;
    let address = gateway.address;
    drop(gateway);
    link.link.close();
    soon("a refused try", async {
        loop {
            if let Event::Disconnected { code, .. } = heard.recv().await.unwrap()
                && code == "gateway-down"
            {
                break;
            }
        }
    })
    .await;
    let listener = TcpListener::bind(address).await.unwrap();
    let back = Instant::now();
    let (stream, _) = soon("the agent", listener.accept()).await.unwrap();
    assert!(back.elapsed() < Duration::from_secs(1), "{:?}", back.elapsed());
    world::welcome(stream).await;
    let mut state = uplink.state();
    soon("connected", state.wait_for(|state| matches!(state, LinkState::Connected { .. }))).await.unwrap();
}

#[tokio::test]
async fn being_replaced_by_a_newer_start_is_final() {
    let mut world = World::to("3000").await;
    world.link.link.send_control(&ToAgent::Refused(Refused {
        code: "replaced".into(),
        message: "A newer start of this agent took over.".into(),
        retry: false,
    }));
    world.link.link.close();
    let (code, message) = world
        .event(|event| match event {
            Event::Refused { code, message } => Some((code, message)),
            _ => None,
        })
        .await;
    assert_eq!((code.as_str(), message.as_str()), ("replaced", "A newer start of this agent took over."));
}

#[tokio::test]
async fn a_changed_set_of_mappings_is_announced_and_the_old_numbers_work_until_it_is_acknowledged() {
    let target = service(|mut peer, _| async move {
        while peer.request().await.is_some() {
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
        }
    })
    .await;
    let mut world = World::to(target.clone()).await;
    let mut newer = served(&target);
    newer.wire.number = 2;
    newer.wire.id = "blog".into();
    world.mappings.send_replace(set(2, vec![newer]));
    let message = soon("the announcement", world.link.control.recv()).await.unwrap();
    let ToGateway::Mappings { revision: 2, mappings } = message else { panic!("{message:?}") };
    assert_eq!(mappings[0].id, "blog");
    // Not acknowledged yet: both numbers answer.
    for number in [1, 2] {
        let stream = world::open(&world.link.link, number, StreamKind::Http, Some(get("/")), b"", true);
        assert_eq!(Exchange::from(stream).answer().await.unwrap().body, b"hello");
    }
    let results = mappings.iter().map(live).collect();
    world.link.link.send_control(&ToAgent::Mapped { revision: 2, results });
    let id = world
        .event(|event| match event {
            Event::MappingLive { id, .. } => Some(id),
            _ => None,
        })
        .await;
    assert_eq!(id, "blog");
    let stream = world::open(&world.link.link, 1, StreamKind::Http, Some(get("/")), b"", true);
    assert_eq!(Exchange::from(stream).answer().await.unwrap_err(), ResetCode::NoMapping);
}

#[tokio::test]
async fn a_changed_mapping_answers_what_was_on_its_way_under_its_former_number() {
    let target = service(|mut peer, _| async move {
        while peer.request().await.is_some() {
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
        }
    })
    .await;
    let mut world = World::to(target.clone()).await;
    let mut changed = served(&target);
    changed.wire.number = 2;
    let results = vec![live(&changed.wire)];
    world.mappings.send_replace(set(2, vec![changed]));
    soon("the announcement", world.link.control.recv()).await.unwrap();
    world.link.link.send_control(&ToAgent::Mapped { revision: 2, results });
    world.event(|event| matches!(event, Event::MappingLive { .. }).then_some(())).await;
    let ask = async |number| {
        let stream = world::open(&world.link.link, number, StreamKind::Http, Some(get("/")), b"", true);
        Exchange::from(stream).answer().await.map(|answer| answer.body)
    };
    assert_eq!(ask(1).await.unwrap(), b"hello");
    // Not for ever.
    let forgotten = async {
        while ask(1).await != Err(ResetCode::NoMapping) {
            tokio::task::yield_now().await;
        }
    };
    soon("the end of the former number", forgotten).await;
    assert_eq!(ask(2).await.unwrap(), b"hello");
}

#[tokio::test]
async fn a_draining_gateway_is_left_at_once_and_its_requests_still_finish() {
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let gone = std::sync::Arc::new(tokio::sync::Mutex::new(Some(gone)));
    let target = service(move |mut peer, _| {
        let gone = gone.clone();
        async move {
            peer.request().await;
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe").await;
            let gone = gone.lock().await.take().unwrap();
            gone.await.unwrap();
            peer.write("llo").await;
        }
    })
    .await;
    let world = World::to(target).await;
    let mut exchange = world.get("/slow");
    exchange.head().await.unwrap();
    world.link.link.send_control(&ToAgent::Draining { deadline_ms: 30_000 });
    let second = world.gateway.accept().await;
    assert!(!world.link.link.is_closed());
    go.send(()).unwrap();
    let mut body = Vec::new();
    while let Item::Data(data) = exchange.item().await.unwrap() {
        body.extend_from_slice(&data);
    }
    assert_eq!(body, b"hello");
    drop(exchange);
    // Visitors that find the gateway still listening are served over the old link: it is the gateway's
    // to close.
    assert!(world.link.link.alive(PATIENCE).await && !world.link.link.is_closed());
    world.link.link.close();
    soon("the end of the old link", world.link.link.closed()).await;
    assert!(second.link.alive(PATIENCE).await);
}

#[tokio::test]
async fn leaving_waits_for_requests_in_flight() {
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let gone = std::sync::Arc::new(tokio::sync::Mutex::new(Some(gone)));
    let target = service(move |mut peer, _| {
        let gone = gone.clone();
        async move {
            peer.request().await;
            let gone = gone.lock().await.take().unwrap();
            gone.await.unwrap();
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
        }
    })
    .await;
    let world = World::to(target).await;
    let mut exchange = world.get("/slow");
    let World { mut link, uplink, events: _events, mappings: _mappings, .. } = world;
    let state = uplink.state();
    let leaving = tokio::spawn(uplink.drain(Duration::from_secs(30)));
    let message = soon("the goodbye", link.control.recv()).await.unwrap();
    assert!(matches!(message, ToGateway::Draining { .. }), "{message:?}");
    assert!(!leaving.is_finished());
    go.send(()).unwrap();
    assert_eq!(exchange.answer().await.unwrap().body, b"hello");
    drop(exchange);
    soon("the end", leaving).await.unwrap();
    assert_eq!(*state.borrow(), LinkState::Closed);
}

#[tokio::test]
async fn leaving_does_not_wait_beyond_its_deadline() {
    let target = service(|mut peer, _| async move {
        peer.rest().await;
    })
    .await;
    let world = World::to(target).await;
    let mut exchange = world.get("/never");
    let leaving = Instant::now();
    soon("the end", world.uplink.drain(Duration::from_millis(300))).await;
    assert!(leaving.elapsed() < Duration::from_secs(5));
    assert!(exchange.item().await.is_err());
}

#[tokio::test]
async fn asking_for_a_new_connection_gives_one() {
    let world = World::to("3000").await;
    world.uplink.reconnect().now();
    soon("the old link ends", world.link.link.closed()).await;
    world.gateway.accept().await;
}

#[tokio::test]
async fn bytes_queued_for_a_slow_visitor_do_not_hold_up_another() {
    let target = service(|mut peer, number| async move {
        peer.request().await;
        if number == 0 {
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n").await;
            peer.write(vec![b'x'; 50_000_000]).await;
        } else {
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
        }
    })
    .await;
    let world = World::to(target).await;
    let mut stalled = world.get("/bulk");
    stalled.head().await.unwrap();
    assert_eq!(world.get("/").answer().await.unwrap().body, b"hello");
    // Nothing of it was lost meanwhile.
    let mut bytes = 0;
    while let Item::Data(data) = stalled.item().await.unwrap() {
        bytes += data.len();
    }
    assert_eq!(bytes, 50_000_000);
}

#[tokio::test]
async fn a_gateway_that_closes_at_once_is_not_hammered() {
    let gateway = Gateway::new().await;
    let (_mappings, seen) = watch::channel(set(1, vec![]));
    let sender = events();
    let _uplink = uplink::start(config(gateway.address), seen, sender);
    let started = Instant::now();
    for _ in 0..6 {
        gateway.accept().await.link.close();
    }
    // 0, 50, 100, 200, 400 ms at the least, halved by jitter where it is.
    assert!(started.elapsed() > Duration::from_millis(300), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_proxy_that_says_when_to_come_back_is_left_alone_until_then() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_mappings, seen) = watch::channel(set(1, vec![]));
    let sender = events();
    let mut events = sender.subscribe();
    let _uplink = uplink::start(config(listener.local_addr().unwrap()), seen, sender);
    let (mut stream, _) = soon("the agent", listener.accept()).await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        soon("its request", stream.read_buf(&mut request)).await.unwrap();
    }
    let answer = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(answer.as_bytes()).await.unwrap();
    let wait = soon("a failure", async {
        loop {
            if let Event::Disconnected { retry_in, .. } = events.recv().await.unwrap() {
                return retry_in.unwrap();
            }
        }
    })
    .await;
    assert!((Duration::from_secs(30)..=Duration::from_secs(33)).contains(&wait), "{wait:?}");
}
