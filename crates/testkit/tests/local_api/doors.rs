//! Who is let in.

use std::os::unix::fs::PermissionsExt;

use porthole_testkit::agent::{Agent, Home};
use porthole_testkit::wait::within;
use porthole_testkit::{LocalPage, World};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// A page, an event stream, a file and the API.
const EVERYWHERE: [&str; 5] = ["/", "/favicon.ico", "/api/v1/health", "/api/v1/events", "/api/v1/exchanges"];

#[tokio::test]
async fn only_its_own_hosts_are_answered_on_every_route() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let port = page.visitor.address.port();
    for path in EVERYWHERE {
        let other_port = format!("127.0.0.1:{}", port ^ 1);
        let evil_port = format!("evil.example:{port}");
        for host in ["evil.example", "127.0.0.1", &other_port, &evil_port, "", "localhost"] {
            let mut stranger = page.clone();
            stranger.visitor.host = host.to_owned();
            let reply = stranger.get(path).await;
            assert_eq!(reply.status, 421, "{path} for {host}");
            assert_eq!(reply.json()["code"], "wrong-host");
            assert_eq!(reply.field("set-cookie"), None, "{path} for {host}");
        }
    }
    for host in [format!("localhost:{port}"), format!("[::1]:{port}"), format!("127.0.0.1:{port}")] {
        let mut own = page.clone();
        own.visitor.host = host;
        assert_eq!(own.get("/api/v1/status").await.status, 200);
    }
}

#[tokio::test]
async fn what_another_page_asks_for_is_refused_even_with_cookie_and_key() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let port = page.visitor.address.port();
    for who in [page.clone(), page.browser().await] {
        for path in EVERYWHERE {
            let other = format!("http://localhost:{}", port ^ 1);
            for origin in ["http://evil.example", "null", &other, &format!("https://127.0.0.1:{port}")] {
                let reply = who.send(who.request("GET", path).header("origin", origin), "").await;
                assert_eq!(
                    (reply.status, &reply.json()["code"]),
                    (403, &"wrong-origin".into()),
                    "{path} {origin}"
                );
            }
        }
        for site in ["cross-site", "same-site"] {
            let request = who.request("GET", "/api/v1/status").header("sec-fetch-site", site);
            assert_eq!(who.send(request, "").await.status, 403, "{site}");
        }
        let own = who.request("GET", "/api/v1/status").header("sec-fetch-site", "same-origin");
        let own = own.header("origin", format!("http://127.0.0.1:{port}"));
        assert_eq!(who.send(own, "").await.status, 200);
        // A link from anywhere opens the page, and gives nothing away.
        let link = who.request("GET", "/").header("sec-fetch-site", "cross-site");
        assert_eq!(who.send(link, "").await.status, 200);
    }
}

#[tokio::test]
async fn without_key_or_session_there_is_health_and_nothing_else() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let stranger = page.stranger();
    assert_eq!(stranger.read("/health").await["status"], "ok");
    let session = stranger.read("/session").await;
    assert_eq!((&session["login_required"], &session["signed_in"]), (&false.into(), &false.into()));
    let document = page.read("/openapi.json").await;
    let paths = document["paths"].as_object().expect("paths");
    let mut asked = 0;
    for (path, methods) in paths {
        for method in methods.as_object().expect("methods").keys() {
            if ["/api/v1/health", "/api/v1/session", "/api/v1/login"].contains(&path.as_str()) {
                continue;
            }
            asked += 1;
            let path = path.replace("{side}", "request").replace("{format}", "curl").replace("{id}", "1");
            let request = stranger.request(&method.to_uppercase(), &path);
            let reply = stranger.send(request.header("content-type", "application/json"), "{}").await;
            assert_eq!(
                (reply.status, &reply.json()["code"]),
                (401, &"unauthorized".into()),
                "{method} {path}"
            );
            assert_eq!(reply.field("content-type"), Some("application/problem+json"));
        }
    }
    assert!(asked >= 8, "{asked} routes in {paths:?}");
    assert_eq!(stranger.get("/api/v1/openapi.json").await.status, 401);
    for wrong in ["Bearer wrong", "Bearer ", "Basic eDp5"] {
        let request = stranger.request("GET", "/api/v1/status").header("authorization", wrong);
        assert_eq!(stranger.send(request, "").await.status, 401, "{wrong}");
    }
}

#[tokio::test]
async fn the_key_is_in_a_file_for_this_user_alone_and_the_session_is_for_this_page_alone() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let file = std::fs::metadata(world.agent.home().path().join("api-key")).expect("the key's file");
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    let opened = page.stranger().get("/").await;
    let cookie = opened.field("set-cookie").expect("a session");
    let port = page.visitor.address.port();
    assert!(cookie.starts_with(&format!("porthole_session_{port}=")), "{cookie}");
    for flag in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(&format!("; {flag}")), "{cookie}");
    }
    let browser = page.browser().await;
    assert_eq!(browser.read("/session").await["signed_in"], true);
    assert_eq!(browser.get("/").await.field("set-cookie"), None, "one session is enough");
}

#[tokio::test]
async fn a_change_needs_what_no_form_can_send() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let browser = page.browser().await;
    let mut form = browser.clone();
    form.fields.retain(|(name, _)| *name == "cookie");
    let simple = form.send(form.request("POST", "/api/v1/reconnect"), "").await;
    assert_eq!((simple.status, &simple.json()["code"]), (403, &"missing-header".into()));
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        for who in [&page, &browser] {
            let request = who.request("POST", "/api/v1/reconnect").header("content-type", kind);
            assert_eq!(who.send(request, "{}").await.status, 415, "{kind}");
        }
    }
    for who in [page, browser] {
        assert_eq!(who.send(who.request("POST", "/api/v1/reconnect"), "").await.status, 202);
    }
    world.agent.ready().await;
}

#[tokio::test]
async fn the_page_comes_with_a_policy_that_lets_it_load_nothing_from_elsewhere() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    for path in ["/", "/mappings", "/exchanges/12"] {
        let reply = page.get(path).await;
        assert_eq!((reply.status, reply.field("content-type")), (200, Some("text/html; charset=utf-8")));
        let policy = reply.field("content-security-policy").expect("a policy");
        for part in
            ["default-src 'none'", "script-src 'self'", "form-action 'none'", "frame-ancestors 'none'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.field("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.field("referrer-policy"), Some("no-referrer"));
    }
    for nowhere in ["/missing.js", "/../etc/passwd.txt", "/%2e%2e/Cargo.toml", "/api/v2", "/api/v1/nothing"] {
        assert_eq!(page.get(nowhere).await.status, 404, "{nowhere}");
    }
    assert_eq!(page.send(page.request("DELETE", "/"), "").await.status, 405);
    let wrong_method = page.send(page.request("DELETE", "/api/v1/status"), "").await;
    assert_eq!((wrong_method.status, &wrong_method.json()["code"]), (405, &"method-not-allowed".into()));
}

#[tokio::test]
async fn a_taken_port_leads_to_the_next_free_one_and_further_commands_share_the_page() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its number");
    let mut world = World::builder().agent_args(["--listen", &address.to_string()]).start().await;
    let page = LocalPage::of(&mut world.agent).await;
    assert!(page.visitor.address.port() > address.port());
    let home = world.agent.home().clone();
    let mut second = world.start_agent(&home, &world.service.port().to_string(), &["--name", "second"]);
    assert_eq!(LocalPage::of(&mut second).await.visitor.address, page.visitor.address);
    assert_eq!(page.read("/mappings").await["mappings"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn beyond_this_computer_there_is_no_page_without_a_login() {
    let home = Home::new();
    for open in ["0.0.0.0:0", "[::]:0"] {
        let refused = home.run(&["up", "--listen", open]).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
        assert!(
            refused.stderr.contains("--ui-user") && refused.stderr.contains("--ui-password-file"),
            "{refused:?}"
        );
    }
    let json = home.run(&["http", "3000", "--listen", "0.0.0.0:0", "--json"]).await;
    assert_eq!(json.code, Some(2));
    assert!(json.stdout.contains("login-required"), "{json:?}");
}

#[tokio::test]
async fn up_tells_its_page_without_any_mapping() {
    let gateway = porthole_testkit::Gateway::start().await;
    let token = gateway.token("tester", &[]).await;
    let home = Home::new();
    let url = gateway.url();
    let arguments = ["up", "--listen", "127.0.0.1:0", "--gateway", &url, "--token", &token.token, "--json"];
    let mut agent = Agent::start(&home, arguments);
    let event = agent.event("page").await;
    let page = LocalPage::at(event["inspector_url"].as_str().expect("an address"));
    assert_eq!(page.read("/health").await["status"], "ok");
}

#[tokio::test]
async fn the_apis_socket_is_for_this_user_alone_and_needs_no_key() {
    let mut world = World::new().await;
    world.agent.ready().await;
    let path = world.agent.home().path().join("api.sock");
    let mode = std::fs::metadata(&path).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ask = async |head: &str| {
        let mut socket = UnixStream::connect(&path).await.expect("somebody listens");
        let request = format!("{head}\r\nHost: whatever\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.expect("a request is taken");
        let mut answer = String::new();
        within("an answer", socket.read_to_string(&mut answer)).await.expect("a whole answer");
        answer
    };
    let status = ask("GET /api/v1/status HTTP/1.1").await;
    assert!(status.starts_with("HTTP/1.1 200") && status.contains("\"gateway\""), "{status}");
    let session = ask("GET /api/v1/session HTTP/1.1").await;
    assert!(
        session.contains("\"login_required\":false") && session.contains("\"signed_in\":true"),
        "{session}"
    );
    let change = ask("POST /api/v1/reconnect HTTP/1.1").await;
    assert!(change.starts_with("HTTP/1.1 202"), "{change}");
    let form = ask("POST /api/v1/mappings HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 0").await;
    assert!(form.starts_with("HTTP/1.1 415"), "{form}");
}
