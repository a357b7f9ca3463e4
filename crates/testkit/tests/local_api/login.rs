//! Signing in with user and password.

use std::os::unix::fs::PermissionsExt;

use porthole_testkit::agent::Home;
use porthole_testkit::{LocalPage, World};
use serde_json::json;

const PASSWORD: &str = "correct horse battery staple";

/// A page that asks for a password.
async fn guarded() -> (World, LocalPage, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    std::fs::write(&file, PASSWORD).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let file = file.to_str().expect("a path").to_owned();
    let arguments = ["--listen", "127.0.0.1:0", "--ui-user", "me", "--ui-password-file", &file];
    let mut world = World::builder().agent_args(arguments.map(str::to_owned)).start().await;
    let page = LocalPage::of(&mut world.agent).await;
    (world, page, folder)
}

#[tokio::test]
async fn with_a_login_the_page_gives_a_session_only_for_the_right_password() {
    let (_world, program, _folder) = guarded().await;
    let mut page = program.stranger();
    assert_eq!(program.read("/status").await["state"], "connected", "the key opens all the same");
    let opened = page.get("/").await;
    assert_eq!((opened.status, opened.field("set-cookie")), (200, None));
    let session = page.read("/session").await;
    assert_eq!(session, json!({"login_required": true, "signed_in": false, "user": null}));
    assert_eq!(page.get("/api/v1/status").await.status, 401);
    for (user, password) in [("me", "wrong"), ("you", PASSWORD)] {
        let wrong = page.call("POST", "/login", &json!({"user": user, "password": password})).await;
        assert_eq!((wrong.status, &wrong.json()["code"]), (401, &"wrong-login".into()));
        assert_eq!(wrong.field("set-cookie"), None);
    }
    let right = page.call("POST", "/login", &json!({"user": "me", "password": PASSWORD})).await;
    assert_eq!(right.status, 204, "{}", right.text());
    let cookie = right.field("set-cookie").expect("a session").to_owned();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    page.fields = vec![("cookie", cookie.split(';').next().unwrap_or_default().into())];
    assert_eq!(page.read("/session").await["user"], "me");
    assert_eq!(page.read("/status").await["state"], "connected");
    let forged = page.call("POST", "/logout", &json!({})).await;
    assert_eq!(forged.status, 403, "a change needs the page's own field");
    page.fields.push(("x-porthole", "1".into()));
    let left = page.call("POST", "/logout", &json!({})).await;
    assert_eq!(left.status, 204);
    assert!(left.field("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")));
    assert_eq!(page.get("/api/v1/status").await.status, 401, "the session is over");
}

#[tokio::test]
async fn guessing_passwords_takes_ever_longer_and_the_right_one_has_to_wait_too() {
    let (_world, program, _folder) = guarded().await;
    let page = program.stranger();
    let wrong = json!({"user": "me", "password": "wrong"});
    // The fifth wrong try begins the wait of a second, which the sixth comes too early for: one after the
    // other they take some 20 ms each, and where the machine is slower, a further try comes too early.
    let mut tries = 0;
    let slowed = loop {
        tries += 1;
        assert!(tries < 50, "nobody has to wait");
        let reply = page.call("POST", "/login", &wrong).await;
        if reply.status == 429 {
            break reply;
        }
        assert_eq!(reply.status, 401);
    };
    assert!(tries > 5, "{tries}");
    assert_eq!(slowed.json()["code"], "too-many-attempts");
    let seconds: u64 = slowed.field("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_password_file_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    std::fs::write(&file, PASSWORD).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let file = file.to_str().expect("a path");
    let home = Home::new();
    let refused = home.run(&["up", "--ui-user", "me", "--ui-password-file", file]).await;
    assert!(refused.code == Some(2) && refused.stderr.contains("chmod 600"), "{refused:?}");
    assert!(!refused.stderr.contains(PASSWORD));
    assert_eq!(home.run(&["up", "--ui-user", "me"]).await.code, Some(2), "a user without password");
}
