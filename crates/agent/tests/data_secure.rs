//! TLS, HTTP/2 and proxies on either side of the agent.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "data/world.rs"]
mod world;

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use porthole_agent::events::{Event, events};
use porthole_agent::uplink;
use porthole_http1::{Fields, Version};
use porthole_link::ResetCode;
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use world::{Gateway, World, config, get, head, served, set, soon, welcome};

/// A certificate for localhost that signs itself, in PEM, and a server that shows it.
fn self_signed() -> (String, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (made.cert.pem(), TlsAcceptor::from(Arc::new(config)))
}

/// A TLS service that answers each request.
async fn tls_service() -> String {
    let (_, acceptor) = self_signed();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut seen = Vec::new();
                while stream.read_buf(&mut seen).await.unwrap_or(0) > 0 {
                    if seen.ends_with(b"\r\n\r\n") {
                        seen.clear();
                        stream
                            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure")
                            .await
                            .unwrap();
                    }
                }
            });
        }
    });
    format!("https://localhost:{port}")
}

#[tokio::test]
async fn a_self_signed_service_is_refused_with_the_switch_named_once() {
    let mut world = World::to(tls_service().await).await;
    let mut warnings = 0;
    for _ in 0..2 {
        assert_eq!(world.get("/").answer().await.unwrap_err(), ResetCode::Certificate);
        let summary = world
            .event(|event| match event {
                Event::Warning { code, message, .. } => {
                    assert_eq!(code, "service-certificate");
                    assert!(message.contains("--insecure"), "{message}");
                    warnings += 1;
                    None
                }
                Event::Exchange(summary) => Some(summary),
                _ => None,
            })
            .await;
        assert_eq!(summary.error.as_deref(), Some("service-certificate"));
    }
    assert_eq!(warnings, 1);
}

#[tokio::test]
async fn a_mapping_may_accept_a_certificate_that_is_not_valid() {
    let mut served = served(&tls_service().await);
    served.allow_invalid_certs = true;
    let world = World::serving(served).await;
    for _ in 0..3 {
        assert_eq!(world.get("/").answer().await.unwrap().body, b"secure");
    }
}

/// An HTTP/2 service on clear text that answers like gRPC: `/only-trailers` with nothing but a head,
/// else with what it got and a trailer that counts it.
async fn h2c_service() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| async move {
                let authority = request.uri().authority().unwrap().to_string();
                assert_eq!(request.headers()["te"], "trailers");
                if request.uri().path() == "/only-trailers" {
                    let body = BodyExt::boxed(Full::new(Bytes::new()));
                    let answer = hyper::Response::builder().header("grpc-status", "5").body(body).unwrap();
                    return Ok::<_, std::convert::Infallible>(answer);
                }
                let body = request.into_body().collect().await.unwrap();
                let trailer = body.trailers().map(|map| map["x-sum"].clone());
                let data = body.to_bytes();
                let mut trailers = hyper::HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().unwrap());
                trailers.insert("x-count", data.len().into());
                if let Some(value) = trailer {
                    trailers.insert("x-sum", value);
                }
                let frames = vec![Ok(Frame::data(data)), Ok(Frame::trailers(trailers))];
                let body = BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames)));
                Ok(hyper::Response::builder().header("x-authority", authority).body(body).unwrap())
            });
            tokio::spawn(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    format!("h2c://{address}")
}

fn grpc(path: &str) -> porthole_http1::RequestHead {
    head("POST", path, &[("Host", "shop.example.com"), ("TE", "trailers"), ("X-Mixed", "1")])
}

#[tokio::test]
async fn grpc_passes_with_trailers_both_ways() {
    let world = World::to(h2c_service().await).await;
    for round in 0..3 {
        let mut exchange = world.request(grpc("/call"), b"first", false);
        exchange.send.send(Bytes::from(vec![b'x'; 300_000])).await.unwrap();
        let trailers: Fields = [("X-Sum", "abc")].into_iter().collect();
        exchange.send.end(Some(&trailers)).unwrap();
        let answer = exchange.answer().await.unwrap();
        assert_eq!((answer.head.status, answer.head.version), (200, Version::Http2), "round {round}");
        assert_eq!(answer.head.fields.get_str("x-authority"), Some("shop.example.com"));
        assert_eq!(answer.body.len(), 300_005);
        let trailers = answer.trailers.unwrap();
        assert_eq!(trailers.get_str("grpc-status"), Some("0"));
        assert_eq!(trailers.get_str("x-count"), Some("300005"));
        assert_eq!(trailers.get_str("x-sum"), Some("abc"));
    }
}

#[tokio::test]
async fn a_grpc_answer_of_nothing_but_a_head_passes() {
    let mut world = World::to(h2c_service().await).await;
    let answer = world.request(grpc("/only-trailers"), b"", true).answer().await.unwrap();
    assert_eq!((answer.head.fields.get_str("grpc-status"), answer.body.len()), (Some("5"), 0));
    let summary = world.summary().await;
    assert_eq!((summary.status, summary.error.clone()), (Some(200), None));
}

#[tokio::test]
async fn a_service_on_http1_behind_an_h2c_target_is_a_bad_answer() {
    let target = world::service(|mut peer, _| async move {
        peer.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        peer.rest().await;
    })
    .await;
    let world = World::to(target.replace("http://", "h2c://")).await;
    assert_eq!(world.request(grpc("/"), b"", true).answer().await.unwrap_err(), ResetCode::BadAnswer);
}

#[tokio::test]
async fn a_gateway_with_an_authority_of_its_own_is_trusted_by_its_file_only() {
    let (pem, acceptor) = self_signed();
    let gateway = Gateway::new().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    let mut config = config(gateway.address);
    config.gateway = format!("https://localhost:{}", gateway.address.port()).parse().unwrap();

    let (_mappings, seen) = watch::channel(set(1, vec![served("3000")]));
    let sender = events();
    let mut heard = sender.subscribe();
    let untrusting = uplink::start(config.clone(), seen.clone(), sender);
    assert!(acceptor.accept(gateway.tcp().await).await.is_err());
    let message = soon("the failure", async {
        loop {
            if let Event::Disconnected { code, message, .. } = heard.recv().await.unwrap() {
                assert_eq!(code, "gateway-certificate");
                break message;
            }
        }
    })
    .await;
    assert!(message.contains("--ca-file"), "{message}");
    drop(untrusting);

    config.tls.ca_file = Some(file.path().to_owned());
    let _trusting = uplink::start(config, seen, events());
    let stream = loop {
        // Tries of the first uplink may still be waiting.
        if let Ok(stream) = acceptor.accept(gateway.tcp().await).await {
            break stream;
        }
    };
    let link = welcome(stream).await;
    assert_eq!(link.authorization, "Bearer a-token");
}

/// What a proxy was asked for, and the connection behind it.
async fn proxied(variable: &str, url: impl Fn(u16) -> String, kind: ProxyKind) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, mut requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (request, target) = match kind {
            ProxyKind::Http => http_proxy(&mut stream).await,
            ProxyKind::Socks => socks_proxy(&mut stream).await,
        };
        asked.send(request).unwrap();
        let mut there = TcpStream::connect(target).await.unwrap();
        let _ = copy_bidirectional(&mut stream, &mut there).await;
    });
    // Variables belong to the process: the test runs the uplink in one of its own.
    let gateway = Gateway::new().await;
    let child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "uplink_of_the_environment", "--ignored", "--nocapture"])
        .env("PORTHOLE_TEST_GATEWAY", gateway.address.to_string())
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env(variable, url(port))
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let link = gateway.accept().await;
    assert_eq!(link.authorization, "Bearer a-token");
    drop(child);
    soon("what the proxy was asked", requests.recv()).await.unwrap()
}

#[derive(Clone, Copy)]
enum ProxyKind {
    Http,
    Socks,
}

/// Not a test: the other process of those below.
#[tokio::test]
#[ignore = "run by the tests of proxies"]
async fn uplink_of_the_environment() {
    let Ok(gateway) = std::env::var("PORTHOLE_TEST_GATEWAY") else { return };
    let (_mappings, seen) = watch::channel(set(1, vec![]));
    let _uplink = uplink::start(config(gateway.parse().unwrap()), seen, events());
    std::future::pending::<()>().await;
}

async fn http_proxy(stream: &mut TcpStream) -> (String, String) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_buf(&mut request).await.unwrap();
    }
    let request = String::from_utf8(request).unwrap();
    let target = request.split(' ').nth(1).unwrap().to_owned();
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    (request, target)
}

async fn socks_proxy(stream: &mut TcpStream) -> (String, String) {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).await.unwrap();
    let mut methods = vec![0; usize::from(greeting[1])];
    stream.read_exact(&mut methods).await.unwrap();
    assert!(methods.contains(&2), "credentials are offered");
    stream.write_all(&[5, 2]).await.unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).await.unwrap();
    let mut user = vec![0; usize::from(length[1])];
    stream.read_exact(&mut user).await.unwrap();
    let mut password = vec![0; usize::from(stream.read_u8().await.unwrap())];
    stream.read_exact(&mut password).await.unwrap();
    stream.write_all(&[1, 0]).await.unwrap();
    let mut request = [0; 4];
    stream.read_exact(&mut request).await.unwrap();
    assert_eq!(request[3], 1, "an IPv4 address");
    let mut address = [0; 4];
    stream.read_exact(&mut address).await.unwrap();
    let port = stream.read_u16().await.unwrap();
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    let credentials =
        format!("{}:{}", String::from_utf8(user).unwrap(), String::from_utf8(password).unwrap());
    (credentials, format!("{}:{port}", std::net::Ipv4Addr::from(address)))
}

#[tokio::test]
async fn an_http_proxy_of_the_environment_is_used_with_its_credentials() {
    let asked =
        proxied("HTTP_PROXY", |port| format!("http://user:pass@127.0.0.1:{port}"), ProxyKind::Http).await;
    assert!(asked.starts_with("CONNECT 127.0.0.1:"), "{asked}");
    assert!(asked.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"), "{asked}");
}

#[tokio::test]
async fn a_socks_proxy_of_the_environment_is_used_with_its_credentials() {
    let asked =
        proxied("all_proxy", |port| format!("socks5h://user:pass@127.0.0.1:{port}"), ProxyKind::Socks).await;
    assert_eq!(asked, "user:pass");
}

#[tokio::test]
async fn a_plain_answer_still_passes_beside_all_that() {
    let target = world::service(|mut peer, _| async move {
        peer.request().await;
        peer.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    })
    .await;
    let world = World::to(target).await;
    let answer = world.request(get("/"), b"", true).answer().await.unwrap();
    assert_eq!((answer.head.status, answer.body.len()), (204, 0));
}
