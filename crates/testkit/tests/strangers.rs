//! What comes to the gateway and is none of its own: bad tokens, other protocols, odd certificates.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use porthole_testkit::agent::Home;
use porthole_testkit::visitor::Reply;
use porthole_testkit::wait::within;
use porthole_testkit::world::http_arguments;
use porthole_testkit::{Agent, Gateway, LocalService};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Failures after which an address waits.
const FREE_FAILURES: usize = 10;

async fn knock(gateway: &Gateway, token: &str) -> Reply {
    let authorization = format!("Bearer {token}");
    let own = gateway.own();
    let request = own
        .request("GET", "/tunnel")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("authorization", authorization)
        .body(Empty::<Bytes>::new());
    own.fetch(request.expect("a request")).await
}

#[tokio::test]
async fn an_address_that_keeps_coming_with_bad_tokens_waits_and_good_tokens_enter_all_the_same() {
    let gateway = Gateway::builder().args(["--client-token", "a shared token of some length"]).start().await;
    let token = gateway.token("alice", &[]).await;
    for _ in 0..FREE_FAILURES {
        assert_eq!(knock(&gateway, "guess").await.status, 401);
    }
    let slowed = knock(&gateway, "guess").await;
    assert_eq!((slowed.status, slowed.error_code()), (429, Some("too-many-attempts")));
    assert!(slowed.field("retry-after").is_some_and(|wait| wait.parse::<u64>().is_ok()), "{slowed:?}");
    let shared = knock(&gateway, "a shared token of some length").await;
    assert_eq!(shared.status, 429, "a right guess is not told from a wrong one");

    let service = LocalService::sample().await;
    let mut agent = Agent::start(&Home::new(), http_arguments(&gateway, &token, &service.port().to_string()));
    agent.ready().await;
}

#[tokio::test]
async fn tls_on_a_clear_text_port_is_refused_at_once() {
    let gateway = Gateway::start().await;
    let mut socket = TcpStream::connect(gateway.address).await.expect("the gateway accepts");
    // A handshake record with a ClientHello that never ends its line.
    socket.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await.expect("sent");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut answer)).await;
    read.expect("an end long before the head's 15 s").expect("a clean end");
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_self_signed_certificate_that_calls_itself_an_authority_works_when_named_as_ca_file() {
    // What `openssl req -x509` makes when nothing is said about it.
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("signed").pem();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("cert.pem"), certificate).expect("written");
    std::fs::write(path("key.pem"), key.serialize_pem()).expect("written");
    let mut gateway = Gateway::builder()
        .public_url(Some("https://localhost:0"))
        .args(["--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")])
        .start()
        .await;
    gateway.tls = true;
    let token = gateway.token("alice", &[]).await;

    let service = LocalService::sample().await;
    let mut words = http_arguments(&gateway, &token, &service.port().to_string());
    words.extend(["--ca-file".into(), path("cert.pem").into()]);
    let mut agent = Agent::start(&Home::new(), &words);
    agent.ready().await;

    // Another name than the certificate's is refused all the same.
    let wrong = format!("https://127.0.0.1:{}", gateway.port());
    let words = [
        "http",
        "3000",
        "--gateway",
        &wrong,
        "--token",
        &token.token,
        "--no-wait",
        "--json",
        "--ca-file",
        &path("cert.pem"),
    ];
    let refused = within("the agent's end", Home::new().run(&words)).await;
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.stdout.contains("another name"), "{refused:?}");
}
