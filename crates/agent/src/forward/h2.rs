//! `h2c://` services: HTTP/2 on clear text with prior knowledge (gRPC), one shared connection.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use porthole_http1::connection::strip_hop_by_hop;
use porthole_http1::{Fields, RequestHead, ResponseHead, Version};
use porthole_link::limits::INLINE_BYTES;
use porthole_link::{Item, RecvHalf, SendHalf};
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::http1::Visitor;
use super::outcome::ForwardError;
use super::pool::{CONNECT_TIME, Pool};
use super::record::{Record, Traffic};
use super::upload::UpEnd;
use crate::capture::Side;

/// Response bytes in flight on one stream.
const STREAM_WINDOW: u32 = 256 * 1024;
/// … and on the whole connection: a hundred stalled readers do not stop the others.
const CONNECTION_WINDOW: u32 = 32 * 1024 * 1024;
/// Bytes of a response's header list, as on HTTP/1.
const HEADER_LIST_BYTES: u32 = 64 * 1024;
/// Request pieces between the link and HTTP/2's own flow control.
const PIECES: usize = 2;
/// A connection whose service answers no ping for so long is given up.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// The connection to one service, made when it is first needed and again when it broke.
#[derive(Debug, Default)]
pub struct Shared(Mutex<Option<Live>>);

#[derive(Debug)]
struct Live {
    sender: SendRequest<RequestBody>,
    _task: AbortOnDropHandle<()>,
}

impl Shared {
    /// The live connection, and whether it was there before.
    async fn get(&self, pool: &Pool) -> Result<(SendRequest<RequestBody>, bool), ForwardError> {
        let mut slot = self.0.lock().await;
        if let Some(live) = slot.as_ref()
            && !live.sender.is_closed()
        {
            return Ok((live.sender.clone(), true));
        }
        *slot = None;
        let stream = pool.connect_tcp().await?;
        let handshake = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(HEADER_LIST_BYTES)
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .handshake(TokioIo::new(stream));
        let (sender, connection) = tokio::time::timeout(CONNECT_TIME, handshake)
            .await
            .map_err(|_| ForwardError::ConnectTimeout)?
            .map_err(broken)?;
        let task = AbortOnDropHandle::new(tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an HTTP/2 connection to a local service ended");
            }
        }));
        *slot = Some(Live { sender: sender.clone(), _task: task });
        Ok((sender, false))
    }

    /// Forgets a connection that turned out to be broken, unless another took its place.
    async fn forget_closed(&self) {
        let mut slot = self.0.lock().await;
        if slot.as_ref().is_some_and(|live| live.sender.is_closed()) {
            *slot = None;
        }
    }
}

/// Sends the record's request and passes the answer on; trailers both ways.
pub async fn exchange(record: &mut Record, visitor: Visitor<'_>) -> Result<(), ForwardError> {
    if visitor.upgrade {
        return Err(ForwardError::BadAnswer("a service on HTTP/2 takes no protocol upgrades".into()));
    }
    let pool = record.route.pool.clone();
    let Visitor { send, recv, data, ended, public, .. } = visitor;
    if ended {
        record.traffic.request_ended();
    }
    let (pieces, body) = RequestBody::new(data, ended);
    let mut request = http::Request::new(body);
    translate_request(&record.head, &mut request)?;
    record.traffic.sent(&record.head);

    let Record { route, traffic, status, .. } = record;
    let timeout = route.served.timeout;
    let mut up = pin!(upload(pieces, recv, traffic));
    let mut up_done = false;
    let mut down = pin!(async {
        let response = respond(&pool, request, traffic, timeout, send).await?;
        *status = Some(response.status().as_u16());
        pass_on(response, send, traffic, |head| {
            if let Some(public) = public {
                route.rule.turn_back(head, public);
            }
        })
        .await
    });
    std::future::poll_fn(|cx| {
        if !up_done && let Poll::Ready(end) = up.as_mut().poll(cx) {
            match end {
                UpEnd::Stopped(code) => return Poll::Ready(Err(ForwardError::Gone(code))),
                UpEnd::BadBody => return Poll::Ready(Err(ForwardError::BadRequest)),
                UpEnd::Complete | UpEnd::WriteFailed => up_done = true,
            }
        }
        down.as_mut().poll(cx)
    })
    .await
}

/// Waits for the response's head.
async fn respond(
    pool: &Pool,
    mut request: http::Request<RequestBody>,
    traffic: &Traffic,
    timeout: Duration,
    send: &mut SendHalf,
) -> Result<http::Response<Incoming>, ForwardError> {
    let answer = async {
        loop {
            let (mut sender, reused) = pool.h2.get(pool).await?;
            traffic.moved();
            let sent = match sender.ready().await {
                Ok(()) => sender.try_send_request(request).await,
                Err(_) if reused => {
                    pool.h2.forget_closed().await;
                    continue;
                }
                Err(error) => return Err(broken(error)),
            };
            match sent {
                Ok(response) => return Ok(response),
                Err(mut failed) => match failed.take_message() {
                    // The connection broke before the request was on it.
                    Some(unsent) if reused => {
                        pool.h2.forget_closed().await;
                        request = unsent;
                    }
                    _ => return Err(broken(failed.into_error())),
                },
            }
        }
    };
    let mut due = pin!(tokio::time::sleep_until(traffic.answer_due(timeout)));
    let mut answer = pin!(answer);
    loop {
        tokio::select! {
            biased;
            answer = answer.as_mut() => return answer,
            code = send.stopped() => return Err(ForwardError::Gone(code)),
            () = due.as_mut() => match traffic.answer_still_due(timeout) {
                Some(later) => due.as_mut().reset(later),
                None => return Err(ForwardError::AnswerTimeout),
            },
        }
    }
}

/// Passes a response on, no faster than the visitor takes it.
async fn pass_on(
    response: http::Response<Incoming>,
    send: &mut SendHalf,
    traffic: &Traffic,
    turn_back: impl FnOnce(&mut ResponseHead),
) -> Result<(), ForwardError> {
    let (parts, mut body) = response.into_parts();
    let mut head = ResponseHead {
        status: parts.status.as_u16(),
        reason: Vec::new(),
        version: Version::Http2,
        fields: translate_fields(&parts.headers),
    };
    traffic.answered(&head);
    strip_hop_by_hop(&mut head.fields);
    turn_back(&mut head);
    if body.is_end_stream() {
        return Ok(send.send_head(&head, Bytes::new(), true)?);
    }
    // What is there already rides with the head.
    let mut first = body.frame().now_or_never();
    let inline = match first.take() {
        Some(Some(Ok(frame))) => match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                first = Some(Some(Ok(frame)));
                Bytes::new()
            }
        },
        other => {
            first = other;
            Bytes::new()
        }
    };
    traffic.response_data(&inline);
    let (inline, rest) = {
        let mut inline = inline;
        let rest = (inline.len() > INLINE_BYTES).then(|| inline.split_off(INLINE_BYTES));
        (inline, rest)
    };
    send.send_head(&head, inline, false)?;
    if let Some(rest) = rest {
        send.send(rest).await?;
    }
    loop {
        let frame = match first.take() {
            Some(frame) => frame,
            None => tokio::select! {
                biased;
                frame = body.frame() => frame,
                code = send.stopped() => return Err(ForwardError::Gone(code)),
            },
        };
        match frame {
            None => return Ok(send.end(None)?),
            Some(Err(error)) => return Err(broken(error)),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    traffic.response_data(&data);
                    send.send(data).await?;
                }
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        let trailers = translate_fields(&trailers);
                        traffic.trailers(Side::Response, &trailers);
                        return Ok(send.end(Some(&trailers))?);
                    }
                }
            },
        }
    }
}

/// Feeds the request's body from the link.
async fn upload(pieces: Option<mpsc::Sender<Piece>>, recv: &mut RecvHalf, traffic: &Traffic) -> UpEnd {
    let Some(pieces) = pieces else { return UpEnd::Complete };
    loop {
        traffic.visitor_owes(true);
        let item = recv.recv().await;
        traffic.visitor_owes(false);
        let piece = match item {
            Ok(Item::Data(data)) => {
                traffic.request_data(&data);
                Piece::Data(data)
            }
            Ok(Item::End(trailers)) => {
                traffic.request_ended();
                if let Some(trailers) = &trailers {
                    traffic.trailers(Side::Request, trailers);
                }
                let trailers = trailers.map(|fields| header_map(&fields)).unwrap_or_default();
                let end = if trailers.is_empty() { Piece::End } else { Piece::Trailers(trailers) };
                return match pieces.send(end).await {
                    Ok(()) => UpEnd::Complete,
                    Err(_) => UpEnd::WriteFailed,
                };
            }
            Ok(Item::Interim(_) | Item::Head(_)) => return UpEnd::BadBody,
            Err(stopped) => return UpEnd::Stopped(stopped.0),
        };
        if pieces.send(piece).await.is_err() {
            return UpEnd::WriteFailed;
        }
        traffic.moved();
    }
}

fn translate_request(
    head: &RequestHead,
    request: &mut http::Request<RequestBody>,
) -> Result<(), ForwardError> {
    let bad = || ForwardError::BadRequest;
    *request.method_mut() = Method::from_bytes(head.method.as_bytes()).map_err(|_| bad())?;
    *request.version_mut() = http::Version::HTTP_2;
    let authority = head.fields.get_str("host").ok_or_else(bad)?;
    let path = if head.target.starts_with('/') || head.target == "*" { head.target.as_str() } else { "/" };
    *request.uri_mut() =
        Uri::builder().scheme("http").authority(authority).path_and_query(path).build().map_err(|_| bad())?;
    *request.headers_mut() = header_map(&head.fields);
    Ok(())
}

/// Fields as HTTP/2 has them: lower case, Host in `:authority`, nothing of the connection's.
fn header_map(fields: &Fields) -> HeaderMap {
    const CONNECTION: [&str; 6] =
        ["host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
    let mut map = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields.iter() {
        let Ok(name) = HeaderName::from_bytes(name) else { continue };
        let Ok(value) = HeaderValue::from_bytes(value) else { continue };
        let te_but_trailers = name == "te" && !value.as_bytes().eq_ignore_ascii_case(b"trailers");
        if !te_but_trailers && !CONNECTION.contains(&name.as_str()) {
            map.append(name, value);
        }
    }
    map
}

fn translate_fields(map: &HeaderMap) -> Fields {
    map.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

fn broken(error: hyper::Error) -> ForwardError {
    ForwardError::BadAnswer(error.to_string())
}

/// A part of a request's body.
#[derive(Debug)]
enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

/// A request's body as hyper takes it. A channel that closes without an end is a broken body, never a
/// clean end.
#[derive(Debug)]
pub struct RequestBody {
    first: Option<Bytes>,
    rest: Option<mpsc::Receiver<Piece>>,
}

impl RequestBody {
    fn new(first: Bytes, ended: bool) -> (Option<mpsc::Sender<Piece>>, Self) {
        let first = (!first.is_empty()).then_some(first);
        if ended {
            return (None, Self { first, rest: None });
        }
        let (pieces, rest) = mpsc::channel(PIECES);
        (Some(pieces), Self { first, rest: Some(rest) })
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let this = self.get_mut();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let Some(rest) = &mut this.rest else { return Poll::Ready(None) };
        let piece = std::task::ready!(rest.poll_recv(cx));
        Poll::Ready(match piece {
            Some(Piece::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Piece::Trailers(trailers)) => {
                this.rest = None;
                Some(Ok(Frame::trailers(trailers)))
            }
            Some(Piece::End) => {
                this.rest = None;
                None
            }
            None => Some(Err(std::io::ErrorKind::UnexpectedEof.into())),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_connection_do_not_reach_http2_and_te_trailers_does() {
        let fields: Fields = [
            ("Host", "a"),
            ("TE", "trailers"),
            ("TE", "gzip"),
            ("Connection", "x"),
            ("Upgrade", "y"),
            ("X-Mixed-Case", "v"),
            ("x-mixed-case", "w"),
        ]
        .into_iter()
        .collect();
        let map = header_map(&fields);
        assert_eq!(map.get_all("te").iter().collect::<Vec<_>>(), ["trailers"]);
        assert_eq!(map.get_all("x-mixed-case").iter().collect::<Vec<_>>(), ["v", "w"]);
        assert_eq!(map.len(), 3);
    }

    #[tokio::test]
    async fn a_body_that_is_cut_off_does_not_end_cleanly() {
        let (pieces, body) = RequestBody::new(Bytes::from_static(b"ab"), false);
        let pieces = pieces.unwrap();
        pieces.send(Piece::Data(Bytes::from_static(b"cd"))).await.unwrap();
        drop(pieces);
        assert!(body.collect().await.is_err());

        let (pieces, body) = RequestBody::new(Bytes::new(), false);
        pieces.unwrap().send(Piece::End).await.unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes(), Bytes::new());
    }
}
