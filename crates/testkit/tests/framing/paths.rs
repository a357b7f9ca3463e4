//! Paths: matched by raw segments, forwarded byte for byte, refused where a reader that normalises them
//! would go elsewhere.

use porthole_testkit::service::Received;
use porthole_testkit::{Agent, LocalService};

use super::{OK, Scene, assert_refused, values};

/// A host with a service at its root and another, behind a password, at `/admin`.
async fn two_services() -> (Scene, Agent, Received, LocalService) {
    let scene = Scene::new().await;
    let (service, admin) = LocalService::recording(|_| OK.to_owned()).await;
    let more = ["--name", "app", "--path", "/admin", "--basic-auth", "u:p"];
    let agent = start(&scene, &service, &more).await;
    (scene, agent, admin, service)
}

async fn start(scene: &Scene, service: &LocalService, more: &[&str]) -> Agent {
    scene.world.another_agent(service, more).await
}

fn request(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: HOST\r\n{more}Connection: close\r\n\r\n")
}

#[tokio::test]
async fn a_path_is_matched_by_raw_segments_or_refused_and_never_reaches_past_a_policy() {
    let (scene, _agent, admin, _service) = two_services().await;
    // Who has it without a password: the root's service (200), the locked one (401), nobody (400).
    let rows: &[(&str, u16)] = &[
        ("/", 200),
        ("/admin", 401),
        ("/admin/", 401),
        ("/admin/x", 401),
        ("/admin?x", 401),
        ("/admin/x/../y", 401),
        ("/admin/%2f", 401),
        ("/admin//x", 401),
        ("/admin/x;v=1", 401),
        ("/%2561dmin", 400),
        ("/a;/b/../;p/../../admin", 400),
        ("/administrator", 200),
        ("/admin.php", 200),
        ("/ADMIN", 200),
        ("/Admin/x", 200),
        ("/x/admin", 200),
        ("/x?/admin", 200),
        ("/x%20y", 200),
        ("/x;v=1/y", 200),
        ("/x//y", 200),
        ("//admin", 400),
        ("/./admin", 400),
        ("/x/../admin", 400),
        ("/x/..//admin/", 400),
        ("/../admin", 400),
        ("/%61dmin", 400),
        ("/admi%6e/x", 400),
        ("/admin%2fx", 400),
        ("/admin%2Fx", 400),
        ("/%2fadmin", 400),
        ("/x%2f..%2fadmin", 400),
        ("/x/%2e%2e/admin", 400),
        ("/x/%2E./admin", 400),
        ("/%2e/admin", 400),
        ("/x\\..\\admin", 400),
        ("/\\admin", 400),
        ("/x%5c..%5cadmin", 400),
        ("/admin/../x", 400),
        ("/admin/..", 400),
        ("/admin/%2e%2e/x", 400),
        ("/admin/..%2fx", 400),
        ("/admin/..\\x", 400),
        ("/admin;v=1", 400),
        ("/admin;v=1/x", 400),
        ("/;v=1/admin", 400),
        ("/admin/..;/x", 400),
        ("/admin/..;v=1/x", 400),
        ("/admin/%2e%2e;/x", 400),
        ("/admin/..%3b/x", 400),
        ("/x/..;/admin", 400),
        ("/x/.;/../admin", 400),
    ];
    for (path, status) in rows {
        let answer = scene.attack(request(path, "")).await;
        if *status == 200 {
            assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer:?}");
            let seen = scene.received.requests().pop().unwrap_or_default();
            assert!(seen.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{path}: {seen:?}");
        } else {
            assert_refused(path, &answer, *status);
            assert_eq!(scene.received.text(), "", "{path}");
        }
        scene.received.clear();
    }
    assert_eq!(admin.text(), "", "without a password nothing reaches the locked service");

    let password = "Authorization: Basic dTpw\r\n";
    for path in ["/admin", "/admin/%2f?a//../b", "/admin/x/../y", "/admin//x;v=1", "/admin/%C3%A4'|{}"] {
        assert!(scene.attack(request(path, password)).await.starts_with("HTTP/1.1 200 "), "{path}");
        let seen = admin.requests().pop().unwrap_or_default();
        assert!(seen.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{path}: {seen:?}");
    }
}

#[tokio::test]
async fn without_prefixes_every_path_arrives_byte_for_byte() {
    let scene = Scene::new().await;
    for path in [
        "/%2f%2F/%2e%2E/..//./x;p=1;q/\\y",
        "/../../etc/passwd",
        "//evil.example/x",
        "/a%00b%0d%0aSet-Cookie:%20x=y",
        "/%",
        "/%zz?%&=?",
        "/\u{e4}\u{1f600}",
    ] {
        assert!(scene.attack(request(path, "")).await.starts_with("HTTP/1.1 200 "), "{path}");
        let seen = scene.received.requests().pop().unwrap_or_default();
        assert!(seen.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{path}: {seen:?}");
    }
}

#[tokio::test]
async fn a_stripped_prefix_leaves_the_rest_as_it_was() {
    let scene = Scene::new().await;
    let (service, stripped) = LocalService::recording(|_| OK.to_owned()).await;
    let more = ["--name", "app", "--path", "/a/b", "--strip-prefix"];
    let _agent = start(&scene, &service, &more).await;
    for (path, arrives) in [
        ("/a/b", "/"),
        ("/a/b/", "/"),
        ("/a/b?q=/a/b", "/?q=/a/b"),
        ("/a/b/%2fx//y/./z;p?%0d", "/%2fx//y/./z;p?%0d"),
        ("/a/b/c/../d", "/c/../d"),
    ] {
        assert!(scene.attack(request(path, "")).await.starts_with("HTTP/1.1 200 "), "{path}");
        let seen = stripped.requests().pop().unwrap_or_default();
        assert!(seen.starts_with(&format!("GET {arrives} HTTP/1.1\r\n")), "{path}: {seen:?}");
        assert_eq!(values(&seen, "x-forwarded-prefix"), ["/a/b"], "{path}: {seen:?}");
    }
    for path in ["/a/b/../c", "/a/b/..;/c", "/a/%62/c", "/a//b/c", "/a/b%2fc", "/a;x/b"] {
        assert_refused(path, &scene.attack(request(path, "")).await, 400);
    }
    scene.nothing_arrived("paths that differ once normalised").await;
}

#[tokio::test]
async fn the_gateways_own_paths_are_reached_by_their_only_spelling() {
    let scene = Scene::new().await;
    let own = format!("localhost:{}", scene.world.gateway.port());
    let ready = scene.world.agent.events();
    let id = ready.iter().find_map(|event| event["mapping_id"].as_str()).expect("ready names the mapping");
    let rows = [
        ("/health".to_owned(), 200),
        ("/health/..;/x".to_owned(), 404),
        ("/HEALTH".to_owned(), 404),
        ("/x/../health".to_owned(), 404),
        (format!("/pub/{id}/here"), 200),
        (format!("/x/../pub/{id}/canary"), 400),
        (format!("/%70ub/{id}/canary"), 400),
        (format!("//pub/{id}/canary"), 400),
        (format!("/pub//{id}/canary"), 400),
        (format!("/pub/{id};x/canary"), 400),
        (format!("/pub/{id}/../../health"), 400),
        (format!("/pub/{id}/..;/..;/health"), 400),
        (format!("/PUB/{id}/canary"), 404),
    ];
    for (path, status) in rows {
        let answer = scene.attack(request(&path, "").replace("HOST", &own)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer:?}");
    }
    let text = scene.received.text();
    assert!(text.starts_with("GET /here HTTP/1.1\r\n") && !text.contains("canary"), "{text:?}");
}
