//! The agent's data side against odd and hostile local services, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "data/world.rs"]
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use porthole_agent::events::{Event, HostHeader};
use porthole_http1::Fields;
use porthole_link::{Item, ResetCode, StreamKind};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use world::{Exchange, World, get, head, nowhere, served, service, soon};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[tokio::test]
async fn a_request_reaches_the_service_and_its_answer_comes_back() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let target = service(move |mut peer, _| {
        let seen = seen.clone();
        async move {
            while let Some(request) = peer.request().await {
                seen.send(request).unwrap();
                peer.write("HTTP/1.1 200 Fine\r\nX-Two: b\r\nx-two: a\r\nContent-Length: 5\r\n\r\nhello")
                    .await;
            }
        }
    })
    .await;
    let mut world = World::to(target).await;
    assert_eq!(world.link.authorization, "Bearer a-token");
    assert_eq!((world.link.hello.agent_id.as_str(), world.link.hello.epoch), ("agent", 7));
    let answer = world.get("/a?b=c").answer().await.unwrap();
    assert_eq!((answer.head.status, answer.head.reason.as_slice()), (200, &b"Fine"[..]));
    assert_eq!(answer.body, b"hello");
    let two: Vec<_> = answer.head.fields.get_all("x-two").collect();
    assert_eq!(two, [b"b", b"a"]);
    assert_eq!(requests.recv().await.unwrap(), "GET /a?b=c HTTP/1.1\r\nHost: shop.example.com\r\n\r\n");
    let summary = world.summary().await;
    assert_eq!((summary.method.as_str(), summary.target.as_str()), ("GET", "/a?b=c"));
    assert_eq!((summary.status, summary.error.clone(), summary.bytes_out), (Some(200), None, 5));
}

#[tokio::test]
async fn localhost_is_found_on_either_family() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = tokio::net::TcpListener::bind(address).await else {
            eprintln!("this computer has no {address}");
            continue;
        };
        let port = listener.local_addr().unwrap().port();
        let world = World::to(format!("http://localhost:{port}")).await;
        for _ in 0..2 {
            let mut exchange = world.get("/");
            let (mut stream, _) = soon("a connection", listener.accept()).await.unwrap();
            stream.write_all(OK.replace("OK\r\n", "OK\r\nConnection: close\r\n").as_bytes()).await.unwrap();
            assert_eq!(exchange.answer().await.unwrap().body, b"hello");
        }
    }
}

#[tokio::test]
async fn requests_one_after_the_other_share_a_connection() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    let target = service(move |mut peer, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            while peer.request().await.is_some() {
                peer.write(OK).await;
            }
        }
    })
    .await;
    let mut world = World::to(target).await;
    for _ in 0..20 {
        assert_eq!(world.get("/").answer().await.unwrap().body, b"hello");
        world.summary().await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_kept_connection_that_the_service_closed_is_not_noticed_by_the_visitor() {
    // Each connection answers once and then closes without saying so.
    let target = service(|mut peer, _| async move {
        peer.request().await;
        peer.write(OK).await;
    })
    .await;
    let mut world = World::to(target).await;
    for _ in 0..20 {
        assert_eq!(world.get("/").answer().await.unwrap().body, b"hello");
        world.summary().await;
    }
}

#[tokio::test]
async fn a_kept_connection_closed_on_the_next_request_is_tried_once_more() {
    let target = service(|mut peer, number| async move {
        peer.request().await;
        peer.write(OK).await;
        if number == 0 {
            // The second request arrives here and is dropped unanswered.
            peer.request().await;
            return;
        }
        while peer.request().await.is_some() {
            peer.write(OK).await;
        }
    })
    .await;
    let mut world = World::to(target).await;
    for _ in 0..2 {
        let put = head("PUT", "/", &[("Host", "a"), ("Content-Length", "2")]);
        assert_eq!(world.request(put, b"hi", true).answer().await.unwrap().body, b"hello");
        assert_eq!(world.summary().await.bytes_in, 2);
    }
}

#[tokio::test]
async fn a_post_that_a_service_took_and_did_not_answer_is_not_sent_a_second_time() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counting = taken.clone();
    let target = service(move |mut peer, _| {
        let taken = counting.clone();
        async move {
            peer.request().await;
            taken.fetch_add(1, Ordering::SeqCst);
            peer.write(OK).await;
            // The second request is acted on, and then the service dies.
            if peer.request().await.is_some() {
                taken.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    let mut world = World::to(target).await;
    let post = || head("POST", "/", &[("Host", "a"), ("Content-Length", "2")]);
    assert_eq!(world.request(post(), b"hi", true).answer().await.unwrap().body, b"hello");
    world.summary().await;
    assert_eq!(world.request(post(), b"hi", true).answer().await.unwrap_err(), ResetCode::BadAnswer);
    assert_eq!(taken.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_service_that_closes_without_an_answer_is_a_bad_answer() {
    let target = service(|mut peer, _| async move {
        peer.request().await;
    })
    .await;
    let mut world = World::to(target).await;
    assert_eq!(world.get("/").answer().await.unwrap_err(), ResetCode::BadAnswer);
    assert_eq!(world.summary().await.error.as_deref(), Some("service-bad-answer"));
}

#[tokio::test]
async fn nothing_listening_is_told_as_such_and_the_next_request_tries_again() {
    let target = nowhere().await;
    let address = target.trim_start_matches("http://").to_owned();
    let mut world = World::to(target).await;
    assert_eq!(world.get("/").answer().await.unwrap_err(), ResetCode::Refused);
    assert_eq!(world.summary().await.error.as_deref(), Some("service-down"));
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let mut exchange = world.get("/");
    let (mut stream, _) = soon("a connection", listener.accept()).await.unwrap();
    stream.write_all(OK.as_bytes()).await.unwrap();
    assert_eq!(exchange.answer().await.unwrap().body, b"hello");
}

#[tokio::test]
async fn a_service_that_dies_in_the_middle_of_a_body_never_ends_it_cleanly() {
    for broken in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
    ] {
        let target = service(move |mut peer, _| async move {
            peer.request().await;
            peer.write(broken).await;
        })
        .await;
        let mut world = World::to(target).await;
        let mut exchange = world.get("/");
        assert_eq!(exchange.answer().await.unwrap_err(), ResetCode::BadAnswer, "{broken}");
        let summary = world.summary().await;
        assert_eq!((summary.status, summary.error.as_deref()), (Some(200), Some("service-bad-answer")));
    }
}

#[tokio::test]
async fn answers_that_two_parsers_could_read_differently_are_refused() {
    for odd in [
        "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
    ] {
        let target = service(move |mut peer, _| async move {
            peer.request().await;
            peer.write(odd).await;
            peer.rest().await;
        })
        .await;
        let world = World::to(target).await;
        assert_eq!(world.get("/").answer().await.unwrap_err(), ResetCode::BadAnswer, "{odd}");
    }
}

#[tokio::test]
async fn a_body_that_ends_with_its_connection_arrives_whole() {
    let target = service(|mut peer, _| async move {
        peer.request().await;
        peer.write("HTTP/1.0 200 OK\r\n\r\n").await;
        peer.write(vec![b'x'; 300_000]).await;
    })
    .await;
    let world = World::to(target).await;
    assert_eq!(world.get("/").answer().await.unwrap().body.len(), 300_000);
}

#[tokio::test]
async fn trailers_go_both_ways() {
    let target = service(|mut peer, _| async move {
        let request = peer.request().await.unwrap();
        assert!(request.contains("Transfer-Encoding: chunked\r\n"), "{request}");
        let body = peer.read_through("0\r\nX-Sum: 1\r\n\r\n").await.unwrap();
        assert_eq!(body, "2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n");
        peer.write(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 2\r\n\r\n",
        )
        .await;
        peer.rest().await;
    })
    .await;
    let world = World::to(target).await;
    let mut exchange = world.request(head("POST", "/", &[("Host", "a")]), b"", false);
    exchange.send.send(Bytes::from_static(b"hi")).await.unwrap();
    exchange.send.end(Some(&[("X-Sum", "1")].into_iter().collect::<Fields>())).unwrap();
    let answer = exchange.answer().await.unwrap();
    assert_eq!(answer.body, b"hello");
    assert_eq!(answer.trailers.unwrap().get_str("x-sum"), Some("2"));
}

#[tokio::test]
async fn interim_answers_are_passed_on_and_bounded() {
    let target = service(|mut peer, number| async move {
        peer.request().await;
        if number == 0 {
            peer.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n").await;
            peer.write(OK.replace("OK\r\n", "OK\r\nConnection: close\r\n")).await;
        } else {
            peer.write("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000)).await;
            peer.rest().await;
        }
    })
    .await;
    let mut world = World::to(target).await;
    let answer = world.get("/").answer().await.unwrap();
    assert_eq!((answer.interim, answer.body.as_slice()), (vec![103, 100], &b"hello"[..]));
    world.summary().await;
    assert_eq!(world.get("/").answer().await.unwrap_err(), ResetCode::BadAnswer);
}

#[tokio::test]
async fn an_early_answer_comes_while_the_request_is_still_on_its_way() {
    let target = service(|mut peer, _| async move {
        peer.request().await;
        peer.write("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig").await;
        peer.rest().await;
    })
    .await;
    let world = World::to(target).await;
    let post = head("POST", "/", &[("Host", "a"), ("Content-Length", "1000000")]);
    let mut exchange = world.request(post, b"begin", false);
    let answer = exchange.answer().await.unwrap();
    assert_eq!((answer.head.status, answer.body.as_slice()), (413, &b"big"[..]));
}

#[tokio::test]
async fn an_answer_is_read_although_the_service_stopped_reading_the_request() {
    // A large early answer and a close: what is queued for the visitor must not be lost.
    let target = service(|mut peer, _| async move {
        peer.request().await;
        peer.write("HTTP/1.1 413 Too Large\r\nContent-Length: 500000\r\n\r\n").await;
        peer.write(vec![b'x'; 500_000]).await;
        let _ = peer.stream.shutdown().await;
        peer.rest().await;
    })
    .await;
    let world = World::to(target).await;
    let post = head("POST", "/", &[("Host", "a"), ("Content-Length", "3")]);
    let mut exchange = world.request(post, b"", false);
    let answer = exchange.answer().await.unwrap();
    assert_eq!((answer.head.status, answer.body.len()), (413, 500_000));
}

#[tokio::test]
async fn a_large_body_passes_both_ways_at_the_same_time() {
    const BYTES: usize = 8 * 1024 * 1024;
    // Echoes: full duplex, or both ends would wait for each other.
    let target = service(|mut peer, _| async move {
        peer.request().await;
        peer.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {BYTES}\r\n\r\n")).await;
        peer.echo().await;
    })
    .await;
    let world = World::to(target).await;
    let length = BYTES.to_string();
    let post = head("POST", "/", &[("Host", "a"), ("Content-Length", &length)]);
    let Exchange { mut send, recv } = world.request(post, b"", false);
    let sending = tokio::spawn(async move {
        for _ in 0..BYTES / 65536 {
            send.send(Bytes::from(vec![7; 65536])).await.unwrap();
        }
        send.end(None).unwrap();
        send
    });
    let send = world.request(get("/"), b"", true).send;
    let mut exchange = Exchange { send, recv };
    let answer = exchange.answer().await.unwrap();
    assert_eq!(answer.body.len(), BYTES);
    assert!(answer.body.iter().all(|byte| *byte == 7));
    sending.await.unwrap();
}

#[tokio::test]
async fn a_visitor_who_leaves_takes_the_local_connection_with_them() {
    let (gone, mut left) = mpsc::unbounded_channel();
    let target = service(move |mut peer, _| {
        let gone = gone.clone();
        async move {
            peer.request().await;
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await;
            peer.rest().await;
            gone.send(()).unwrap();
        }
    })
    .await;
    let mut world = World::to(target).await;
    let mut exchange = world.get("/");
    exchange.head().await.unwrap();
    exchange.send.reset(ResetCode::Cancelled);
    soon("the service sees the close", left.recv()).await.unwrap();
    assert_eq!(world.summary().await.error.as_deref(), Some("cancelled"));
}

#[tokio::test]
async fn a_visitor_who_leaves_before_the_answer_cancels_the_request() {
    let (gone, mut left) = mpsc::unbounded_channel();
    let target = service(move |mut peer, _| {
        let gone = gone.clone();
        async move {
            peer.request().await;
            gone.send(()).unwrap();
            peer.rest().await;
            gone.send(()).unwrap();
        }
    })
    .await;
    let world = World::to(target).await;
    let exchange = world.get("/");
    soon("the request", left.recv()).await.unwrap();
    drop(exchange);
    soon("the close", left.recv()).await.unwrap();
}

#[tokio::test]
async fn a_service_that_says_nothing_runs_into_the_timeout() {
    let target = service(|mut peer, _| async move {
        peer.rest().await;
    })
    .await;
    let mut slow = served(&target);
    slow.timeout = Duration::from_millis(200);
    let mut world = World::serving(slow).await;
    assert_eq!(world.get("/").answer().await.unwrap_err(), ResetCode::AnswerTimeout);
    assert_eq!(world.summary().await.error.as_deref(), Some("service-timeout"));
}

#[tokio::test]
async fn an_answer_that_began_in_time_may_take_as_long_as_it_likes() {
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let gone = Arc::new(tokio::sync::Mutex::new(Some(gone)));
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
    let mut slow = served(&target);
    slow.timeout = Duration::from_millis(100);
    let world = World::serving(slow).await;
    let mut exchange = world.get("/");
    exchange.head().await.unwrap();
    // Longer than the timeout, by the same clock.
    tokio::time::sleep(Duration::from_millis(300)).await;
    go.send(()).unwrap();
    let mut body = Vec::new();
    loop {
        match exchange.item().await.unwrap() {
            Item::Data(data) => body.extend_from_slice(&data),
            Item::End(None) => break,
            item => panic!("{item:?}"),
        }
    }
    assert_eq!(body, b"hello");
}

#[tokio::test]
async fn an_upgrade_becomes_opaque_only_after_the_service_agreed() {
    let target = service(|mut peer, _| async move {
        let request = peer.request().await.unwrap();
        assert!(request.contains("Upgrade: websocket\r\n") && request.contains("Connection: upgrade\r\n"));
        // Bytes that came with the head are held back until the 101.
        let early = tokio::time::timeout(Duration::from_millis(100), peer.read_through("early")).await;
        assert!(early.is_err(), "{early:?}");
        peer.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst",
        )
        .await;
        assert_eq!(peer.read_through("early").await.unwrap(), "early");
        let last = peer.rest().await;
        assert_eq!(last, b"last");
        peer.write("bye").await;
    })
    .await;
    let world = World::to(target).await;
    let upgrade = head("GET", "/ws", &[("Host", "a"), ("Upgrade", "websocket")]);
    let mut exchange = Exchange::from(world.open(StreamKind::Upgrade, Some(upgrade), b"early", false));
    let head = exchange.head().await.unwrap();
    assert_eq!((head.status, head.fields.get_str("upgrade")), (101, Some("websocket")));
    assert!(!head.fields.contains("connection"));
    exchange.send.send(Bytes::from_static(b"last")).await.unwrap();
    exchange.send.end(None).unwrap();
    let mut got = Vec::new();
    loop {
        match exchange.item().await.unwrap() {
            Item::Data(data) => got.extend_from_slice(&data),
            Item::End(None) => break,
            item => panic!("{item:?}"),
        }
    }
    assert_eq!(got, b"firstbye", "what the service says after the visitor's end still arrives");
}

#[tokio::test]
async fn an_upgrade_that_is_declined_is_an_ordinary_answer() {
    let target = service(|mut peer, _| async move {
        peer.request().await;
        peer.write("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno").await;
        assert_eq!(peer.rest().await, b"", "nothing of the other protocol was relayed");
    })
    .await;
    let world = World::to(target).await;
    let upgrade = head("GET", "/ws", &[("Host", "a"), ("Upgrade", "websocket")]);
    let mut exchange = Exchange::from(world.open(StreamKind::Upgrade, Some(upgrade), b"early", false));
    let answer = exchange.answer().await.unwrap();
    assert_eq!((answer.head.status, answer.body.as_slice()), (426, &b"no"[..]));
}

#[tokio::test]
async fn a_101_that_nobody_asked_for_is_a_bad_answer() {
    let target = service(|mut peer, _| async move {
        peer.request().await;
        peer.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n").await;
        peer.rest().await;
    })
    .await;
    let world = World::to(target).await;
    assert_eq!(world.get("/").answer().await.unwrap_err(), ResetCode::BadAnswer);
}

#[tokio::test]
async fn raw_tcp_goes_both_ways_and_each_side_ends_on_its_own() {
    let target = service(|mut peer, _| async move {
        peer.write("220 hi\r\n").await;
        let all = peer.rest().await;
        assert_eq!(all, b"QUIT");
        peer.write("221 bye").await;
    })
    .await;
    let world = World::to(target.replace("http://", "tcp://")).await;
    let mut exchange = Exchange::from(world.open(StreamKind::Tcp, None, b"", false));
    assert!(matches!(exchange.item().await.unwrap(), Item::Data(data) if data == "220 hi\r\n"));
    exchange.send.send(Bytes::from_static(b"QUIT")).await.unwrap();
    exchange.send.end(None).unwrap();
    assert!(matches!(exchange.item().await.unwrap(), Item::Data(data) if data == "221 bye"));
    assert!(matches!(exchange.item().await.unwrap(), Item::End(None)));
}

#[tokio::test]
async fn a_mapping_that_is_not_served_is_told_so_and_only_known_targets_are_dialled() {
    let world = World::to(nowhere().await).await;
    let stream = world::open(&world.link.link, 99, StreamKind::Http, Some(get("/")), b"", true);
    assert_eq!(Exchange::from(stream).answer().await.unwrap_err(), ResetCode::NoMapping);
    // A stream of the wrong kind for its mapping is not tried at all.
    let stream = world.open(StreamKind::Tcp, None, b"", true);
    assert_eq!(Exchange::from(stream).answer().await.unwrap_err(), ResetCode::BadRequest);
}

#[tokio::test]
async fn the_host_is_rewritten_with_origin_and_location_turned_back() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let target = service(move |mut peer, _| {
        let seen = seen.clone();
        async move {
            let request = peer.request().await.unwrap();
            let host = request.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap().to_owned();
            seen.send(request).unwrap();
            peer.write(format!(
                "HTTP/1.1 302 Found\r\nLocation: http://{host}/in\r\nContent-Length: 0\r\n\r\n"
            ))
            .await;
            peer.rest().await;
        }
    })
    .await;
    let mut rewriting = served(&target);
    rewriting.host_header = HostHeader::Rewrite;
    let world = World::serving(rewriting).await;
    let visit = head(
        "GET",
        "/",
        &[
            ("Host", "shop.example.com"),
            ("Origin", "https://shop.example.com"),
            ("X-Forwarded-Host", "shop.example.com"),
            ("X-Forwarded-Proto", "https"),
        ],
    );
    let answer = world.request(visit, b"", true).answer().await.unwrap();
    assert_eq!(answer.head.fields.get_str("location"), Some("https://shop.example.com/in"));
    let local = target.trim_start_matches("http://");
    let request = requests.recv().await.unwrap();
    for line in [
        format!("Host: {local}\r\n"),
        format!("Origin: {target}\r\n"),
        format!("X-Forwarded-Host: {local}\r\n"),
    ] {
        assert!(request.contains(&line), "{request}");
    }
}

#[tokio::test]
async fn a_dev_server_that_refuses_the_host_is_named_once_with_its_remedy() {
    let body =
        "Blocked request. This host (\"shop.example.com\") is not allowed.\nTo allow this host, add it.";
    let target = service(move |mut peer, _| async move {
        while peer.request().await.is_some() {
            // Head and body in two pieces, as Node writes them.
            peer.write(format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n", body.len())).await;
            tokio::task::yield_now().await;
            peer.write(body).await;
        }
    })
    .await;
    let mut world = World::to(target).await;
    let (mut warnings, mut notes) = (0, 0);
    for _ in 0..3 {
        assert_eq!(world.get("/").answer().await.unwrap().head.status, 403);
        let note = world
            .event(|event| match event {
                Event::Warning { code, message, .. } => {
                    assert_eq!(code, "dev-server-host");
                    assert!(message.contains("--host-header rewrite"));
                    warnings += 1;
                    None
                }
                Event::Exchange(summary) => Some(summary.note.clone()),
                _ => None,
            })
            .await;
        notes += usize::from(note.is_some_and(|note| note.contains("Vite")));
    }
    assert_eq!((warnings, notes), (1, 3));
}
