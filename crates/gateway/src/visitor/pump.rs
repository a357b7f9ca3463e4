//! The bytes of one exchange: the request's body to the link, the answer back, both at once.
//!
//! Nothing is spawned: both directions are polled by the visitor's own task, and each owns the half of
//! the stream that it drives.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use porthole_http1::{
    BodyWriter, Fields, Framing, Refusal, ResponseHead, Version, connection, set_framing, write_response_head,
};
use porthole_link::{Item, ResetCode, Stopped};

use super::io::{Conn, READ_AHEAD, Timer, VisitorIo};
use super::requests::{Part, Requests};
use crate::access::Moved;
use crate::allowance::{Receiving, Sending};
use crate::exchange::{Asked, answer_head};
use crate::rescue::Problem;
use crate::way_back::WayBack;

/// How long a visitor that has closed its sending half may still wait for an answer. From here, one
/// that only shut its half cannot be told from one that is gone; a bound between serving the first and
/// stopping work for the second.
const HALF_CLOSED: Duration = Duration::from_secs(1);

/// What is known of an exchange before its answer comes.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    pub(super) asked: Asked,
    pub(super) way_back: &'a WayBack,
    /// The visitor would like the connection to go on.
    pub(super) keep_alive: bool,
    /// The stream is of kind Upgrade: what comes after the head is held until a 101.
    pub(super) upgrade: bool,
    /// Bytes of the body that may still come.
    pub(super) max_body: u64,
    /// Counts what passes.
    pub(super) moved: &'a mut Moved,
}

/// What was read of a body beyond what the opening frame carries.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pub(super) data: Bytes,
    /// They end the body after `data`.
    pub(super) trailers: Option<Fields>,
}

/// How an exchange ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Answered to the end and written out.
    Done(Done),
    /// No head was sent to the visitor: it can be given another answer.
    Refused(Problem),
    /// The answer broke off after its head; the connection must end without looking whole.
    Broken { status: u16 },
    /// The visitor is gone.
    Left { status: u16 },
    /// A 101 was written out; what follows is opaque.
    Upgraded(Box<(Sending, Receiving)>),
}

#[derive(Debug)]
pub(super) struct Done {
    pub(super) status: u16,
    /// The request's body was read to its end.
    pub(super) body_read: bool,
    /// Another request may follow, as the head told the visitor.
    pub(super) keep_alive: bool,
}

/// The visitor's direction.
struct Up {
    send: Sending,
    pending: Bytes,
    /// What ends the body once `pending` is sent, where that is known already.
    trailers: Option<Fields>,
    /// Bytes of the body that may still come.
    left: u64,
    /// The visitor closed its sending half after a whole request.
    half_closed: bool,
    /// The stream takes no more; its other half tells why.
    stopped: bool,
}

enum Gone {
    Left,
    Malformed(Refusal),
    TooLong,
}

/// The service's direction.
struct Down {
    recv: Receiving,
    /// Set once the final head is in the output.
    writer: Option<BodyWriter>,
    status: u16,
    keep_alive: bool,
    until_close: bool,
    finished: bool,
}

/// One exchange on its way.
pub(super) struct Pump<'a, IO> {
    conn: &'a mut Conn<IO>,
    requests: &'a mut Requests,
    timer: &'a mut Timer,
    shape: Shape<'a>,
    keeps_on: &'a (dyn Fn() -> bool + Sync),
    up: Up,
    down: Down,
}

impl<'a, IO: VisitorIo> Pump<'a, IO> {
    /// Begins with what was read of the body beyond what the open carried. `keeps_on` says,
    /// when the head is written, whether the gateway still wants the connection.
    pub(super) fn new(
        conn: &'a mut Conn<IO>,
        requests: &'a mut Requests,
        timer: &'a mut Timer,
        shape: Shape<'a>,
        keeps_on: &'a (dyn Fn() -> bool + Sync),
        (send, recv): (Sending, Receiving),
        ahead: Ahead,
    ) -> Self {
        timer.clear();
        let up = Up {
            send,
            pending: ahead.data,
            trailers: ahead.trailers,
            left: shape.max_body,
            half_closed: false,
            stopped: false,
        };
        let down = Down {
            recv,
            writer: None,
            status: 0,
            keep_alive: shape.keep_alive,
            until_close: false,
            finished: false,
        };
        Self { conn, requests, timer, shape, keeps_on, up, down }
    }

    /// Runs the exchange to its end. Dropped before, it resets the stream.
    pub(super) async fn run(mut self) -> Outcome {
        let status = std::future::poll_fn(|cx| self.poll(cx)).await;
        match status {
            End::Outcome(outcome) => outcome,
            End::Upgraded => Outcome::Upgraded(Box::new((self.up.send, self.down.recv))),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        match self.poll_down(cx) {
            Poll::Ready(Ok(end)) => return Poll::Ready(end),
            // The socket failed under a write.
            Poll::Ready(Err(_)) => return Poll::Ready(self.left()),
            Poll::Pending => {}
        }
        match self.poll_up(cx) {
            Poll::Ready(Gone::Left) => Poll::Ready(self.left()),
            Poll::Ready(Gone::Malformed(refusal)) => {
                self.up.send.reset(ResetCode::BadRequest);
                Poll::Ready(self.failed(Problem::Malformed(refusal)))
            }
            Poll::Ready(Gone::TooLong) => {
                self.up.send.reset(ResetCode::BodyTooLarge);
                Poll::Ready(self.failed(Problem::BodyTooLarge))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn left(&mut self) -> End {
        self.up.send.reset(ResetCode::Cancelled);
        End::Outcome(Outcome::Left { status: self.down.status })
    }

    /// The exchange cannot go on: an error answer before the head, a broken one after.
    fn failed(&mut self, problem: Problem) -> End {
        End::Outcome(if self.down.writer.is_none() {
            Outcome::Refused(problem)
        } else {
            Outcome::Broken { status: self.down.status }
        })
    }

    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Gone> {
        if self.timer.poll(cx).is_ready() {
            return Poll::Ready(Gone::Left);
        }
        loop {
            if !self.up.pending.is_empty()
                && ready!(self.up.send.poll_send(&mut self.up.pending, cx)).is_err()
            {
                self.up.stopped = true;
                self.up.pending = Bytes::new();
            }
            if let Some(trailers) = self.up.trailers.take() {
                self.up.stopped |= self.up.send.end(Some(&trailers)).is_err();
            }
            if self.up.stopped {
                return Poll::Pending;
            }
            if !self.shape.upgrade {
                match self.requests.body(&mut self.conn.input) {
                    Ok(Some(Part::Data(data))) => {
                        let Some(left) = self.up.left.checked_sub(data.len() as u64) else {
                            return Poll::Ready(Gone::TooLong);
                        };
                        self.up.left = left;
                        self.shape.moved.received += data.len() as u64;
                        self.up.pending = data;
                        continue;
                    }
                    Ok(Some(Part::End(trailers))) => {
                        self.up.stopped = self.up.send.end(trailers.as_ref()).is_err();
                        continue;
                    }
                    Ok(None) => {}
                    Err(refusal) => return Poll::Ready(Gone::Malformed(refusal)),
                }
            }
            if self.up.half_closed || self.conn.input.len() >= READ_AHEAD {
                return Poll::Pending;
            }
            match ready!(self.conn.poll_fill(cx)) {
                Ok(0) if self.requests.body_read() => {
                    self.up.half_closed = true;
                    self.timer.set(HALF_CLOSED);
                    if self.timer.poll(cx).is_ready() {
                        return Poll::Ready(Gone::Left);
                    }
                }
                Ok(0) | Err(_) => return Poll::Ready(Gone::Left),
                Ok(_) => {}
            }
        }
    }

    fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<End>> {
        loop {
            if self.down.finished || self.conn.output.is_full() {
                ready!(self.conn.poll_flush(cx))?;
                if self.down.finished {
                    return Poll::Ready(Ok(self.finish()));
                }
            }
            let item = match self.down.recv.poll_recv(cx) {
                Poll::Ready(Ok(item)) => item,
                Poll::Ready(Err(Stopped(code))) => return Poll::Ready(Ok(self.failed(code.into()))),
                Poll::Pending => {
                    if !self.conn.output.is_empty() {
                        ready!(self.conn.poll_flush(cx))?;
                    }
                    return Poll::Pending;
                }
            };
            let taken = match item {
                Item::Interim(head) => self.interim(head),
                Item::Head(head) if self.shape.upgrade && head.status == 101 => self.switch(head),
                Item::Head(head) => self.head(head),
                Item::Data(data) => self.data(data),
                Item::End(trailers) => self.end(trailers.as_ref()),
            };
            if taken.is_none() {
                self.up.send.reset(ResetCode::Protocol);
                return Poll::Ready(Ok(self.failed(Problem::ServiceBadAnswer)));
            }
        }
    }

    fn finish(&mut self) -> End {
        if self.down.status == 101 {
            return End::Upgraded;
        }
        if self.down.until_close {
            self.conn.abort_on_close(false);
        }
        End::Outcome(Outcome::Done(Done {
            status: self.down.status,
            body_read: self.requests.body_read(),
            keep_alive: self.down.keep_alive && !self.up.half_closed,
        }))
    }

    /// A 1xx. None here and below: what the agent sent makes no sense.
    fn interim(&mut self, mut head: ResponseHead) -> Option<()> {
        if self.down.writer.is_some() || !(100..200).contains(&head.status) || head.status == 101 {
            return None;
        }
        if self.shape.asked.version == Version::Http10 {
            return Some(());
        }
        connection::strip_hop_by_hop(&mut head.fields);
        write_response_head(&head, &mut self.conn.output.small).ok()
    }

    /// The service has agreed to another protocol.
    fn switch(&mut self, mut head: ResponseHead) -> Option<()> {
        if self.down.writer.is_some() {
            return None;
        }
        let protocol = head.fields.get("upgrade")?.to_vec();
        connection::strip_hop_by_hop(&mut head.fields);
        head.fields.retain(|name, _| !name.eq_ignore_ascii_case(b"content-length"));
        self.shape.way_back.dress(&mut head.fields);
        head.fields.push("Connection", "Upgrade");
        head.fields.push("Upgrade", protocol);
        write_response_head(&head, &mut self.conn.output.small).ok()?;
        self.down.writer = Some(BodyWriter::new(Framing::None));
        self.down.status = 101;
        self.shape.moved.head_at = Some(Instant::now());
        self.down.finished = true;
        Some(())
    }

    fn head(&mut self, mut head: ResponseHead) -> Option<()> {
        if self.down.writer.is_some() {
            return None;
        }
        let framing = answer_head(&mut head, self.shape.asked, self.shape.way_back).ok()?;
        set_framing(&mut head.fields, framing);
        // A service cannot have seen an end that did not pass through here: where the body is not read
        // yet, it is not waited for, and what is left of it ends the connection. So does an upgrade that was
        // not granted: bytes meant for the other protocol may be on their way (RFC 9931).
        let unclear = !self.requests.body_read() || self.shape.upgrade;
        self.down.until_close = framing == Framing::UntilClose;
        self.down.keep_alive &=
            !unclear && !self.down.until_close && !self.up.half_closed && (self.keeps_on)();
        if !self.down.keep_alive {
            head.fields.push("Connection", "close");
        } else if self.shape.asked.version == Version::Http10 {
            head.fields.push("Connection", "keep-alive");
        }
        write_response_head(&head, &mut self.conn.output.small).ok()?;
        if self.down.until_close {
            self.conn.abort_on_close(true);
        }
        self.down.status = head.status;
        self.shape.moved.head_at = Some(Instant::now());
        self.down.writer = Some(BodyWriter::new(framing));
        Some(())
    }

    fn data(&mut self, data: Bytes) -> Option<()> {
        let writer = self.down.writer.as_mut()?;
        self.shape.moved.sent += data.len() as u64;
        self.conn.output.body(writer, data).ok()
    }

    fn end(&mut self, trailers: Option<&Fields>) -> Option<()> {
        let writer = self.down.writer.as_mut()?;
        writer.end(trailers, &mut self.conn.output.small).ok()?;
        self.down.finished = true;
        Some(())
    }
}

enum End {
    Outcome(Outcome),
    Upgraded,
}
