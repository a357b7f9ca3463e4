//! Paths that the service sees as others.

use porthole_testkit::agent::Home;
use porthole_testkit::exchanges::{ended, shown};
use porthole_testkit::{LocalService, Visitor, World};

use super::{ask, ask_http2};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

const VERSIONS: [&str; 4] = ["--rewrite-path", "/v1=/api/2024", "--rewrite-path", "/v2=/"];

#[tokio::test]
async fn versions_of_a_path_lead_to_different_paths_of_one_service() {
    let (service, received) = LocalService::recording(|_| OK.to_owned()).await;
    let world = World::builder().service(service).agent_args(VERSIONS).start().await;
    for (asked, seen) in [
        ("/v1/orders?page=/v1", "/api/2024/orders?page=/v1"),
        ("/v1", "/api/2024"),
        ("/v1/%7Ea%20b;v=1/?q=%2F", "/api/2024/%7Ea%20b;v=1/?q=%2F"),
        ("/v2/orders", "/orders"),
        ("/v2?q", "/?q"),
        ("/v10/x", "/v10/x"),
        ("/other/v1", "/other/v1"),
    ] {
        for reply in [ask(&world, asked, &[]).await, ask_http2(&world, "GET", asked, &[]).await] {
            assert_eq!(reply.status, 200, "{asked}");
            let line = format!("GET {seen} HTTP/1.1");
            assert!(received.request(&line).is_some(), "{asked} became {:?}", received.text());
        }
        received.clear();
    }
    let kept = ended(world.agent.home(), "/api/2024").await;
    assert!(shown(world.agent.home(), &kept["id"]).await["request"].is_object());
}

#[tokio::test]
async fn a_path_that_would_leave_where_it_is_rewritten_to_reaches_nobody() {
    let (service, received) = LocalService::recording(|_| OK.to_owned()).await;
    let world = World::builder().service(service).agent_args(VERSIONS).start().await;
    for path in [
        "/v1/../v2/x",
        "/v1/../v1/x",
        "/v1/%2e%2e/v1",
        "/v1/..;/v1/x",
        "/x/../v1/y",
        "/%761/x",
        "//v1/x",
        "/v2//evil.example/x",
    ] {
        let reply = ask(&world, path, &[]).await;
        assert_eq!((reply.status, reply.error_code()), (400, Some("ambiguous-path")), "{path}");
    }
    assert_eq!(received.requests().len(), 0);
    assert_eq!(ask(&world, "/v1/a/../b", &[]).await.status, 200, "it stays inside");
}

#[tokio::test]
async fn rules_by_path_are_about_the_path_that_came() {
    let (service, received) = LocalService::recording(|_| OK.to_owned()).await;
    let rules =
        ["--basic-auth", "u:p", "--public-path", "/v1", "--private-path", "/api", "--answer", "/v1/gone=410"];
    let world = World::builder().service(service).agent_args(VERSIONS).agent_args(rules).start().await;
    for (path, status) in
        [("/v1/x", 200), ("/v1/gone", 410), ("/api/2024/x", 404), ("/v2/x", 401), ("/x", 401)]
    {
        assert_eq!(ask(&world, path, &[]).await.status, status, "{path}");
    }
    assert_eq!(received.requests().len(), 1);
}

/// A mapping is reached under its path and under its id; a prefix that is taken off goes before anything else.
#[tokio::test]
async fn a_stripped_prefix_is_gone_before_paths_are_rewritten() {
    let (service, received) = LocalService::recording(|_| OK.to_owned()).await;
    let path = ["--name", "app", "--path", "/shop", "--strip-prefix"];
    let world = World::builder().service(service).agent_args(path).agent_args(VERSIONS).start().await;
    let ready = world.agent.events();
    let id = ready.iter().find_map(|event| event["mapping_id"].as_str()).expect("ready names it").to_owned();
    let own = Visitor::new(world.gateway.address, &format!("localhost:{}", world.gateway.port()));
    for (visitor, prefix) in [(world.visitor(), "/shop".to_owned()), (own, format!("/pub/{id}"))] {
        assert_eq!(visitor.get(&format!("{prefix}/v1/x?y")).await.status, 200, "{prefix}");
        let seen = received.request("GET /api/2024/x?y HTTP/1.1").expect("the request arrives");
        assert!(seen.to_ascii_lowercase().contains(&format!("x-forwarded-prefix: {prefix}\r\n")), "{seen:?}");
        received.clear();
    }
}

#[tokio::test]
async fn a_rewriting_that_cannot_be_is_refused_with_2() {
    let home = Home::new();
    for (value, said) in [
        ("/v1", "“/v1”"),
        ("v1=/x", "“v1”"),
        ("/v1=/a/../b", "“/a/../b”"),
        ("/v1=https://a.example", "“https://a.example”"),
    ] {
        let outcome = home.run(&["http", "3000", "--rewrite-path", value]).await;
        assert_eq!(outcome.code, Some(2), "{value}: {outcome:?}");
        assert!(outcome.stderr.contains(said), "{value}: {outcome:?}");
    }
    let twice = home.run(&["http", "3000", "--rewrite-path", "/a=/b", "--rewrite-path", "/a=/c"]).await;
    assert_eq!((twice.code, twice.stderr.contains("leads to two others")), (Some(2), true), "{twice:?}");
    let tcp = home.run(&["mappings", "add", "tcp://db:1", "--rewrite-path", "/a=/b"]).await;
    assert_eq!((tcp.code, tcp.stderr.contains("HTTP only")), (Some(2), true), "{tcp:?}");
}
