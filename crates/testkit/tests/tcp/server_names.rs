//! TLS that the service ends itself, told apart by the host that its handshake names.

use std::path::{Path, PathBuf};

use http::Response;
use porthole_testkit::agent::Home;
use porthole_testkit::certificates::{Authority, Pair};
use porthole_testkit::process::{self, Finished};
use porthole_testkit::service::body;
use porthole_testkit::wait::within;
use porthole_testkit::{Agent, Gateway, LocalService};
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const HOST: &str = "secret.localhost";

/// A service with a key of its own, and the authority that its clients trust.
struct Secret {
    service: LocalService,
    authority: Authority,
    folder: TempDir,
}

impl Secret {
    async fn start() -> Self {
        let authority = Authority::new();
        let server = authority.issue(&[HOST]).server();
        let service = LocalService::https(server, async |_, _| Response::new(body::full("it is me"))).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).expect("a file can be written");
        Self { service, authority, folder }
    }

    /// `porthole tcp --sni`, served.
    async fn serve(&self, gateway: &Gateway, ca_file: Option<&Path>, more: &[&str]) -> Agent {
        let token = gateway.token("alice", &[]).await.token;
        let (port, url) = (self.service.port().to_string(), gateway.url());
        let mut words = vec!["tcp", &port, "--sni", HOST, "--gateway", &url, "--token", &token, "--json"];
        let ca_file = ca_file.map(|file| file.display().to_string()).unwrap_or_default();
        if !ca_file.is_empty() {
            words.extend(["--ca-file", &ca_file]);
        }
        words.extend(more);
        let mut agent = Agent::start(&Home::new(), words);
        assert_eq!(agent.ready().await, format!("tls://{HOST}:{}", gateway.port()));
        agent
    }

    /// What curl gets that trusts the service's authority alone.
    async fn visit(&self, gateway: &Gateway) -> Finished {
        curl(gateway, &self.folder.path().join("ca.pem"), HOST, "/").await
    }
}

async fn curl(gateway: &Gateway, ca_file: &Path, host: &str, path: &str) -> Finished {
    let mut curl = process::command(Path::new("curl"));
    curl.args(["-sS", "--max-time", "20", "--cacert"]).arg(ca_file);
    curl.arg("--connect-to").arg(format!("::127.0.0.1:{}", gateway.port()));
    curl.arg(format!("https://{host}:{}{path}", gateway.port()));
    process::finish("curl", curl).await
}

/// A gateway with a certificate of its own, and the file that vouches for it.
async fn with_certificate(folder: &TempDir) -> (Gateway, PathBuf) {
    let ours = Authority::new();
    ours.issue(&["localhost", "shop.localhost", "other.localhost"]).write(folder.path());
    let ca_file = folder.path().join("gateway-ca.pem");
    std::fs::write(&ca_file, ours.pem()).expect("a file can be written");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let files = ["--tls-cert".to_owned(), at("cert.pem"), "--tls-key".to_owned(), at("key.pem")];
    let builder = Gateway::builder().public_url(Some("https://localhost:0")).args(files);
    let mut gateway = builder.start().await;
    gateway.tls = true;
    (gateway, ca_file)
}

#[tokio::test]
async fn a_service_ends_its_own_tls_beside_mappings_whose_tls_the_gateway_ends() {
    let (secret, folder) = (Secret::start().await, tempfile::tempdir().expect("a temporary folder"));
    let (gateway, ca_file) = with_certificate(&folder).await;
    let _secret = secret.serve(&gateway, Some(&ca_file), &[]).await;
    let got = secret.visit(&gateway).await;
    assert_eq!((got.code, got.stdout.trim_end()), (Some(0), "it is me"), "{}", got.stderr);

    let token = gateway.token("bob", &[]).await.token;
    let plain = LocalService::sample().await;
    let (port, url, ca) = (plain.port().to_string(), gateway.url(), ca_file.display().to_string());
    let words = ["http", &port, "--name", "shop", "--gateway", &url, "--token", &token, "--json"];
    let mut shop = Agent::start(&Home::new(), words.into_iter().chain(["--ca-file", &ca]));
    shop.ready().await;
    let got = curl(&gateway, &ca_file, "shop.localhost", "/hello").await;
    assert_eq!((got.code, got.stdout.trim_end()), (Some(0), "hello"), "{}", got.stderr);

    // A request for the host over a connection that the gateway ended leads nowhere.
    let got = curl(&gateway, &ca_file, "other.localhost", "/").await;
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    assert!(got.stdout.contains("unknown-host"), "{}", got.stdout);
}

#[tokio::test]
async fn a_gateway_without_any_certificate_passes_tls_on_at_the_port_where_it_speaks_clear_text() {
    let secret = Secret::start().await;
    let gateway = Gateway::start().await;
    let agent = secret.serve(&gateway, None, &[]).await;
    let got = secret.visit(&gateway).await;
    assert_eq!((got.code, got.stdout.trim_end()), (Some(0), "it is me"), "{}", got.stderr);
    assert_eq!(gateway.own().get("/health").await.status, 200);
    let mut folders = vec![gateway.home().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
                assert!(!text.contains("PRIVATE KEY"), "{} holds a key", path.display());
            }
        }
    }

    drop(agent);
    let gone = || async { secret.visit(&gateway).await.code != Some(0) };
    within("the mapping to go", async { while !gone().await {} }).await;
}

#[tokio::test]
async fn a_hello_cut_into_small_records_and_segments_arrives_whole() {
    let secret = Secret::start().await;
    let gateway = Gateway::start().await;
    let _agent = secret.serve(&gateway, None, &[]).await;
    let mut config = (*secret.authority.client(&[])).clone();
    config.max_fragment_size = Some(64);
    let (client, mut wire) = tokio::io::duplex(64 * 1024);
    let address = gateway.address;
    tokio::spawn(async move {
        let mut gateway = TcpStream::connect(address).await.expect("the gateway accepts");
        gateway.set_nodelay(true).expect("it can be set");
        let (mut from, mut to) = gateway.split();
        let (mut answers, mut asks) = tokio::io::split(&mut wire);
        let cut = async {
            let mut piece = [0; 5];
            while let Ok(bytes @ 1..) = answers.read(&mut piece).await {
                if to.write_all(&piece[..bytes]).await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::join!(cut, tokio::io::copy(&mut from, &mut asks));
    });
    let name = ServerName::try_from(HOST).expect("a host");
    let connector = TlsConnector::from(std::sync::Arc::new(config));
    let mut tls = within("the handshake", connector.connect(name, client)).await.expect("it is trusted");
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    tls.write_all(request.as_bytes()).await.expect("open");
    let mut answer = Vec::new();
    let _ = within("the answer", tls.read_to_end(&mut answer)).await;
    assert!(String::from_utf8_lossy(&answer).ends_with("it is me"));
}

#[tokio::test]
async fn lists_of_addresses_and_bounds_count_before_a_byte_crosses_the_link() {
    let secret = Secret::start().await;
    let gateway = Gateway::start().await;
    let _agent = secret.serve(&gateway, None, &["--deny-ip", "127.0.0.1"]).await;
    let got = secret.visit(&gateway).await;
    assert_eq!(got.code, Some(35), "no handshake: {got:?}");
    assert!(secret.service.seen().is_empty());
}

#[tokio::test]
async fn a_silent_client_and_one_that_names_nobody_are_let_go() {
    let secret = Secret::start().await;
    let gateway = Gateway::start().await;
    let _agent = secret.serve(&gateway, None, &[]).await;
    let mut half = TcpStream::connect(gateway.address).await.expect("the gateway accepts");
    half.write_all(&[0x16, 3, 1, 0, 200, 1]).await.expect("open");
    let nobody = curl(&gateway, &secret.folder.path().join("ca.pem"), "nobody.localhost", "/").await;
    assert_eq!(nobody.code, Some(35), "no handshake: {nobody:?}");
    // After 10 s.
    let mut rest = Vec::new();
    let _ = within("the end of half a handshake", half.read_to_end(&mut rest)).await;
    assert!(secret.service.seen().is_empty());
}

/// Its own key vouches for nothing here; it only has to be one.
#[tokio::test]
async fn a_host_of_somebody_elses_is_refused() {
    let secret = Secret::start().await;
    let gateway = Gateway::start().await;
    let _alice = secret.serve(&gateway, None, &[]).await;
    let other = LocalService::https(Pair::self_signed(&[HOST]).server(), async |_, _| {
        Response::new(body::full("somebody else"))
    })
    .await;
    let token = gateway.token("mallory", &[]).await.token;
    let (port, url) = (other.port().to_string(), gateway.url());
    let words = ["tcp", &port, "--sni", HOST, "--gateway", &url, "--token", &token];
    let refused = Home::new().run(&words).await;
    assert_eq!(refused.code, Some(3), "{refused:?}");
    let got = secret.visit(&gateway).await;
    assert_eq!(got.stdout.trim_end(), "it is me", "{}", got.stderr);
}
