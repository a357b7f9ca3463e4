//! The operator's page, and the same in a terminal.

use porthole_testkit::wait::until;
use porthole_testkit::{Admin, World};
use serde_json::Value;

async fn world(admin_listen: &str) -> (World, Admin) {
    let mut world =
        World::builder().gateway(|gateway| gateway.args(["--admin-listen", admin_listen])).start().await;
    let admin = Admin::of(&mut world.gateway).await;
    (world, admin)
}

#[tokio::test]
async fn the_page_tells_nothing_itself_and_may_ask_this_listener_alone() {
    let (world, admin) = world("0.0.0.0:0").await;
    let page = admin.look("/").await;
    assert_eq!((page.status, page.field("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.field("content-security-policy").expect("a policy");
    for part in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "form-action 'none'"] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for secret in ["tester", "app", admin.key.as_str(), world.token.id.as_str()] {
        assert!(!page.text().contains(&format!("\"{secret}\"")), "{secret}");
    }
    // What it shows is asked for with the key.
    assert_eq!(admin.look("/api/v1/status").await.status, 401);
    assert_eq!(world.gateway.own().get("/").await.status, 404, "not on the public listener");
    let other = admin.ask("GET", "/api/v1/status").await;
    let policy = other.field("content-security-policy");
    assert_eq!(policy, Some("default-src 'none'; frame-ancestors 'none'"), "nothing else may run anything");
}

#[tokio::test]
async fn the_status_counts_what_passed_as_the_metrics_do() {
    let (world, admin) = world("127.0.0.1:0").await;
    for _ in 0..3 {
        assert_eq!(world.get("/hello").await.status, 200);
    }
    assert_eq!(world.gateway.visitor("nobody").get("/").await.status, 404);
    let traffic = until("all to be counted", || async {
        let traffic = admin.look("/api/v1/status").await.json()["traffic"].take();
        (traffic["latency"]["counts"][15] == 3).then_some(traffic)
    })
    .await;
    assert_eq!((&traffic["answers"]["2xx"], &traffic["answers"]["4xx"]), (&3.into(), &1.into()), "{traffic}");
    assert_eq!(traffic["refusals"], serde_json::json!({ "unknown-host": 1 }));
    assert_eq!(traffic["latency"]["up_to_seconds"].as_array().map(Vec::len), Some(15));
    assert!(traffic["sent_bytes"].as_u64() > Some(0), "{traffic}");
    assert_eq!(traffic["access_log_lost"], Value::Null);
}

#[tokio::test]
async fn top_shows_links_mappings_and_refusals_once_or_as_json() {
    let (world, admin) = world("127.0.0.1:0").await;
    assert_eq!(world.gateway.visitor("nobody").get("/").await.status, 404);
    let at = format!("http://{}", admin.address);
    let once = world.gateway.run(&["top", "--admin", &at, "--once"]).await;
    assert_eq!(once.code, Some(0), "{once:?}");
    for part in [": ready, up ", "1 links, 1 mappings", "unknown-host 1", "tester", &world.public_url] {
        assert!(once.stdout.contains(part), "{part}: {}", once.stdout);
    }
    assert!(!once.stdout.contains('\u{1b}'), "plain text where nobody's terminal is");
    let json = world.gateway.run(&["top", "--admin", &at, "--once", "--json"]).await;
    let json: Value = serde_json::from_str(json.stdout.trim()).expect("one line of JSON");
    assert_eq!((&json["links"], &json["agents"][0]["subject"]), (&1.into(), &"tester".into()));
}

#[tokio::test]
async fn top_says_in_a_sentence_what_it_needs() {
    let (world, admin) = world("0.0.0.0:0").await;
    let at = format!("http://{}", admin.address);
    let keyless = world.gateway.run(&["top", "--admin", &at, "--once"]).await;
    assert!(keyless.code == Some(2) && keyless.stderr.contains("--key-file"), "{keyless:?}");
    let file = world.gateway.home().join("gateway/admin-key");
    let file = file.to_str().expect("a path");
    let with_key = world.gateway.run(&["top", "--admin", &at, "--key-file", file, "--once"]).await;
    assert_eq!(with_key.code, Some(0), "{with_key:?}");
    assert!(!format!("{with_key:?}").contains(&admin.key));
    let nobody = porthole_testkit::front::free_address();
    let nobody = world.gateway.run(&["top", "--admin", &format!("http://{nobody}"), "--once"]).await;
    assert!(nobody.code == Some(1) && nobody.stderr.contains("--admin-listen"), "{nobody:?}");
    let wrong = world.gateway.run(&["top", "--admin", "gate:9090", "--once"]).await;
    assert!(wrong.code == Some(2) && wrong.stderr.contains("--admin"), "{wrong:?}");
}
