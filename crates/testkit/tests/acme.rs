//! Automatic certificates, from a real authority that looks at names itself.

use std::path::Path;
use std::time::Duration;

use porthole_testkit::admin::Admin;
use porthole_testkit::agent::Home;
use porthole_testkit::certificates::Authority;
use porthole_testkit::gateway::Token;
use porthole_testkit::pebble::{CLEAR_PORT, TLS_PORT};
use porthole_testkit::wait::{eventually, until, within_time};
use porthole_testkit::{Agent, Gateway, LocalService, Pebble, has_program};

/// For a certificate: an authority that is started meanwhile makes keys, and is looked for ever more rarely.
const A_WHILE: Duration = Duration::from_secs(120);

/// Seconds that a certificate holds which no test sees the end of.
const A_DAY: u32 = 24 * 60 * 60;

/// An agent with one mapping, behind the proxy that leads to the gateway.
struct Served {
    _agent: Agent,
    _proxy: LocalService,
}

/// Starts `porthole http` and waits until its mapping is live.
async fn serve(pebble: &Pebble, token: &Token, service: &LocalService, name: &str) -> Served {
    let address = ["--name", name];
    serve_at(pebble, token, service, address, &format!("{name}.gate.test"), &pebble.roots()).await
}

/// The same at any `address`, of which `host` comes, with an agent that trusts `ca_file`.
async fn serve_at(
    pebble: &Pebble,
    token: &Token,
    service: &LocalService,
    address: [&str; 2],
    host: &str,
    ca_file: &Path,
) -> Served {
    let proxy = pebble.proxy().await;
    let words = [
        "http",
        &service.port().to_string(),
        "--gateway",
        &format!("https://gate.test:{TLS_PORT}"),
        "--token",
        &token.token,
        "--ca-file",
        &ca_file.display().to_string(),
        address[0],
        address[1],
        "--json",
    ]
    .map(str::to_owned);
    let at = format!("http://127.0.0.1:{}", proxy.port());
    let mut agent = Agent::start_with(&Home::new(), words, &[("ALL_PROXY", &at)]);
    assert_eq!(agent.ready().await, format!("https://{host}:{TLS_PORT}"));
    Served { _agent: agent, _proxy: proxy }
}

/// Waits until the gateway says, at line number `from` or later, something that holds all `words`.
async fn says(gateway: &Gateway, from: usize, words: &[&str]) {
    let holds = |line: &str| words.iter().all(|word| line.contains(word));
    within_time(words, A_WHILE, async {
        while !gateway.process.printed().lines().skip(from).any(holds) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Waits until it says that it has a certificate for `host`.
async fn certified(gateway: &Gateway, from: usize, host: &str) {
    says(gateway, from, &["a certificate is at hand", host]).await;
}

/// The body of a page, as curl finds it trustworthy.
async fn visit(pebble: &Pebble, url: &str) -> String {
    let got = pebble.curl(&["-f", url]).await;
    assert_eq!(got.code, Some(0), "{got:?}");
    got.stdout.trim_end().to_owned()
}

/// The certificate of the gateway's own host, as PEM, once curl has found it trustworthy.
async fn own_certificate(pebble: &Pebble) -> String {
    let url = format!("https://gate.test:{TLS_PORT}/health");
    let got = pebble.curl(&["-f", "-o", "/dev/null", "-w", "%{certs}", &url]).await;
    assert_eq!(got.code, Some(0), "{got:?}");
    let end = "-----END CERTIFICATE-----";
    got.stdout.split_once(end).expect("a certificate").0.to_owned()
}

#[tokio::test]
async fn a_mapping_gets_a_certificate_by_tls_alpn_01_and_a_name_that_nobody_serves_never_does() {
    if !has_program("pebble") {
        return;
    }
    let pebble = Pebble::start(A_DAY).await;
    let gateway = pebble.at(Gateway::builder()).start().await;
    certified(&gateway, 0, "gate.test").await;
    let token = gateway.token("alice", &[]).await;
    let service = LocalService::sample().await;
    let _shop = serve(&pebble, &token, &service, "shop").await;
    certified(&gateway, 0, "shop.gate.test").await;
    let shop = format!("https://shop.gate.test:{TLS_PORT}/hello");
    assert_eq!(visit(&pebble, &shop).await, "hello");

    // Whoever knocks with other names finds no certificate, and has none ordered.
    for host in ["stranger.gate.test", "www.shop.gate.test", "elsewhere.test"] {
        let got = pebble.curl(&[&format!("https://{host}:{TLS_PORT}/")]).await;
        assert_eq!(got.code, Some(35), "no handshake: {got:?}");
    }
    let _blog = serve(&pebble, &token, &service, "blog").await;
    certified(&gateway, 0, "blog.gate.test").await;
    assert_eq!(pebble.orders(), 3, "the own host and two mappings:\n{}", pebble.process.printed());
}

#[tokio::test]
async fn http_01_is_answered_in_clear_text_and_every_other_request_there_is_sent_to_https() {
    if !has_program("pebble") {
        return;
    }
    let pebble = Pebble::start(A_DAY).await;
    let clear = pebble.gateway_address(CLEAR_PORT).to_string();
    let words = ["--acme-challenge", "http-01", "--http-listen", &clear];
    let gateway = pebble.at(Gateway::builder()).args(words).start().await;
    certified(&gateway, 0, "gate.test").await;
    let token = gateway.token("alice", &[]).await;
    let service = LocalService::sample().await;
    let _shop = serve(&pebble, &token, &service, "shop").await;
    certified(&gateway, 0, "shop.gate.test").await;
    let shop = format!("https://shop.gate.test:{TLS_PORT}/hello");
    assert_eq!(visit(&pebble, &shop).await, "hello");

    let secure = format!("https://shop.gate.test:{TLS_PORT}");
    for target in ["/hello?a=/b&c", "/.well-known/acme-challenge/nothing", "//elsewhere.test/"] {
        let url = format!("http://shop.gate.test:{CLEAR_PORT}{target}");
        let got = pebble.curl(&["-X", "PUT", "-w", "%{http_code} %{redirect_url}", &url]).await;
        assert_eq!(got.stdout.trim_end(), format!("308 {secure}{target}"));
    }
    let url = format!("http://SHOP.gate.test:{CLEAR_PORT}/hello");
    let got = pebble.curl(&["-f", "-L", &url]).await;
    assert_eq!((got.code, got.stdout.trim_end()), (Some(0), "hello"), "{}", got.stderr);
    let url = format!("http://stranger.test:{CLEAR_PORT}/");
    let got = pebble.curl(&["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", &url]).await;
    assert_eq!(got.stdout.trim_end(), "404", "a host that is nobody's leads nowhere");
}

#[tokio::test]
async fn certificates_outlive_gateway_and_authority_and_an_authority_that_forgot_us_is_told_anew() {
    if !has_program("pebble") {
        return;
    }
    let mut pebble = Pebble::start(A_DAY).await;
    let mut gateway = pebble.at(Gateway::builder()).start().await;
    certified(&gateway, 0, "gate.test").await;
    let token = gateway.token("alice", &[]).await;
    let before = own_certificate(&pebble).await;
    pebble.kill9();
    gateway.process.kill9();
    gateway.restart().await;
    let after = own_certificate(&pebble).await;
    assert_eq!(after, before, "the certificate was kept");

    let service = LocalService::sample().await;
    let _shop = serve(&pebble, &token, &service, "shop").await;
    says(&gateway, 0, &["cannot be reached"]).await;
    own_certificate(&pebble).await;
    pebble.restart().await;
    certified(&gateway, 0, "shop.gate.test").await;
    let shop = format!("https://shop.gate.test:{TLS_PORT}/hello");
    assert_eq!(visit(&pebble, &shop).await, "hello");
}

#[tokio::test]
async fn a_certificate_is_renewed_before_it_expires_and_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    if !has_program("pebble") {
        return;
    }
    let pebble = Pebble::start(24).await;
    let gateway = pebble.at(Gateway::builder()).start().await;
    certified(&gateway, 0, "gate.test").await;
    let before = own_certificate(&pebble).await;
    let from = gateway.process.line_count();
    says(&gateway, from, &["ordering", "renewal=true"]).await;
    certified(&gateway, from, "gate.test").await;
    let after = own_certificate(&pebble).await;
    assert_ne!(after, before, "another certificate");

    let mut folders = vec![gateway.home().join("gateway/acme")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let meta = entry.metadata().expect("what it is");
            let mode = meta.permissions().mode() & 0o777;
            if meta.is_dir() {
                assert_eq!(mode, 0o700, "{}", entry.path().display());
                folders.push(entry.path());
            } else {
                assert_eq!(mode, 0o600, "{}", entry.path().display());
                files += 1;
            }
        }
    }
    assert_eq!(files, 3, "account, orders and one certificate");
}

#[tokio::test]
async fn files_serve_the_names_that_they_cover_and_the_authority_the_rest() {
    if !has_program("pebble") {
        return;
    }
    let pebble = Pebble::start(A_DAY).await;
    let builder = pebble.at(Gateway::builder());
    let folder = builder.home().to_owned();
    let ours = Authority::new();
    ours.issue(&["gate.test", "*.gate.test"]).write(&folder);
    let ca_file = folder.join("ours.pem");
    std::fs::write(&ca_file, ours.pem()).expect("a file can be written");
    let at = |name: &str| folder.join(name).display().to_string();
    let files = ["--tls-cert".to_owned(), at("cert.pem"), "--tls-key".to_owned(), at("key.pem")];
    let gateway = builder.args(files).start().await;
    let token = gateway.token("alice", &["--hosts", "shop,shop.elsewhere.test"]).await;
    let service = LocalService::sample().await;
    let _shop = serve_at(&pebble, &token, &service, ["--name", "shop"], "shop.gate.test", &ca_file).await;
    let host = "shop.elsewhere.test";
    let _elsewhere = serve_at(&pebble, &token, &service, ["--host", host], host, &ca_file).await;
    certified(&gateway, 0, host).await;

    let ca = ca_file.display().to_string();
    let shop = format!("https://shop.gate.test:{TLS_PORT}/hello");
    let got = pebble.curl(&["--cacert", &ca, "-f", &shop]).await;
    assert_eq!((got.code, got.stdout.trim_end()), (Some(0), "hello"), "from the files: {}", got.stderr);
    assert_eq!(visit(&pebble, &format!("https://{host}:{TLS_PORT}/hello")).await, "hello");
    let got = pebble.curl(&["--cacert", &ca, &format!("https://stranger.elsewhere.test:{TLS_PORT}/")]).await;
    assert_eq!(got.code, Some(35), "nobody's name has no certificate, the files' neither: {got:?}");
    assert_eq!(pebble.orders(), 1, "what the files cover is not ordered:\n{}", pebble.process.printed());
}

#[tokio::test]
async fn a_hook_at_the_name_server_brings_one_wildcard_for_all_names_of_the_gateway() {
    if !has_program("pebble") {
        return;
    }
    let mut pebble = Pebble::start(A_DAY).await;
    let hook = pebble.dns_hook();
    let builder = pebble.at(Gateway::builder()).args(["--acme-dns-hook", &hook.display().to_string()]);
    let mut gateway = builder.env("CANARY", "s3cret").start().await;
    certified(&gateway, 0, "*.gate.test").await;
    let had = || gateway.process.printed().matches("a certificate is at hand").count();
    eventually("the own host's certificate", || had() == 2).await;
    let token = gateway.token("alice", &[]).await;
    let service = LocalService::sample().await;
    for name in ["shop", "blog"] {
        let _served = serve(&pebble, &token, &service, name).await;
        assert_eq!(visit(&pebble, &format!("https://{name}.gate.test:{TLS_PORT}/hello")).await, "hello");
    }
    assert_eq!(pebble.orders(), 2, "the own host and the wildcard:\n{}", pebble.process.printed());

    let folder = hook.parent().expect("a folder");
    let log = || std::fs::read_to_string(folder.join("hook.log")).unwrap_or_default();
    let all = |what: &str| {
        let line = format!("{what} _acme-challenge.gate.test.");
        log().lines().filter(|said| *said == line).count()
    };
    assert!(all("present") > 0 && all("present") == all("cleanup"), "each record is taken away:\n{}", log());
    let environment = std::fs::read_to_string(folder.join("hook.env")).expect("it ran");
    assert!(!environment.contains("CANARY") && !environment.contains("PORTHOLE"), "{environment}");

    pebble.kill9();
    gateway.process.kill9();
    gateway.restart().await;
    let url = format!("https://any.gate.test:{TLS_PORT}/");
    let got = pebble.curl(&["-o", "/dev/null", "-w", "%{http_code}", &url]).await;
    assert_eq!((got.code, got.stdout.trim_end()), (Some(0), "404"), "the wildcard was kept: {got:?}");
}

#[tokio::test]
async fn a_hook_that_fails_is_told_in_a_sentence_and_tried_again_later() {
    if !has_program("pebble") {
        return;
    }
    let pebble = Pebble::start(A_DAY).await;
    let hook = pebble.dns_hook();
    std::fs::write(&hook, "#!/bin/sh\necho 'no such zone' >&2\nexit 7\n").expect("a file can be written");
    let words = ["--acme-dns-hook", &hook.display().to_string(), "--admin-listen", "127.0.0.1:0"];
    let mut gateway = pebble.at(Gateway::builder()).args(words).start().await;
    says(&gateway, 0, &["no certificate was had", "hook failed at present", "no such zone"]).await;
    let admin = Admin::of(&mut gateway).await;
    let health = until("the health to tell", || async {
        let health = admin.look("/health").await.text();
        health.contains("failing").then_some(health)
    });
    assert!(!health.await.contains("no such zone"), "what is wrong is the operator's alone");
    let status = admin.ask("GET", "/api/v1/status").await.text();
    assert!(status.contains("no such zone"), "{status}");
}
