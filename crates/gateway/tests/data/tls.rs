//! Visitors on TLS, with the protocol chosen by ALPN.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use porthole_gateway::config::TlsFiles;
use porthole_gateway::listener;
use porthole_gateway::tls::{Reloading, Tls};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::harness::{World, request, saying, within};

/// Serves the world's gateway on TLS as well.
pub async fn listen(world: &World, folder: &std::path::Path) -> (SocketAddr, rustls::RootCertStore) {
    let pair = rcgen::generate_simple_self_signed(vec!["shop.gate.test".into()]).unwrap();
    let files = TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.cert, pair.cert.pem()).unwrap();
    std::fs::write(&files.key, pair.signing_key.serialize_pem()).unwrap();
    let tls = Arc::new(Tls::Files(Arc::new(Reloading::load(files).unwrap())));
    let listening = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listening.local_addr().unwrap();
    tokio::spawn(listener::run(Arc::clone(&world.gateway), listening, Some(tls)));
    let mut roots = rustls::RootCertStore::empty();
    let cert = rustls::pki_types::CertificateDer::from_pem_slice(pair.cert.pem().as_bytes()).unwrap();
    roots.add(cert).unwrap();
    (addr, roots)
}

async fn connect(addr: SocketAddr, roots: rustls::RootCertStore, alpn: &[&str]) -> TlsStream<TcpStream> {
    over(TcpStream::connect(addr).await.unwrap(), roots, alpn).await
}

/// The handshake on a socket that is there already.
pub async fn over(io: TcpStream, roots: rustls::RootCertStore, alpn: &[&str]) -> TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("shop.gate.test").unwrap();
    within(TlsConnector::from(Arc::new(config)).connect(name, io)).await.unwrap()
}

async fn world() -> World {
    World::new(saying(|incoming| {
        let head = incoming.open.head.as_ref().unwrap();
        let field = |name| head.fields.get_str(name).unwrap_or("-").to_owned();
        format!("{} {}", field("x-forwarded-proto"), field("x-forwarded-port"))
    }))
    .await
}

#[tokio::test]
async fn a_visitor_on_tls_speaks_http1_without_alpn_and_is_told_as_https() {
    let (world, folder) = (world().await, tempfile::tempdir().unwrap());
    let (addr, roots) = listen(&world, folder.path()).await;
    for alpn in [&[][..], &["http/1.1"]] {
        let mut io = connect(addr, roots.clone(), alpn).await;
        io.write_all(request("GET", "/", "Connection: close\r\n").as_bytes()).await.unwrap();
        let mut reply = String::new();
        within(io.read_to_string(&mut reply)).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("https 443"), "{reply}");
    }
}

#[tokio::test]
async fn alpn_gives_http2_to_those_who_ask() {
    let (world, folder) = (world().await, tempfile::tempdir().unwrap());
    let (addr, roots) = listen(&world, folder.path()).await;
    let io = connect(addr, roots, &["h2", "http/1.1"]).await;
    assert_eq!(io.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://shop.gate.test/").body(Empty::<Bytes>::new()).unwrap();
    let response = within(sender.send_request(request)).await.unwrap();
    assert_eq!(within(response.collect()).await.unwrap().to_bytes(), "https 443");
}

#[tokio::test]
async fn a_stalled_handshake_ends_within_its_bound() {
    let (world, folder) = (world().await, tempfile::tempdir().unwrap());
    let (addr, _) = listen(&world, folder.path()).await;
    let mut stalled = TcpStream::connect(addr).await.unwrap();
    stalled.write_all(&[22, 3, 1]).await.unwrap();
    let begun = std::time::Instant::now();
    let mut seen = Vec::new();
    let _ = within(stalled.read_to_end(&mut seen)).await;
    assert!(begun.elapsed() < Duration::from_secs(13), "{:?}", begun.elapsed());
}

/// One GET over HTTP/1.1 on a connection for `shop.gate.test`; returns the whole answer.
async fn ask_for(addr: SocketAddr, roots: rustls::RootCertStore, host: &str) -> String {
    let mut io = connect(addr, roots, &["http/1.1"]).await;
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    io.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    within(io.read_to_string(&mut reply)).await.unwrap();
    reply
}

#[tokio::test]
async fn a_request_for_another_host_than_the_handshakes_is_misdirected_in_any_protocol() {
    let (world, folder) = (world().await, tempfile::tempdir().unwrap());
    let (addr, roots) = listen(&world, folder.path()).await;
    for host in ["shop.gate.test", "SHOP.gate.test.:443"] {
        assert!(ask_for(addr, roots.clone(), host).await.starts_with("HTTP/1.1 200 "), "{host}");
    }
    for host in ["gate.test", "other.gate.test", "127.0.0.1"] {
        let reply = ask_for(addr, roots.clone(), host).await;
        assert!(
            reply.starts_with("HTTP/1.1 421 ") && reply.contains("misdirected-request"),
            "{host}: {reply}"
        );
    }
    let io = connect(addr, roots, &["h2"]).await;
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    for (host, status) in [("other.gate.test", 421), ("shop.gate.test", 200)] {
        let request = Request::get(format!("https://{host}/")).body(Empty::<Bytes>::new()).unwrap();
        assert_eq!(within(sender.send_request(request)).await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn visitors_on_tls_are_told_to_come_by_https_only_where_that_is_set_and_others_are_not() {
    let handler = || saying(|_| "hello".to_owned());
    let strict = World::with(|config| config.hsts = Some(60), handler()).await;
    let plain = World::new(handler()).await;
    let folder = tempfile::tempdir().unwrap();
    let field = "strict-transport-security";
    for (world, told) in [(&strict, Some("max-age=60")), (&plain, None)] {
        let (addr, roots) = listen(world, folder.path()).await;
        // The service's answer, and one of the gateway's own.
        for host in ["shop.gate.test", "other.gate.test"] {
            let reply = ask_for(addr, roots.clone(), host).await.to_ascii_lowercase();
            let line = told.map(|value| format!("\r\n{field}: {value}\r\n"));
            assert_eq!(reply.contains(field), line.is_some(), "{reply}");
            assert!(line.is_none_or(|line| reply.contains(&line)), "{reply}");
        }
        let io = connect(addr, roots, &["h2"]).await;
        let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
        tokio::spawn(connection);
        for host in ["shop.gate.test", "other.gate.test"] {
            let request = Request::get(format!("https://{host}/")).body(Empty::<Bytes>::new()).unwrap();
            let response = within(sender.send_request(request)).await.unwrap();
            assert_eq!(response.headers().get(field).map(|value| value.to_str().unwrap()), told, "{host}");
        }
    }
    let clear = strict.say(request("GET", "/", "Connection: close\r\n")).await;
    assert!(clear.starts_with("HTTP/1.1 200 ") && !clear.to_ascii_lowercase().contains(field), "{clear}");
}
