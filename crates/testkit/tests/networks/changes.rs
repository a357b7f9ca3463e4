//! A laptop that moves from one network to another, or loses its own for a while.

use std::time::{Duration, Instant};

use porthole_testkit::lab::{CAFE, HOME, LabWorld};
use porthole_testkit::long;

use crate::at_once;

/// From the network's return to the tunnel's.
const BACK: Duration = Duration::from_secs(2);
/// For whatever comes in the end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the laptop is without any network, where it is.
const AWAY: Duration = Duration::from_secs(3);

#[test]
fn the_tunnel_follows_a_laptop_from_network_to_network() {
    at_once(&[
        ("moved", |name| Box::pin(moved(name))),
        ("switched off and on", |name| Box::pin(switched(name))),
        ("left and joined again", |name| Box::pin(rejoined(name))),
    ]);
}

/// Into another network, at once and after a while without any.
async fn moved(name: &str) {
    let world = LabWorld::new().await;
    for (network, away) in [(CAFE, Duration::ZERO), (HOME, AWAY), (CAFE, Duration::ZERO)] {
        world.lab.leave();
        tokio::time::sleep(away).await;
        world.lab.join(network);
        back(&world, &format!("{name} to {network:?} after {away:?}")).await;
    }
}

/// The interface goes down and comes up.
async fn switched(name: &str) {
    let world = LabWorld::new().await;
    for away in [Duration::ZERO, AWAY] {
        world.lab.unplug();
        tokio::time::sleep(away).await;
        world.lab.plug_in();
        world.lab.route(HOME);
        back(&world, &format!("{name} after {away:?}")).await;
    }
}

/// The same network with the same address at once: the link lives on.
async fn rejoined(name: &str) {
    let world = LabWorld::new().await;
    world.lab.leave();
    world.lab.join(HOME);
    back(&world, name).await;
    let told = world.agent.events();
    assert!(!told.iter().any(|event| event["event"] == "disconnected"), "the link was given up: {told:?}");
}

async fn back(world: &LabWorld, what: &str) {
    let began = Instant::now();
    world.is_back(PATIENCE).await;
    let took = began.elapsed();
    println!("{what}: back after {took:?}");
    world.has_one_link().await;
    assert_eq!(world.visitor().get("/hello").await.text(), "hello");
    if long() {
        assert!(took < BACK, "{what}: {took:?}");
    }
}
