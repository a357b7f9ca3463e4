//! What visitors, agents and load balancers meet between SIGTERM and the gateway's end.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;

use porthole_testkit::light_agent::raise_open_files;
use porthole_testkit::service::body;
use porthole_testkit::wait::{eventually, until, within};
use porthole_testkit::{Agent, LocalService, World, long};
use rustix::process::Signal;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A service that answers nobody before its gate is opened.
async fn gated() -> (LocalService, watch::Sender<bool>) {
    let (gate, opened) = watch::channel(false);
    let service = LocalService::http(move |_, _| {
        let mut opened = opened.clone();
        async move {
            let _ = opened.wait_for(|open| *open).await;
            http::Response::new(body::full("at last"))
        }
    });
    (service.await, gate)
}

#[tokio::test]
async fn a_draining_gateway_serves_what_still_comes_and_leaves_when_the_rest_is_done() {
    let mut world = World::new().await;
    let visitor = world.visitor();
    let slow = tokio::spawn(async move { visitor.get("/slow?3000").await.status });
    eventually("the request at the service", || world.service.seen().len() == 1).await;
    world.gateway.process.signal(Signal::TERM);
    let began = Instant::now();

    let own = world.gateway.own();
    let not_ready = until("the gateway to be not ready", || async {
        let reply = own.get("/health?ready").await;
        (reply.status != 200).then_some(reply.status)
    });
    assert_eq!(not_ready.await, 503, "seen on a new connection");
    assert_eq!(own.get("/health").await.status, 200);
    let reply = world.get("/hello").await;
    assert_eq!((reply.status, reply.field("connection")), (200, Some("close")));
    let mut http2 = world.visitor().http2::<Empty<Bytes>>().await.expect("a connection");
    let request = world.visitor().request("GET", &world.visitor().uri("/hello")).body(Empty::new());
    let answer = within("an answer", http2.send_request(request.expect("a request"))).await;
    assert_eq!(answer.expect("an answer over a fresh HTTP/2 connection").status(), 200);
    drop(http2);

    // An agent that comes now is told to come again, which it does.
    let mut late = world.start_agent(&porthole_testkit::agent::Home::new(), "3000", &["--name", "late"]);
    let told = late.event_after(0, |event| event["event"] == "disconnected", "that it is not let in").await;
    assert_eq!(told["code"], "draining", "{told}");

    assert_eq!(within("the slow answer", slow).await.expect("not lost"), 200);
    assert_eq!(world.gateway.process.exit_code().await, Some(0));
    assert!(began.elapsed() < Duration::from_secs(6), "early when idle: {:?}", began.elapsed());
    world.gateway.restart().await;
    Agent::ready(&mut late).await;
}

#[tokio::test]
async fn a_connection_made_just_before_sigterm_may_still_send_its_request() {
    let mut world = World::new().await;
    let mut fresh = world.visitor().raw().await;
    let mut kept = world.visitor().raw().await;
    let request = format!("GET /hello HTTP/1.1\r\nHost: {}\r\n\r\n", world.visitor().host);
    kept.send(&request).await;
    assert!(kept.head().await.starts_with("HTTP/1.1 200"));
    kept.bytes(5).await;
    world.gateway.process.signal(Signal::TERM);
    world.gateway.process.line("that it stops", |line| line.contains("stopping").then_some(())).await;
    for connection in [&mut fresh, &mut kept] {
        connection.send(&request).await;
        let head = connection.head().await;
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("Connection: close"), "{head}");
    }
    assert_eq!(world.gateway.process.exit_code().await, Some(0));
}

#[tokio::test]
async fn none_of_a_thousand_requests_in_flight_is_lost_to_sigterm() {
    let count = if long() { 1_000 } else { 200 };
    raise_open_files();
    let (service, gate) = gated().await;
    let mut world = World::of(service).await;
    let visitor = world.visitor();
    let mut http2 = visitor.http2::<Empty<Bytes>>().await.expect("a connection");
    let mut flying = JoinSet::new();
    for number in 0..count {
        // Every tenth shares one HTTP/2 connection.
        let (visitor, shared) = (visitor.clone(), (number % 10 == 0 && number < 900).then(|| http2.clone()));
        flying.spawn(async move {
            let Some(mut shared) = shared else { return visitor.get("/").await.text() };
            let request = visitor.request("GET", &visitor.uri("/")).body(Empty::new()).expect("a request");
            let answer = shared.send_request(request).await.expect("an answer");
            porthole_testkit::visitor::collect(answer).await.expect("a whole answer").text()
        });
    }
    eventually("all at the service", || world.service.seen().len() == count).await;
    world.gateway.process.signal(Signal::TERM);
    world.gateway.process.line("that it stops", |line| line.contains("stopping").then_some(())).await;
    let began = Instant::now();
    gate.send_replace(true);
    while let Some(answer) = within("an answer", flying.join_next()).await {
        assert_eq!(answer.expect("no request is lost"), "at last");
    }
    println!("{count} requests in flight: all answered {:?} after the service could", began.elapsed());
    // The kept HTTP/2 connection was told to go away, and the gateway with it.
    assert!(within("the end of the connection", until_closed(&mut http2)).await);
    assert_eq!(world.gateway.process.exit_code().await, Some(0));
}

/// True once an HTTP/2 connection takes no further request.
async fn until_closed(connection: &mut hyper::client::conn::http2::SendRequest<Empty<Bytes>>) -> bool {
    while connection.ready().await.is_ok() && !connection.is_closed() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

#[tokio::test]
async fn server_sent_events_go_on_to_the_end_of_the_grace() {
    const GRACE: Duration = Duration::from_secs(4);
    let mut world = World::builder().gateway(|gateway| gateway.args(["--grace", "4s"])).start().await;
    let mut raw = world.visitor().raw().await;
    // As long as it lasts: this service never ends by itself.
    raw.send(format!("GET /drip HTTP/1.1\r\nHost: {}\r\n\r\n", world.visitor().host)).await;
    assert!(raw.head().await.starts_with("HTTP/1.1 200"));
    raw.bytes(20).await;
    world.gateway.process.signal(Signal::TERM);
    let began = Instant::now();
    let (rest, _) = raw.rest().await;
    let lasted = began.elapsed();
    println!("{} bytes more in {lasted:?}", rest.len());
    assert!(lasted >= GRACE / 2, "{lasted:?} of {GRACE:?}");
    assert!(rest.len() > 40, "it went on: {} bytes", rest.len());
    assert!(!rest.ends_with(b"0\r\n\r\n"), "what is broken off does not look whole");
    assert_eq!(world.gateway.process.exit_code().await, Some(0));
}
