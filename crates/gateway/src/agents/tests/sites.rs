//! Where mappings are, told apart by how they went.

use std::time::Duration;

use porthole_link::control::ToGateway;

use super::{World, eventually, named};
use crate::agents::{Site, Sites};

fn hosts<'a>(sites: impl IntoIterator<Item = &'a Site>) -> Vec<String> {
    sites.into_iter().map(|site| format!("{}{}", site.host, site.path)).collect()
}

impl World {
    fn sites(&self) -> Sites {
        self.gateway.registry.sites()
    }

    async fn sites_are(&self, live: &[&str], away: &[&str]) {
        eventually(|| {
            let sites = self.sites();
            hosts(&sites.live) == live && hosts(&sites.away) == away
        })
        .await;
    }
}

#[tokio::test]
async fn a_mapping_that_is_lost_is_away_and_one_that_is_taken_away_is_nowhere() {
    let world = World::new();
    let path = porthole_link::Mapping { path: Some("/api".into()), ..named("m2", 2, "cart") };
    let (link, _, _messages) = world.joined("alice", "a", 1, vec![named("m1", 1, "shop"), path]).await;
    world.sites_are(&["cart.t.example/api", "shop.t.example"], &[]).await;
    // Taken out of the set.
    link.send_control(&ToGateway::Mappings { revision: 2, mappings: vec![named("m1", 1, "shop")] });
    world.sites_are(&["shop.t.example"], &[]).await;
    // Lost with the link, and back with the next.
    link.close();
    world.sites_are(&[], &["shop.t.example"]).await;
    let (link, _, _messages) = world.joined("alice", "a", 2, vec![named("m1", 1, "shop")]).await;
    world.sites_are(&["shop.t.example"], &[]).await;
    // The agent says that it leaves.
    link.drain(Duration::from_secs(1));
    link.idle().await;
    link.close();
    world.sites_are(&[], &[]).await;
}

#[tokio::test]
async fn each_change_is_told_once_the_routes_show_it() {
    let world = World::new();
    let mut changes = world.gateway.registry.changes();
    changes.mark_unchanged();
    let before = world.sites().generation;
    let (_link, _, _messages) = world.joined("alice", "a", 1, vec![named("m1", 1, "shop")]).await;
    let told = tokio::time::timeout(Duration::from_secs(10), changes.changed()).await;
    assert!(told.is_ok_and(|told| told.is_ok()));
    let shown = *changes.borrow();
    assert!(shown > before && shown <= world.sites().generation, "{shown} after {before}");
}
