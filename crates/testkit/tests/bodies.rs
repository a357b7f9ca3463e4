//! Bodies of any size both ways, and what happens when either side stops, stalls or dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::Frame;
use porthole_testkit::service::{body, read_head};
use porthole_testkit::visitor::{Broken, find};
use porthole_testkit::wait::{eventually, within, within_time};
use porthole_testkit::{LocalService, Visitor, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// How much a program's memory may grow while a gigabyte passes: some streams' credit and buffers,
/// hundreds of times less than what passes.
const FLAT_KIB: u64 = 16 * 1024;

/// For a gigabyte through a debug build on two busy cores.
const GIGABYTE_PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_gigabyte_down_is_whole_and_leaves_memory_flat() {
    let world = World::new().await;
    assert_eq!(world.get("/bytes?1000000").await.body, body::pattern_of(1_000_000));
    let before = memory(&world);
    let began = Instant::now();
    let request = world.visitor().request("GET", &format!("/bytes?{GIB}")).body(Empty::<Bytes>::new());
    let response = world.visitor().send(request.expect("a request")).await.expect("an answer");
    let mut answer = response.into_body();
    let mut count = 0u64;
    within_time("a gigabyte down", GIGABYTE_PATIENCE, async {
        while let Some(frame) = answer.frame().await {
            let frame = frame.expect("the transfer goes on");
            if let Some(data) = frame.data_ref() {
                // Pieces of 64 KiB repeat, so every byte's value follows from its place.
                assert_eq!(data[0], expected_at(count), "at byte {count}");
                count += data.len() as u64;
            }
        }
    })
    .await;
    assert_eq!(count, GIB);
    report("1 GiB down", &world, before, began);
}

#[tokio::test]
async fn a_gigabyte_up_is_whole_and_leaves_memory_flat() {
    let world = World::new().await;
    assert_eq!(world.visitor().post("/echo", body::pattern(1_000_000)).await.body, body::pattern(1_000_000));
    let before = memory(&world);
    let began = Instant::now();
    let visitor = world.visitor();
    let request = visitor.request("POST", "/sink").header("content-length", GIB).body(body::generated(GIB));
    let upload = visitor.try_fetch(request.expect("a request"));
    let reply = within_time("a gigabyte up", GIGABYTE_PATIENCE, upload).await;
    assert_eq!(reply.expect("an answer").text(), GIB.to_string());
    report("1 GiB up", &world, before, began);
}

/// The byte of `body::generated` at that place.
fn expected_at(place: u64) -> u8 {
    ((place % body::PIECE as u64) % 251) as u8
}

/// Resident KiB of gateway and agent.
fn memory(world: &World) -> (u64, u64) {
    (world.gateway.process.memory_kib(), world.agent.process.memory_kib())
}

fn report(what: &str, world: &World, before: (u64, u64), began: Instant) {
    let peak = (world.gateway.process.peak_memory_kib(), world.agent.process.peak_memory_kib());
    println!(
        "{what}: {:.1} s; gateway {} KiB before, {} KiB at most; agent {} KiB before, {} KiB at most",
        began.elapsed().as_secs_f64(),
        before.0,
        peak.0,
        before.1,
        peak.1,
    );
    assert!(peak.0 < before.0 + FLAT_KIB, "the gateway grew from {} to {} KiB", before.0, peak.0);
    assert!(peak.1 < before.1 + FLAT_KIB, "the agent grew from {} to {} KiB", before.1, peak.1);
}

#[tokio::test]
async fn a_stalled_reader_slows_nobody_else_and_costs_little_memory() {
    let world = World::new().await;
    world.get("/hello").await;
    let before = memory(&world);
    // Visitors that ask for endless bodies and never read on.
    let mut stalled = Vec::new();
    for _ in 0..8 {
        let mut raw = world.visitor().raw().await;
        raw.send(format!("GET /bytes?{GIB} HTTP/1.1\r\nHost: {}\r\n\r\n", world.visitor().host)).await;
        raw.head().await;
        stalled.push(raw);
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..200 {
        let began = Instant::now();
        assert_eq!(world.get("/hello").await.status, 200);
        slowest = slowest.max(began.elapsed());
    }
    let large = world.get("/bytes?20000000").await;
    assert_eq!(large.body.len(), 20_000_000);
    println!("slowest of 200 small requests beside 8 stalled downloads: {slowest:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let after = memory(&world);
    // Each stalled stream may hold its credit (1 MiB) on the way, no more.
    assert!(after.0 < before.0 + 32 * 1024 && after.1 < before.1 + 32 * 1024, "{before:?} → {after:?} KiB");
    drop(stalled);
}

#[tokio::test]
async fn a_stalled_upload_slows_nobody_else() {
    let service = LocalService::raw(|mut socket| async move {
        let head = read_head(&mut socket).await.unwrap_or_default();
        if head.starts_with("POST") {
            // Never reads the body.
            std::future::pending::<()>().await;
        }
        let _ =
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
    });
    let world = World::of(service.await).await;
    let visitor = world.visitor();
    let uploads = tokio::spawn({
        let visitor = visitor.clone();
        async move {
            let request = visitor.request("POST", "/").body(body::generated(GIB)).expect("a request");
            let _ = visitor.try_fetch(request).await;
        }
    });
    for _ in 0..50 {
        assert_eq!(visitor.get("/").await.text(), "ok");
    }
    let (gateway, agent) = memory(&world);
    assert!(gateway < 200 * 1024 && agent < 200 * 1024, "{gateway} and {agent} KiB");
    uploads.abort();
}

#[tokio::test]
async fn five_hundred_slow_requests_at_once_are_all_answered() {
    let world = World::new().await;
    let began = Instant::now();
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let visitor = world.visitor();
        requests.spawn(async move { visitor.get("/slow?2000").await });
    }
    while let Some(reply) = within("500 slow answers", requests.join_next()).await {
        let reply = reply.expect("no request fails");
        assert_eq!((reply.status, reply.text().as_str()), (200, "slow, but there"));
    }
    println!("500 requests of 2 s each, at once: {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(20), "they did not run at once: {:?}", began.elapsed());
}

#[tokio::test]
async fn a_visitor_gone_in_mid_download_cancels_the_local_request() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!("GET /drip HTTP/1.1\r\nHost: {}\r\n\r\n", world.visitor().host)).await;
    raw.head().await;
    raw.bytes(10).await;
    assert_eq!(world.service.cancelled(), 0);
    drop(raw);
    let took = eventually("the local request to be cancelled", || world.service.cancelled() == 1).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_visitor_gone_while_waiting_cancels_the_local_request() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!("GET /hang HTTP/1.1\r\nHost: {}\r\n\r\n", world.visitor().host)).await;
    eventually("the request at the service", || world.service.seen().len() == 1).await;
    drop(raw);
    eventually("the local request to be cancelled", || world.service.cancelled() == 1).await;
}

#[tokio::test]
async fn a_visitor_gone_in_mid_upload_breaks_the_local_upload() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!(
        "POST /sink HTTP/1.1\r\nHost: {}\r\nContent-Length: 1000\r\n\r\nonly this",
        world.visitor().host
    ))
    .await;
    eventually("the request at the service", || world.service.seen().len() == 1).await;
    drop(raw);
    eventually("the local upload to break", || world.service.cancelled() == 1).await;
}

#[tokio::test]
async fn a_service_that_dies_in_mid_response_gives_a_broken_transfer_never_a_clean_end() {
    let world = World::new().await;
    for path in [
        "/broken?100000",
        "/broken-chunked?100000",
        "/broken?0",
        "/broken?5000000",
        "/broken-chunked?5000000",
    ] {
        let request = world.visitor().request("GET", path).body(Empty::<Bytes>::new()).expect("a request");
        let outcome = within(path, world.visitor().try_fetch(request)).await;
        match outcome {
            // Nothing had been sent yet: an honest error answer is as good.
            Ok(reply) => assert_eq!(reply.status, 502, "{path} looked whole: {} bytes", reply.body.len()),
            Err(error) => println!("{path}: {error:?}"),
        }
    }
    assert_eq!(world.get("/hello").await.status, 200);
}

#[tokio::test]
async fn an_http_1_0_visitor_of_a_dying_service_gets_a_reset_instead_of_a_clean_close() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!("GET /broken-chunked?100000 HTTP/1.0\r\nHost: {}\r\n\r\n", world.visitor().host)).await;
    let (bytes, end) = raw.rest().await;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    assert!(end.is_err(), "a clean close tells the visitor that all is there: {text}");
}

#[tokio::test]
async fn a_chunked_answer_cut_off_in_a_chunk_is_a_broken_transfer() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
    ] {
        let world = World::of(LocalService::canned(answer).await).await;
        let request = world.visitor().request("GET", "/").body(Empty::<Bytes>::new()).expect("a request");
        match within("an outcome", world.visitor().try_fetch(request)).await {
            Ok(reply) => assert_eq!(reply.status, 502, "{:?} looked whole", String::from_utf8_lossy(answer)),
            Err(error) => println!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_until_close_is_whole() {
    let world = World::of(LocalService::canned(b"HTTP/1.1 200 OK\r\nX: 1\r\n\r\nuntil the end").await).await;
    assert_eq!(world.get("/").await.text(), "until the end");
    let world = World::of(LocalService::canned(b"HTTP/1.0 200 OK\r\n\r\nold style").await).await;
    assert_eq!(world.get("/").await.text(), "old style");
}

#[tokio::test]
async fn an_early_answer_to_a_long_upload_arrives_before_the_upload_ends() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!(
        "POST /early HTTP/1.1\r\nHost: {}\r\nContent-Length: {GIB}\r\n\r\nfirst",
        world.visitor().host
    ))
    .await;
    let head = raw.head().await;
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
}

#[tokio::test]
async fn an_early_answer_is_not_lost_while_the_visitor_still_writes() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!(
        "POST /early HTTP/1.1\r\nHost: {}\r\nContent-Length: {GIB}\r\n\r\n",
        world.visitor().host
    ))
    .await;
    let (mut read, mut write) = raw.socket.split();
    let piece = vec![0; 64 * 1024];
    let upload = async { while write.write_all(&piece).await.is_ok() {} };
    let mut answer = Vec::new();
    let answered = async {
        while find(&answer, b"\r\n\r\n").is_none() {
            if read.read_buf(&mut answer).await.unwrap_or(0) == 0 {
                break;
            }
        }
    };
    within("the early answer", async {
        tokio::select! {
            () = answered => {}
            () = upload => panic!("the connection broke before the answer was read"),
        }
    })
    .await;
    assert!(answer.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn an_unread_upload_is_never_taken_for_the_next_request() {
    let world = World::new().await;
    let host = world.visitor().host;
    let mut raw = world.visitor().raw().await;
    let smuggled = format!("GET /smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let request = format!(
        "POST /early HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n{smuggled}",
        smuggled.len()
    );
    raw.send(request).await;
    assert!(raw.head().await.starts_with("HTTP/1.1 413 "));
    raw.bytes("too much".len()).await;
    let _ = raw.try_send(format!("GET /hello HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
    let rest = raw.rest_text().await;
    assert!(rest.is_empty() || rest.ends_with("hello"), "{rest}");
    assert!(world.service.seen().iter().all(|seen| seen.target != "/smuggled"));
}

#[tokio::test]
async fn a_body_flows_back_while_the_upload_still_runs() {
    let world = World::new().await;
    let (send, receive) = tokio::sync::mpsc::channel::<Bytes>(1);
    let upload = futures_util::stream::unfold(receive, |mut receive| async move {
        let piece = receive.recv().await?;
        Some((Ok::<_, Broken>(Frame::data(piece)), receive))
    });
    let request =
        world.visitor().request("POST", "/echo").body(StreamBody::new(Box::pin(upload))).expect("a request");
    let visitor = world.visitor();
    let sending = tokio::spawn(async move { visitor.send(request).await });
    send.send(Bytes::from_static(b"one")).await.expect("the upload is read");
    let response = within("the head", sending).await.expect("no panic").expect("an answer");
    let mut echoed = response.into_body();
    for piece in ["one", "two", "three"] {
        if piece != "one" {
            send.send(Bytes::from(piece)).await.expect("the upload is read");
        }
        let frame = within(piece, echoed.frame()).await.expect("more comes").expect("the transfer goes on");
        assert_eq!(frame.into_data().expect("data"), piece);
    }
    drop(send);
    assert!(within("the end", echoed.frame()).await.is_none());
}

#[tokio::test]
async fn server_sent_events_arrive_one_by_one_as_they_are_sent() {
    let (go, events) = tokio::sync::mpsc::channel::<&str>(4);
    let events = Arc::new(tokio::sync::Mutex::new(events));
    let service = LocalService::http(move |_, _| {
        let events = events.clone();
        async move {
            let stream = futures_util::stream::unfold(events, |events| async move {
                let event = events.lock().await.recv().await?;
                Some((Ok(Bytes::from(format!("data: {event}\n\n"))), events))
            });
            let mut response = http::Response::new(body::pieces(stream));
            response
                .headers_mut()
                .insert("content-type", http::HeaderValue::from_static("text/event-stream"));
            response
        }
    });
    let world = World::of(service.await).await;
    let request = world.visitor().request("GET", "/").body(Empty::<Bytes>::new()).expect("a request");
    let response =
        within("the head, before any event", world.visitor().send(request)).await.expect("an answer");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    for event in ["first", "second", "third"] {
        go.send(event).await.expect("the service is there");
        let got = within(event, stream.next()).await.expect("an event").expect("the stream goes on");
        assert_eq!(got, format!("data: {event}\n\n"));
    }
}

#[tokio::test]
async fn trailers_cross_both_ways() {
    let world = World::new().await;
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-visitor-trailer", http::HeaderValue::from_static("from the visitor"));
    let request = world
        .visitor()
        .request("POST", "/trailers")
        .header("te", "trailers")
        .header("trailer", "x-visitor-trailer")
        .body(body::with_trailers("a body", trailers))
        .expect("a request");
    let reply = world.visitor().fetch(request).await;
    let trailers = reply.trailers.expect("trailers came");
    assert_eq!(trailers["x-checksum"], "abc123");
    assert_eq!(trailers["x-visitor-trailer"], "from the visitor");
}

#[tokio::test]
async fn a_length_is_kept_and_an_unknown_one_is_chunked() {
    let world = World::new().await;
    let known = world.get("/bytes?70000").await;
    assert_eq!(known.field("content-length"), Some("70000"));
    let unknown = world.get("/chunked?70000").await;
    assert_eq!(
        (unknown.field("content-length"), unknown.field("transfer-encoding")),
        (None, Some("chunked"))
    );
    assert_eq!(known.body, unknown.body);
}

#[tokio::test]
async fn bodies_just_below_at_and_above_the_inline_bound_are_whole() {
    let world = World::new().await;
    for size in [0, 1, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 65_535, 65_536, 65_537, 1_048_577] {
        let reply = world.visitor().post("/echo", body::pattern(size)).await;
        assert_eq!(reply.body, body::pattern(size), "{size} bytes");
    }
}

#[tokio::test]
async fn many_transfers_at_once_are_all_whole() {
    let world = World::new().await;
    let moved = Arc::new(AtomicU64::new(0));
    let mut transfers = tokio::task::JoinSet::new();
    for number in 0..40usize {
        let (visitor, moved): (Visitor, _) = (world.visitor(), moved.clone());
        transfers.spawn(async move {
            let size = 100_000 + number * 37_777;
            let reply = visitor.post("/echo", body::pattern(size)).await;
            assert_eq!(reply.body, body::pattern(size));
            moved.fetch_add(size as u64, Ordering::Relaxed);
        });
    }
    while let Some(done) = transfers.join_next().await {
        done.expect("every transfer is whole");
    }
    assert!(moved.load(Ordering::Relaxed) > 30_000_000);
}
