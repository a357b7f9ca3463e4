//! Readers: bytes in, events out.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use crate::body::Body;
use crate::framing::Asked;
use crate::scan::{Scan, ScanError};
use crate::{Fields, Framing, Limits, Refusal, RequestHead, ResponseHead, parse};

/// Empty lines tolerated before a request line: RFC 9112 §2.2 asks for at least one, because old
/// clients send one after a POST; a stream of them is no request.
const EMPTY_LINES: u8 = 2;

/// What a reader found. Each message is one `Head`, any number of `Data`, one `End`
/// (also for messages with no body). Interim (1xx but 101) responses are a `Head` and an `End`.
/// After a 101 or a 2xx to CONNECT only the `Head` comes: the bytes left in the buffer belong to the
/// upgraded protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<H> {
    Head(H, Framing),
    Data(Bytes),
    /// The trailers of a chunked body, where it had any.
    End(Option<Fields>),
}

#[derive(Debug)]
enum State {
    Head,
    Body(Body),
    /// The connection speaks another protocol now.
    Tunnel,
    Refused(Refusal),
}

/// Reads requests off a connection, one after the other (pipelining included).
///
/// A request with `Upgrade`, or a CONNECT, is a request like any other here: whoever answers it with
/// 101 or 2xx stops reading and takes over the buffer.
#[derive(Debug)]
pub struct RequestReader {
    limits: Limits,
    state: State,
    scan: Scan,
    empty_lines: u8,
}

impl RequestReader {
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: State::Head, scan: Scan::default(), empty_lines: 0 }
    }

    /// Takes the next event off the front of `buf`; `Ok(None)` when more bytes are needed.
    /// Between calls the caller may only append to `buf`.
    ///
    /// # Errors
    /// A [`Refusal`]; the reader is then unusable and goes on to say the same.
    pub fn read(&mut self, buf: &mut BytesMut) -> Result<Option<Event<RequestHead>>, Refusal> {
        let result = self.step(buf);
        if let Err(refusal) = result {
            self.state = State::Refused(refusal);
        }
        result
    }

    fn step(&mut self, buf: &mut BytesMut) -> Result<Option<Event<RequestHead>>, Refusal> {
        match &mut self.state {
            State::Head => {
                while self.empty_lines < EMPTY_LINES && buf.starts_with(b"\r\n") {
                    buf.advance(2);
                    self.empty_lines += 1;
                    self.scan = Scan::default();
                }
                let Some(end) = head_end(&mut self.scan, buf, &self.limits)? else { return Ok(None) };
                let (head, framing) = parse::request(&buf[..end], &self.limits)?;
                buf.advance(end);
                self.scan = Scan::default();
                self.empty_lines = 0;
                self.state = State::Body(Body::new(framing));
                Ok(Some(Event::Head(head, framing)))
            }
            State::Body(body) => {
                let event = body.read(buf, &self.limits)?;
                if matches!(event, Some(Event::End(_))) {
                    self.state = State::Head;
                }
                Ok(event)
            }
            State::Tunnel => Ok(None),
            State::Refused(refusal) => Err(*refusal),
        }
    }

    /// True between messages: closing now loses nothing of a message already begun.
    /// Bytes that [`Self::read`] was not shown do not count.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Head) && self.scan.is_fresh()
    }
}

/// Reads responses off a connection. [`Self::expect`] names the method of each request sent.
#[derive(Debug)]
pub struct ResponseReader {
    limits: Limits,
    state: State,
    scan: Scan,
    expected: VecDeque<Asked>,
}

impl ResponseReader {
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: State::Head, scan: Scan::default(), expected: VecDeque::new() }
    }

    /// The next final response answers a request with `method` (HEAD and CONNECT change framing).
    /// Called once for each request, before the first byte of its answer is read; several may wait.
    pub fn expect(&mut self, method: &str) {
        self.expected.push_back(Asked::of(method));
    }

    /// Takes the next event off the front of `buf`; `Ok(None)` when more bytes are needed.
    /// Between calls the caller may only append to `buf`.
    ///
    /// # Errors
    /// A [`Refusal`]; [`Refusal::Line`] also for bytes that answer no request.
    pub fn read(&mut self, buf: &mut BytesMut) -> Result<Option<Event<ResponseHead>>, Refusal> {
        let result = self.step(buf);
        if let Err(refusal) = result {
            self.state = State::Refused(refusal);
        }
        result
    }

    fn step(&mut self, buf: &mut BytesMut) -> Result<Option<Event<ResponseHead>>, Refusal> {
        match &mut self.state {
            State::Head if buf.is_empty() => Ok(None),
            State::Head => {
                let asked = *self.expected.front().ok_or(Refusal::Line)?;
                let Some(end) = head_end(&mut self.scan, buf, &self.limits)? else { return Ok(None) };
                let (head, framing) = parse::response(&buf[..end], asked, &self.limits)?;
                buf.advance(end);
                self.scan = Scan::default();
                if !head.is_interim() {
                    self.expected.pop_front();
                }
                let tunnel = head.status == 101 || (asked == Asked::Connect && head.status / 100 == 2);
                self.state = if tunnel { State::Tunnel } else { State::Body(Body::new(framing)) };
                Ok(Some(Event::Head(head, framing)))
            }
            State::Body(body) => {
                let event = body.read(buf, &self.limits)?;
                if matches!(event, Some(Event::End(_))) {
                    self.state = State::Head;
                }
                Ok(event)
            }
            State::Tunnel => Ok(None),
            State::Refused(refusal) => Err(*refusal),
        }
    }

    /// The connection closed and `buf` is drained: the `End` of an until-close body, `Ok(None)`
    /// between messages, [`Refusal::Truncated`] inside one.
    ///
    /// A request that was never answered at all counts as between messages: whoever waits for the
    /// head knows that none came, and may try again where a truncated answer forbids it.
    pub fn eof(&mut self) -> Result<Option<Event<ResponseHead>>, Refusal> {
        match &self.state {
            State::Head if self.scan.is_fresh() => Ok(None),
            State::Tunnel => Ok(None),
            State::Body(Body::UntilClose | Body::Length(0)) => {
                self.state = State::Head;
                Ok(Some(Event::End(None)))
            }
            State::Head | State::Body(_) => {
                self.state = State::Refused(Refusal::Truncated);
                Err(Refusal::Truncated)
            }
            State::Refused(refusal) => Err(*refusal),
        }
    }

    /// True when every request was answered to its end: the connection may carry another.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Head) && self.scan.is_fresh() && self.expected.is_empty()
    }
}

fn head_end(scan: &mut Scan, buf: &[u8], limits: &Limits) -> Result<Option<usize>, Refusal> {
    scan.end(buf, limits.head_bytes).map_err(|error| match error {
        ScanError::BareLf { first_line: true } => Refusal::Line,
        ScanError::BareLf { first_line: false } => Refusal::Field,
        ScanError::TooLong => Refusal::HeadTooLarge(limits.head_bytes),
    })
}
