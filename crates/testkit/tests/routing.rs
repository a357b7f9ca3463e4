//! Which mapping a visitor reaches: names, hosts, paths, conditions, `/pub/{id}/`, single host.

use bytes::Bytes;
use http_body_util::Empty;
use porthole_testkit::agent::Home;
use porthole_testkit::world::http_arguments;
use porthole_testkit::{Agent, Gateway, LocalService, Visitor, World};

/// A service that answers with its name and the target it was asked for.
async fn named(name: &'static str) -> LocalService {
    LocalService::http(move |request, _| async move {
        http::Response::new(porthole_testkit::service::body::full(format!("{name} {}", request.uri())))
    })
    .await
}

/// A gateway with a shared token, which may claim every host.
async fn gateway(more: &[&str]) -> (Gateway, porthole_testkit::gateway::Token) {
    let token = "a-shared-token-of-some-length".to_owned();
    let gateway = Gateway::builder().args(["--client-token", &token]).args(more).start().await;
    (gateway, porthole_testkit::gateway::Token { token, id: String::new(), link: None })
}

/// Starts a mapping of `service` and waits for it; returns the agent and the URL.
async fn serve(
    gateway: &Gateway,
    token: &porthole_testkit::gateway::Token,
    service: &LocalService,
    more: &[&str],
) -> (Agent, String) {
    let mut words = http_arguments(gateway, token, &service.port().to_string());
    words.extend(more.iter().map(Into::into));
    let mut agent = Agent::start(&Home::new(), words);
    let url = agent.ready().await;
    (agent, url)
}

#[tokio::test]
async fn several_agents_share_a_host_by_longest_path_prefix() {
    let (gateway, token) = gateway(&[]).await;
    let (root, node, deep) = (named("root").await, named("node").await, named("deep").await);
    let host = ["--host", "shop.example.com"];
    let (_a, url) = serve(&gateway, &token, &root, &host).await;
    assert!(url.contains("shop.example.com"), "{url}");
    let (_b, _) = serve(&gateway, &token, &node, &[&host[..], &["--path", "/node"]].concat()).await;
    let (_c, _) = serve(&gateway, &token, &deep, &[&host[..], &["--path", "/node/deep"]].concat()).await;
    let visitor = gateway.visitor_of_host("shop.example.com");
    for (path, expected) in [
        ("/", "root /"),
        ("/node", "node /node"),
        ("/node?x=/node/deep", "node /node?x=/node/deep"),
        ("/node/x", "node /node/x"),
        ("/nodes", "root /nodes"),
        ("/Node", "root /Node"),
        ("/node/deep", "deep /node/deep"),
        ("/node/deeper", "node /node/deeper"),
        ("/node/deep/x?y", "deep /node/deep/x?y"),
    ] {
        assert_eq!(visitor.get(path).await.text(), expected);
    }
    for path in
        ["/node/../x", "/x/../node", "//node", "/%6eode/..", "/node/%2e%2e/x", "/node%2fx", "/x/..%2fnode"]
    {
        let reply = visitor.get(path).await;
        assert!(reply.status == 400 || reply.text().starts_with("root"), "{path}: {reply:?}");
    }
    assert_eq!(visitor.get("/node/../x").await.error_code(), Some("ambiguous-path"));
}

#[tokio::test]
async fn a_prefix_is_kept_unless_stripping_was_asked_for() {
    let (gateway, token) = gateway(&[]).await;
    let service = LocalService::sample().await;
    let host = "shop.example.com";
    let more = ["--host", host, "--path", "/api", "--strip-prefix"];
    let (_agent, _) = serve(&gateway, &token, &service, &more).await;
    let visitor = gateway.visitor_of_host(host);
    assert_eq!(visitor.get("/api/hello").await.text(), "hello");
    let seen = service.last();
    assert_eq!((seen.target.as_str(), seen.field("x-forwarded-prefix")), ("/hello", Some("/api")));
    visitor.get("/api?x=1").await;
    assert_eq!(service.last().target, "/?x=1");
    let redirect = visitor.get("/api/redirect-path").await;
    assert_eq!(redirect.field("location"), Some("/api/hello"));
    assert!(redirect.field("set-cookie").is_some_and(|cookie| cookie.contains("Path=/api")), "{redirect:?}");
    assert_eq!(visitor.get("/other").await.status, 404);
}

#[tokio::test]
async fn a_named_prefix_on_the_gateways_own_host_is_stripped_and_rewritten_back() {
    let (gateway, token) = gateway(&[]).await;
    let service = LocalService::sample().await;
    // PipeGate's way of writing it: the path is part of the gateway's URL.
    let url = format!("ws://localhost:{}/node", gateway.port());
    let words = ["http", &service.port().to_string(), "--gateway", &url, "--token", &token.token, "--json"]
        .map(str::to_owned);
    let mut agent = Agent::start(&Home::new(), &words);
    let public = agent.ready().await;
    assert_eq!(public.trim_end_matches('/'), format!("http://localhost:{}/node", gateway.port()));
    let own = gateway.own();
    assert_eq!(own.get("/node/hello").await.text(), "hello");
    let seen = service.last();
    assert_eq!((seen.target.as_str(), seen.field("x-forwarded-prefix")), ("/hello", Some("/node")));
    let redirect = own.get("/node/redirect").await;
    assert_eq!(redirect.field("location"), Some(&*format!("http://localhost:{}/node/hello", gateway.port())));
    assert_eq!(own.get("/nodes").await.status, 404);
    assert_eq!(own.get("/health").await.status, 200);
}

#[tokio::test]
async fn every_mapping_is_reached_by_its_id_under_pub() {
    let mut world = World::new().await;
    let ready = world.agent.event("ready").await;
    let id = ready["mapping_id"].as_str().expect("an id").to_owned();
    let own = world.gateway.own();
    assert_eq!(own.get(&format!("/pub/{id}/hello")).await.text(), "hello");
    let seen = world.service.last();
    assert_eq!(
        (seen.target.as_str(), seen.field("x-forwarded-prefix")),
        ("/hello", Some(&*format!("/pub/{id}")))
    );
    let redirect = own.get(&format!("/pub/{id}/redirect-path")).await;
    assert_eq!(redirect.field("location"), Some(&*format!("/pub/{id}/hello")));
    let mut socket = own.websocket(&format!("/pub/{id}/ws")).await;
    socket.close(None).await.expect("a WebSocket under /pub works");
    assert_eq!(own.get("/pub/nobody/").await.status, 404);
}

#[tokio::test]
async fn single_host_serves_mappings_under_pub_only() {
    let token = "a-shared-token-of-some-length".to_owned();
    let gateway =
        Gateway::builder().public_url(None).args(["--single-host", "--client-token", &token]).start().await;
    let token = porthole_testkit::gateway::Token { token, id: String::new(), link: None };
    let service = LocalService::sample().await;
    let (_agent, url) = serve(&gateway, &token, &service, &["--name", "app"]).await;
    let base = format!("http://localhost:{}/pub/", gateway.port());
    let id = url.strip_prefix(&base).unwrap_or_else(|| panic!("{url} is not under {base}")).trim_matches('/');
    // Any host will do: Cloud Run invents one.
    let visitor = gateway.visitor_of_host("porthole-abc123.a.run.app");
    assert_eq!(visitor.get(&format!("/pub/{id}/hello")).await.text(), "hello");
    assert_eq!(gateway.visitor("app").get("/hello").await.status, 404);
}

#[tokio::test]
async fn a_wildcard_host_yields_to_a_more_specific_one() {
    let (gateway, token) = gateway(&[]).await;
    let (wild, exact) = (named("wild").await, named("exact").await);
    let (_a, _) = serve(&gateway, &token, &wild, &["--host", "*.example.com"]).await;
    let (_b, _) = serve(&gateway, &token, &exact, &["--host", "shop.example.com"]).await;
    assert_eq!(gateway.visitor_of_host("any.example.com").get("/").await.text(), "wild /");
    assert_eq!(gateway.visitor_of_host("SHOP.example.com.").get("/").await.text(), "exact /");
    assert_eq!(gateway.visitor_of_host("example.com").get("/").await.status, 404);
}

#[tokio::test]
async fn a_route_may_ask_for_a_header_a_query_or_a_cookie_value() {
    let (gateway, token) = gateway(&[]).await;
    let host = ["--host", "shop.example.com"];
    let services = [named("plain").await, named("header").await, named("query").await, named("cookie").await];
    let conditions = [
        &[][..],
        &["--match-header", "X-Beta=yes"],
        &["--match-query", "preview=1"],
        &["--match-cookie", "group=b"],
    ];
    let mut agents = Vec::new();
    for (service, condition) in services.iter().zip(conditions) {
        agents.push(serve(&gateway, &token, service, &[&host[..], condition].concat()).await);
    }
    let visitor = gateway.visitor_of_host("shop.example.com");
    let ask = async |path: &str, field: Option<(&str, &str)>| {
        let mut request = visitor.request("GET", path);
        if let Some((name, value)) = field {
            request = request.header(name, value);
        }
        let reply = visitor.fetch(request.body(Empty::<Bytes>::new()).expect("a request")).await;
        reply.text().split(' ').next().unwrap_or_default().to_owned()
    };
    assert_eq!(ask("/", None).await, "plain");
    assert_eq!(ask("/", Some(("x-beta", "yes"))).await, "header");
    assert_eq!(ask("/", Some(("x-beta", "no"))).await, "plain");
    assert_eq!(ask("/?preview=1", None).await, "query");
    assert_eq!(ask("/?preview=10", None).await, "plain");
    assert_eq!(ask("/", Some(("cookie", "a=1; group=b"))).await, "cookie");
}

#[tokio::test]
async fn two_mappings_of_one_agent_on_one_command_line_each_have_their_own_service() {
    let world = World::new().await;
    let (one, two) = (named("one").await, named("two").await);
    let home = Home::new();
    let mut a = world.start_agent(&home, &one.port().to_string(), &["--name", "one"]);
    a.ready().await;
    let mut b = world.start_agent(&home, &two.port().to_string(), &["--name", "two"]);
    b.ready().await;
    for _ in 0..10 {
        assert_eq!(world.gateway.visitor("one").get("/").await.text(), "one /");
        assert_eq!(world.gateway.visitor("two").get("/").await.text(), "two /");
    }
}

#[tokio::test]
async fn a_name_that_was_never_claimed_is_404() {
    let world = World::new().await;
    for host in ["nobody.localhost", "example.com", "app.example.com", "x.app.localhost"] {
        let reply = Visitor::new(world.gateway.address, host).get("/").await;
        assert_eq!(reply.status, 404, "{host}");
        assert!(reply.error_code().is_some());
    }
}

#[tokio::test]
async fn mappings_from_the_configuration_file_are_served_by_up() {
    let world = World::new().await;
    let home = Home::new();
    let config = format!(
        "gateway = \"{}\"\ntoken = \"{}\"\n\n[[mappings]]\nname = \"from-file\"\ntarget = \"{}\"\n",
        world.gateway.url(),
        world.token.token,
        world.service.port()
    );
    let file = home.path().join("config.toml");
    std::fs::write(&file, config).expect("a file can be written");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .expect("a mode can be set");
    let mut agent = Agent::start(&home, ["up", "--json"]);
    agent.ready().await;
    assert_eq!(world.gateway.visitor("from-file").get("/hello").await.text(), "hello");
    let listed = home.run(&["mappings", "list"]).await;
    assert!(listed.stdout.contains("from-file"), "{listed:?}");
}
