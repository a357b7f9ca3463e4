//! HTTP/2 visitors, TLS, h2c services and gRPC.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use porthole_testkit::certificates::{Authority, Pair};
use porthole_testkit::service::{Body, body};
use porthole_testkit::visitor::{Broken, Reply, collect};
use porthole_testkit::wait::{eventually, until, within};
use porthole_testkit::{Gateway, LocalService, Visitor, World};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

async fn ask(connection: &mut SendRequest<Body>, request: Request<Body>) -> Reply {
    within("an answer", connection.ready()).await.expect("the connection lives");
    let response = within("an answer", connection.send_request(request)).await.expect("an answer");
    within("a body", collect(response)).await.expect("a whole body")
}

fn get(visitor: &Visitor, path: &str) -> Request<Body> {
    Request::get(visitor.uri(path)).body(body::empty()).expect("a request")
}

#[tokio::test]
async fn an_http2_visitor_gets_answers_on_many_streams_at_once() {
    let world = World::new().await;
    let visitor = world.visitor();
    let mut connection = visitor.http2::<Body>().await.expect("a connection");
    assert_eq!(ask(&mut connection, get(&visitor, "/hello")).await.text(), "hello");
    let seen = world.service.last();
    assert_eq!(seen.field("host"), Some(visitor.host.as_str()));
    assert_eq!(seen.field("x-forwarded-proto"), Some("http"));
    let mut streams = tokio::task::JoinSet::new();
    for number in 0..80usize {
        let (mut connection, visitor) = (connection.clone(), visitor.clone());
        streams.spawn(async move {
            let sent = body::pattern(number * 5000);
            let request =
                Request::post(visitor.uri("/echo")).body(body::full(sent.clone())).expect("a request");
            assert_eq!(ask(&mut connection, request).await.body, sent);
        });
    }
    while let Some(done) = streams.join_next().await {
        done.expect("every stream is answered whole");
    }
}

#[tokio::test]
async fn an_http2_download_of_100_mb_is_whole_and_a_reset_cancels_the_local_request() {
    let world = World::new().await;
    let visitor = world.visitor();
    let mut connection = visitor.http2::<Body>().await.expect("a connection");
    let reply = ask(&mut connection, get(&visitor, "/bytes?100000000")).await;
    assert_eq!(reply.body.len(), 100_000_000);
    let response =
        within("a head", connection.send_request(get(&visitor, "/drip"))).await.expect("an answer");
    drop(response);
    eventually("the local request to be cancelled", || world.service.cancelled() == 1).await;
    assert_eq!(ask(&mut connection, get(&visitor, "/hello")).await.status, 200);
}

#[tokio::test]
async fn a_broken_answer_resets_the_http2_stream_and_leaves_the_others() {
    let world = World::new().await;
    let visitor = world.visitor();
    let mut connection = visitor.http2::<Body>().await.expect("a connection");
    let response = within("a head", connection.send_request(get(&visitor, "/broken-chunked?300000")))
        .await
        .expect("a head");
    assert!(within("the end", response.into_body().collect()).await.is_err(), "a broken body looked whole");
    assert_eq!(ask(&mut connection, get(&visitor, "/hello")).await.status, 200);
}

#[tokio::test]
async fn http2_rules_that_protect_http1_services_are_enforced() {
    let world = World::new().await;
    let visitor = world.visitor();
    let mut connection = visitor.http2::<Body>().await.expect("a connection");
    let mut conflicting = get(&visitor, "/hello");
    conflicting.headers_mut().insert("host", http::HeaderValue::from_static("other.example"));
    assert_eq!(ask(&mut connection, conflicting).await.status, 400);
    let mut crumbs = get(&visitor, "/head");
    crumbs.headers_mut().append("cookie", http::HeaderValue::from_static("a=1"));
    crumbs.headers_mut().append("cookie", http::HeaderValue::from_static("b=2"));
    ask(&mut connection, crumbs).await;
    assert_eq!(world.service.last().field("cookie"), Some("a=1; b=2"));
    let unknown = Visitor::new(world.gateway.address, "nobody.localhost");
    let mut connection = unknown.http2::<Body>().await.expect("a connection");
    let reply = ask(&mut connection, get(&unknown, "/")).await;
    assert_eq!(reply.status, 404);
    assert!(reply.error_code().is_some());
}

#[tokio::test]
async fn trailers_cross_from_http1_services_to_http2_visitors() {
    let world = World::new().await;
    let visitor = world.visitor();
    let mut connection = visitor.http2::<Body>().await.expect("a connection");
    let mut trailers = HeaderMap::new();
    trailers.insert("x-visitor-trailer", http::HeaderValue::from_static("from h2"));
    let request = Request::post(visitor.uri("/trailers"))
        .header("te", "trailers")
        .body(body::with_trailers("a body", trailers))
        .expect("a request");
    let reply = ask(&mut connection, request).await;
    let trailers = reply.trailers.expect("trailers came");
    assert_eq!(
        (&trailers["x-checksum"], &trailers["x-visitor-trailer"]),
        (&"abc123".parse().unwrap(), &"from h2".parse().unwrap())
    );
}

/// A gRPC message: flag, length, bytes.
fn message(payload: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(payload.len() + 5);
    framed.put_u8(0);
    framed.put_u32(payload.len() as u32);
    framed.put_slice(payload);
    framed.freeze()
}

fn grpc(visitor: &Visitor, path: &str, body: Body) -> Request<Body> {
    Request::post(visitor.uri(path))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .expect("a request")
}

async fn grpc_world() -> World {
    World::builder().service(LocalService::grpc().await).scheme("h2c").start().await
}

#[tokio::test]
async fn a_grpc_call_ends_with_its_status_in_trailers() {
    let world = grpc_world().await;
    let visitor = world.visitor();
    let mut connection = visitor.http2::<Body>().await.expect("a connection");
    for size in [0, 1, 20_000, 1_000_000] {
        let sent = message(&body::pattern(size));
        let reply = ask(&mut connection, grpc(&visitor, "/test.Echo/Unary", body::full(sent.clone()))).await;
        assert_eq!((reply.status, reply.field("content-type")), (200, Some("application/grpc")));
        assert_eq!(reply.body, sent, "{size} bytes");
        assert_eq!(reply.trailers.expect("trailers came")["grpc-status"], "0");
    }
    let seen = world.service.last();
    assert_eq!(seen.field("te"), Some("trailers"));
}

#[tokio::test]
async fn a_grpc_failure_without_messages_keeps_its_status() {
    let world = grpc_world().await;
    let visitor = world.visitor();
    let mut connection = visitor.http2::<Body>().await.expect("a connection");
    let reply = ask(&mut connection, grpc(&visitor, "/test.Echo/Fail", body::full(message(b"x")))).await;
    assert_eq!((reply.status, reply.field("grpc-status")), (200, Some("5")));
    assert!(reply.body.is_empty());
}

#[tokio::test]
async fn grpc_streams_run_both_ways_at_once() {
    let world = grpc_world().await;
    let visitor = world.visitor();
    let mut connection = visitor.http2::<Body>().await.expect("a connection");
    let (send, receive) = tokio::sync::mpsc::channel::<Bytes>(1);
    let upload = futures_util::stream::unfold(receive, |mut receive| async move {
        let piece = receive.recv().await?;
        Some((Ok::<_, Broken>(Frame::data(piece)), receive))
    });
    let body = StreamBody::new(upload).boxed_unsync();
    let response = within("the head", connection.send_request(grpc(&visitor, "/test.Echo/Stream", body)));
    let mut echoed = response.await.expect("an answer").into_body();
    for number in 0..20u8 {
        let sent = message(&[number; 100]);
        send.send(sent.clone()).await.expect("the stream is open");
        let mut got = BytesMut::new();
        while got.len() < sent.len() {
            let frame = within("an echo", echoed.frame()).await.expect("more").expect("open");
            got.extend_from_slice(frame.data_ref().expect("data"));
        }
        assert_eq!(got, sent);
    }
    drop(send);
    let frame = within("the trailers", echoed.frame()).await.expect("trailers").expect("open");
    assert_eq!(frame.trailers_ref().expect("trailers")["grpc-status"], "0");
}

#[tokio::test]
async fn an_http1_visitor_reaches_an_h2c_service() {
    let world = grpc_world().await;
    let reply = world.visitor().post("/test.Echo/Unary", "plain").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "plain"));
}

async fn tls(
    address: std::net::SocketAddr,
    authority: &Authority,
    name: &str,
    alpn: &[&str],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let connector = tokio_rustls::TlsConnector::from(authority.client(alpn));
    let name = ServerName::try_from(name.to_owned()).expect("a valid name");
    connector.connect(name, TcpStream::connect(address).await?).await
}

/// A gateway on TLS, whose domain is `tunnel.test`; agents reach it as `localhost`.
async fn tls_world(authority: &Authority, pair: &Pair) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    pair.write(folder.path());
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).expect("a file can be written");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key, ca) = (file("cert.pem"), file("key.pem"), file("ca.pem"));
    let world = World::builder()
        .gateway(|gateway| {
            gateway.public_url(Some("https://localhost:0")).args(["--tls-cert", &cert, "--tls-key", &key])
        })
        .agent_args(["--ca-file", &ca])
        .tls()
        .start()
        .await;
    (world, folder)
}

#[tokio::test]
async fn tls_visitors_choose_http2_or_http1_by_alpn() {
    let authority = Authority::new();
    let pair = authority.issue(&["localhost", "app.localhost"]);
    let (world, _folder) = tls_world(&authority, &pair).await;
    assert!(world.public_url.starts_with("https://app.localhost:"), "{}", world.public_url);
    let visitor = world.visitor();

    let socket =
        tls(world.gateway.address, &authority, "app.localhost", &["h2", "http/1.1"]).await.expect("TLS");
    assert_eq!(socket.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut send, connection) = builder.handshake(TokioIo::new(socket)).await.expect("HTTP/2");
    tokio::spawn(connection);
    let uri = format!("https://{}/hello", visitor.host);
    let request = Request::get(uri).body(Empty::<Bytes>::new()).expect("a request");
    let response = within("an answer", send.send_request(request)).await.expect("an answer");
    assert_eq!(collect(response).await.expect("a body").text(), "hello");
    assert_eq!(world.service.last().field("x-forwarded-proto"), Some("https"));

    let socket = tls(world.gateway.address, &authority, "app.localhost", &["http/1.1"]).await.expect("TLS");
    let (mut send, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.expect("HTTP/1.1");
    tokio::spawn(connection);
    let request = visitor.request("POST", "/echo").body(Full::new(Bytes::from(body::pattern(500_000))));
    let response =
        within("an answer", send.send_request(request.expect("a request"))).await.expect("an answer");
    assert_eq!(collect(response).await.expect("a body").body, body::pattern(500_000));
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let authority = Authority::new();
    let (world, folder) = tls_world(&authority, &authority.issue(&["localhost", "app.localhost"])).await;
    let newer = Authority::new();
    assert!(tls(world.gateway.address, &newer, "localhost", &[]).await.is_err());
    std::fs::write(folder.path().join("cert.pem"), "not a certificate").expect("a file can be written");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(tls(world.gateway.address, &authority, "localhost", &[]).await.is_ok(), "the old pair is kept");
    newer.issue(&["localhost", "app.localhost"]).write(folder.path());
    let address = world.gateway.address;
    let newer = Arc::new(newer);
    until("the new certificate", || {
        let newer = newer.clone();
        async move { tls(address, &newer, "localhost", &[]).await.ok() }
    })
    .await;
}

#[tokio::test]
async fn a_gateway_certificate_that_is_not_trusted_is_told_apart() {
    let authority = Authority::new();
    let (world, _folder) = tls_world(&authority, &authority.issue(&["localhost"])).await;
    let home = porthole_testkit::agent::Home::new();
    let url = world.gateway.public_url.clone();
    let outcome = home
        .run(&["http", "3000", "--gateway", &url, "--token", &world.token.token, "--no-wait", "--json"])
        .await;
    assert!(matches!(outcome.code, Some(1 | 4)), "{outcome:?}");
    assert!(outcome.stdout.contains("certificate"), "{outcome:?}");
}

#[tokio::test]
async fn a_stalled_tls_handshake_holds_nobody_up() {
    let authority = Authority::new();
    let (world, _folder) = tls_world(&authority, &authority.issue(&["localhost", "app.localhost"])).await;
    let mut stalled = Vec::new();
    for _ in 0..50 {
        stalled.push(TcpStream::connect(world.gateway.address).await.expect("the gateway accepts"));
    }
    within("a handshake beside stalled ones", tls(world.gateway.address, &authority, "localhost", &[]))
        .await
        .expect("TLS");
}

#[tokio::test]
async fn the_gateways_own_pages_answer_over_http2_too() {
    let gateway = Gateway::start().await;
    let own = gateway.own();
    let mut connection = own.http2::<Body>().await.expect("a connection");
    assert_eq!(ask(&mut connection, get(&own, "/health")).await.status, 200);
}

#[tokio::test]
async fn events_reach_an_http2_visitor_as_they_come() {
    let world = World::new().await;
    let visitor = world.visitor();
    let mut connection = visitor.http2::<Body>().await.expect("a connection");
    let response =
        within("a head", connection.send_request(get(&visitor, "/events"))).await.expect("an answer");
    let mut events = response.into_body().into_data_stream();
    for number in 0..5 {
        let event = within("an event", events.next()).await.expect("more").expect("open");
        assert!(event.starts_with(format!("id: {number}\n").as_bytes()), "{event:?}");
    }
}
