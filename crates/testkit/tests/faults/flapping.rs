//! A local service that comes and goes while visitors call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use porthole_testkit::service::read_head;
use porthole_testkit::visitor::collect;
use porthole_testkit::wait::{until, within};
use porthole_testkit::{LocalService, Visitor, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Dice, sized};

/// Visitors at once, each with a connection that it keeps.
const VISITORS: u64 = 8;

/// How often each POST reached the service, by its path.
type Posts = Arc<Mutex<HashMap<String, usize>>>;

/// The answer to a path: its own, of a size that depends on it.
fn body_of(path: &str) -> Vec<u8> {
    let number: usize = path.rsplit('/').next().and_then(|text| text.parse().ok()).unwrap_or(0);
    path.bytes().cycle().take(1 + number * 7919 % 40_000).collect()
}

/// Answers on one connection until it ends.
async fn answer(mut socket: TcpStream, posts: Posts) {
    while let Some(head) = read_head(&mut socket).await {
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let length = head.to_ascii_lowercase();
        let length =
            length.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        let mut sent = vec![0; length.unwrap_or(0)];
        if socket.read_exact(&mut sent).await.is_err() {
            return;
        }
        if method == "POST" {
            *posts.lock().expect("no panic").entry(path.to_owned()).or_default() += 1;
        }
        let body = body_of(path);
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend(body);
        if socket.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// Up and down every few milliseconds until told to stay.
async fn flap(port: u16, posts: Posts, stay: watch::Receiver<bool>, mut dice: Dice) {
    loop {
        let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        let mut connections = JoinSet::new();
        let end = Instant::now() + Duration::from_millis(2 + dice.below(30));
        loop {
            let steady = *stay.borrow();
            let accepted = tokio::time::timeout(Duration::from_millis(1), listener.accept()).await;
            if let Ok(Ok((socket, _))) = accepted {
                let _ = socket.set_nodelay(true);
                connections.spawn(answer(socket, posts.clone()));
            }
            if !steady && Instant::now() > end {
                break;
            }
        }
        drop((listener, connections));
        tokio::time::sleep(Duration::from_millis(dice.below(4))).await;
    }
}

/// A port below those that the system gives to outgoing connections, or the agent could get it itself
/// while the service is down.
async fn quiet_port(dice: &mut Dice) -> u16 {
    loop {
        let port = 20_000 + dice.below(10_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).await.is_ok() {
            return port;
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    whole: usize,
    refused: usize,
    broken: usize,
}

/// One visitor's requests, each with a path of its own.
async fn call(visitor: Visitor, number: u64, requests: u64) -> Tally {
    let mut tally = Tally::default();
    let mut connection = None;
    for request in 0..requests {
        let path = format!("/{number}/{}", number * requests + request);
        let method = if request % 3 == 2 { "POST" } else { "GET" };
        let mut send = match connection.take() {
            Some(send) => send,
            None => {
                within("a connection", visitor.http1::<Full<Bytes>>()).await.expect("the gateway is there")
            }
        };
        let body = if method == "POST" { Bytes::from(body_of(&path)) } else { Bytes::new() };
        let asked = visitor.request(method, &path).body(Full::new(body)).expect("a request");
        let answer = within(&path, send.send_request(asked)).await;
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path} got no answer: {error:?}"));
        match within(&path, collect(answer)).await {
            Ok(reply) if reply.status == 200 => {
                assert!(reply.body == body_of(&path), "{method} {path} got another answer");
                tally.whole += 1;
            }
            Ok(reply) => {
                assert!(matches!(reply.status, 502 | 504), "{method} {path}: {reply:?}");
                assert!(reply.error_code().is_some(), "{reply:?}");
                tally.refused += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(_) => {
                tally.broken += 1;
                continue;
            }
        }
        if within("the connection is free again", send.ready()).await.is_ok() {
            connection = Some(send);
        }
    }
    tally
}

#[tokio::test]
async fn a_flapping_service_costs_502s_and_never_a_wrong_answer_a_hang_or_a_second_post() {
    let mut dice = Dice::new("a flapping service");
    let port = quiet_port(&mut dice).await;
    let (steady, stay) = watch::channel(false);
    let posts = Posts::default();
    let flapping = tokio::spawn(flap(port, posts.clone(), stay, dice));
    let world = World::new().await;
    let target = port.to_string();
    let mut agent =
        world.start_agent(&porthole_testkit::agent::Home::new(), &target, &["--name", "flapping"]);
    agent.ready().await;
    let visitor = world.gateway.visitor("flapping");

    let mut calling = JoinSet::new();
    for number in 0..VISITORS {
        calling.spawn(call(visitor.clone(), number, sized(60, 5000)));
    }
    let mut total = Tally::default();
    while let Some(tally) = calling.join_next().await {
        let tally = tally.expect("a visitor's every request");
        total.whole += tally.whole;
        total.refused += tally.refused;
        total.broken += tally.broken;
    }
    println!("{total:?}");
    assert!(total.whole > 0, "{total:?}");
    let twice: Vec<_> = posts
        .lock()
        .expect("no panic")
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(path, _)| path.clone())
        .collect();
    assert!(twice.is_empty(), "sent twice: {twice:?}");

    steady.send_replace(true);
    let began = Instant::now();
    let answers = async || (visitor.get("/0/1").await.status == 200).then_some(());
    until("the service answers once it stays", answers).await;
    println!("answers {:?} after it stayed", began.elapsed());
    flapping.abort();
}

#[tokio::test]
async fn a_service_that_accepts_and_closes_is_a_502_at_once() {
    let closing = LocalService::raw(|socket| async move { drop(socket) }).await;
    let world = World::of(closing).await;
    for _ in 0..20 {
        let reply = world.get("/").await;
        assert_eq!((reply.status, reply.error_code()), (502, Some("service-bad-answer")), "{reply:?}");
    }
}

#[tokio::test]
async fn half_closed_kept_connections_lose_no_get_and_send_no_post_twice() {
    let posts = Posts::default();
    let counting = posts.clone();
    // Answers once, closes its sending half without a word, and goes on reading.
    let service = LocalService::raw(move |mut socket| {
        let posts = counting.clone();
        async move {
            let mut first = true;
            while let Some(head) = read_head(&mut socket).await {
                let mut words = head.split(' ');
                if words.next() == Some("POST") {
                    let path = words.next().unwrap_or_default().to_owned();
                    *posts.lock().expect("no panic").entry(path).or_default() += 1;
                }
                if first {
                    let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                    let _ = socket.shutdown().await;
                }
                first = false;
            }
        }
    })
    .await;
    let world = World::of(service).await;
    for number in 0..sized(20, 500) {
        assert_eq!(world.get("/").await.status, 200);
        let posted = world.visitor().post(&format!("/{number}"), "").await;
        assert!(matches!(posted.status, 200 | 502), "{posted:?}");
    }
    let posts = posts.lock().expect("no panic");
    assert!(posts.values().all(|times| *times == 1), "{posts:?}");
}
