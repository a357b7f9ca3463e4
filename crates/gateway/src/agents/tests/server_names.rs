//! TCP mappings that are known by the host in a handshake.

use super::*;

const HOST: &str = "db.t.example";

fn by_host(host: &str) -> Mapping {
    let protocol = MappingProtocol::Tcp;
    Mapping { id: "db".into(), number: 1, protocol, host: Some(host.into()), ..Mapping::default() }
}

fn at_path(host: &str) -> Mapping {
    let (host, path) = (Some(host.into()), Some("/x".into()));
    Mapping { id: "m1".into(), number: 1, host, path, ..Mapping::default() }
}

impl World {
    fn passes(&self, host: &str) -> bool {
        self.gateway.registry.server_names().passed(host).is_some()
    }
}

#[tokio::test]
async fn it_is_known_by_its_host_alone_has_no_page_and_is_ordered_no_certificate() {
    let world = World::new();
    let (link, welcome, _messages) = world.joined("alice", "a", 1, vec![by_host("DB.t.example")]).await;
    assert_eq!(welcome.results[0].public_url.as_deref(), Some("tls://db.t.example:8080"));
    assert!(world.passes(HOST) && !world.passes("t.example"));
    assert_eq!(world.at(HOST, "/"), "unknown");
    assert!(world.gateway.registry.hosts().is_empty());
    link.close();
    world.until(HOST, "/", "away DB.t.example").await;
    assert!(world.gateway.registry.server_names().is_empty());
}

#[tokio::test]
async fn a_host_is_one_subjects_whole_or_not_at_all() {
    let world = World::new();
    let (_alice, welcome, _messages) = world.joined("alice", "a", 1, vec![by_host(HOST)]).await;
    assert_eq!(code(&welcome.results[0]), "ok");
    let (_bob, welcome, _messages) = world.joined("bob", "b", 1, vec![at_path(HOST)]).await;
    assert_eq!(code(&welcome.results[0]), codes::NAME_IN_USE, "a path of alice's host");

    let (_other, welcome, _messages) = world.joined("alice", "a2", 1, vec![at_path("cart.t.example")]).await;
    assert_eq!(code(&welcome.results[0]), "ok");
    let (_bob, welcome, _messages) = world.joined("bob", "b", 2, vec![by_host("cart.t.example")]).await;
    assert_eq!(code(&welcome.results[0]), codes::NAME_IN_USE, "alice has a path of it");
    assert!(!world.passes("cart.t.example"));
}

#[tokio::test]
async fn what_cannot_be_told_apart_is_refused_in_a_sentence() {
    let world = World::new();
    let both = Mapping { remote_port: Some(20_000), ..by_host(HOST) };
    let asks = Policy { max_body: Some(1), ..Policy::default() };
    let requests = Mapping { policy: asks, ..by_host(HOST) };
    for (mapping, wanted) in [
        (both, codes::MAPPING_INVALID),
        (requests, codes::MAPPING_INVALID),
        (by_host("*.t.example"), codes::NAME_INVALID),
        (by_host("192.0.2.1"), codes::NAME_INVALID),
        (by_host("t.example"), codes::NAME_NOT_ALLOWED),
        (by_host("elsewhere.example"), codes::NAME_NOT_ALLOWED),
    ] {
        let (_link, welcome, _messages) = world.joined("alice", "a", 1, vec![mapping.clone()]).await;
        assert_eq!(code(&welcome.results[0]), wanted, "{mapping:?}");
    }
    for change in [(|config: &mut Config| config.single_host = true) as fn(&mut Config), |config| {
        config.caddy_admin = "http://localhost:2019".parse().ok();
    }] {
        let world = World::with(change);
        let (_link, welcome, _messages) = world.joined("alice", "a", 1, vec![by_host(HOST)]).await;
        let sentence = welcome.results[0].message.as_deref().unwrap_or_default();
        assert!(sentence.contains("in front of this gateway"), "{sentence}");
    }
}
