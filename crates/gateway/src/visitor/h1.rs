//! One HTTP/1 visitor connection: requests in turn, each answered before the next is read.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use porthole_http1::{Framing, Limits, Refusal, RequestHead, Version, connection, write_response_head};
use porthole_link::StreamKind;
use porthole_link::limits::INLINE_BYTES;
use tokio::io::AsyncWriteExt as _;

use super::io::{Conn, Timer, VisitorIo};
use super::pump::{Ahead, Done, Outcome, Pump, Shape};
use super::requests::{Part, Requests};
use super::{IDLE, Service, upgrade};
use crate::access::{Record, Seen};
use crate::allowance::paced;
use crate::exchange::{self, Arrival, Asked, Forward, Plan, new_request_id};
use crate::own;
use crate::rescue::{self, Answer, Form, Problem};

/// How long the rest of a body that nobody wants, or of a refused connection, is read and dropped, so
/// that the answer is not lost to a reset.
const DRAIN_TIME: Duration = Duration::from_secs(2);
/// How many bytes of it; after them its sender waits.
const DRAIN_BYTES: usize = 256 * 1024;

/// Serves a connection until it ends. `input` holds what was read of it already.
pub(super) async fn serve<IO: VisitorIo>(
    service: Arc<Service>,
    io: IO,
    input: BytesMut,
    peer: std::net::SocketAddr,
    scheme: &'static str,
) {
    Visit::new(service, io, input, peer, scheme).run().await;
}

/// Tells a visitor whose head did not come in time.
pub(super) async fn too_late<IO: VisitorIo>(
    service: Arc<Service>,
    io: IO,
    input: BytesMut,
    peer: std::net::SocketAddr,
    scheme: &'static str,
) {
    Visit::new(service, io, input, peer, scheme).refuse_bytes(Problem::HeadTimeout).await;
}

struct Visit<IO> {
    conn: Conn<IO>,
    requests: Requests,
    timer: Timer,
    /// Kept over all requests: to sign up and off for each would cost a lock and a list that all share.
    last_call: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The last call wakes this task.
    signed_up: bool,
    service: Arc<Service>,
    peer: std::net::SocketAddr,
    scheme: &'static str,
}

/// What follows an answer.
enum After {
    Next,
    /// An orderly end.
    Close,
    /// An end after which the visitor may still be sending.
    Linger,
    /// An end in the middle of an answer, or nobody is there.
    Drop,
}

/// What came instead of a head.
enum NoHead {
    /// The visitor or the gateway is done.
    Over,
    Late,
    Refused(Refusal),
}

impl<IO: VisitorIo> Visit<IO> {
    fn new(
        service: Arc<Service>,
        io: IO,
        input: BytesMut,
        peer: std::net::SocketAddr,
        scheme: &'static str,
    ) -> Self {
        Self {
            conn: Conn::new(io, input, Arc::clone(&service.gateway.counters.traffic)),
            requests: Requests::new(Limits::default()),
            timer: Timer::default(),
            last_call: Box::pin(service.gateway.last_call()),
            signed_up: false,
            service,
            peer,
            scheme,
        }
    }

    async fn run(mut self) {
        loop {
            let (head, framing) = match self.next_head().await {
                Ok(head) => head,
                Err(NoHead::Over) => return self.close().await,
                Err(NoHead::Late) => return self.refuse_bytes(Problem::HeadTimeout).await,
                Err(NoHead::Refused(refusal)) => return self.refuse_bytes(Problem::Malformed(refusal)).await,
            };
            let after = match self.exchange(head, framing).await {
                Ok(after) => after,
                Err(Handed::Over(own)) => return self.tunnel(*own).await,
                Err(Handed::Socket) => After::Drop,
            };
            match after {
                After::Next => self.conn.rest(),
                After::Close => return self.close().await,
                After::Linger => return self.linger().await,
                After::Drop => return,
            }
        }
    }

    /// Waits for a whole head: [`IDLE`] for its first byte, then the codec's time limit for the rest.
    async fn next_head(&mut self) -> Result<(RequestHead, Framing), NoHead> {
        let head_time = Limits::default().head_time;
        let mut begun = false;
        loop {
            match self.requests.head(&mut self.conn.input) {
                Ok(Some(head)) => return Ok(head),
                // A TLS handshake on clear text, most likely: no line's end may ever come.
                Ok(None) if self.conn.input.first().is_some_and(|&byte| is_no_beginning(byte)) => {
                    return Err(NoHead::Refused(Refusal::Line));
                }
                Ok(None) => {}
                Err(refusal) => return Err(NoHead::Refused(refusal)),
            }
            let idle = self.conn.input.is_empty() && !begun;
            if idle {
                self.timer.set(IDLE);
            } else if !begun {
                begun = true;
                self.timer.set(head_time);
            }
            let filled = poll_fn(|cx| {
                if let Poll::Ready(filled) = self.conn.poll_fill(cx) {
                    return Poll::Ready(Some(filled));
                }
                if self.timer.poll(cx).is_ready() || (idle && self.is_last_call(cx)) {
                    return Poll::Ready(None);
                }
                Poll::Pending
            })
            .await;
            match filled {
                Some(Ok(0)) if !idle => return Err(NoHead::Refused(Refusal::Truncated)),
                Some(Ok(0) | Err(_)) => return Err(NoHead::Over),
                Some(Ok(_)) => {}
                None if idle => return Err(NoHead::Over),
                None => return Err(NoHead::Late),
            }
        }
    }

    /// Whether it is time to go. A connection is one task with one waker: once signed up, it has only to
    /// look whether the gateway leaves.
    fn is_last_call(&mut self, cx: &mut Context<'_>) -> bool {
        if self.signed_up && !self.service.gateway.draining.is_cancelled() {
            return false;
        }
        self.signed_up = true;
        self.last_call.as_mut().poll(cx).is_ready()
    }

    async fn exchange(&mut self, mut head: RequestHead, framing: Framing) -> Result<After, Handed> {
        let service = Arc::clone(&self.service);
        let hsts = exchange::hsts(&service.gateway, self.scheme);
        let asked = Asked { hsts, ..Asked::of(&head) };
        let keep_alive = connection::keeps_alive(head.version, &head.fields);
        let bodyless = framing.is_bodyless();
        let arrival = Arrival {
            peer: self.peer,
            at: Instant::now(),
            scheme: self.scheme,
            bodyless,
            server_name: self.conn.io.server_name(),
            to_https: service.to_https,
        };
        let seen = Seen::of(&service.gateway, &head);

        match exchange::plan(&service.gateway, &mut head, &arrival).await {
            Plan::Forward(forward) => {
                let record = Record::forward(&forward, seen);
                Ok(self.forward(head, asked, forward, keep_alive, record).await?)
            }
            Plan::Refuse { problem, request_id, visitor, endpoint, transition, way_back } => {
                let record = Record::own(arrival.at, &request_id, visitor, endpoint.as_ref(), seen);
                let mut answer = rescue::answer(&problem, Form::of(&head), &request_id);
                way_back.dress_refusal(&mut answer.head.fields);
                // Where one request makes no sense, those behind it may make another sense than it seems.
                let keep_alive = keep_alive && !transition && problem.status() != 400;
                Ok(self.answer(answer, asked, keep_alive, record).await?)
            }
            Plan::Answer { answer, request_id, visitor, endpoint, transition } => {
                let record = Record::own(arrival.at, &request_id, visitor, endpoint.as_ref(), seen);
                Ok(self.answer(answer, asked, keep_alive && !transition, record).await?)
            }
            Plan::Own(own) => {
                let visitor = own.visitor.addr.ip();
                let record = Record::own(arrival.at, &own.request_id, visitor, None, seen);
                if own::is_tunnel(&head) {
                    match own::accept(&service.gateway, &head, own, self.conn.io.is_certified()) {
                        Ok(accepted) => {
                            record.finish(&service.gateway, 101, "done");
                            return Err(Handed::Over(Box::new(accepted)));
                        }
                        Err(answer) => return Ok(self.answer(answer, asked, keep_alive, record).await?),
                    }
                }
                let keep_alive = keep_alive && own.protocols.is_none();
                // Boxed, as all that is rare: the largest of these futures is what an idle connection costs.
                let answer = Box::pin(own::answer(&service, &head, &own)).await;
                Ok(self.answer(answer, asked, keep_alive, record).await?)
            }
        }
    }

    async fn forward(
        &mut self,
        head: RequestHead,
        asked: Asked,
        forward: Forward,
        keep_alive: bool,
        mut record: Record,
    ) -> io::Result<After> {
        let form = Form::of(&head);
        let upgrade = forward.kind == StreamKind::Upgrade;
        let max_body = forward.endpoint.policy.max_body();
        let first = First::read(&mut self.requests, &mut self.conn.input).map_err(Problem::Malformed);
        let first = match first.and_then(|first| first.within(max_body)) {
            Ok(first) => first,
            Err(problem) => {
                let answer = forward.refusal(&problem, form);
                return self.answer(answer, asked, false, record).await;
            }
        };
        let max_body = max_body - first.len();
        record.moved.received = first.len();
        let inline = first.inline.len();
        let opened = forward.endpoint.link.open(forward.open(head), first.inline, first.ended && !upgrade);
        let stream = match opened {
            Ok(stream) => paced(stream, forward.endpoint.bucket(), inline),
            Err(error) => {
                let answer = forward.refusal(&error.into(), form);
                return self.answer(answer, asked, keep_alive && !upgrade, record).await;
            }
        };
        let way_back = &forward.way_back;
        let moved = &mut record.moved;
        let shape = Shape { asked, way_back, keep_alive, upgrade, max_body, moved };
        let gateway = &self.service.gateway;
        let keeps_on = || !gateway.draining.is_cancelled();
        let pump = Pump::new(
            &mut self.conn,
            &mut self.requests,
            &mut self.timer,
            shape,
            &keeps_on,
            stream,
            first.ahead,
        );
        match pump.run().await {
            Outcome::Done(Done { status, body_read, keep_alive }) => {
                gateway.counters.answered(status);
                record.finish(gateway, status, "done");
                if upgrade {
                    return Ok(After::Linger);
                }
                Ok(match (keep_alive, body_read) {
                    (true, _) => After::Next,
                    (false, true) => After::Close,
                    (false, false) => After::Linger,
                })
            }
            Outcome::Refused(problem) => {
                let answer = forward.refusal(&problem, form);
                let keep_alive = keep_alive && !upgrade && !matches!(problem, Problem::Malformed(_));
                self.answer(answer, asked, keep_alive, record).await
            }
            Outcome::Broken { status } => {
                gateway.counters.broken_off();
                record.finish(gateway, status, "broken");
                // What did arrive is still worth having; then the end, which does not look clean.
                let _ = tokio::time::timeout(DRAIN_TIME, self.conn.flush()).await;
                Ok(After::Drop)
            }
            Outcome::Left { status } => {
                record.finish(gateway, status, "cancelled");
                Ok(After::Drop)
            }
            Outcome::Upgraded(halves) => {
                gateway.counters.answered(101);
                let (send, recv) = *halves;
                Box::pin(upgrade::run(&mut self.conn, send, recv, &mut record.moved)).await;
                record.finish(gateway, 101, "done");
                Ok(After::Drop)
            }
        }
    }

    /// Sends an answer of the gateway's own, after what is left of the request's body.
    async fn answer(
        &mut self,
        mut answer: Answer,
        asked: Asked,
        keep_alive: bool,
        record: Record,
    ) -> io::Result<After> {
        // A body that came with its head costs nothing to skip.
        let body_read = self.skip_body();
        let names_upgrade = answer.head.fields.contains("upgrade");
        let draining = self.service.gateway.draining.is_cancelled();
        let keep_alive = keep_alive && body_read && !draining && !names_upgrade;
        if !keep_alive {
            answer.head.fields.push("Connection", if names_upgrade { "upgrade, close" } else { "close" });
        } else if asked.version == Version::Http10 {
            answer.head.fields.push("Connection", "keep-alive");
        }
        asked.mark(&mut answer.head.fields);
        let small = &mut self.conn.output.small;
        if write_response_head(&answer.head, small).is_err() {
            return Ok(After::Drop);
        }
        if !asked.head_only {
            small.extend_from_slice(&answer.body);
        }
        let gateway = &self.service.gateway;
        gateway.counters.answered_here(&answer.head);
        record.answered_here(gateway, &answer);
        self.conn.flush().await?;
        Ok(match (keep_alive, body_read && self.conn.input.is_empty()) {
            (true, _) => After::Next,
            (false, true) => After::Close,
            (false, false) => After::Linger,
        })
    }

    /// Answers bytes that are no request, and ends the connection.
    async fn refuse_bytes(mut self, problem: Problem) {
        let request_id = new_request_id();
        let mut answer = rescue::answer(&problem, Form::default(), &request_id);
        tracing::debug!(peer = %self.peer, request_id, code = problem.code(), "refused a connection");
        answer.head.fields.push("Connection", "close");
        let small = &mut self.conn.output.small;
        if write_response_head(&answer.head, small).is_err() {
            return;
        }
        small.extend_from_slice(&answer.body);
        let gateway = &self.service.gateway;
        gateway.counters.answered_here(&answer.head);
        Record::unread(gateway, &request_id, self.peer.ip()).answered_here(gateway, &answer);
        let flushed = tokio::time::timeout(DRAIN_TIME, self.conn.flush()).await;
        if matches!(flushed, Ok(Ok(()))) {
            self.linger().await;
        }
    }

    /// Takes what is buffered of the current body; true when that was all of it.
    fn skip_body(&mut self) -> bool {
        while let Ok(Some(_)) = self.requests.body(&mut self.conn.input) {}
        self.requests.body_read()
    }

    async fn close(mut self) {
        let _ = tokio::time::timeout(DRAIN_TIME, self.conn.io.shutdown()).await;
    }

    /// Ends a connection whose visitor may still be sending: a close at once would reset it, and the
    /// answer could be lost. A visitor that sends more than is taken here has the rest of the time to
    /// find the answer while its writes wait.
    async fn linger(mut self) {
        let mut left = DRAIN_BYTES;
        let lingering = async {
            self.conn.io.shutdown().await?;
            while left > 0 {
                self.conn.input.clear();
                let read = self.conn.fill().await?;
                if read == 0 {
                    return io::Result::Ok(());
                }
                left = left.saturating_sub(read);
            }
            std::future::pending().await
        };
        let _ = tokio::time::timeout(DRAIN_TIME, lingering).await;
    }

    /// Gives the socket to the agent that asked for it.
    async fn tunnel(mut self, accepted: own::Accepted) {
        if write_response_head(&accepted.head, &mut self.conn.output.small).is_err()
            || self.conn.flush().await.is_err()
        {
            return;
        }
        own::begin(Arc::clone(&self.service.gateway), self.conn.io, self.conn.input.to_vec(), accepted);
    }
}

/// Neither a method nor the empty lines before it begin like this.
fn is_no_beginning(byte: u8) -> bool {
    !byte.is_ascii_graphic() && !matches!(byte, b'\r' | b'\n')
}

/// Why an exchange has no [`After`].
enum Handed {
    /// The connection becomes a link.
    Over(Box<own::Accepted>),
    /// The socket failed.
    Socket,
}

impl From<io::Error> for Handed {
    fn from(_: io::Error) -> Self {
        Self::Socket
    }
}

/// What is there of a body when its head is acted on.
#[derive(Default)]
struct First {
    /// Rides in the opening frame.
    inline: Bytes,
    ahead: Ahead,
    /// All of the body is in `inline`, and nothing follows it.
    ended: bool,
}

impl First {
    fn read(requests: &mut Requests, input: &mut BytesMut) -> Result<Self, Refusal> {
        let mut first = Self::default();
        // A small body is one piece and its end.
        while !first.ended && first.ahead.trailers.is_none() && first.ahead.data.is_empty() {
            match requests.body(input)? {
                Some(Part::Data(mut data)) if first.inline.is_empty() => {
                    first.inline = data.split_to(data.len().min(INLINE_BYTES));
                    first.ahead.data = data;
                }
                Some(Part::Data(data)) => first.ahead.data = data,
                Some(Part::End(None)) => first.ended = true,
                Some(Part::End(trailers)) => first.ahead.trailers = trailers,
                None => break,
            }
        }
        Ok(first)
    }

    /// Bytes of the body so far.
    fn len(&self) -> u64 {
        (self.inline.len() + self.ahead.data.len()) as u64
    }

    fn within(self, max_body: u64) -> Result<Self, Problem> {
        if self.len() > max_body { Err(Problem::BodyTooLarge) } else { Ok(self) }
    }
}
