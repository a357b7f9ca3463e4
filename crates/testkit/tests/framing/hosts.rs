//! Which host a request is for: said once, understood once, used for routing, policy and the service alike.

use porthole_testkit::agent::Home;
use porthole_testkit::service::Received;
use porthole_testkit::wait::eventually;
use porthole_testkit::{Agent, Gateway, LocalService};

use super::{OK, Scene, assert_refused, values};

#[tokio::test]
async fn a_host_that_is_missing_repeated_or_invalid_is_refused_and_nothing_reaches_the_service() {
    let scene = Scene::new().await;
    let rows: &[(&str, &str)] = &[
        ("no host", "GET /canary HTTP/1.1\r\n\r\n"),
        ("the same host twice", "GET /canary HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n"),
        ("two hosts", "GET /canary HTTP/1.1\r\nHost: HOST\r\nhost: other.localhost\r\n\r\n"),
        ("two hosts on HTTP/1.0", "GET /canary HTTP/1.0\r\nHost: HOST\r\nHost: other.localhost\r\n\r\n"),
        ("an empty host", "GET /canary HTTP/1.1\r\nHost:\r\n\r\n"),
        ("a host and an empty one", "GET /canary HTTP/1.1\r\nHost: HOST\r\nHost:\r\n\r\n"),
        ("a list of hosts", "GET /canary HTTP/1.1\r\nHost: HOST, other.localhost\r\n\r\n"),
        ("two hosts in one", "GET /canary HTTP/1.1\r\nHost: HOST other.localhost\r\n\r\n"),
        ("a host with user information", "GET /canary HTTP/1.1\r\nHost: u:p@HOST\r\n\r\n"),
        ("a host with a path", "GET /canary HTTP/1.1\r\nHost: HOST/x\r\n\r\n"),
        ("a host with a query", "GET /canary HTTP/1.1\r\nHost: HOST?x\r\n\r\n"),
        ("a host with a fragment", "GET /canary HTTP/1.1\r\nHost: HOST#x\r\n\r\n"),
        ("a host with a backslash", "GET /canary HTTP/1.1\r\nHost: HOST\\x\r\n\r\n"),
        ("a URL as host", "GET /canary HTTP/1.1\r\nHost: http://HOST\r\n\r\n"),
        ("an escaped host", "GET /canary HTTP/1.1\r\nHost: app%2elocalhost\r\n\r\n"),
        ("a host beyond ASCII", "GET /canary HTTP/1.1\r\nHost: \u{e4}pp.localhost\r\n\r\n"),
        ("two colons", "GET /canary HTTP/1.1\r\nHost: app.localhost:80:80\r\n\r\n"),
        ("a port beyond 65535", "GET /canary HTTP/1.1\r\nHost: app.localhost:65536\r\n\r\n"),
        ("a port with a sign", "GET /canary HTTP/1.1\r\nHost: app.localhost:+80\r\n\r\n"),
        ("a port of letters", "GET /canary HTTP/1.1\r\nHost: app.localhost:http\r\n\r\n"),
        ("a port alone", "GET /canary HTTP/1.1\r\nHost: :80\r\n\r\n"),
        ("half a bracket", "GET /canary HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        ("a zone", "GET /canary HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n"),
        ("two dots at the end", "GET /canary HTTP/1.1\r\nHost: app.localhost..\r\n\r\n"),
        ("an empty label", "GET /canary HTTP/1.1\r\nHost: app..localhost\r\n\r\n"),
        ("an absolute target without a host field", "GET http://HOST/canary HTTP/1.1\r\n\r\n"),
        (
            "an absolute target with two",
            "GET http://HOST/canary HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n",
        ),
        ("an absolute target, invalid host", "GET http://HOST/canary HTTP/1.1\r\nHost: a b\r\n\r\n"),
        ("an invalid absolute target", "GET http://a%20b/canary HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        ("an absolute target of nobody", "GET http:///canary HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        ("an absolute target with a user", "GET http://u@HOST/canary HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        (
            "an absolute target, bad port",
            "GET http://app.localhost:99999/canary HTTP/1.1\r\nHost: HOST\r\n\r\n",
        ),
    ];
    for (what, attack) in rows {
        assert_refused(what, &scene.attack(attack).await, 400);
    }
    scene.nothing_arrived("hosts").await;
}

#[tokio::test]
async fn an_absolute_targets_authority_decides_route_policy_and_forwarded_host() {
    let scene = Scene::new().await;
    let (service, locked) = LocalService::recording(|_| OK.to_owned()).await;
    let more = ["--name", "locked", "--basic-auth", "u:p"];
    let _agent = scene.world.another_agent(&service, &more).await;
    let port = scene.world.gateway.port();

    let to_open =
        format!("GET http://APP.localhost:{port}/open?x HTTP/1.1\r\nHost: locked.localhost:{port}\r\n");
    let answer = scene.attack(format!("{to_open}Connection: close\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    let seen = scene.received.request("/open").expect("the request arrives");
    assert!(seen.starts_with("GET /open?x HTTP/1.1\r\n"), "{seen:?}");
    assert_eq!(values(&seen, "host"), [format!("APP.localhost:{port}")], "{seen:?}");
    assert_eq!(values(&seen, "x-forwarded-host"), [format!("APP.localhost:{port}")], "{seen:?}");
    assert!(!seen.contains("locked"), "{seen:?}");

    let to_locked =
        format!("GET http://locked.localhost:{port}/canary HTTP/1.1\r\nHost: {}\r\n", scene.host());
    let answer = scene.attack(format!("{to_locked}Connection: close\r\n\r\n")).await;
    assert_refused("the locked one", &answer, 401);
    let elsewhere = "GET http://nobody.localhost/canary HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n";
    assert_refused("nobody", &scene.attack(elsewhere).await, 404);
    scene.received.clear();
    scene.nothing_arrived("absolute targets").await;
    assert_eq!(locked.text(), "");
}

#[tokio::test]
async fn a_host_field_that_the_service_reads_is_the_one_that_was_decided_on() {
    let scene = Scene::new().await;
    // Names that some frameworks ask before, or instead of, Host.
    let request = "GET /names HTTP/1.1\r\nHost: HOST\r\nX-Forwarded-Host: evil\r\nX_Forwarded_Host: evil\r\n\
         X-Forwarded-Server: evil\r\nForwarded: host=evil\r\nX.Forwarded.Port: 1\r\nX-Forwarded-Port: 1\r\n\
         Connection: close\r\n\r\n";
    assert!(scene.attack(request).await.starts_with("HTTP/1.1 200 "));
    let seen = scene.received.request("/names").expect("the request arrives");
    assert!(!seen.contains("evil"), "{seen:?}");
    assert_eq!(values(&seen, "host"), [scene.host()], "{seen:?}");
    assert_eq!(values(&seen, "x-forwarded-host"), [scene.host()], "{seen:?}");
    assert_eq!(values(&seen, "x-forwarded-port"), [scene.world.gateway.port().to_string()], "{seen:?}");
}

/// Mappings of one agent: above the hundred at which other servers begin to look hosts up differently.
const MAPPINGS: usize = 101;

/// One agent with [`MAPPINGS`] names on one service, which sees each as its own `Host`. Every tenth asks for
/// a password. One name is punycode.
async fn crowded() -> (Gateway, Agent, Received, LocalService) {
    let gateway = Gateway::start().await;
    let token = gateway.token("tester", &[]).await;
    let (service, received) = LocalService::recording(|_| OK.to_owned()).await;
    let mut config = format!("gateway = \"{}\"\ntoken = \"{}\"\n", gateway.url(), token.token);
    for number in 0..MAPPINGS {
        let (name, port) = (name(number), service.port());
        let mapping =
            format!("[[mappings]]\nname = \"{name}\"\ntarget = \"{port}\"\nhost_header = \"to-{number}\"\n");
        config += &mapping;
        if is_locked(number) {
            config += "basic_auth = [\"u:p\"]\n";
        }
    }
    let home = Home::new();
    let file = home.path().join("config.toml");
    std::fs::write(&file, config).expect("a file can be written");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    let agent = Agent::start(&home, ["up", "--json"]);
    let ready = || agent.events().iter().filter(|event| event["event"] == "ready").count() >= MAPPINGS;
    eventually("every mapping", ready).await;
    (gateway, agent, received, service)
}

fn name(number: usize) -> String {
    if number == 50 { "xn--bcher-kva".to_owned() } else { format!("name-{number}") }
}

fn is_locked(number: usize) -> bool {
    number % 10 == 7
}

#[tokio::test]
async fn every_spelling_of_each_of_101_hosts_finds_its_own_mapping_and_policy() {
    let (gateway, _agent, received, _service) = crowded().await;
    let port = gateway.port();
    for number in 0..MAPPINGS {
        let name = name(number);
        let upper = name.to_ascii_uppercase();
        let spellings = [
            format!("{name}.localhost:{port}"),
            format!("{name}.localhost"),
            format!("{upper}.LocalHost:{port}"),
            format!("{name}.localhost.:{port}"),
            format!("{upper}.LOCALHOST."),
            format!("{name}.localhost:1"),
        ];
        let mut raw = gateway.visitor(&name).raw().await;
        for (index, host) in spellings.iter().enumerate() {
            let target = if index % 2 == 0 { "/".to_owned() } else { format!("http://{host}/") };
            raw.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
            let head = raw.head().await;
            let length = values(&head, "content-length").concat().parse().expect("a length");
            raw.bytes(length).await;
            let status = if is_locked(number) { "401" } else { "200" };
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {head:?}");
        }
        let requests = received.requests();
        let expected = if is_locked(number) { 0 } else { spellings.len() };
        assert_eq!(requests.len(), expected, "{name}");
        for request in &requests {
            assert_eq!(values(request, "host"), [format!("to-{number}")], "{name}: {request:?}");
        }
        received.clear();
    }
    for host in ["name-1000.localhost", "name-1.localhost.evil", "xn--bcher-kv.localhost", "name-.localhost"]
    {
        let reply = gateway.visitor_of_host(host).get("/").await;
        assert_eq!(reply.status, 404, "{host}");
    }
    assert_eq!(received.text(), "");
}
