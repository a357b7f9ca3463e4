//! Links on which nothing arrives any more, and nobody says so.

use std::time::{Duration, Instant};

use porthole_testkit::lab::{LabWorld, Sides};
use porthole_testkit::long;
use rustix::process::Signal;

use crate::at_once;

/// A dead link is found and replaced in this time.
const FOUND: Duration = Duration::from_secs(10);
/// What a busy machine may add to it in the long form.
const TOLERANCE: Duration = Duration::from_millis(500);
/// From the network's return to the tunnel's.
const BACK: Duration = Duration::from_secs(2);
/// Longer than a dead link takes to be found.
const OUTAGE: Duration = Duration::from_secs(13);
/// For whatever comes in the end.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn whatever_falls_silent_is_found_and_the_tunnel_is_back() {
    at_once(&[
        ("the link dead both ways", |name| Box::pin(dead_link(name, Sides::Both))),
        ("the link dead towards the gateway", |name| Box::pin(dead_link(name, Sides::Up))),
        ("the link dead towards the agent", |name| Box::pin(dead_link(name, Sides::Down))),
        ("the network away both ways", |name| Box::pin(dead_network(name, Sides::Both))),
        ("the network away towards the gateway", |name| Box::pin(dead_network(name, Sides::Up))),
        ("the network away towards the agent", |name| Box::pin(dead_network(name, Sides::Down))),
        ("the agent stopped", |name| Box::pin(stopped(name, true))),
        ("the gateway stopped", |name| Box::pin(stopped(name, false))),
    ]);
}

/// The connection that there is dies without a word; new ones work.
async fn dead_link(name: &str, sides: Sides) {
    let mut world = LabWorld::new().await;
    // Traffic right before: the silence begins at its longest.
    assert!(world.answers().await);
    let printed = world.agent.process.line_count();
    world.lab.line.forget_connections(sides);
    let began = Instant::now();
    world.agent.event_after(printed, |event| event["event"] == "disconnected", "disconnected").await;
    let found = began.elapsed();
    world.is_back(PATIENCE).await;
    let replaced = began.elapsed();
    println!("{name}: found after {found:?}, replaced after {replaced:?}");
    world.has_one_link().await;
    assert_eq!(world.visitor().get("/hello").await.text(), "hello");
    if long() {
        assert!(replaced < FOUND + TOLERANCE, "{name}: {replaced:?}");
    }
}

/// Nothing passes at all for longer than a link lives without a sign, then everything does.
async fn dead_network(name: &str, sides: Sides) {
    let world = LabWorld::new().await;
    assert!(world.answers().await);
    world.lab.line.silence(sides);
    tokio::time::sleep(OUTAGE).await;
    world.lab.line.heal();
    let began = Instant::now();
    world.is_back(PATIENCE).await;
    let back = began.elapsed();
    println!("{name} for {OUTAGE:?}: back after {back:?}");
    world.has_one_link().await;
    if long() {
        assert!(back < BACK + TOLERANCE, "{name}: {back:?}");
    }
}

/// One of the two programs stands still for longer than a link lives without a sign.
async fn stopped(name: &str, agent: bool) {
    let world = LabWorld::new().await;
    assert!(world.answers().await);
    let process = if agent { &world.agent.process } else { &world.gateway.process };
    process.signal(Signal::STOP);
    tokio::time::sleep(OUTAGE).await;
    process.signal(Signal::CONT);
    let began = Instant::now();
    world.is_back(PATIENCE).await;
    let back = began.elapsed();
    println!("{name} for {OUTAGE:?}: back after {back:?}");
    world.has_one_link().await;
    if long() {
        assert!(back < BACK + TOLERANCE, "{name}: {back:?}");
    }
}
