//! What an operator sees of links, mappings and tokens, and does about them.

use std::os::unix::fs::PermissionsExt as _;

use porthole_testkit::wait::{eventually, until};
use porthole_testkit::{Admin, World};
use serde_json::Value;

async fn world() -> (World, Admin) {
    let mut world =
        World::builder().gateway(|gateway| gateway.args(["--admin-listen", "127.0.0.1:0"])).start().await;
    let admin = Admin::of(&mut world.gateway).await;
    (world, admin)
}

/// The lines of an audit log so far.
fn audited(world: &World, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(world.gateway.home().join("gateway").join(file)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

async fn session(admin: &Admin) -> Option<String> {
    let links = admin.ask("GET", "/api/v1/links").await.json();
    links.get(0).and_then(|link| link["session"].as_str()).map(str::to_owned)
}

#[tokio::test]
async fn a_link_that_an_operator_ends_is_told_and_comes_back_as_another() {
    let (mut world, admin) = world().await;
    let links = admin.ask("GET", "/api/v1/links").await.json();
    let link = &links[0];
    assert_eq!((&link["subject"], &link["token"]), (&"tester".into(), &world.token.id.as_str().into()));
    let mappings = admin.ask("GET", "/api/v1/mappings").await.json();
    assert_eq!(mappings[0]["public_url"], world.public_url.as_str());
    assert_eq!(mappings[0]["session"], link["session"]);

    let first = session(&admin).await.expect("a link");
    let path = format!("/api/v1/links/{first}");
    let with = world.gateway.own();
    let keyless = admin.under("localhost").request("DELETE", &path);
    let keyless = keyless.body(http_body_util::Empty::<bytes::Bytes>::new()).expect("a request");
    assert_eq!(admin.under("localhost").fetch(keyless).await.status, 401);
    assert_eq!(with.get("/health").await.status, 200);
    assert_eq!(session(&admin).await.as_ref(), Some(&first), "nothing happened without the key");

    assert_eq!(admin.ask("DELETE", &path).await.status, 204);
    let told = |line: &str| line.contains("link-ended").then_some(());
    world.agent.process.line("why its link ended", told).await;
    let second = until("another link", || async { session(&admin).await.filter(|now| *now != first) }).await;
    until("the mapping to answer", || async { (world.get("/hello").await.status == 200).then_some(()) })
        .await;
    assert_eq!(admin.ask("DELETE", &path).await.status, 404, "it is over, and {second} goes on");
    let ended: Vec<Value> =
        audited(&world, "audit.jsonl").into_iter().filter(|line| line["event"] == "link-ended").collect();
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert_eq!((&ended[0]["session"], &ended[0]["by"]), (&first.as_str().into(), &"admin".into()));
    assert_eq!(ended[0]["address"], "127.0.0.1");
}

#[tokio::test]
async fn a_token_that_an_operator_revokes_ends_its_links_and_both_are_in_the_audit_log() {
    let (mut world, admin) = world().await;
    let tokens = admin.ask("GET", "/api/v1/tokens").await;
    assert_eq!(
        (&tokens.json()[0]["id"], &tokens.json()[0]["revoked"]),
        (&world.token.id.as_str().into(), &Value::Null)
    );
    assert!(!tokens.text().contains(&world.token.token));
    let path = format!("/api/v1/tokens/{}", world.token.id);
    let revoked = admin.ask("DELETE", &path).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text());
    assert!(revoked.json()["revoked"].is_string());
    assert_eq!(world.agent.process.exit_code().await, Some(3));
    assert_eq!(admin.ask("GET", "/api/v1/links").await.json(), serde_json::json!([]));
    assert_eq!(admin.ask("DELETE", "/api/v1/tokens/000000000000").await.status, 404);

    let lines = audited(&world, "audit.jsonl");
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!(events, ["token-created", "token-revoked"]);
    for line in &lines {
        assert_eq!((&line["token"], &line["subject"]), (&world.token.id.as_str().into(), &"tester".into()));
    }
    assert_eq!((&lines[0]["by"], &lines[1]["by"]), (&"command".into(), &"admin".into()));
}

#[tokio::test]
async fn what_agents_ask_for_is_audited_once_apart_and_without_secrets() {
    let (world, admin) = world().await;
    let service = porthole_testkit::LocalService::sample().await;
    let more = ["--name", "shut", "--basic-auth", "ann:canary-password"];
    let _other = world.another_agent(&service, &more).await;
    let sets = |world: &World| audited(world, "audit-agents.jsonl");
    eventually("both agents' sets", || sets(&world).len() == 2).await;
    let lines = sets(&world);
    let shut = &lines[1];
    assert_eq!((&shut["event"], &shut["by"]), (&"mappings-changed".into(), &"agent".into()));
    assert_eq!((&shut["subject"], &shut["count"]), (&"tester".into(), &1.into()));
    assert_eq!(shut["mappings"][0]["rules"], serde_json::json!(["basic_auth"]));
    let url = shut["mappings"][0]["public_url"].as_str().expect("a URL");
    assert!(url.contains("//shut.localhost"), "{url}");
    let text = std::fs::read_to_string(world.gateway.home().join("gateway/audit-agents.jsonl")).expect("it");
    assert!(!text.contains("argon2") && !text.contains("canary"), "{text}");
    for file in ["audit.jsonl", "audit-agents.jsonl"] {
        let path = world.gateway.home().join("gateway").join(file);
        assert_eq!(std::fs::metadata(path).expect("a log").permissions().mode() & 0o777, 0o600, "{file}");
    }
    // The same again is no change; another mapping is.
    let links = admin.ask("GET", "/api/v1/links").await.json();
    let before: Vec<&str> =
        links.as_array().expect("links").iter().filter_map(|link| link["session"].as_str()).collect();
    for session in &before {
        assert_eq!(admin.ask("DELETE", &format!("/api/v1/links/{session}")).await.status, 204);
    }
    until("both agents to be back", || async {
        let links = admin.ask("GET", "/api/v1/links").await.json();
        let fresh = |link: &Value| link["session"].as_str().is_some_and(|now| !before.contains(&now));
        let fresh = links.as_array().expect("links").iter().filter(|link| fresh(link)).count();
        (fresh == 2).then_some(())
    })
    .await;
    let _third = world.another_agent(&service, &["--name", "third"]).await;
    eventually("the new agent's set", || sets(&world).len() > 2).await;
    let lines = sets(&world);
    assert!(lines.len() == 3 && lines[2].to_string().contains("third"), "{lines:?}");
}

#[tokio::test]
async fn an_operator_who_asks_for_it_has_the_gateway_drain_and_leave() {
    let (mut world, admin) = world().await;
    assert_eq!(admin.ask("POST", "/api/v1/drain").await.status, 202);
    assert_eq!(world.gateway.process.exit_code().await, Some(0));
    let lines = audited(&world, "audit.jsonl");
    assert_eq!(lines.last().expect("a line")["event"], "drain-asked");
}

#[tokio::test]
async fn the_admin_api_describes_itself_and_answers_as_described() {
    let (_world, admin) = world().await;
    let described = admin.look("/api/v1/openapi.json").await.json();
    let paths = described["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), 7, "{:?}", paths.keys());
    for (path, operations) in paths {
        let path = path.replace("{session}", "none").replace("{id}", "none");
        for (method, operation) in operations.as_object().expect("operations") {
            if path == "/api/v1/drain" {
                continue;
            }
            let reply = admin.ask(&method.to_ascii_uppercase(), &path).await;
            let described = operation["responses"].get(reply.status.to_string());
            let problem = reply.field("content-type") == Some("application/problem+json");
            assert!(described.is_some() || problem, "{method} {path}: {} {}", reply.status, reply.text());
            assert_eq!(problem, reply.status >= 400, "{method} {path}");
        }
    }
}
