//! Other settings without a restart, while somebody is in the middle of something.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use porthole_testkit::agent::{Agent, Home};
use porthole_testkit::certificates::Authority;
use porthole_testkit::wait::{until, within};
use porthole_testkit::{Gateway, LocalService, World};
use rustix::process::Signal;
use serde_json::Value;

/// A gateway that reads a file of settings, and the file.
async fn world(settings: &str) -> (World, PathBuf) {
    let mut file = PathBuf::new();
    let world = World::builder().gateway(|gateway| {
        // The first place where it is looked for.
        file = gateway.home().join("gateway.toml");
        std::fs::write(&file, settings).expect("written");
        gateway
    });
    (world.start().await, file)
}

/// Changes the file and has it read; returns once the log says what came of it.
async fn reload(world: &mut World, file: &PathBuf, settings: &str) -> String {
    std::fs::write(file, settings).expect("written");
    let from = world.gateway.process.line_count();
    world.gateway.process.signal(Signal::HUP);
    let told = |line: &str| {
        let over = line.contains("settings were read again") || line.contains("settings stay as they were");
        over.then(|| line.to_owned())
    };
    world.gateway.process.line_after(from, "what came of the reload", told).await
}

fn audited(world: &World) -> Vec<Value> {
    let text = std::fs::read_to_string(world.gateway.home().join("gateway/audit.jsonl")).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    lines.filter(|line| line["event"] == "settings-reloaded").collect()
}

#[tokio::test]
async fn a_request_in_flight_and_its_link_go_on_while_the_settings_change_around_them() {
    let (mut world, file) = world("log = \"info\"\n").await;
    let visitor = world.visitor();
    let mut raw = visitor.raw().await;
    let head = format!("POST /echo HTTP/1.1\r\nHost: {}\r\nContent-Length: 10\r\n\r\n12345", visitor.host);
    raw.send(head).await;
    until("the service to have it", || async { (world.service.seen().len() == 1).then_some(()) }).await;

    // Nobody is trusted: what a visitor says of itself is not believed.
    let forwarded = |world: &World| world.service.last().field("x-forwarded-for").map(str::to_owned);
    let claims = |world: &World| {
        let visitor = world.visitor();
        let request = visitor.request("GET", "/hello").header("x-forwarded-for", "203.0.113.9");
        let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).expect("a request");
        async move { visitor.fetch(request).await.status }
    };
    assert_eq!(claims(&world).await, 200);
    assert_eq!(forwarded(&world).as_deref(), Some("127.0.0.1"));
    let told = reload(
        &mut world,
        &file,
        "log = \"porthole_gateway=debug\"\ntrusted_proxies = [\"127.0.0.1\"]\ntcp_ports = \"1-9\"\n\
         client_token = \"another shared token\"\nsingle_host = true\n",
    )
    .await;
    for option in ["--log", "--trusted-proxies", "--tcp-ports", "--client-token"] {
        assert!(told.contains(option), "{option}: {told}");
    }
    let waits = |line: &str| line.contains("need a restart: --single-host").then_some(());
    world.gateway.process.line("what waits for a restart", waits).await;
    assert_eq!(claims(&world).await, 200);
    assert_eq!(forwarded(&world).as_deref(), Some("203.0.113.9, 127.0.0.1"));
    let debug = |line: &str| line.contains("DEBUG").then_some(());
    within("a line of the new level", async {
        // Bytes that are no request are told at that level.
        world.visitor().raw().await.exchange("\r\n\u{1}\r\n\r\n").await;
        world.gateway.process.line("it", debug).await;
    })
    .await;
    assert!(!world.gateway.process.printed().contains("another shared token"));

    raw.send("67890").await;
    let answer = raw.head().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(raw.bytes(10).await, b"1234567890");
    let connected = world.gateway.process.printed().matches("an agent is connected").count();
    assert_eq!(connected, 1, "the link is the first one");

    until("the audit log's line", || async { (!audited(&world).is_empty()).then_some(()) }).await;
    let line = &audited(&world)[0];
    assert_eq!(
        (&line["by"], &line["restart_needed"]),
        (&"signal".into(), &serde_json::json!(["single-host"]))
    );
    assert!(line["changed"].as_array().expect("options").contains(&"trusted-proxies".into()), "{line}");
}

#[tokio::test]
async fn a_wrong_file_changes_nothing_and_is_told_with_its_line() {
    let (mut world, file) = world("trusted_proxies = [\"127.0.0.1\"]\n").await;
    for (wrong, line) in [
        ("log = \"debug\"\n\ntrusted_proxies = [\"10.0.0.0/99\"]\n", "line 3"),
        ("trusted_proxies = []\nlog_levle = \"debug\"\n", "line 2"),
        ("trusted_proxies = []\nlog = \n", "line 2"),
    ] {
        let told = reload(&mut world, &file, wrong).await;
        assert!(told.contains("stay as they were") && told.contains(line), "{told}");
        assert!(told.contains("gateway.toml"), "{told}");
        let visitor = world.visitor();
        let request = visitor.request("GET", "/hello").header("x-forwarded-for", "203.0.113.9");
        let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).expect("a request");
        assert_eq!(visitor.fetch(request).await.status, 200);
        let forwarded = world.service.last().field("x-forwarded-for").map(str::to_owned);
        assert_eq!(forwarded.as_deref(), Some("203.0.113.9, 127.0.0.1"), "as before");
    }
    assert!(audited(&world).is_empty(), "nothing changed");
    let told = reload(&mut world, &file, "trusted_proxies = [\"127.0.0.1\"]\ngrace = \"1s\"\n").await;
    assert!(told.contains("--grace") && !told.contains("--trusted-proxies"), "{told}");
}

#[tokio::test]
async fn a_shared_token_that_was_changed_lets_in_no_newcomer_and_the_new_one_does() {
    let (mut world, file) = world("client_token = \"the first shared token of all\"\n").await;
    let service = LocalService::sample().await;
    let with = |token: &str, name: &str| {
        let mut token_of_world = world.token.clone();
        token.clone_into(&mut token_of_world.token);
        porthole_testkit::world::http_arguments(&world.gateway, &token_of_world, &service.port().to_string())
            .into_iter()
            .chain(["--name".into(), name.into()])
            .collect::<Vec<std::ffi::OsString>>()
    };
    let (first, second, again) = (
        with("the first shared token of all", "one"),
        with("the second shared token of all", "two"),
        with("the first shared token of all", "three"),
    );
    let home = Home::new;
    let mut agent = Agent::start_with(&home(), first, &[]);
    agent.ready().await;
    reload(&mut world, &file, "client_token = \"the second shared token of all\"\n").await;
    let mut newcomer = Agent::start_with(&home(), second, &[]);
    newcomer.ready().await;
    let mut stranger = Agent::start_with(&home(), again, &[]);
    assert_eq!(stranger.process.exit_code().await, Some(3));
    assert_eq!(world.gateway.visitor("one").get("/hello").await.status, 200, "its link goes on");
    assert_eq!(world.gateway.visitor("two").get("/hello").await.status, 200);
}

#[tokio::test]
async fn other_certificate_files_are_used_from_the_next_handshake_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (Authority::new(), Authority::new());
    let settings = |name: &str, authority: &Authority| {
        let at = folder.path().join(name);
        std::fs::create_dir_all(&at).expect("a folder");
        authority.issue(&["localhost"]).write(&at);
        let (cert, key) = (at.join("cert.pem"), at.join("key.pem"));
        format!("tls_cert = {cert:?}\ntls_key = {key:?}\n")
    };
    let builder = Gateway::builder().public_url(Some("https://localhost:0"));
    let file = builder.home().join("gateway.toml");
    std::fs::write(&file, settings("first", &first)).expect("written");
    let mut gateway = builder.start().await;
    let address = gateway.address;
    assert!(is_believed(&first, address).await && !is_believed(&second, address).await);
    std::fs::write(&file, settings("second", &second)).expect("written");
    gateway.process.signal(Signal::HUP);
    gateway.process.line("the reload", |line| line.contains("--tls-cert").then_some(())).await;
    assert!(is_believed(&second, address).await && !is_believed(&first, address).await);
    assert!(gateway.process.is_running());
    // Nothing is lost to a signal that comes while the gateway leaves.
    gateway.process.signal(Signal::TERM);
    gateway.process.signal(Signal::HUP);
    let ended = tokio::time::timeout(Duration::from_secs(30), gateway.process.exit_code()).await;
    assert_eq!(ended.expect("it ends"), Some(0));
}

/// Whether somebody who trusts `authority` alone comes to a handshake.
async fn is_believed(authority: &Authority, address: SocketAddr) -> bool {
    let stream = tokio::net::TcpStream::connect(address).await.expect("the gateway listens");
    let connector = tokio_rustls::TlsConnector::from(authority.client(&[]));
    let name = "localhost".try_into().expect("a name");
    within("a handshake", connector.connect(name, stream)).await.is_ok()
}
