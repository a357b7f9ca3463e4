//! Who gets in at the admin listener.

use std::os::unix::fs::PermissionsExt;

use porthole_testkit::{Admin, Gateway};

async fn gateway(admin_listen: &str) -> (Gateway, Admin) {
    let mut gateway = Gateway::builder().args(["--admin-listen", admin_listen]).start().await;
    let admin = Admin::of(&mut gateway).await;
    (gateway, admin)
}

#[tokio::test]
async fn beyond_this_computer_all_but_health_asks_for_the_key_that_was_made() {
    let (gateway, admin) = gateway("0.0.0.0:0").await;
    let file = gateway.home().join("gateway/admin-key");
    let mode = std::fs::metadata(&file).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(admin.look("/health").await.status, 200);
    assert_eq!(admin.look("/health?ready").await.status, 200);
    for path in ["/metrics", "/api/v1/status", "/nothing"] {
        let refused = admin.look(path).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (401, Some("unauthorized")), "{path}");
        assert_eq!(refused.field("content-type"), Some("application/problem+json"));
        assert_eq!(refused.field("www-authenticate"), Some("Bearer"));
        let wrong = admin.ask_with("no key that anybody made", "GET", path).await;
        assert_eq!(wrong.status, 401, "{path}");
    }
    assert_eq!(admin.ask("GET", "/metrics").await.status, 200);
    assert_eq!(admin.ask("GET", "/api/v1/status").await.json()["ready"], true);
    assert_eq!(admin.ask("GET", "/nothing").await.status, 404);
    assert_eq!(admin.ask("POST", "/metrics").await.status, 405);
    assert!(!gateway.process.printed().contains(&admin.key), "the key is never logged");
}

#[tokio::test]
async fn a_site_that_points_its_name_at_this_computer_reads_nothing() {
    let (_gateway, admin) = gateway("127.0.0.1:0").await;
    let port = admin.address.port();
    for host in [format!("evil.example:{port}"), "evil.example".into(), format!("192.0.2.1:{port}")] {
        for path in ["/metrics", "/api/v1/status"] {
            let reply = admin.under(&host).get(path).await;
            assert_eq!((reply.status, reply.json()["code"].as_str()), (421, Some("wrong-host")), "{host}");
        }
    }
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "localhost:1".into()] {
        assert_eq!(admin.under(&host).get("/metrics").await.status, 200, "{host}");
    }
    assert_eq!(admin.ask("GET", "/metrics").await.status, 200, "with the key under any name");
}

#[tokio::test]
async fn nothing_of_the_admin_listener_is_on_the_public_one() {
    let (gateway, admin) = gateway("127.0.0.1:0").await;
    let own = gateway.own();
    for path in ["/metrics", "/api/v1/links", "/api/v1/tokens", "/api/v1/drain", "/api/v1/openapi.json"] {
        let request = own.request("GET", path).header("authorization", format!("Bearer {}", admin.key));
        let reply = own.fetch(request.body(http_body_util::Empty::<bytes::Bytes>::new()).expect("one")).await;
        assert_eq!((reply.status, reply.error_code()), (404, Some("not-found")), "{path}");
    }
    let status = own.get("/api/v1/status").await.json();
    assert!(status.get("agents").is_none() && status.get("streams").is_none(), "{status}");
}

#[tokio::test]
async fn a_key_of_the_operators_own_is_asked_for_on_this_computer_too() {
    let builder = Gateway::builder();
    let file = builder.home().join("key");
    let key = "k".repeat(32);
    std::fs::write(&file, &key).expect("a file can be written");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).expect("a mode can be set");
    let arguments = ["--admin-listen", "127.0.0.1:0", "--admin-key-file"].map(std::ffi::OsString::from);
    let mut gateway = builder.args(arguments.into_iter().chain([file.clone().into()])).start().await;
    let address = gateway.process.line("the admin listener's address", |line| {
        line.split_once("admin pages address=")?.1.split_whitespace().next()?.parse().ok()
    });
    let admin = Admin { address: address.await, key };
    assert_eq!(admin.look("/metrics").await.status, 401);
    assert_eq!(admin.ask("GET", "/metrics").await.status, 200);
    assert!(!gateway.home().join("gateway/admin-key").exists(), "none was made");
    std::fs::write(&file, "k".repeat(31)).expect("a file can be written");
    let home = gateway.home().to_owned();
    let file = file.display().to_string();
    let words = ["serve", "--listen", "127.0.0.1:0", "--admin-key-file", &file];
    let short = porthole_testkit::gateway::run(&home, &words).await;
    assert_eq!(short.code, Some(2), "{short:?}");
}

#[tokio::test]
async fn a_crowd_that_says_nothing_does_not_keep_the_operator_out() {
    let (_gateway, admin) = gateway("127.0.0.1:0").await;
    let mut crowd = Vec::new();
    for _ in 0..64 {
        crowd.push(admin.under("localhost").raw().await);
    }
    // All places are taken; within the five seconds that a head may take they are free again.
    assert_eq!(admin.look("/health").await.status, 200);
    drop(crowd);
}
