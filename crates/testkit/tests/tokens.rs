//! Who may connect, under which names, and for how long.

use std::time::{Duration, Instant};

use porthole_testkit::agent::Home;
use porthole_testkit::gateway::{self, Token};
use porthole_testkit::process::Finished;
use porthole_testkit::world::http_arguments;
use porthole_testkit::{Agent, Gateway, LocalService, World};

/// `porthole http` that is expected to end by itself.
async fn refused(gateway: &Gateway, token: &str, more: &[&str]) -> (Option<i32>, serde_json::Value) {
    let url = gateway.url();
    let mut words = vec!["http", "3000", "--gateway", &url, "--token", token, "--json"];
    words.extend(more);
    let mut agent = Agent::start(&Home::new(), words);
    let code = agent.process.exit_code().await;
    let printed = agent.process.printed();
    assert!(!printed.contains(token), "a token is never printed: {printed}");
    let error = agent.events().into_iter().find(|event| event["event"] == "error");
    (code, error.unwrap_or_else(|| panic!("no error event in {printed}")))
}

fn token_create_prints_what_is_needed(made: &Finished, url: &str) {
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.stdout.contains("porthole login "), "{made:?}");
    assert!(made.stdout.contains("porthole://connect?"), "{made:?}");
    assert!(made.stdout.contains(url), "{made:?}");
}

#[tokio::test]
async fn token_create_prints_a_token_a_login_line_and_a_link() {
    let gateway = Gateway::start().await;
    let made = gateway.run(&["token", "create", "--name", "alice"]).await;
    token_create_prints_what_is_needed(&made, &gateway.url());
    let token = gateway.token("alice", &[]).await;
    assert!(token.link.is_some_and(|link| link.starts_with("porthole://connect?")));
}

#[tokio::test]
async fn tokens_can_be_made_before_the_first_serve() {
    let builder = Gateway::builder();
    let made = gateway::run(builder.home(), &["token", "create", "--name", "early", "--json"]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let json: serde_json::Value = serde_json::from_str(made.stdout.trim()).expect("JSON");
    assert!(json["link"].is_null(), "no public URL is known yet: {json}");
    let gateway = builder.start().await;
    let service = LocalService::sample().await;
    let token =
        Token { token: json["token"].as_str().expect("a token").to_owned(), id: String::new(), link: None };
    let mut agent = Agent::start(&Home::new(), http_arguments(&gateway, &token, &service.port().to_string()));
    agent.ready().await;
}

#[tokio::test]
async fn revoking_a_token_ends_its_live_link_within_five_seconds() {
    let mut world = World::new().await;
    let listed = world.gateway.run(&["token", "list"]).await;
    assert!(listed.stdout.contains(&world.token.id) && listed.stdout.contains("tester"), "{listed:?}");
    assert!(!listed.stdout.contains(&world.token.token), "a list never shows tokens");
    let revoked = world.gateway.run(&["token", "revoke", &world.token.id]).await;
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    let began = Instant::now();
    assert_eq!(world.agent.process.exit_code().await, Some(3));
    println!("the link ended {:?} after the revocation", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(world.agent.event("error").await["code"], "token-revoked");
    let (code, error) = refused(&world.gateway, &world.token.token, &[]).await;
    assert_eq!((code, error["code"].as_str()), (Some(3), Some("token-revoked")));
}

#[tokio::test]
async fn revoking_an_unknown_id_is_an_error_with_a_sentence() {
    let gateway = Gateway::start().await;
    let revoked = gateway.run(&["token", "revoke", "no-such-id"]).await;
    assert!(revoked.code.is_some_and(|code| code != 0), "{revoked:?}");
    assert!(revoked.stderr.contains("no-such-id"), "{revoked:?}");
}

#[tokio::test]
async fn a_token_that_expires_ends_its_link_and_is_refused_from_then_on() {
    let mut world = World::builder().token_args(&["--expires", "4s"]).start().await;
    assert_eq!(world.get("/hello").await.status, 200);
    assert_eq!(world.agent.process.exit_code().await, Some(3));
    let error = world.agent.event("error").await;
    assert_eq!(error["code"], "token-expired", "{error}");
}

#[tokio::test]
async fn a_foreign_or_garbled_token_is_refused_with_3() {
    let gateway = Gateway::start().await;
    let other = Gateway::start().await;
    let foreign = other.token("alice", &[]).await;
    for token in [foreign.token.as_str(), "not-a-token", "a.b.c"] {
        let (code, error) = refused(&gateway, token, &[]).await;
        assert_eq!((code, error["code"].as_str()), (Some(3), Some("token-invalid")), "{error}");
        assert!(error["message"].as_str().is_some_and(|message| message.len() > 20));
    }
}

#[tokio::test]
async fn without_a_token_the_sentence_says_how_to_log_in() {
    let gateway = Gateway::start().await;
    let outcome =
        Home::new().run(&["http", "3000", "--gateway", &gateway.url(), "--json", "--no-wait"]).await;
    assert!(matches!(outcome.code, Some(2 | 3)), "{outcome:?}");
    assert!(format!("{}{}", outcome.stdout, outcome.stderr).contains("porthole login"), "{outcome:?}");
}

#[tokio::test]
async fn a_name_that_someone_else_holds_is_refused_without_telling_whose() {
    let world = World::new().await;
    let stranger = world.gateway.token("stranger", &[]).await;
    let (code, error) = refused(&world.gateway, &stranger.token, &["--name", "app"]).await;
    assert_eq!((code, error["code"].as_str()), (Some(3), Some("name-in-use")));
    assert!(!error.to_string().contains("tester"), "{error}");
    assert_eq!(world.get("/hello").await.status, 200);
}

#[tokio::test]
async fn hosts_of_a_token_bound_the_names_it_may_claim() {
    let gateway = Gateway::start().await;
    let service = LocalService::sample().await;
    let token = gateway.token("alice", &["--hosts", "alice-*,*.alice,shop.example.com"]).await;
    for allowed in [&["--name", "alice-web"][..], &["--host", "shop.example.com"]] {
        let mut words = http_arguments(&gateway, &token, &service.port().to_string());
        words.extend(allowed.iter().map(Into::into));
        let mut agent = Agent::start(&Home::new(), words);
        agent.ready().await;
    }
    for denied in [&["--name", "bob"][..], &["--host", "other.example.com"], &["--name", "alice"]] {
        let (code, error) = refused(&gateway, &token.token, denied).await;
        assert_eq!(
            (code, error["code"].as_str()),
            (Some(3), Some("name-not-allowed")),
            "{denied:?}: {error}"
        );
    }
}

#[tokio::test]
async fn a_token_without_hosts_may_claim_single_labels_only() {
    let gateway = Gateway::start().await;
    let token = gateway.token("alice", &[]).await;
    let (code, error) = refused(&gateway, &token.token, &["--host", "shop.example.com"]).await;
    assert_eq!((code, error["code"].as_str()), (Some(3), Some("name-not-allowed")), "{error}");
    for invalid in ["-x", "a_b", "a.b", "ünï côdé"] {
        let url = gateway.url();
        let outcome = Home::new()
            .run(&[
                "http",
                "3000",
                "--gateway",
                &url,
                "--token",
                &token.token,
                &format!("--name={invalid}"),
                "--json",
            ])
            .await;
        assert!(matches!(outcome.code, Some(2 | 3)), "{invalid}: {outcome:?}");
    }
}

#[tokio::test]
async fn rotation_keeps_old_tokens_working() {
    let world = World::new().await;
    let rotated = world.gateway.run(&["token", "rotate"]).await;
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    let new = world.gateway.token("tester", &[]).await;
    let service = LocalService::sample().await;
    for (name, token) in [("old-key", &world.token), ("new-key", &new)] {
        let mut words = http_arguments(&world.gateway, token, &service.port().to_string());
        words.extend(["--name".into(), name.into()]);
        let mut agent = Agent::start(&Home::new(), words);
        agent.ready().await;
        assert_eq!(world.gateway.visitor(name).get("/hello").await.status, 200);
    }
}

#[tokio::test]
async fn one_shared_client_token_may_claim_every_name() {
    let gateway = Gateway::builder().args(["--client-token", "a-shared-token-of-some-length"]).start().await;
    let service = LocalService::sample().await;
    let token = Token { token: "a-shared-token-of-some-length".to_owned(), id: String::new(), link: None };
    for more in [["--name", "any"], ["--host", "any.example.com"]] {
        let mut words = http_arguments(&gateway, &token, &service.port().to_string());
        words.extend(more.iter().map(Into::into));
        let mut agent = Agent::start(&Home::new(), words);
        agent.ready().await;
    }
    let (code, _) = refused(&gateway, "a-shared-token-of-some-lengtH", &[]).await;
    assert_eq!(code, Some(3));
}

#[tokio::test]
async fn a_token_comes_from_a_file_a_variable_or_a_command_as_well() {
    let world = World::new().await;
    let home = Home::new();
    let file = home.path().join("token.txt");
    std::fs::write(&file, format!("{}\n", world.token.token)).expect("a file can be written");
    set_mode(&file, 0o600);
    let ways = [
        format!("file:{}", file.display()),
        "env:MY_TOKEN".to_owned(),
        format!("exec:cat {}", file.display()),
    ];
    let port = world.service.port().to_string();
    for (number, way) in ways.iter().enumerate() {
        let name = format!("way-{number}");
        let url = world.gateway.url();
        let words = ["http", &port, "--gateway", &url, "--token", way, "--name", &name, "--json"];
        let mut agent = Agent::start_with(&Home::new(), words, &[("MY_TOKEN", &world.token.token)]);
        agent.ready().await;
    }
}

#[tokio::test]
async fn login_keeps_the_token_and_makes_the_gateway_the_default() {
    let world = World::new().await;
    let home = Home::new();
    let login = home.run(&["login", &world.gateway.url(), "--token", &world.token.token]).await;
    assert_eq!(login.code, Some(0), "{login:?}");
    let printed = format!("{}{}", login.stdout, login.stderr);
    assert!(!printed.contains(&world.token.token), "{printed}");
    let mut agent =
        Agent::start(&home, ["http", &world.service.port().to_string(), "--name", "later", "--json"]);
    assert_eq!(agent.ready().await, format!("http://later.localhost:{}", world.gateway.port()));
    for entry in files_below(home.path()) {
        let text = std::fs::read(&entry).unwrap_or_default();
        if porthole_testkit::visitor::find(&text, world.token.token.as_bytes()).is_some() {
            let mode = std::os::unix::fs::PermissionsExt::mode(
                &std::fs::metadata(&entry).expect("a file").permissions(),
            );
            assert_eq!(mode & 0o077, 0, "{} holds the token and others can read it", entry.display());
            assert!(
                printed.contains(&*entry.file_name().expect("a name").to_string_lossy()),
                "login says where: {printed}"
            );
        }
    }
}

#[tokio::test]
async fn login_with_a_connect_link_and_with_a_bad_token() {
    let world = World::new().await;
    let link = world.token.link.clone().expect("the gateway knows its public URL");
    let login = Home::new().run(&["login", &link]).await;
    assert_eq!(login.code, Some(0), "{login:?}");
    let bad = Home::new().run(&["login", &world.gateway.url(), "--token", "wrong"]).await;
    assert_eq!(bad.code, Some(3), "{bad:?}");
}

#[tokio::test]
async fn a_short_secret_and_one_that_others_can_read_are_refused() {
    let builder = Gateway::builder();
    let file = builder.home().join("secret");
    let serve = |file: &std::path::Path| {
        let home = builder.home().to_owned();
        let file = file.display().to_string();
        async move { gateway::run(&home, &["serve", "--listen", "127.0.0.1:0", "--secret-file", &file]).await }
    };
    std::fs::write(&file, "x".repeat(31)).expect("a file can be written");
    set_mode(&file, 0o600);
    let short = serve(&file).await;
    assert_eq!(short.code, Some(2), "{short:?}");
    assert!(short.stderr.contains("32"), "{short:?}");
    std::fs::write(&file, "x".repeat(32)).expect("a file can be written");
    set_mode(&file, 0o644);
    let open = serve(&file).await;
    assert_eq!(open.code, Some(2), "{open:?}");
    assert!(open.stderr.contains("chmod 600"), "{open:?}");
    set_mode(&file, 0o600);
    let file = file.display().to_string();
    Gateway::builder().args(["--secret-file", &file]).start().await;
}

#[tokio::test]
async fn a_secret_of_its_own_is_made_once_for_nobody_elses_eyes() {
    let gateway = Gateway::start().await;
    let secrets: Vec<_> = files_below(gateway.home())
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("secret"))
        .collect();
    assert!(!secrets.is_empty(), "a secret file is in {}", gateway.home().display());
    for path in &secrets {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).expect("a file").permissions());
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
    let printed = gateway.process.printed();
    assert!(printed.contains("secret"), "serve says where its secret is: {printed}");
}

fn set_mode(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
        .expect("a mode can be set");
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

#[tokio::test]
async fn a_token_in_a_url_opens_nothing_and_is_logged_nowhere() {
    let world = World::new().await;
    let token = &world.token.token;
    let own = world.gateway.own();
    for path in ["/tunnel?token=", "/tunnel?access_token=", "/tunnel?jwt=", "/api/v1/status?token="] {
        let request = own
            .request("GET", &format!("{path}{token}"))
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(http_body_util::Empty::<bytes::Bytes>::new());
        let reply = own.fetch(request.expect("a request")).await;
        if path.starts_with("/tunnel") {
            assert_eq!((reply.status, reply.error_code()), (401, Some("token-missing")), "{path}");
        }
        assert!(!reply.text().contains(token), "{path}");
    }
    // A visitor's own secret passes through and stays out of both logs as well.
    world.get(&format!("/hello?token={token}")).await;
    assert!(world.service.last().target.contains(token));
    let printed = [world.gateway.process.printed(), world.agent.process.printed()];
    assert!(printed.iter().all(|text| !text.contains(token)), "{printed:?}");
}

/// Where servers of this kind have been found to tell too much, or to do what anybody asks.
const USUAL_PLACES: &[&str] = &[
    "/debug",
    "/debug/pprof/",
    "/debug/pprof/heap",
    "/debug/vars",
    "/actuator/env",
    "/actuator/heapdump",
    "/admin",
    "/api",
    "/api/v1",
    "/api/v1/",
    "/api/v1/agents",
    "/api/v1/links",
    "/api/v1/mappings",
    "/api/v1/tokens",
    "/api/v1/claims",
    "/api/v1/config",
    "/api/v1/reload",
    "/api/v1/shutdown",
    "/api/serverinfo",
    "/api/proxy/http",
    "/api/config",
    "/api/reload",
    "/api/stop",
    "/config",
    "/console",
    "/env",
    "/healthz",
    "/info",
    "/load",
    "/logs",
    "/metrics/",
    "/openapi.json",
    "/ping",
    "/private",
    "/ready",
    "/server-status",
    "/stats",
    "/status",
    "/swagger",
    "/trace",
    "/tunnels",
    "/version",
    "/.env",
    "/.git/config",
    "/gateway/secret",
    "/../gateway/secret",
    "/%2e%2e/gateway/secret",
    "/static/../secret",
    "/tokens.json",
    "/claims.json",
    "/pub/",
    "/pub/app",
    "/",
];

#[tokio::test]
async fn no_address_of_either_listener_tells_secrets_or_takes_orders() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let admin_listen = free.expect("a port").to_string();
    let world =
        World::builder().gateway(|gateway| gateway.args(["--admin-listen", &admin_listen])).start().await;
    let admin = porthole_testkit::Visitor::new(admin_listen.parse().expect("an address"), &admin_listen);
    let own = world.gateway.own();
    let secret = std::fs::read_to_string(world.gateway.home().join("gateway/secret")).expect("a secret");
    let body = || http_body_util::Full::new(bytes::Bytes::from_static(b"{}"));
    for place in USUAL_PLACES.iter().chain(&["/metrics", "/health", "/api/v1/status", "/tunnel"]) {
        for visitor in [&own, &admin] {
            for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
                let request = visitor.request(method, place).header("content-type", "application/json");
                let reply = visitor.fetch(request.body(body()).expect("a request")).await;
                let on_admin = visitor.address == admin.address;
                let meant = matches!(*place, "/health" | "/api/v1/status")
                    || (matches!(*place, "/metrics" | "/") && on_admin);
                let fine = meant && method == "GET";
                let refused = matches!(reply.status, 400 | 401 | 404 | 405 | 426);
                assert!(if fine { reply.status == 200 } else { refused }, "{method} {place}: {reply:?}");
                let text = format!("{:?}{}", reply.fields, reply.text());
                for hidden in [secret.trim(), &world.token.token, &world.token.id] {
                    assert!(!text.contains(hidden), "{method} {place}: {text}");
                }
                if !on_admin {
                    assert!(
                        !text.contains("tester"),
                        "names are nobody's business, {method} {place}: {text}"
                    );
                }
            }
        }
    }
    assert_eq!(world.get("/hello").await.status, 200, "nobody's order was taken");
}
