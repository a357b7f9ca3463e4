//! Starts, ends, deaths and returns of gateway and agent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use porthole_testkit::agent::Home;
use porthole_testkit::wait::{eventually, until, within};
use porthole_testkit::{Gateway, LocalService, Visitor, World, long};
use rustix::process::Signal;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Waits until the visitor gets that status; returns how long it took.
async fn answers(visitor: &Visitor, path: &str, status: u16) -> Duration {
    let began = Instant::now();
    until(format!("{status} for {}{path}", visitor.host), || async {
        let request = visitor.request("GET", path).body(Empty::<Bytes>::new()).expect("a request");
        let reply = tokio::time::timeout(Duration::from_secs(5), visitor.try_fetch(request)).await;
        reply.ok()?.ok().filter(|reply| reply.status == status)
    })
    .await;
    began.elapsed()
}

#[tokio::test]
async fn a_gateway_killed_and_started_again_has_its_agent_back_within_a_second() {
    let mut world = World::new().await;
    for round in 0..3 {
        world.gateway.process.kill9();
        let from = world.agent.process.line_count();
        world.agent.event_after(0, |event| event["event"] == "disconnected", "disconnected").await;
        world.gateway.restart().await;
        let took = answers(&world.visitor(), "/hello", 200).await;
        println!("round {round}: the URL answers {took:?} after the gateway's return");
        assert!(took < Duration::from_secs(1) + Duration::from_millis(500), "{took:?}");
        let ready = world.agent.event_after(from, |event| event["event"] == "ready", "ready").await;
        assert_eq!(ready["public_url"], world.public_url.as_str(), "the same URL as before");
    }
}

#[tokio::test]
async fn while_the_gateway_is_away_the_agent_says_so_and_stays() {
    let mut world = World::new().await;
    world.gateway.process.kill9();
    let event = world.agent.event("disconnected").await;
    assert!(event["message"].as_str().is_some_and(|message| !message.is_empty()), "{event}");
    assert!(world.agent.process.is_running());
}

#[tokio::test]
async fn an_agent_killed_and_started_again_takes_its_name_back_at_once() {
    let mut world = World::new().await;
    for _ in 0..3 {
        world.agent.process.kill9();
        let began = Instant::now();
        world.agent.restart();
        assert_eq!(world.agent.ready().await, world.public_url);
        println!("the name is back after {:?}", began.elapsed());
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(world.get("/hello").await.status, 200);
    }
}

#[tokio::test]
async fn a_killed_agents_name_answers_503_and_not_404() {
    let mut world = World::new().await;
    world.agent.process.kill9();
    answers(&world.visitor(), "/hello", 503).await;
    let reply = world.get("/hello").await;
    assert_eq!(reply.error_code(), Some("agent-away"));
    assert!(reply.field("retry-after").is_some());
}

#[tokio::test]
async fn a_claim_survives_the_gateways_death() {
    let mut world = World::new().await;
    // The claim was on disk before the agent was told that the name is its own.
    world.gateway.process.kill9();
    world.agent.process.kill9();
    world.gateway.restart().await;
    assert_eq!(world.get("/").await.status, 503, "the name is still held for its subject");
    let stranger = world.gateway.token("stranger", &[]).await;
    let service = LocalService::sample().await;
    let target = service.port().to_string();
    let mut words = porthole_testkit::world::http_arguments(&world.gateway, &stranger, &target);
    words.extend(["--name".into(), "app".into()]);
    let mut thief = porthole_testkit::Agent::start(&Home::new(), words);
    assert_eq!(thief.process.exit_code().await, Some(3));
}

#[tokio::test]
async fn a_newer_start_of_the_same_agent_replaces_the_older() {
    let world = World::new().await;
    // A copy of the data folder is the same agent; its start has the higher epoch.
    let copy = Home::new();
    let mut copying = std::process::Command::new("cp");
    copying.arg("-a").arg(world.agent.home().path().join(".")).arg(copy.path());
    let copied = copying.status().expect("cp runs");
    assert!(copied.success());
    let service = LocalService::canned(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nnewer").await;
    let mut newer = world.start_agent(&copy, &service.port().to_string(), &["--name", "app"]);
    newer.ready().await;
    assert_eq!(world.get("/").await.text(), "newer");
    let mut older = world.agent;
    let code = older.process.exit_code().await;
    assert_eq!(code, Some(3), "{}", older.process.printed());
    assert!(older.process.printed().contains("replaced"), "{}", older.process.printed());
}

#[tokio::test]
async fn another_agent_of_the_same_subject_is_refused_while_the_holder_lives() {
    let world = World::new().await;
    let service = LocalService::sample().await;
    let mut other = world.start_agent(&Home::new(), &service.port().to_string(), &["--name", "app"]);
    assert_eq!(other.process.exit_code().await, Some(3), "{}", other.process.printed());
    let error = other.event("error").await;
    assert_eq!(error["code"], "name-in-use");
    assert_eq!(world.get("/hello").await.status, 200);
}

#[tokio::test]
async fn another_agent_of_the_same_subject_takes_over_from_a_frozen_holder() {
    let world = World::new().await;
    world.agent.process.signal(Signal::STOP);
    let service = LocalService::canned(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother").await;
    let mut other = world.start_agent(&Home::new(), &service.port().to_string(), &["--name", "app"]);
    let began = Instant::now();
    other.ready().await;
    println!("taken over after {:?}", began.elapsed());
    assert_eq!(world.get("/").await.text(), "other");
}

#[tokio::test]
async fn a_frozen_agent_is_noticed_within_ten_seconds() {
    let world = World::new().await;
    world.agent.process.signal(Signal::STOP);
    let took = answers(&world.visitor(), "/hello", 503).await;
    println!("noticed after {took:?}");
    assert!(took < Duration::from_secs(17), "{took:?}");
    world.agent.process.signal(Signal::CONT);
    answers(&world.visitor(), "/hello", 200).await;
}

#[tokio::test]
async fn a_frozen_gateway_is_noticed_by_the_agent_and_found_again() {
    let mut world = World::new().await;
    world.gateway.process.signal(Signal::STOP);
    let began = Instant::now();
    world.agent.event("disconnected").await;
    println!("noticed after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(15));
    world.gateway.process.signal(Signal::CONT);
    answers(&world.visitor(), "/hello", 200).await;
}

/// A way to the gateway. Connections that exist when its number is changed become black holes: both ends
/// stay open and nothing passes any more. Later ones are as good as new.
async fn black_hole(gateway: SocketAddr) -> (SocketAddr, watch::Sender<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let (hole, seen) = watch::channel(0);
    tokio::spawn(async move {
        while let Ok((mut here, _)) = listener.accept().await {
            let mut seen = seen.clone();
            let since = *seen.borrow_and_update();
            tokio::spawn(async move {
                let mut there = TcpStream::connect(gateway).await.expect("the gateway listens");
                let swallowed = async { seen.wait_for(|now| *now != since).await.is_ok() };
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut here, &mut there) => {}
                    _ = swallowed => std::future::pending::<()>().await,
                }
            });
        }
    });
    (address, hole)
}

#[tokio::test]
async fn after_a_black_hole_there_is_one_link_and_one_endpoint_and_the_tunnel_answers() {
    let gateway = Gateway::start().await;
    let token = gateway.token("alice", &[]).await;
    let service = LocalService::sample().await;
    let (address, hole) = black_hole(gateway.address).await;
    let (target, url) = (service.port().to_string(), format!("http://{address}"));
    let words = ["http", &target, "--gateway", &url, "--token", &token.token, "--name", "app", "--json"];
    let mut agent = porthole_testkit::Agent::start(&Home::new(), words);
    agent.ready().await;
    let visitor = gateway.visitor("app");
    assert_eq!(visitor.get("/hello").await.status, 200);
    for round in 1..=if long() { 3 } else { 1 } {
        let from = agent.process.line_count();
        let began = Instant::now();
        hole.send_replace(round);
        // Somebody is waiting when it happens, too.
        let waiting = tokio::spawn({
            let visitor = visitor.clone();
            async move { visitor.get("/hello").await.status }
        });
        agent.event_after(from, |event| event["event"] == "disconnected", "that the link is dead").await;
        let noticed = began.elapsed();
        answers(&visitor, "/hello", 200).await;
        let took = began.elapsed();
        println!("a black hole: noticed after {noticed:?}, answering after {took:?}");
        // Ten seconds of silence, counted from the last byte before; the rest is the machine's.
        assert!(!long() || noticed < Duration::from_secs(11), "{noticed:?}");
        assert!(!long() || took < noticed + Duration::from_secs(3), "{took:?}");
        assert!(matches!(within("the visitor's answer", waiting).await, Ok(200 | 503)), "ended, one way");
        let status = gateway.own().get("/api/v1/status").await.json();
        assert_eq!((&status["links"], &status["endpoints"]), (&1.into(), &1.into()), "{status}");
    }
}

#[tokio::test]
async fn ctrl_c_lets_requests_in_flight_finish_and_ends_with_0() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut world = World::new().await;
        let visitor = world.visitor();
        let slow = tokio::spawn(async move { visitor.get("/slow?1500").await });
        eventually("the request at the service", || world.service.seen().len() == 1).await;
        world.agent.process.signal(signal);
        let reply = within("the slow answer", slow).await.expect("no panic");
        assert_eq!((reply.status, reply.text().as_str()), (200, "slow, but there"));
        assert_eq!(world.agent.process.exit_code().await, Some(0));
    }
}

#[tokio::test]
async fn an_idle_agent_leaves_at_once_on_ctrl_c() {
    let mut world = World::new().await;
    let began = Instant::now();
    world.agent.process.signal(Signal::INT);
    assert_eq!(world.agent.process.exit_code().await, Some(0));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_second_ctrl_c_leaves_without_waiting() {
    let mut world = World::new().await;
    let visitor = world.visitor();
    let hanging = tokio::spawn(async move {
        let request = visitor.request("GET", "/hang").body(Empty::<Bytes>::new()).expect("a request");
        visitor.try_fetch(request).await.map(|reply| reply.status)
    });
    eventually("the request at the service", || world.service.seen().len() == 1).await;
    world.agent.process.signal(Signal::INT);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(world.agent.process.is_running(), "a request is still in flight");
    let began = Instant::now();
    world.agent.process.signal(Signal::INT);
    world.agent.process.exit_code().await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    hanging.abort();
}

#[tokio::test]
async fn sigterm_drains_the_gateway_without_losing_a_request() {
    let mut world = World::new().await;
    let visitor = world.visitor();
    let mut slow = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let visitor = visitor.clone();
        slow.spawn(async move { visitor.get("/slow?1500").await.status });
    }
    let request = visitor.request("GET", "/bytes?30000000").body(Empty::<Bytes>::new()).expect("a request");
    let download = visitor.send(request).await.expect("an answer").into_body();
    eventually("all at the service", || world.service.seen().len() == 101).await;
    world.gateway.process.signal(Signal::TERM);
    let began = Instant::now();
    while let Some(status) = within("the slow answers", slow.join_next()).await {
        assert_eq!(status.expect("no request is lost"), 200);
    }
    let whole = within("the download", download.collect()).await.expect("it goes on to its end").to_bytes();
    assert_eq!(whole.len(), 30_000_000);
    assert_eq!(world.gateway.process.exit_code().await, Some(0));
    println!("drained in {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(10), "out early when idle: {:?}", began.elapsed());
    assert!(world.agent.process.is_running());
    world.gateway.restart().await;
    answers(&world.visitor(), "/hello", 200).await;
}

#[tokio::test]
async fn readiness_is_false_while_draining_and_health_stays_true() {
    let mut world = World::builder().gateway(|gateway| gateway.args(["--grace", "5s"])).start().await;
    let visitor = world.visitor();
    let hanging = tokio::spawn(async move {
        let request = visitor.request("GET", "/hang").body(Empty::<Bytes>::new()).expect("a request");
        visitor.try_fetch(request).await.map(|reply| reply.status)
    });
    eventually("the request at the service", || world.service.seen().len() == 1).await;
    let own = world.gateway.own();
    assert_eq!(own.get("/health?ready").await.status, 200);
    world.gateway.process.signal(Signal::TERM);
    // A gateway that takes no connections is not ready either: that is what a load balancer sees.
    until("readiness to be false", || async {
        let request = own.request("GET", "/health?ready").body(Empty::<Bytes>::new()).expect("a request");
        match own.try_fetch(request).await {
            Ok(reply) => (reply.status == 503).then_some(()),
            Err(_) => Some(()),
        }
    })
    .await;
    assert!(world.gateway.process.is_running(), "a request is still in flight");
    let began = Instant::now();
    assert_eq!(world.gateway.process.exit_code().await, Some(0));
    assert!(began.elapsed() < Duration::from_secs(15), "the grace has an end: {:?}", began.elapsed());
    hanging.abort();
}

#[tokio::test]
async fn two_commands_of_one_data_folder_share_one_engine() {
    let mut world = World::new().await;
    let second_service = LocalService::canned(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond").await;
    let home = world.agent.home().clone();
    let mut second = world.start_agent(&home, &second_service.port().to_string(), &["--name", "second"]);
    second.ready().await;
    let visitor = world.gateway.visitor("second");
    assert_eq!(visitor.get("/").await.text(), "second");
    assert_eq!(world.get("/hello").await.status, 200);

    // The attached command ends: its mapping ends with it, the first stays.
    second.process.signal(Signal::INT);
    assert_eq!(second.process.exit_code().await, Some(0));
    answers(&visitor, "/", 503).await;
    assert_eq!(world.get("/hello").await.status, 200);

    // The engine itself is killed: an attached command takes over by itself.
    let mut third = world.start_agent(&home, &second_service.port().to_string(), &["--name", "second"]);
    third.ready().await;
    world.agent.process.kill9();
    answers(&visitor, "/", 200).await;
    assert!(third.process.is_running());
}

#[tokio::test]
async fn an_attached_command_sees_its_own_exchanges() {
    let world = World::new().await;
    let service = LocalService::sample().await;
    let home = world.agent.home().clone();
    let mut second = world.start_agent(&home, &service.port().to_string(), &["--name", "second"]);
    second.ready().await;
    world.gateway.visitor("second").get("/hello").await;
    let exchange = second.event("exchange").await;
    assert_eq!(
        (exchange["method"].as_str(), exchange["status"].as_u64()),
        (Some("GET"), Some(200)),
        "{exchange}"
    );
}

#[tokio::test]
async fn a_running_engine_with_another_gateway_is_named() {
    let world = World::new().await;
    let home = world.agent.home().clone();
    let other = "http://localhost:1";
    let outcome = home.run(&["http", "3000", "--gateway", other, "--token", "x", "--json"]).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(format!("{}{}", outcome.stdout, outcome.stderr).contains(&world.gateway.url()), "{outcome:?}");
}

#[tokio::test]
async fn a_second_up_on_the_data_folder_is_refused_with_a_sentence() {
    let world = World::new().await;
    let home = Home::new();
    let words =
        ["up", "--gateway", &world.gateway.url(), "--token", &world.token.token, "--json"].map(str::to_owned);
    let port = world.service.port().to_string();
    let added = home.run(&["mappings", "add", &port, "--name", "kept"]).await;
    assert_eq!(added.code, Some(0), "{added:?}");
    let mut first = porthole_testkit::Agent::start(&home, &words);
    first.ready().await;
    let second: Vec<&str> = words.iter().map(String::as_str).collect();
    let second = home.run(&second).await;
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(first.process.is_running());
    assert_eq!(world.gateway.visitor("kept").get("/hello").await.status, 200);
}

#[tokio::test]
async fn up_serves_every_enabled_mapping_and_follows_changes() {
    let world = World::new().await;
    let home = Home::new();
    let port = world.service.port().to_string();
    for name in ["one", "two", "three"] {
        let added = home.run(&["mappings", "add", &port, "--name", name]).await;
        assert_eq!(added.code, Some(0), "{added:?}");
    }
    let listed = home.run(&["mappings", "list", "--json"]).await;
    let lines: Vec<serde_json::Value> = json_values(&listed.stdout);
    let id = |name: &str| {
        let row =
            lines.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {listed:?}"));
        row["id"]
            .as_str()
            .map(str::to_owned)
            .or_else(|| row["id"].as_i64().map(|id| id.to_string()))
            .expect("an id")
    };
    let disabled = home.run(&["mappings", "disable", &id("two")]).await;
    assert_eq!(disabled.code, Some(0), "{disabled:?}");
    let words =
        ["up", "--gateway", &world.gateway.url(), "--token", &world.token.token, "--json"].map(str::to_owned);
    let _up = porthole_testkit::Agent::start(&home, &words);
    answers(&world.gateway.visitor("one"), "/hello", 200).await;
    answers(&world.gateway.visitor("three"), "/hello", 200).await;
    assert_eq!(world.gateway.visitor("two").get("/hello").await.status, 404);
    for (command, name, status) in [("enable", "two", 200), ("rm", "three", 503)] {
        let changed = home.run(&["mappings", command, &id(name)]).await;
        assert_eq!(changed.code, Some(0), "{changed:?}");
        answers(&world.gateway.visitor(name), "/hello", status).await;
    }
}

/// A JSON array, or one value a line.
fn json_values(text: &str) -> Vec<serde_json::Value> {
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Array(values)) => values,
        _ => text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
    }
}

#[tokio::test]
async fn a_saved_mapping_survives_kill_9() {
    let mut world = World::builder().agent_args(["--save"]).start().await;
    world.agent.process.kill9();
    let listed = world.agent.home().run(&["mappings", "list"]).await;
    assert!(listed.stdout.contains("app"), "{listed:?}");
}

#[tokio::test]
async fn the_name_of_a_target_is_remembered() {
    let world = World::new().await;
    let home = Home::new();
    let port = world.service.port().to_string();
    let mut urls = Vec::new();
    for _ in 0..2 {
        let mut agent = world.start_agent(&home, &port, &[]);
        urls.push(agent.ready().await);
        agent.process.signal(Signal::INT);
        agent.process.exit_code().await;
    }
    assert_eq!(urls[0], urls[1]);
}

#[tokio::test]
async fn no_wait_with_no_gateway_is_4_and_without_it_the_agent_keeps_trying() {
    let world = World::new().await;
    let address = world.gateway.url();
    let token = world.token.token.clone();
    let port = world.service.port().to_string();
    let World { mut gateway, service, .. } = world;
    gateway.process.kill9();
    let home = Home::new();
    let at_once =
        home.run(&["http", &port, "--gateway", &address, "--token", &token, "--no-wait", "--json"]).await;
    assert_eq!(at_once.code, Some(4), "{at_once:?}");
    let words = ["http", &port, "--gateway", &address, "--token", &token, "--name", "patient", "--json"];
    let mut patient = porthole_testkit::Agent::start(&home, words);
    patient.event("disconnected").await;
    gateway.restart().await;
    patient.ready().await;
    assert_eq!(gateway.visitor("patient").get("/hello").await.status, 200);
    drop(service);
}

#[tokio::test]
async fn the_trial_gateway_starts_by_itself_and_keeps_its_url() {
    let service = LocalService::sample().await;
    let home = Home::new();
    let mut urls = Vec::new();
    for _ in 0..2 {
        let began = Instant::now();
        let mut agent =
            porthole_testkit::Agent::start(&home, ["http", &service.port().to_string(), "--json"]);
        let url = agent.ready().await;
        println!("a public URL after {:?}", began.elapsed());
        let host = url.strip_prefix("http://").expect("a clear text URL").to_owned();
        let port: u16 = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
        let visitor = Visitor::new(([127, 0, 0, 1], port).into(), &host);
        assert_eq!(visitor.get("/hello").await.text(), "hello");
        agent.process.signal(Signal::INT);
        assert_eq!(agent.process.exit_code().await, Some(0));
        eventually("the trial gateway to end with its agent", || {
            std::net::TcpStream::connect(visitor.address).is_err()
        })
        .await;
        urls.push(url);
    }
    assert_eq!(urls[0], urls[1]);
}

#[tokio::test]
async fn the_trial_gateway_ends_when_its_agent_is_killed() {
    let service = LocalService::sample().await;
    let mut agent =
        porthole_testkit::Agent::start(&Home::new(), ["http", &service.port().to_string(), "--json"]);
    let url = agent.ready().await;
    let port: u16 = url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    agent.process.kill9();
    eventually("the trial gateway to end", || std::net::TcpStream::connect(("127.0.0.1", port)).is_err())
        .await;
}
