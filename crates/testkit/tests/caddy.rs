//! A real Caddy in front, which is told of routes through its admin API.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use porthole_testkit::agent::Home;
use porthole_testkit::front::{Front, free_address};
use porthole_testkit::wait::{until, within};
use porthole_testkit::{Agent, Gateway, LocalService, Reply, Visitor, has_program};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// The gateway's own host, and with it how our routes are named.
const OWN: &str = "localhost";

struct World {
    caddy: Front,
    gateway: Gateway,
    service: LocalService,
    token: String,
    /// Where Caddy takes visitors.
    door: SocketAddr,
}

impl World {
    /// A Caddy whose configuration has these servers, made of where visitors are to come in.
    async fn with(servers: impl Fn(SocketAddr) -> Value + Send + Sync + 'static) -> Option<Self> {
        if !has_program("caddy") {
            return None;
        }
        let door = free_address();
        let caddy = Front::caddy(move |admin| config(admin, servers(door))).await;
        let gateway = gateway(OWN, door, &format!("http://localhost:{}", caddy.address.port())).await;
        let token = gateway.token("behind", &["--hosts", "*,*.shop.example"]).await.token;
        Some(Self { caddy, gateway, service: LocalService::sample().await, token, door })
    }

    /// An agent that reaches the gateway past Caddy, without waiting.
    fn agent(&self, more: &[&str]) -> Agent {
        self.agent_at(&self.gateway.url(), more)
    }

    fn agent_at(&self, url: &str, more: &[&str]) -> Agent {
        let port = self.service.port().to_string();
        let mut words = vec!["http", &port, "--gateway", url, "--token", &self.token, "--json"];
        words.extend(more);
        Agent::start(&Home::new(), words)
    }

    fn visitor(&self, host: &str) -> Visitor {
        Visitor::new(self.door, &format!("{host}:{}", self.door.port()))
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        ask(self.caddy.address, method, path, body).await
    }

    /// The ids of our routes, wherever they stand.
    async fn routes(&self) -> Vec<String> {
        let config = until("Caddy to have a configuration", async || {
            serde_json::from_slice::<Value>(&self.ask("GET", "/config/", None).await.body).ok()
        })
        .await;
        let servers = config["apps"]["http"]["servers"].as_object().cloned().unwrap_or_default();
        let routes = servers.values().filter_map(|server| server["routes"].as_array()).flatten();
        let ids = routes.filter_map(|route| route["@id"].as_str());
        let mut ids: Vec<String> =
            ids.filter_map(|id| id.strip_prefix(&format!("porthole:{OWN}:"))).map(str::to_owned).collect();
        ids.sort();
        ids
    }

    async fn routes_are(&self, wanted: &[&str]) {
        until(format!("Caddy to have {wanted:?}"), async || (self.routes().await == wanted).then_some(()))
            .await;
    }

    async fn says(&self, state: &str) {
        says(&self.gateway, state).await;
    }
}

async fn says(gateway: &Gateway, state: &str) {
    until(format!("a Caddy that is {state}"), async || {
        let health = gateway.own().get("/health").await;
        assert_eq!(health.status, 200, "whatever Caddy does");
        (health.json()["caddy"] == state).then_some(())
    })
    .await;
}

fn config(admin: SocketAddr, servers: Value) -> Value {
    json!({ "admin": { "listen": admin.to_string() }, "apps": { "http": { "servers": servers } } })
}

async fn gateway(own: &str, door: SocketAddr, admin: &str) -> Gateway {
    Gateway::builder()
        .public_url(Some(&format!("http://{own}:{}", door.port())))
        .args(["--caddy-admin", admin, "--trusted-proxies", "127.0.0.1"])
        .start()
        .await
}

/// Caddy puts another admin endpoint in the place of the last at each change, and starts with none:
/// what is asked meanwhile is asked again.
async fn ask(admin: SocketAddr, method: &str, path: &str, body: Option<&Value>) -> Reply {
    let visitor = Visitor::new(admin, &admin.to_string());
    let body = bytes::Bytes::from(body.map(Value::to_string).unwrap_or_default());
    until(format!("an answer of Caddy's to {method} {path}"), async || {
        let request = visitor.request(method, path).header("content-type", "application/json");
        visitor.try_fetch(request.body(Full::new(body.clone())).expect("a request")).await.ok()
    })
    .await
}

fn no_servers(_: SocketAddr) -> Value {
    json!({})
}

/// A server where visitors come in, with a route of the operator's own.
fn by_hand(door: SocketAddr) -> Value {
    let route = json!({
        "@id": "by-hand",
        "match": [{ "host": ["hand.made.example"] }],
        "handle": [{ "handler": "static_response", "body": "made by hand" }],
        "terminal": true,
    });
    let listen = [format!("0.0.0.0:{}", door.port())];
    json!({ "srv0": { "listen": listen, "automatic_https": { "disable": true }, "routes": [route] } })
}

#[tokio::test]
async fn routes_come_and_go_with_mappings_on_a_server_that_is_made() {
    let Some(world) = World::with(no_servers).await else { return };
    let mut shop = world.agent(&["--name", "shop"]);
    // Ready is ready: the first request through Caddy is answered.
    assert_eq!(shop.ready().await, format!("http://shop.localhost:{}", world.door.port()));
    let reply = world.visitor("shop.localhost").get("/hello").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));
    let seen = world.service.last();
    assert_eq!(
        seen.field("x-forwarded-host"),
        Some(format!("shop.localhost:{}", world.door.port()).as_str())
    );
    assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1, 127.0.0.1"));
    assert_eq!(world.routes().await, ["localhost", "shop.localhost"]);
    assert_eq!(world.visitor(OWN).get("/health").await.status, 200);

    let mut part = world.agent(&["--host", "cart.shop.example", "--path", "/api"]);
    part.ready().await;
    assert_eq!(
        world.visitor("cart.shop.example").get("/api/hello").await.status,
        404,
        "the sample has no /api"
    );
    assert_eq!(world.service.last().target, "/api/hello");
    let routes = world.routes().await;
    assert_eq!(routes.len(), 3, "{routes:?}");
    assert!(routes[0].starts_with("cart.shop.example:"), "{routes:?}");
    // What is not ours is not led to us.
    let elsewhere = world.visitor("cart.shop.example").get("/other").await;
    assert_eq!((elsewhere.status, elsewhere.error_code()), (200, None));

    let mut socket = world.visitor("shop.localhost").websocket("/ws").await;
    socket.send(Message::text("through caddy")).await.expect("open");
    let echo = within("the echo", socket.next()).await.expect("open").expect("a message");
    assert_eq!(echo, Message::text("through caddy"));

    part.process.signal(rustix::process::Signal::INT);
    world.routes_are(&["localhost", "shop.localhost"]).await;
    // One that is lost, and not taken away, is answered for: the gateway says that it is away.
    shop.process.kill9();
    until("the mapping to be away", async || {
        let reply = world.visitor("shop.localhost").get("/hello").await;
        (reply.status == 503 && reply.error_code() == Some("agent-away")).then_some(())
    })
    .await;
    assert_eq!(world.routes().await, ["localhost", "shop.localhost"]);
}

#[tokio::test]
async fn what_was_made_by_hand_survives_a_kill_a_wipe_and_a_reload() {
    let Some(mut world) = World::with(by_hand).await else { return };
    let mut agent = world.agent(&["--name", "shop"]);
    agent.ready().await;
    let both_answer = async |world: &World| {
        until("both routes to answer", async || {
            let shop = world.visitor("shop.localhost").try_get("/hello").await;
            let hand = world.visitor("hand.made.example").try_get("/").await;
            let texts = (shop.ok()?.text(), hand.ok()?.text());
            (texts == ("hello".to_owned(), "made by hand".to_owned())).then_some(())
        })
        .await;
    };
    both_answer(&world).await;
    let servers = world.ask("GET", "/config/apps/http/servers", None).await.json();
    assert_eq!(servers.as_object().map(|servers| servers.len()), Some(1), "no other server: {servers}");
    assert_eq!(servers["srv0"]["routes"][0], by_hand(world.door)["srv0"]["routes"][0]);

    // It comes back with its file, which knows nothing of us.
    world.caddy.process.kill9();
    world.says("down").await;
    world.caddy.restart().await;
    world.routes_are(&["localhost", "shop.localhost"]).await;
    both_answer(&world).await;
    world.says("good").await;

    let admin = world.caddy.address;
    for servers in [json!({}), by_hand(world.door)] {
        let loaded = world.ask("POST", "/load", Some(&config(admin, servers))).await;
        assert_eq!(loaded.status, 200, "{}", loaded.text());
        world.routes_are(&["localhost", "shop.localhost"]).await;
    }
    both_answer(&world).await;

    agent.process.signal(rustix::process::Signal::INT);
    world.routes_are(&["localhost"]).await;
    let servers = world.ask("GET", "/config/apps/http/servers", None).await.json();
    assert_eq!(servers["srv0"]["routes"][0], by_hand(world.door)["srv0"]["routes"][0]);
}

#[tokio::test]
async fn a_caddy_that_is_down_stops_nothing_and_is_told_everything_when_it_is_back() {
    let Some(mut world) = World::with(no_servers).await else { return };
    world.caddy.process.kill9();
    world.says("down").await;
    let mut agent = world.agent(&["--name", "shop"]);
    agent.ready().await;
    let direct = world.gateway.visitor_of_host("shop.localhost");
    assert_eq!(direct.get("/hello").await.text(), "hello");
    assert_eq!(world.gateway.own().get("/health?ready").await.status, 200);
    world.caddy.restart().await;
    world.routes_are(&["localhost", "shop.localhost"]).await;
    world.says("good").await;
    assert_eq!(world.visitor("shop.localhost").get("/hello").await.text(), "hello");
}

#[tokio::test]
async fn a_caddy_that_refuses_is_told_of_in_the_log_and_stops_nothing() {
    let Some(world) = World::with(by_hand).await else { return };
    // Another program has what the gateway says is its public port: Caddy cannot listen there.
    let taken = std::net::TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = taken.local_addr().expect("an address");
    let admin = format!("http://{}", world.caddy.address);
    let mut gateway = gateway("other.localhost", port, &admin).await;
    let why = gateway.process.line("why", |line| line.contains("refused a change").then(|| line.to_owned()));
    assert!(why.await.contains("Caddy does not have its routes"));
    says(&gateway, "down").await;
    assert_eq!(world.visitor("hand.made.example").get("/").await.text(), "made by hand");
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_and_a_door_that_checks_origins_are_spoken_to_as_they_want_it() {
    if !has_program("caddy") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("admin.sock");
    let (door, at) = (free_address(), format!("unix/{}", socket.display()));
    let listen = at.clone();
    // The address that is waited for is then another server's.
    let _by_socket = Front::caddy(move |address| {
        let servers = json!({ "mine": { "listen": [address.to_string()] } });
        json!({ "admin": { "listen": listen }, "apps": { "http": { "servers": servers } } })
    })
    .await;
    let by_origin = Front::caddy(|admin| {
        json!({
            "admin": { "listen": admin.to_string(), "enforce_origin": true }
        })
    })
    .await;
    let other = free_address();
    for (door, admin) in [(door, at), (other, format!("http://{}", by_origin.address))] {
        let gateway = gateway(OWN, door, &admin).await;
        says(&gateway, "good").await;
        let own = Visitor::new(door, &format!("{OWN}:{}", door.port()));
        assert_eq!(own.get("/health").await.status, 200);
    }
}

#[tokio::test]
async fn an_agent_whose_link_goes_through_caddy_survives_what_its_own_mapping_changes() {
    let Some(world) = World::with(no_servers).await else { return };
    world.routes_are(&["localhost"]).await;
    // This Caddy breaks its WebSockets off at each change of a route.
    let mut agent = world.agent_at(&format!("http://localhost:{}", world.door.port()), &["--name", "shop"]);
    agent.ready().await;
    until("the mapping to answer", async || {
        let reply = world.visitor("shop.localhost").try_get("/hello").await.ok()?;
        (reply.text() == "hello").then_some(())
    })
    .await;
    assert_eq!(world.routes().await, ["localhost", "shop.localhost"]);
}
