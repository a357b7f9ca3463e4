//! HTTP/2 visitors with prior knowledge.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::{Body, Incoming as Answer};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use porthole_http1::Fields;
use porthole_link::ResetCode;
use tokio::net::TcpStream;

use crate::harness::{World, head, saying, take, within};

async fn connect<B>(world: &World) -> SendRequest<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let io = TcpStream::connect(world.addr).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn get(target: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://shop.gate.test{target}")).body(Empty::new()).unwrap()
}

async fn text(response: Response<Answer>) -> String {
    String::from_utf8(within(response.collect()).await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn an_http2_visitor_takes_the_same_way() {
    let world = World::new(saying(|incoming| {
        let head = incoming.open.head.as_ref().unwrap();
        let field = |name| head.fields.get_str(name).unwrap_or("-").to_owned();
        format!("{} {} {} {}", head.method, head.target, field("host"), field("x-forwarded-proto"))
    }))
    .await;
    let mut sender = connect(&world).await;
    let response = within(sender.send_request(get("/a?b"))).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(text(response).await, "GET /a?b shop.gate.test http");
}

#[tokio::test]
async fn bodies_and_trailers_cross_both_ways_on_http2() {
    let world = World::new(|incoming| async move {
        let mut taken = take(incoming).await;
        let told = taken.trailers.unwrap();
        assert_eq!(told.get_str("x-sum"), Some("7"));
        taken
            .send
            .send_head(&head(200, &[("Content-Type", "application/grpc")]), taken.body.into(), false)
            .unwrap();
        let back: Fields = [("Grpc-Status", "0")].into_iter().collect();
        taken.send.end(Some(&back)).unwrap();
    })
    .await;
    let mut sender = connect(&world).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "7".parse().unwrap());
    let frames = [
        Frame::data(Bytes::from_static(b"ab")),
        Frame::data(Bytes::from_static(b"cde")),
        Frame::trailers(trailers),
    ];
    let body = StreamBody::new(futures_util::stream::iter(frames.map(Ok::<_, std::io::Error>)));
    let request = Request::post("http://shop.gate.test/").body(body).unwrap();
    let response = within(sender.send_request(request)).await.unwrap();
    let collected = within(response.collect()).await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(collected.to_bytes(), "abcde");
}

#[tokio::test]
async fn a_trailers_only_answer_ends_with_its_head() {
    let world = World::new(|incoming| async move {
        let mut taken = take(incoming).await;
        taken.send.send_head(&head(200, &[("Grpc-Status", "12")]), Bytes::new(), true).unwrap();
    })
    .await;
    let mut sender = connect(&world).await;
    let response = within(sender.send_request(get("/"))).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "12");
    assert!(response.body().is_end_stream());
}

#[tokio::test]
async fn an_answer_that_breaks_off_resets_the_http2_stream() {
    let world = World::new(|incoming| async move {
        let mut taken = take(incoming).await;
        taken.send.send_head(&head(200, &[]), Bytes::from_static(b"hello"), false).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        taken.send.reset(ResetCode::BadAnswer);
    })
    .await;
    let mut sender = connect(&world).await;
    let response = within(sender.send_request(get("/"))).await.unwrap();
    assert!(within(response.collect()).await.is_err());
}

#[tokio::test]
async fn an_http2_visitor_that_loses_interest_cancels_the_stream() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let world = World::new(move |incoming| {
        let tell = tell.clone();
        async move {
            let (mut send, _recv) = incoming.stream.split();
            tell.send(None).await.unwrap();
            let code = send.stopped().await;
            tell.send(Some(code)).await.unwrap();
        }
    })
    .await;
    let mut sender = connect(&world).await;
    let asking = tokio::spawn(sender.send_request(get("/")));
    assert_eq!(within(told.recv()).await, Some(None));
    asking.abort();
    assert_eq!(within(told.recv()).await, Some(Some(ResetCode::Cancelled)));
}

#[tokio::test]
async fn errors_reach_http2_visitors_with_their_codes() {
    let world = World::new(|incoming| async move {
        let (mut send, _recv) = incoming.stream.split();
        send.reset(ResetCode::Refused);
    })
    .await;
    let mut sender = connect(&world).await;
    let request =
        Request::post("http://shop.gate.test/").body(Full::new(Bytes::from_static(b"body"))).unwrap();
    let response = within(sender.send_request(request)).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.headers()["porthole-error"].as_bytes()),
        (502, &b"service-down"[..])
    );
    let request = Request::get("http://nobody.gate.test/").body(Full::default()).unwrap();
    let response = within(sender.send_request(request)).await.unwrap();
    assert_eq!(response.status(), 404);
}
