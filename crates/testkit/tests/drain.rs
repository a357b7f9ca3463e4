//! What visitors, agents and load balancers meet between SIGTERM and the gateway's end.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;

use porthole_testkit::wait::{eventually, until, within};
use porthole_testkit::{Agent, World};
use rustix::process::Signal;

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
