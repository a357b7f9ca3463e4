//! What agents are given, and when it is taken away.

mod floor;
mod limits;
mod policies;
mod server_names;
mod sites;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use porthole_http1::Fields;
use porthole_link::control::{
    BasicAuth, Hello, MappingProtocol, MappingResult, Policy, ToAgent, ToGateway, Welcome, codes,
};
use porthole_link::driver::LinkError;
use porthole_link::mux::Role;
use porthole_link::{Item, Link, Mapping, Socket, StreamKind, agent_handshake};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::config::{Config, PublicBase};
use crate::router::{Route, RouteRequest};
use crate::secret::{Secret, Secrets};
use crate::server::Gateway;
use crate::tokens::{Book, NewToken, create};

struct World {
    home: tempfile::TempDir,
    gateway: Arc<Gateway>,
    tokens: HashMap<String, (String, String)>,
}

type Joined = (Link, Welcome, mpsc::Receiver<ToAgent>);

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::fixed(Secret::new("0123456789abcdef0123456789abcdef"));
        let mut config = Config::in_folder(home.path(), secrets);
        config.public = PublicBase::parse("http://t.example:8080").ok();
        change(&mut config);
        let mut tokens = HashMap::new();
        for (subject, ports) in [("alice", None), ("bob", None), ("tcp", Some(free_ports()))] {
            let new = NewToken { name: subject.into(), tcp: ports, ..NewToken::default() };
            let made = create(&config.secrets, home.path(), &new, Timestamp::now()).expect("a token");
            tokens.insert(subject.to_owned(), made);
        }
        Self { home, gateway: Gateway::start(config).expect("starts"), tokens }
    }

    /// A socket whose other end the gateway has accepted.
    async fn socket(&self, subject: &str) -> Socket<tokio::io::DuplexStream> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let identity = self.gateway.tokens.verify(&self.tokens[subject].0, Timestamp::now()).expect("good");
        let theirs = porthole_link::socket(theirs, Vec::new(), Role::Gateway).await;
        let base = PublicBase::from_request("http", "gateway.internal:9000");
        self.gateway.links.spawn(accept_link(
            self.gateway.clone(),
            theirs,
            identity,
            [127, 0, 0, 1].into(),
            base,
        ));
        porthole_link::socket(ours, Vec::new(), Role::Agent).await
    }

    async fn join(
        &self,
        subject: &str,
        agent: &str,
        epoch: u64,
        mappings: Vec<Mapping>,
    ) -> Result<Joined, LinkError> {
        agent_handshake(self.socket(subject).await, hello(agent, epoch, mappings)).await
    }

    async fn joined(&self, subject: &str, agent: &str, epoch: u64, mappings: Vec<Mapping>) -> Joined {
        self.join(subject, agent, epoch, mappings).await.expect("accepted")
    }

    /// `agent:id`, or what else is there.
    fn at(&self, host: &str, path: &str) -> String {
        let fields = Fields::new();
        match self.gateway.registry.routes().route(&RouteRequest { host, path, query: None, fields: &fields })
        {
            Route::Endpoint { endpoint, .. } => format!("{}:{}", endpoint.agent_id, endpoint.mapping.id),
            Route::Away { name } => format!("away {name}"),
            Route::Unknown => "unknown".into(),
            Route::Own => "own".into(),
            Route::AmbiguousPath => "ambiguous".into(),
        }
    }

    async fn until(&self, host: &str, path: &str, wanted: &str) {
        eventually(|| self.at(host, path) == wanted).await;
    }
}

async fn eventually(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("the condition came true");
}

/// A range that holds at least one port nobody uses.
fn free_ports() -> crate::config::PortRange {
    let free =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    crate::config::PortRange { first: free, last: free.saturating_add(3) }
}

fn hello(agent: &str, epoch: u64, mappings: Vec<Mapping>) -> Hello {
    Hello {
        protocol: porthole_link::PROTOCOL,
        protocol_oldest: porthole_link::PROTOCOL_OLDEST,
        agent_version: "0.1.0".into(),
        agent_id: agent.into(),
        epoch,
        revision: 1,
        mappings,
    }
}

fn named(id: &str, number: u32, name: &str) -> Mapping {
    Mapping { id: id.into(), number, name: Some(name.into()), ..Mapping::default() }
}

fn code(result: &MappingResult) -> &str {
    result.code.as_deref().unwrap_or("ok")
}

async fn refusal(messages: &mut mpsc::Receiver<ToAgent>) -> String {
    loop {
        match tokio::time::timeout(Duration::from_secs(10), messages.recv()).await.expect("a message") {
            Some(ToAgent::Refused(refused)) => return refused.code,
            Some(_) => {}
            None => return "closed".into(),
        }
    }
}

#[tokio::test]
async fn a_mapping_is_routed_when_its_agent_is_welcome_and_away_when_it_left() {
    let world = World::new();
    let (link, welcome, _messages) = world.joined("alice", "a", 1, vec![named("m1", 1, "Shop")]).await;
    assert_eq!(welcome.results[0].public_url.as_deref(), Some("http://shop.t.example:8080"));
    assert_eq!(world.at("shop.t.example", "/"), "a:m1");
    assert_eq!(world.at("t.example", "/pub/m1/x"), "a:m1");
    link.close();
    world.until("shop.t.example", "/", "away Shop").await;
    assert_eq!(world.at("t.example", "/pub/m1/x"), "unknown");
    assert_eq!(world.gateway.registry.links(), 0);
}

#[tokio::test]
async fn a_newer_start_replaces_the_older_which_is_told_to_stop() {
    let world = World::new();
    let (_old, _, mut told) = world.joined("alice", "a", 1, vec![named("m1", 1, "shop")]).await;
    let (_new, welcome, _messages) = world.joined("alice", "a", 2, vec![named("m2", 1, "shop")]).await;
    assert_eq!(code(&welcome.results[0]), "ok");
    assert_eq!(world.at("shop.t.example", "/"), "a:m2");
    assert_eq!(refusal(&mut told).await, codes::REPLACED);
    let Err(LinkError::Refused(refused)) = world.join("alice", "a", 1, vec![]).await else {
        panic!("refused")
    };
    assert_eq!((refused.code.as_str(), refused.retry), (codes::REPLACED, false));
    eventually(|| world.gateway.registry.links() == 1).await;
    assert_eq!(world.at("shop.t.example", "/"), "a:m2");
}

#[tokio::test]
async fn the_same_start_coming_again_takes_its_names_without_a_word() {
    let world = World::new();
    let (_old, _, mut told) = world.joined("alice", "a", 1, vec![named("m1", 1, "shop")]).await;
    let (_new, welcome, _messages) = world.joined("alice", "a", 1, vec![named("m1", 1, "shop")]).await;
    assert_eq!(code(&welcome.results[0]), "ok");
    assert_eq!(refusal(&mut told).await, "closed");
    assert_eq!(world.at("shop.t.example", "/"), "a:m1");
}

#[tokio::test]
async fn a_mapping_that_could_split_a_line_is_refused_in_words_that_do_not() {
    let world = World::new();
    for cut in ["\r\n", "\n", "\r", "\0", "\u{7f}"] {
        let text = |start: &str| Some(format!("{start}{cut}X-Canary: 1"));
        let plain = || named("m1", 1, "shop");
        let users = |user: Option<String>, hash: &str| Policy {
            basic_auth: vec![BasicAuth { user: user.unwrap_or_default(), hash: hash.to_owned() }],
            ..Policy::default()
        };
        let hash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA";
        for mapping in [
            Mapping { name: text("shop"), ..plain() },
            Mapping { name: None, host: text("shop.example"), ..plain() },
            Mapping { path: text("/shop"), ..plain() },
            Mapping { policy: users(text("alice"), hash), ..plain() },
            Mapping { policy: users(Some("alice".into()), &text(hash).unwrap_or_default()), ..plain() },
            Mapping {
                policy: Policy { allow_ip: text("10.0.0.1").into_iter().collect(), ..Policy::default() },
                ..plain()
            },
        ] {
            let told = format!("{mapping:?}");
            let (_link, welcome, _messages) = world.joined("alice", "a", 1, vec![mapping]).await;
            let result = &welcome.results[0];
            assert_ne!(code(result), "ok", "{told}");
            let sentence = result.message.as_deref().expect("a sentence");
            assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
        }
        let odd_id = Mapping { id: text("m1").unwrap_or_default(), ..plain() };
        assert!(world.join("alice", "a", 1, vec![odd_id]).await.is_err(), "an id of that kind ends the link");
    }
}

#[tokio::test]
async fn a_name_in_use_is_refused_without_telling_whose_it_is() {
    let world = World::new();
    let (_alice, _, _m1) = world.joined("alice", "a", 1, vec![named("m1", 1, "shop")]).await;
    let (_second, welcome, _m2) = world.joined("alice", "b", 1, vec![named("m1", 1, "shop")]).await;
    assert_eq!(code(&welcome.results[0]), codes::NAME_IN_USE);
    let (_bob, welcome, _m3) =
        world.joined("bob", "x", 1, vec![named("m9", 1, "shop"), named("m8", 2, "cart")]).await;
    assert_eq!(code(&welcome.results[0]), codes::NAME_IN_USE);
    let sentence = welcome.results[0].message.as_deref().expect("a sentence");
    assert!(!sentence.contains("alice"), "{sentence}");
    assert_eq!(code(&welcome.results[1]), "ok");
    assert_eq!(world.at("shop.t.example", "/"), "a:m1");
}

#[tokio::test]
async fn a_second_agent_takes_over_from_one_that_no_longer_answers() {
    let world = World::new();
    // Says hello and then reads and writes nothing: a half-open connection.
    let mut silent = world.socket("alice").await;
    let text =
        serde_json::to_string(&ToGateway::Hello(hello("a", 1, vec![named("m1", 1, "shop")]))).expect("JSON");
    silent.send(Message::text(text)).await.expect("sent");
    assert!(silent.next().await.is_some(), "welcome");
    let (_second, welcome, _m2) = world.joined("alice", "b", 1, vec![named("m2", 1, "shop")]).await;
    assert_eq!(code(&welcome.results[0]), "ok");
    assert_eq!(world.at("shop.t.example", "/"), "b:m2");
    eventually(|| world.gateway.registry.links() == 1).await;
}

#[tokio::test]
async fn an_agent_that_leaves_hands_its_names_over_at_once() {
    let world = World::new();
    let (first, _, _m1) = world.joined("alice", "a", 1, vec![named("m1", 1, "shop")]).await;
    first.drain(Duration::from_secs(5));
    first.idle().await;
    eventually(|| world.gateway.registry.view().iter().any(|link| link.draining)).await;
    let (_second, welcome, _m2) = world.joined("alice", "b", 1, vec![named("m2", 1, "shop")]).await;
    assert_eq!(code(&welcome.results[0]), "ok");
    assert_eq!(world.at("shop.t.example", "/"), "b:m2");
}

#[tokio::test]
async fn a_new_revision_replaces_the_whole_set_and_is_acknowledged() {
    let world = World::new();
    let (link, _, mut messages) =
        world.joined("alice", "a", 1, vec![named("m1", 1, "shop"), named("m2", 2, "cart")]).await;
    let mappings = vec![named("m2", 2, "cart"), named("m3", 3, "blog"), named("m4", 4, "-bad")];
    assert!(link.send_control(&ToGateway::Mappings { revision: 2, mappings }));
    let Some(ToAgent::Mapped { revision: 2, results }) = messages.recv().await else {
        panic!("acknowledged")
    };
    assert_eq!(results.iter().map(code).collect::<Vec<_>>(), ["ok", "ok", codes::NAME_INVALID]);
    assert_eq!(world.at("shop.t.example", "/"), "away shop");
    assert_eq!(world.at("cart.t.example", "/"), "a:m2");
    assert_eq!(world.at("blog.t.example", "/"), "a:m3");
}

#[tokio::test]
async fn a_mapping_that_cannot_be_is_refused_with_a_code_and_the_others_live() {
    let world = World::new();
    let path = |id: &str, number, path: &str| Mapping {
        path: Some(path.into()),
        name: None,
        ..named(id, number, "x")
    };
    let mut bad_ip = named("m1", 1, "a");
    bad_ip.policy.allow_ip = vec!["nonsense".into()];
    let both = Mapping { host: Some("a.b.example".into()), ..named("m2", 2, "b") };
    let foreign = Mapping { name: None, host: Some("shop.example.com".into()), ..named("m3", 3, "c") };
    let tcp = Mapping { protocol: MappingProtocol::Tcp, name: None, ..named("m4", 4, "d") };
    let set = vec![
        bad_ip,
        both,
        foreign,
        tcp,
        path("m5", 5, "/health"),
        path("m6", 6, "node"),
        path("m7", 7, "/a/../b"),
        named("m8", 8, "good"),
        named("m9", 9, "good"),
        path("m10", 10, "/node/"),
        // A browser would ask for `/a%60b`, which is another prefix.
        path("m11", 11, "/a`b"),
    ];
    let (_link, welcome, _messages) = world.joined("alice", "a", 1, set).await;
    let got: Vec<&str> = welcome.results.iter().map(code).collect();
    assert_eq!(
        got,
        [
            codes::MAPPING_INVALID,
            codes::MAPPING_INVALID,
            codes::NAME_NOT_ALLOWED,
            codes::PORT_NOT_ALLOWED,
            codes::NAME_NOT_ALLOWED,
            codes::MAPPING_INVALID,
            codes::MAPPING_INVALID,
            "ok",
            codes::NAME_IN_USE,
            "ok",
            codes::MAPPING_INVALID,
        ]
    );
    assert!(welcome.results.iter().filter(|r| r.code.is_some()).all(|r| r.message.is_some()));
    assert_eq!(welcome.results[9].public_url.as_deref(), Some("http://t.example:8080/node"));
    assert_eq!(world.at("t.example", "/node/x"), "a:m10");
}

#[tokio::test]
async fn an_agent_may_have_1000_mappings_and_no_more() {
    let world = World::new();
    let set =
        |count: u32| (0..count).map(|n| named(&format!("m{n}"), n, &format!("n{n}"))).collect::<Vec<_>>();
    let Err(LinkError::Refused(refused)) = world.join("alice", "a", 1, set(1001)).await else {
        panic!("refused")
    };
    assert_eq!(refused.code, codes::LIMIT);
    let (_link, welcome, _messages) = world.joined("alice", "a", 1, set(1000)).await;
    assert!(welcome.results.iter().all(|result| result.public_url.is_some()));
}

#[tokio::test]
async fn a_revoked_token_ends_its_live_link() {
    let world = World::new();
    let (_link, _, mut messages) = world.joined("alice", "a", 1, vec![named("m1", 1, "shop")]).await;
    Book::new(world.home.path()).revoke(&world.tokens["alice"].1, Timestamp::now()).expect("revoked");
    assert_eq!(refusal(&mut messages).await, codes::TOKEN_REVOKED);
    world.until("shop.t.example", "/", "away shop").await;
}

#[tokio::test]
async fn an_expired_token_ends_its_live_link() {
    let mut world = World::new();
    let new = NewToken { name: "brief".into(), expires: Some(Duration::from_secs(2)), ..NewToken::default() };
    let made =
        create(&world.gateway.config.secrets, world.home.path(), &new, Timestamp::now()).expect("a token");
    world.tokens.insert("brief".into(), made);
    let (_link, _, mut messages) = world.joined("brief", "a", 1, vec![]).await;
    assert_eq!(refusal(&mut messages).await, codes::TOKEN_EXPIRED);
}

#[tokio::test]
async fn single_host_serves_everything_below_pub_and_reads_its_url_off_the_request() {
    let world = World::with(|config| {
        config.public = None;
        config.single_host = true;
    });
    let (_link, welcome, _messages) = world.joined("alice", "a", 1, vec![named("m1", 1, "shop")]).await;
    assert_eq!(welcome.results[0].public_url.as_deref(), Some("http://gateway.internal:9000/pub/m1/"));
    assert_eq!(world.at("whatever.example", "/pub/m1/x"), "a:m1");
    let (_bob, welcome, _messages) = world.joined("bob", "b", 1, vec![named("m1", 1, "cart")]).await;
    assert_eq!(code(&welcome.results[0]), codes::NAME_IN_USE);
}

#[tokio::test]
async fn claims_outlive_the_gateway() {
    let world = World::new();
    let (link, _, _messages) = world.joined("alice", "a", 1, vec![named("m1", 1, "shop")]).await;
    link.close();
    world.gateway.drain().await;
    let again = Gateway::start(world.gateway.config.clone()).expect("starts");
    let fields = Fields::new();
    let request = RouteRequest { host: "shop.t.example", path: "/", query: None, fields: &fields };
    assert!(matches!(again.registry.routes().route(&request), Route::Away { name: "shop" }));
}

#[tokio::test]
async fn what_an_agent_is_told_is_its_own_is_on_disk_by_then() {
    let world = World::new();
    let on_disk = || -> Vec<String> {
        let claims = store::load(world.home.path()).expect("readable");
        claims.into_iter().map(|(key, _)| key.to_string()).collect()
    };
    for round in 0..20 {
        let name = format!("first-{round}");
        let (link, _, mut messages) = world.joined("alice", "a", round, vec![named("m1", 1, &name)]).await;
        assert!(on_disk().contains(&format!("host:{name}.t.example")), "{name} in {:?}", on_disk());
        let name = format!("second-{round}");
        link.send_control(&ToGateway::Mappings { revision: 2, mappings: vec![named("m1", 1, &name)] });
        assert!(matches!(messages.recv().await, Some(ToAgent::Mapped { .. })));
        assert!(on_disk().contains(&format!("host:{name}.t.example")), "{name} in {:?}", on_disk());
    }
}

#[tokio::test]
async fn a_disk_that_takes_nothing_holds_no_agent_up() {
    let world = World::new();
    // A folder in the file's place: it cannot be replaced.
    std::fs::create_dir(world.home.path().join("claims.json")).expect("made");
    let begun = Instant::now();
    for round in 0..3 {
        let name = format!("name-{round}");
        let (_link, welcome, _messages) =
            world.joined("alice", "a", round, vec![named("m1", 1, &name)]).await;
        assert_eq!(code(&welcome.results[0]), "ok");
    }
    assert!(begun.elapsed() < KEEP_WAIT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_draining_gateway_tells_its_agents_and_closes_links_when_nothing_is_in_flight() {
    let world = World::new();
    let (link, _, mut messages) = world.joined("alice", "a", 1, vec![named("m1", 1, "shop")]).await;
    tokio::time::timeout(Duration::from_secs(5), world.gateway.drain()).await.expect("out early when idle");
    assert!(matches!(messages.recv().await, Some(ToAgent::Draining { .. })));
    link.closed().await;
}

fn tcp(id: &str, remote_port: Option<u16>) -> Mapping {
    Mapping { id: id.into(), number: 7, protocol: MappingProtocol::Tcp, remote_port, ..Mapping::default() }
}

fn port_of(welcome: &Welcome) -> u16 {
    let url = welcome.results[0].public_url.as_deref().expect("accepted");
    assert!(url.starts_with("tcp://t.example:"), "{url}");
    url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
}

#[tokio::test]
async fn a_tcp_mapping_carries_bytes_both_ways_with_each_half_closing_by_itself() {
    let world = World::new();
    let (link, welcome, _messages) = world.joined("tcp", "a", 1, vec![tcp("m1", None)]).await;
    let port = port_of(&welcome);
    let mut visitor = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    visitor.write_all(b"ping").await.expect("written");
    visitor.shutdown().await.expect("half closed");
    let incoming = link.accept().await.expect("a stream");
    assert_eq!((incoming.open.kind, incoming.open.mapping), (StreamKind::Tcp, 7));
    let (mut send, mut recv) = incoming.stream.split();
    let mut heard = incoming.data.to_vec();
    loop {
        match recv.recv().await.expect("data") {
            Item::Data(data) => heard.extend_from_slice(&data),
            Item::End(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(heard, b"ping");
    send.send(bytes::Bytes::from_static(b"pong after the end")).await.expect("sent");
    send.end(None).expect("ended");
    let mut answer = String::new();
    visitor.read_to_string(&mut answer).await.expect("read");
    assert_eq!(answer, "pong after the end");
}

#[tokio::test]
async fn a_tcp_mapping_keeps_its_port_and_stops_listening_while_its_agent_is_away() {
    let world = World::new();
    let (link, welcome, _messages) = world.joined("tcp", "a", 1, vec![tcp("m1", None)]).await;
    let port = port_of(&welcome);
    link.close();
    eventually(|| world.gateway.registry.links() == 0).await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    let (_link, welcome, _messages) = world.joined("tcp", "a", 2, vec![tcp("m0", None)]).await;
    assert_ne!(port_of(&welcome), port, "a port kept for another mapping is not given out unasked");
    let (_link, welcome, _messages) = world.joined("tcp", "a", 3, vec![tcp("m1", None)]).await;
    assert_eq!(port_of(&welcome), port);
    let (_again, welcome, _messages) = world.joined("tcp", "a", 4, vec![tcp("m1", Some(port))]).await;
    assert_eq!(port_of(&welcome), port);
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_ok());
}
