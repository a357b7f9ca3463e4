//! What gRPC looks like on the wire: HTTP/2, length-prefixed messages, the outcome in trailers.
//!
//! `/test.Echo/Unary` one message back · `/test.Echo/Stream` every message back as it comes ·
//! `/test.Echo/Fail` a trailers-only answer.

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, BodyStream};
use hyper::body::{Frame, Incoming};

use super::Record;
use super::body::{self, Body};

pub(super) async fn answer(request: Request<Incoming>, _record: Record) -> Response<Body> {
    match request.uri().path() {
        "/test.Echo/Unary" => match request.into_body().collect().await {
            Ok(whole) => grpc(body::with_trailers(whole.to_bytes(), status("0", "fine"))),
            Err(_) => trailers_only("13", "broken request"),
        },
        "/test.Echo/Stream" => {
            let echoed = BodyStream::new(request.into_body()).map(|frame| frame.map_err(body::Error::from));
            let end = futures_util::stream::once(async { Ok(Frame::trailers(status("0", "all echoed"))) });
            grpc(body::frames(echoed.filter(|frame| std::future::ready(data_or_error(frame))).chain(end)))
        }
        "/test.Echo/Fail" => trailers_only("5", "no such thing"),
        _ => trailers_only("12", "unimplemented"),
    }
}

fn data_or_error(frame: &Result<Frame<Bytes>, body::Error>) -> bool {
    frame.as_ref().map_or(true, Frame::is_data)
}

fn status(code: &'static str, message: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(code));
    trailers.insert("grpc-message", HeaderValue::from_static(message));
    trailers
}

fn grpc(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn trailers_only(code: &'static str, message: &'static str) -> Response<Body> {
    let mut response = grpc(body::empty());
    response.headers_mut().extend(status(code, message));
    response
}
