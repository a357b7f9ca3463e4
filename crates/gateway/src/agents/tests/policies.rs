//! What a mapping's policy becomes at the gateway.

use porthole_link::control::{Cors, HeaderField, HeaderRules, KINDS, POLICIES, RateLimit};

use super::*;

const ONCE_AN_HOUR: RateLimit = RateLimit { requests: 1, seconds: 3600 };

fn limited(mapping: Mapping) -> Mapping {
    Mapping { policy: Policy { rate_limit: Some(ONCE_AN_HOUR), ..Policy::default() }, ..mapping }
}

impl World {
    /// Whether the policy at `host` lets one more request in.
    fn counts(&self, host: &str) -> bool {
        let fields = Fields::new();
        let request = RouteRequest { host, path: "/", query: None, fields: &fields };
        let routes = self.gateway.registry.routes();
        let Route::Endpoint { endpoint, .. } = routes.route(&request) else { panic!("nothing at {host}") };
        endpoint.policy.count([192, 0, 2, 1].into(), Instant::now()).is_ok()
    }
}

#[tokio::test]
async fn a_mapping_with_a_rule_that_the_gateway_does_not_know_is_refused_and_others_are_served() {
    let world = World::new();
    let newer = r#"{"id":"m1","number":1,"name":"shop","policy":{"only\non":["moon"]}}"#;
    let newer: Mapping = serde_json::from_str(newer).expect("a mapping of a newer agent");
    let (_link, welcome, _messages) =
        world.joined("alice", "a", 1, vec![newer, named("m2", 2, "cart")]).await;
    assert_eq!(code(&welcome.results[0]), codes::MAPPING_INVALID);
    let sentence = welcome.results[0].message.as_deref().expect("a sentence");
    assert!(sentence.contains("\"onlyon\"") && sentence.contains("update the gateway"), "{sentence}");
    assert_eq!(code(&welcome.results[1]), "ok");
    assert_eq!(world.at("shop.t.example", "/"), "unknown");
    assert_eq!(welcome.policies, [POLICIES, KINDS].concat());
}

#[tokio::test]
async fn a_limit_that_counts_nothing_or_forever_is_refused() {
    let world = World::new();
    for (requests, seconds) in [(0, 1), (1, 0), (u32::MAX, 1), (1, u32::MAX)] {
        let mut mapping = limited(named("m1", 1, "shop"));
        mapping.policy.visitor_rate_limit = Some(RateLimit { requests, seconds });
        let (_link, welcome, _messages) = world.joined("alice", "a", 1, vec![mapping]).await;
        assert_eq!(code(&welcome.results[0]), codes::MAPPING_INVALID, "{requests}/{seconds}");
    }
}

#[tokio::test]
async fn a_change_to_what_belongs_to_connections_or_would_split_a_head_is_refused() {
    let world = World::new();
    let field = |name: &str, value: &str| HeaderField { name: name.into(), value: value.into() };
    let set = |name, value| HeaderRules { set: vec![field(name, value)], ..HeaderRules::default() };
    for rules in [
        set("Content-Length", "5"),
        set("X-Forwarded-For", "::1"),
        set("X-Env", "a\r\nX-Canary: 1"),
        set("X-Env:", "a"),
        HeaderRules { remove: vec!["Host".into()], ..HeaderRules::default() },
        HeaderRules { add: vec![field("a", ""); HeaderRules::MAX_CHANGES + 1], ..HeaderRules::default() },
    ] {
        for of_requests in [true, false] {
            let mut mapping = named("m1", 1, "shop");
            let policy = &mut mapping.policy;
            let place = if of_requests { &mut policy.request_headers } else { &mut policy.response_headers };
            place.clone_from(&rules);
            let (_link, welcome, _messages) = world.joined("alice", "a", 1, vec![mapping]).await;
            assert_eq!(code(&welcome.results[0]), codes::MAPPING_INVALID, "{rules:?}");
            let sentence = welcome.results[0].message.as_deref().expect("a sentence");
            assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
        }
    }
}

#[tokio::test]
async fn any_origin_with_credentials_and_origins_that_no_browser_writes_are_refused() {
    let world = World::new();
    for (origin, credentials) in
        [("*", true), ("null", false), ("https://app.example/", false), ("https://a\r\nX-Canary: 1", false)]
    {
        let mut mapping = named("m1", 1, "shop");
        mapping.policy.cors = Some(Cors { origins: vec![origin.into()], credentials, ..Cors::default() });
        let (_link, welcome, _messages) = world.joined("alice", "a", 1, vec![mapping]).await;
        assert_eq!(code(&welcome.results[0]), codes::MAPPING_INVALID, "{origin:?}");
    }
}

#[tokio::test]
async fn what_was_counted_goes_on_when_the_agents_mappings_change_and_not_when_the_limit_does() {
    let world = World::new();
    let shop = limited(named("m1", 1, "shop"));
    let (link, _, mut messages) = world.joined("alice", "a", 1, vec![shop.clone()]).await;
    assert!(world.counts("shop.t.example"));
    let mut replace = async |revision, mappings| {
        link.send_control(&ToGateway::Mappings { revision, mappings });
        loop {
            match messages.recv().await.expect("the link holds") {
                ToAgent::Mapped { revision: answered, .. } if answered == revision => break,
                _ => {}
            }
        }
    };
    let moved = Mapping { number: 3, name: Some("store".into()), ..shop };
    replace(2, vec![moved.clone(), limited(named("m2", 2, "cart"))]).await;
    assert!(!world.counts("store.t.example"), "the same mapping under another name");
    assert!(world.counts("cart.t.example"), "another mapping");
    let mut other = moved;
    other.policy.rate_limit = Some(RateLimit { requests: 2, seconds: 3600 });
    replace(3, vec![other]).await;
    assert!(world.counts("store.t.example"), "another limit");
}

#[tokio::test]
async fn a_tcp_mapping_that_asks_something_of_requests_is_refused() {
    let world = World::new();
    let mut mapping = tcp("m1", None);
    mapping.policy.max_body = Some(1000);
    let (_link, welcome, _messages) = world.joined("tcp", "a", 1, vec![mapping]).await;
    assert_eq!(code(&welcome.results[0]), codes::MAPPING_INVALID);
}

#[tokio::test]
async fn tcp_connections_are_counted_and_one_too_many_is_reset() {
    let world = World::new();
    let (link, welcome, _messages) = world.joined("tcp", "a", 1, vec![limited(tcp("m1", None))]).await;
    let port = port_of(&welcome);
    let mut first = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    first.write_all(b"ping").await.expect("written");
    let incoming = link.accept().await.expect("a stream");
    assert_eq!(incoming.open.kind, StreamKind::Tcp);
    let mut second = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    let mut nothing = Vec::new();
    let read = second.read_to_end(&mut nothing).await;
    assert_eq!(read.map_err(|error| error.kind()), Err(io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn who_is_inside_stays_counted_when_the_agents_mappings_change() {
    let world = World::new();
    let mut shop = named("m1", 1, "shop");
    shop.policy.max_concurrent = Some(1);
    let (link, _, mut messages) = world.joined("alice", "a", 1, vec![shop.clone()]).await;
    let enter = || {
        let fields = Fields::new();
        let request = RouteRequest { host: "shop.t.example", path: "/", query: None, fields: &fields };
        match world.gateway.registry.routes().route(&request) {
            Route::Endpoint { endpoint, .. } => endpoint.policy.enter().map_err(|refusal| refusal.status),
            _ => panic!("nothing there"),
        }
    };
    let inside = enter().expect("a place");
    shop.policy.max_concurrent = Some(2);
    link.send_control(&ToGateway::Mappings { revision: 2, mappings: vec![shop] });
    while !matches!(messages.recv().await, Some(ToAgent::Mapped { revision: 2, .. })) {}
    let second = enter().expect("one more than before");
    assert_eq!(enter().map(|_| ()), Err(503));
    drop(inside);
    assert!(enter().is_ok());
    drop(second);
}

#[tokio::test]
async fn a_tcp_connection_too_many_is_reset_until_another_is_over() {
    let world = World::new();
    let mut mapping = tcp("m1", None);
    mapping.policy.max_concurrent = Some(1);
    let (link, welcome, _messages) = world.joined("tcp", "a", 1, vec![mapping]).await;
    let port = port_of(&welcome);
    let connect = async || {
        let mut visitor = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
        visitor.write_all(b"ping").await.map(|()| visitor)
    };
    let first = connect().await.expect("written");
    let carried = link.accept().await.expect("a stream");
    let mut second = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    let read = second.read_to_end(&mut Vec::new()).await;
    assert_eq!(read.map_err(|error| error.kind()), Err(io::ErrorKind::ConnectionReset));
    drop((first, carried));
    let again = async {
        loop {
            // Those that come too early are reset, at the latest when they are read.
            let Ok(visitor) = connect().await else { continue };
            tokio::select! {
                incoming = link.accept() => break incoming.is_some(),
                _ = visitor.readable() => {}
            }
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), again).await.expect("a place in time"));
}
