//! One HTTP/2 visitor connection: hyper speaks the protocol, the exchanges are those of HTTP/1.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{Entry, HeaderValue, STRICT_TRANSPORT_SECURITY};
use http::request::Parts;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use porthole_http1::{Fields, Refusal, RequestHead, Version, announced_length, is_authority};
use porthole_link::{Item, ResetCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::body::AnswerBody;
use super::meter::Metered;
use super::{IDLE, Service};
use crate::access::{Record, Seen};
use crate::allowance::{Sending, paced};
use crate::exchange::{self, Arrival, Asked, Forward, Plan, new_request_id};
use crate::own;
use crate::rescue::{self, Answer, Form, Problem};
use crate::server::{Gateway, LAST_CALL};

/// Requests in flight on one connection (SECURITY: the crate's own default is none).
const STREAMS: u32 = 100;
/// Bytes of a decoded header list, as for an HTTP/1 head.
const HEADER_LIST_BYTES: u32 = 64 * 1024;
/// Fields of a request, as for HTTP/1.
const FIELDS: usize = 100;
/// Bytes of a body that may arrive before they are taken on.
const STREAM_WINDOW: u32 = 128 * 1024;
/// For the whole connection: all streams' together, so that stalled uploads never hold up another.
const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;
/// Bytes of an answer gathered for a stream before the visitor makes room for them.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Streams reset by the visitor before they were looked at (rapid reset); more end the connection.
const PENDING_RESETS: usize = 20;
/// Streams reset by us for the visitor's mistakes (MadeYouReset); more end the connection.
const LOCAL_RESETS: usize = 256;
/// How often a silent connection is pinged, and how long its answer may take.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Serves a connection until it ends; `name` is what its TLS handshake was for.
pub(super) async fn serve<IO>(
    service: Arc<Service>,
    io: IO,
    peer: SocketAddr,
    scheme: &'static str,
    name: Option<Arc<str>>,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let gateway = Arc::clone(&service.gateway);
    let activity = Activity::default();
    let begins = activity.clone();
    let requests = service_fn(move |request: Request<Incoming>| {
        let (service, name) = (Arc::clone(&service), name.clone());
        let open = begins.begin();
        async move {
            let came = Came { peer, scheme, name: name.as_deref() };
            let mut answer = handle(&service, request, came).await;
            mark(&mut answer, exchange::hsts(&service.gateway, scheme));
            Ok::<_, Infallible>(answer.map(|body| body.during(open)))
        }
    });
    let connection = Builder::new(Tracked(gateway.tasks.clone()))
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_LIST_BYTES)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .adaptive_window(false)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(Metered::new(io)), requests);
    let mut connection = pin!(connection);
    // One that has just begun would be dropped before its first request.
    let begun = Instant::now();
    let goaway = async {
        gateway.draining.cancelled().await;
        tokio::time::sleep_until(begun + LAST_CALL).await;
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = until_over(goaway, activity.idle()) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "an HTTP/2 connection ended");
    }
}

/// Ends with the first of both.
async fn until_over(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => {}
        () = other => {}
    }
}

/// What a connection is busy with.
#[derive(Debug, Clone, Default)]
struct Activity(Arc<Streams>);

#[derive(Debug, Default)]
struct Streams {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A request that is not answered to its end.
#[derive(Debug)]
pub(super) struct OpenStream(Arc<Streams>);

impl Activity {
    fn begin(&self) -> OpenStream {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(&self.0))
    }

    /// Resolves when there was nothing to do for [`IDLE`] at least, and for twice as long at most. The
    /// pings of HTTP/2 keep a connection alive, and without this a visitor that answers them could have
    /// it for ever.
    async fn idle(&self) {
        let mut before = None;
        loop {
            let begun = self.0.begun.load(Ordering::Relaxed);
            let is_idle = begun == self.0.ended.load(Ordering::Relaxed);
            if is_idle && before == Some(begun) {
                return;
            }
            before = is_idle.then_some(begun);
            tokio::time::sleep(IDLE).await;
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs a connection's streams among the gateway's tasks.
#[derive(Debug, Clone)]
struct Tracked(TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

/// The same as [`Asked::mark`], for any answer.
fn mark(answer: &mut Response<AnswerBody>, hsts: Option<u32>) {
    if let Some(seconds) = hsts
        && let Entry::Vacant(field) = answer.headers_mut().entry(STRICT_TRANSPORT_SECURITY)
        && let Ok(value) = HeaderValue::try_from(format!("max-age={seconds}"))
    {
        field.insert(value);
    }
}

/// What holds for every request of a connection.
#[derive(Debug, Clone, Copy)]
struct Came<'a> {
    peer: SocketAddr,
    scheme: &'static str,
    name: Option<&'a str>,
}

async fn handle(service: &Service, request: Request<Incoming>, came: Came<'_>) -> Response<AnswerBody> {
    let (parts, body) = request.into_parts();
    let mut head = match head_of(&parts) {
        Ok(head) => head,
        Err(problem) => {
            let id = new_request_id();
            let record = Record::unread(&service.gateway, &id, came.peer.ip());
            return whole(service, rescue::answer(&problem, Form::default(), &id), Some(record));
        }
    };
    let asked = Asked::of(&head);
    let arrival = Arrival {
        peer: came.peer,
        at: Instant::now().into_std(),
        scheme: came.scheme,
        bodyless: body.is_end_stream(),
        server_name: came.name,
        to_https: service.to_https,
    };
    let seen = Seen::of(&service.gateway, &head);
    match exchange::plan(&service.gateway, &mut head, &arrival).await {
        Plan::Forward(mut planned) => {
            let stay = std::mem::take(&mut planned.stay);
            let record = Record::forward(&planned, seen);
            let answer = forward(service, head, body, asked, &planned, record).await;
            answer.map(|body| body.staying(stay))
        }
        Plan::Refuse { problem, request_id, visitor, endpoint, way_back, .. } => {
            let record = Record::own(arrival.at, &request_id, visitor, endpoint.as_ref(), seen);
            let mut answer = rescue::answer(&problem, Form::of(&head), &request_id);
            way_back.dress_refusal(&mut answer.head.fields);
            whole(service, answer, Some(record))
        }
        Plan::Answer { answer, request_id, visitor, endpoint, .. } => {
            let record = Record::own(arrival.at, &request_id, visitor, endpoint.as_ref(), seen);
            whole(service, answer, Some(record))
        }
        Plan::Own(own) => {
            let record = Record::own(arrival.at, &own.request_id, own.visitor.addr.ip(), None, seen);
            let answer = if own::is_tunnel(&head) {
                rescue::answer(&Problem::UpgradeRequired, Form::of(&head), &own.request_id)
            } else {
                own::answer(service, &head, &own).await
            };
            whole(service, answer, Some(record))
        }
    }
}

async fn forward(
    service: &Service,
    head: RequestHead,
    body: Incoming,
    asked: Asked,
    forward: &Forward,
    record: Record,
) -> Response<AnswerBody> {
    let form = Form::of(&head);
    let refuse = |problem: Problem, pending: Pending<'_>| {
        whole(service, forward.refusal(&problem, form), pending.answered())
    };
    let mut record = Pending { gateway: &service.gateway, record: Some(record) };
    let bodyless = body.is_end_stream();
    let stream = match forward.endpoint.link.open(forward.open(head), Bytes::new(), bodyless) {
        Ok(stream) => stream,
        Err(error) => return refuse(error.into(), record),
    };
    let (send, mut recv) = paced(stream, forward.endpoint.bucket(), 0);
    // Ends the upload with the answer: dropped with the answer's body, or with this future when the
    // visitor resets the stream.
    let (answering, answered) = oneshot::channel();
    let mut sender = None;
    if bodyless {
        sender = Some(send);
    } else {
        let max_body = forward.endpoint.policy.max_body();
        let counted = record.uploads();
        service.gateway.tasks.spawn(upload(body, send, answered, max_body, counted));
    }
    let mut head = loop {
        match recv.recv().await {
            // HTTP/2 visitors have no use for a 100, and hyper no way to send another.
            Ok(Item::Interim(_)) => {}
            Ok(Item::Head(head)) => break head,
            Ok(Item::Data(_) | Item::End(_)) => return refuse(Problem::ServiceBadAnswer, record),
            Err(stopped) => return refuse(stopped.0.into(), record),
        }
    };
    let Ok(framing) = exchange::answer_head(&mut head, asked, &forward.way_back) else {
        return refuse(Problem::ServiceBadAnswer, record);
    };
    let Some(mut response) = response_of(head.status, &head.fields) else {
        return refuse(Problem::ServiceBadAnswer, record);
    };
    let gateway = Arc::clone(&service.gateway);
    gateway.counters.answered(head.status);
    let mut record = record.answered();
    if let Some(record) = &mut record {
        record.moved.head_at = Some(std::time::Instant::now());
    }
    *response.body_mut() = AnswerBody::link(recv, sender, answering, framing, gateway, record, head.status);
    response
}

/// A record until there is an answer. Dropped before, it tells that the visitor has reset the stream.
struct Pending<'a> {
    gateway: &'a Gateway,
    record: Option<Record>,
}

impl Pending<'_> {
    fn uploads(&mut self) -> Option<Arc<AtomicU64>> {
        self.record.as_mut()?.uploads()
    }

    fn answered(mut self) -> Option<Record> {
        self.record.take()
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            record.finish(self.gateway, 0, "cancelled");
        }
    }
}

/// Passes a request's body of at most `left` bytes to the link until it ends, either side gives up, or the
/// answer is over. `counted` tells how many came.
async fn upload(
    mut body: Incoming,
    mut send: Sending,
    mut answered: oneshot::Receiver<Infallible>,
    mut left: u64,
    counted: Option<Arc<AtomicU64>>,
) {
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            _ = send.stopped() => return,
            _ = &mut answered => return,
        };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            // The visitor reset the stream or left.
            Some(Err(_)) => return send.reset(ResetCode::Cancelled),
            None => {
                let _ = send.end(None);
                return;
            }
        };
        match frame.into_data() {
            Ok(data) => {
                let Some(fewer) = left.checked_sub(data.len() as u64) else {
                    // Tells the answer's half, too.
                    return send.reset(ResetCode::BodyTooLarge);
                };
                left = fewer;
                if let Some(counted) = &counted {
                    counted.fetch_add(data.len() as u64, Ordering::Relaxed);
                }
                tokio::select! {
                    sent = send.send(data) => if sent.is_err() { return },
                    _ = &mut answered => return,
                }
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                let trailers: Fields =
                    trailers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
                let _ = send.end(Some(&trailers));
                return;
            }
        }
    }
}

/// An answer of the gateway's own.
fn whole(service: &Service, answer: Answer, record: Option<Record>) -> Response<AnswerBody> {
    let gateway = &service.gateway;
    gateway.counters.answered_here(&answer.head);
    if let Some(record) = record {
        record.answered_here(gateway, &answer);
    }
    let mut fields = answer.head.fields;
    // Upgrade (on a 426) does not exist in HTTP/2.
    fields.remove("upgrade");
    let mut response = response_of(answer.head.status, &fields).unwrap_or_default();
    *response.body_mut() = AnswerBody::whole(answer.body);
    response
}

/// None when status or fields cannot be written in HTTP/2.
fn response_of(status: u16, fields: &Fields) -> Option<Response<AnswerBody>> {
    let mut response = Response::builder().status(status);
    for (name, value) in fields.iter() {
        response = response.header(name, value);
    }
    response.body(AnswerBody::default()).ok()
}

/// The same head as HTTP/1 would have brought: `:authority` as Host, cookie crumbs joined
/// (RFC 9113 §8.2.3, §8.3.1).
fn head_of(parts: &Parts) -> Result<RequestHead, Problem> {
    let told = parts.uri.authority().map(http::uri::Authority::as_str);
    let mut hosts = parts.headers.get_all(http::header::HOST).iter();
    let host = hosts.next().map(|host| host.to_str().map_err(|_| Problem::BadHost)).transpose()?;
    let authority = match (told, host, hosts.next()) {
        (_, _, Some(_)) | (None, None, _) => return Err(Problem::BadHost),
        (Some(told), Some(host), _) if !told.eq_ignore_ascii_case(host) => return Err(Problem::BadHost),
        (Some(authority), ..) | (None, Some(authority), _) => authority,
    };
    if !is_authority(authority) {
        return Err(Problem::BadHost);
    }
    if parts.headers.len() > FIELDS {
        return Err(Problem::Malformed(Refusal::TooManyFields(FIELDS)));
    }
    let mut fields = Fields::with_capacity(1024, parts.headers.len() + 8);
    fields.push("host", authority);
    let mut cookie = Vec::new();
    for (name, value) in &parts.headers {
        match name.as_str() {
            "host" => {}
            "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade" => {
                return Err(Problem::Malformed(Refusal::Field));
            }
            "te" if value != "trailers" => return Err(Problem::Malformed(Refusal::Field)),
            "cookie" => {
                if !cookie.is_empty() {
                    cookie.extend_from_slice(b"; ");
                }
                cookie.extend_from_slice(value.as_bytes());
            }
            name => fields.push(name, value),
        }
    }
    if !cookie.is_empty() {
        fields.push("cookie", cookie);
    }
    announced_length(&fields).map_err(Problem::Malformed)?;
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Ok(RequestHead {
        method: parts.method.as_str().to_owned(),
        target: target.to_owned(),
        version: Version::Http2,
        fields,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_after_a_while_without_requests_and_not_before() {
        let activity = Activity::default();
        let begun = Instant::now();
        let open = activity.begin();
        let late = tokio::time::timeout(10 * IDLE, activity.idle()).await;
        assert!(late.is_err(), "busy");
        drop(open);
        activity.idle().await;
        let waited = begun.elapsed().saturating_sub(10 * IDLE);
        assert!(waited >= IDLE && waited <= 2 * IDLE, "{waited:?}");
    }

    fn head(uri: &str, pairs: &[(&str, &str)]) -> Result<RequestHead, Problem> {
        let mut request = Request::builder().method("GET").uri(uri);
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        head_of(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_authority_becomes_the_one_host() {
        let head = head("http://shop.example:8080/a?b", &[("accept", "*/*")]).unwrap();
        assert_eq!(head.target, "/a?b");
        assert_eq!(head.fields, Fields::from_iter([("host", "shop.example:8080"), ("accept", "*/*")]));
    }

    #[test]
    fn a_host_that_differs_from_the_authority_is_refused() {
        assert_eq!(head("http://a/", &[("host", "b")]), Err(Problem::BadHost));
        assert_eq!(head("http://a/", &[("host", "a"), ("host", "a")]), Err(Problem::BadHost));
        assert_eq!(head("/", &[]), Err(Problem::BadHost));
        assert_eq!(head("http://u@a/", &[]), Err(Problem::BadHost));
        assert!(head("http://a/", &[("host", "A")]).is_ok());
        assert!(head("/", &[("host", "a")]).is_ok());
    }

    #[test]
    fn cookie_crumbs_are_joined() {
        let head = head("http://a/", &[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]).unwrap();
        assert_eq!(head.fields.get_all("cookie").collect::<Vec<_>>(), [b"a=1; b=2"]);
    }

    #[test]
    fn connection_fields_te_and_doubtful_lengths_are_refused() {
        for pair in [
            ("connection", "close"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("te", "gzip"),
            ("content-length", "+5"),
        ] {
            assert!(head("http://a/", &[pair]).is_err(), "{pair:?}");
        }
        assert!(head("http://a/", &[("te", "trailers")]).is_ok());
    }
}
