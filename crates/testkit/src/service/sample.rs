//! The service of an ordinary world.
//!
//! `/hello` · `/echo` (the body back) · `/head` (the head as JSON) · `/bytes?N` · `/sink` (counts) · `/digest`
//! (SHA-256) · `/status/N` · `/slow?MILLISECONDS` · `/hang` (never answers) · `/drip` (endless, until
//! cancelled) · `/broken?N` (N bytes, then dies) · `/early` (answers before reading) · `/events` (server-sent) ·
//! `/trailers` · `/ws` (echo).

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sha2::{Digest, Sha256};

use super::body::{self, Body};
use super::{Record, websocket};

/// Milliseconds between the pieces of `/drip` and `/events`.
const DRIP: Duration = Duration::from_millis(20);

pub(super) async fn answer(request: Request<Incoming>, record: Record) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let query: u64 = request.uri().query().and_then(|query| query.parse().ok()).unwrap_or(0);
    match path.as_str() {
        "/hello" => text("hello"),
        "/echo" => {
            let kind = request.headers().get("content-type").cloned();
            let data = request.into_body().map_err(Into::into).boxed_unsync();
            let mut response = Response::new(data);
            if let Some(kind) = kind {
                response.headers_mut().insert("content-type", kind);
            }
            response
        }
        "/head" => head(&request),
        "/bytes" => {
            let mut response = Response::new(body::generated(query));
            response.headers_mut().insert("content-length", HeaderValue::from(query));
            response
        }
        "/chunked" => Response::new(body::generated(query)),
        "/sink" => sink(request.into_body(), &record).await,
        "/digest" => digest(request.into_body(), &record).await,
        "/slow" => {
            let unfinished = record.unfinished();
            tokio::time::sleep(Duration::from_millis(query)).await;
            unfinished.done();
            text("slow, but there")
        }
        "/hang" => {
            let _unfinished = record.unfinished();
            std::future::pending().await
        }
        "/drip" => drip(&record),
        "/broken" => {
            let mut response = Response::new(body::broken_after(query));
            response.headers_mut().insert("content-length", HeaderValue::from(query + 1000));
            response
        }
        "/broken-chunked" => Response::new(body::broken_after(query)),
        "/early" => {
            let mut response = text("too much");
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            response.headers_mut().insert("connection", HeaderValue::from_static("close"));
            response
        }
        "/events" => events(&record),
        "/trailers" => trailers(request).await,
        "/ws" => websocket::echo(request),
        "/redirect" => {
            let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or("");
            let mut response = Response::new(body::empty());
            *response.status_mut() = StatusCode::FOUND;
            let to = HeaderValue::from_str(&format!("http://{host}/hello")).expect("a host is a valid value");
            response.headers_mut().insert("location", to);
            response
        }
        "/redirect-path" => {
            let mut response = Response::new(body::empty());
            *response.status_mut() = StatusCode::FOUND;
            response.headers_mut().insert("location", HeaderValue::from_static("/hello"));
            let cookie = HeaderValue::from_static("sid=1; Path=/; HttpOnly");
            response.headers_mut().insert("set-cookie", cookie);
            response
        }
        _ => match path.strip_prefix("/status/").and_then(|code| code.parse().ok()) {
            Some(code) => {
                let mut response = Response::new(body::empty());
                *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST);
                response
            }
            None => {
                let mut response = text("the service knows no such page");
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        },
    }
}

fn text(text: &'static str) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
    response
}

/// `{"method":…,"target":…,"fields":[[name,value],…]}`
fn head(request: &Request<Incoming>) -> Response<Body> {
    let fields: Vec<[String; 2]> = request
        .headers()
        .iter()
        .map(|(name, value)| [name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()])
        .collect();
    let json = serde_json::json!({
        "method": request.method().as_str(),
        "target": request.uri().to_string(),
        "fields": fields,
    });
    let mut response = Response::new(body::full(json.to_string()));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

/// Reads the body and answers with its length and whether it was the pattern of `body::pattern`.
async fn sink(mut incoming: Incoming, record: &Record) -> Response<Body> {
    let unfinished = record.unfinished();
    let mut count = 0u64;
    while let Some(frame) = incoming.frame().await {
        match frame {
            Ok(frame) => count += frame.data_ref().map_or(0, |data| data.len() as u64),
            Err(_) => return text("broken"),
        }
    }
    unfinished.done();
    Response::new(body::full(count.to_string()))
}

/// Reads the body and answers with its SHA-256.
async fn digest(mut incoming: Incoming, record: &Record) -> Response<Body> {
    let unfinished = record.unfinished();
    let mut digest = Sha256::new();
    while let Some(frame) = incoming.frame().await {
        match frame {
            Ok(frame) => digest.update(frame.data_ref().map_or(&[][..], |data| data)),
            Err(_) => return text("broken"),
        }
    }
    unfinished.done();
    Response::new(body::full(body::hexadecimal(&digest.finalize())))
}

/// Endless; counted as cancelled when nobody wants it any more.
fn drip(record: &Record) -> Response<Body> {
    let unfinished = record.unfinished();
    Response::new(body::pieces(stream::unfold(unfinished, |unfinished| async move {
        tokio::time::sleep(DRIP).await;
        Some((Ok(Bytes::from_static(b"drip ")), unfinished))
    })))
}

/// Server-sent events, numbered from 0, without end.
fn events(record: &Record) -> Response<Body> {
    let state = (0u64, record.unfinished());
    let events = stream::unfold(state, |(number, unfinished)| async move {
        tokio::time::sleep(DRIP).await;
        Some((Ok(Bytes::from(format!("id: {number}\ndata: event {number}\n\n"))), (number + 1, unfinished)))
    });
    let mut response = Response::new(body::pieces(events));
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/event-stream"));
    response
}

/// Gives the request's trailers back as trailers, beside one of its own.
async fn trailers(request: Request<Incoming>) -> Response<Body> {
    let mut back = HeaderMap::new();
    if let Ok(whole) = request.into_body().collect().await
        && let Some(got) = whole.trailers()
    {
        back.extend(got.clone());
    }
    back.insert("x-checksum", HeaderValue::from_static("abc123"));
    let mut response = Response::new(body::with_trailers("body", back));
    response.headers_mut().insert("trailer", HeaderValue::from_static("x-checksum, x-visitor-trailer"));
    response
}
