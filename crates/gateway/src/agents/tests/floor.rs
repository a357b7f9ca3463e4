//! What a gateway asks of all mappings.

use porthole_link::control::Floor;

use super::*;

const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA";

fn guarded(id: &str, number: u32) -> Mapping {
    let basic_auth = vec![BasicAuth { user: "ann".into(), hash: HASH.into() }];
    Mapping { policy: Policy { basic_auth, ..Policy::default() }, ..named(id, number, id) }
}

#[tokio::test]
async fn without_a_password_everywhere_a_mapping_is_not_served_where_one_is_required() {
    let floor = Floor { require_auth: true, ..Floor::default() };
    let world = World::with(|config| config.floor = floor);
    let mut public = guarded("public", 3);
    public.policy.public_paths = vec!["/hooks".into()];
    let raw = Mapping { protocol: MappingProtocol::Tcp, name: None, ..named("raw", 4, "raw") };
    let set = vec![named("open", 1, "open"), guarded("shut", 2), public, raw];
    let (_link, welcome, _messages) = world.joined("tcp", "a", 1, set).await;
    let required = codes::PASSWORD_REQUIRED;
    assert_eq!(welcome.results.iter().map(code).collect::<Vec<_>>(), [required, "ok", required, required]);
    let sentence = welcome.results[0].message.as_deref().expect("a sentence");
    assert!(sentence.contains("--basic-auth"), "{sentence}");
    assert_eq!(world.at("open.t.example", "/"), "unknown");
}

#[tokio::test]
async fn a_mapping_that_asks_for_nothing_stands_under_the_floor() {
    let floor = Floor { deny_ip: vec!["192.0.2.0/24".into()], ..Floor::default() };
    let world = World::with(|config| config.floor = floor);
    let (_link, welcome, _messages) = world.joined("alice", "a", 1, vec![named("m1", 1, "shop")]).await;
    assert_eq!(code(&welcome.results[0]), "ok");
    let fields = Fields::new();
    let routes = world.gateway.registry.routes();
    let request = RouteRequest { host: "shop.t.example", path: "/", query: None, fields: &fields };
    let Route::Endpoint { endpoint, .. } = routes.route(&request) else { panic!("it is live") };
    assert!(!endpoint.policy.admits([192, 0, 2, 1].into()) && endpoint.policy.admits([10, 0, 0, 1].into()));
}
