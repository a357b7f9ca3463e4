//! A program that may open no more files.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;
use porthole_testkit::visitor::collect;
use porthole_testkit::wait::{eventually, until, within};
use porthole_testkit::{Process, World, long};
use tokio::net::TcpStream;

use super::sized;

/// What counts as spinning: a program that only waits uses next to nothing.
const BUSY: f64 = 0.2;

/// The part of one processor that the program uses while nothing is asked of it.
async fn idle_cpu(process: &Process, what: &str) -> f64 {
    let window = sized(Duration::from_millis(500), Duration::from_secs(5));
    let (cpu, began) = (process.cpu(), Instant::now());
    tokio::time::sleep(window).await;
    let used = process.cpu().saturating_sub(cpu);
    let share = used.as_secs_f64() / began.elapsed().as_secs_f64();
    println!("{what}: {:.1} % of a processor", share * 100.0);
    if long() {
        assert!(share < BUSY, "{what} spins: {share:.2} of a processor");
    }
    share
}

fn complaints(process: &Process, of: &str) -> usize {
    process.printed().lines().filter(|line| line.contains(of)).count()
}

#[tokio::test]
async fn a_gateway_out_of_descriptors_keeps_its_links_and_recovers_when_connections_end() {
    const COMPLAINT: &str = "cannot accept connections";
    let world = World::new().await;
    let visitor = world.visitor();
    let mut kept = visitor.http1::<Empty<Bytes>>().await.expect("a connection");
    let ask = || visitor.request("GET", "/hello").body(Empty::<Bytes>::new()).expect("a request");
    assert_eq!(kept.send_request(ask()).await.expect("an answer").status(), 200);

    let gateway = &world.gateway.process;
    gateway.limit_open_files(gateway.open_files() + 20);
    // The kernel accepts them all (its own queue holds 128 or more); the gateway cannot.
    let mut flood = Vec::new();
    for _ in 0..100 {
        flood.push(within("a connection", TcpStream::connect(visitor.address)).await.expect("a connection"));
    }
    eventually("the gateway is out of descriptors", || complaints(gateway, COMPLAINT) > 0).await;
    let began = Instant::now();
    for _ in 0..20 {
        let answer = within("an answer on a kept connection", kept.send_request(ask())).await;
        let reply = collect(answer.expect("an answer")).await.expect("a whole answer");
        assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));
        within("room for the next request", kept.ready()).await.expect("the connection goes on");
    }
    idle_cpu(gateway, "a gateway out of descriptors").await;
    let said = complaints(gateway, COMPLAINT);
    let at_most = 2 + began.elapsed().as_secs() as usize / 10;
    assert!(said <= at_most, "said {said} times in {:?}", began.elapsed());

    drop(flood);
    let again = async || visitor.send(ask()).await.ok().filter(|answer| answer.status() == 200);
    let recovered = Instant::now();
    until("new visitors are served again", again).await;
    println!("served again {:?} after the connections ended", recovered.elapsed());
    let agent = world.agent.process.printed();
    assert!(!agent.contains("\"disconnected\""), "the link did not live through it: {agent}");
}

#[tokio::test]
async fn an_agent_out_of_descriptors_answers_503_and_recovers() {
    let mut world = World::new().await;
    assert_eq!(world.get("/hello").await.status, 200);
    let agent = &world.agent.process;
    agent.limit_open_files(agent.open_files() + 8);
    let asking: Vec<_> = (0..sized(40, 200))
        .map(|_| {
            let visitor = world.visitor();
            tokio::spawn(async move { visitor.get("/slow?500").await })
        })
        .collect();
    let (mut served, mut refused) = (0, 0);
    for asked in asking {
        let reply = within("an answer", asked).await.expect("a visitor");
        match reply.status {
            200 => {
                assert_eq!(reply.text(), "slow, but there");
                served += 1;
            }
            503 => {
                assert!(reply.error_code().is_some(), "{reply:?}");
                refused += 1;
            }
            other => panic!("{other}: {reply:?}"),
        }
    }
    println!("out of descriptors the agent served {served} and refused {refused}");
    assert!(served > 0 && refused > 0, "{served} served, {refused} refused");
    idle_cpu(&world.agent.process, "an agent out of descriptors").await;
    for _ in 0..20 {
        assert_eq!(world.get("/hello").await.status, 200);
    }
    assert!(world.agent.process.is_running());
    assert!(!world.agent.process.printed().contains("\"disconnected\""), "the link lives");
}

#[tokio::test]
async fn connections_kept_for_one_service_make_room_for_another() {
    let world = World::new().await;
    let other = porthole_testkit::LocalService::sample().await;
    let mut second = world.start_agent(world.agent.home(), &other.port().to_string(), &["--name", "other"]);
    second.ready().await;
    let agent = &world.agent.process;
    agent.limit_open_files(agent.open_files() + 8);
    let asking: Vec<_> = (0..40)
        .map(|_| {
            let visitor = world.visitor();
            tokio::spawn(async move { visitor.get("/slow?300").await.status })
        })
        .collect();
    for asked in asking {
        within("an answer", asked).await.expect("a visitor");
    }
    // Every descriptor is now a kept connection to the first service.
    assert_eq!(world.gateway.visitor("other").get("/hello").await.status, 200);
}
