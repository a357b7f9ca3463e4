//! Readers: bytes in, events out.

use bytes::{Bytes, BytesMut};

use crate::{Fields, Limits, Refusal, RequestHead, ResponseHead};

/// How a message's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body: HEAD, 1xx, 204, 304, a request that announces none.
    None,
    /// Exactly so many bytes (from Content-Length; also 0).
    Length(u64),
    Chunked,
    /// A response that ends with its connection.
    UntilClose,
}

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

/// Reads requests off a connection, one after the other (pipelining included).
#[derive(Debug)]
pub struct RequestReader {
    _limits: Limits,
}

impl RequestReader {
    pub fn new(limits: Limits) -> Self {
        Self { _limits: limits }
    }

    /// Takes the next event off the front of `buf`; `Ok(None)` when more bytes are needed.
    ///
    /// # Errors
    /// A [`Refusal`]; the reader is then unusable.
    pub fn read(&mut self, _buf: &mut BytesMut) -> Result<Option<Event<RequestHead>>, Refusal> {
        todo!()
    }

    /// True between messages: closing now loses nothing of a message already begun.
    pub fn is_idle(&self) -> bool {
        todo!()
    }
}

/// Reads responses off a connection. [`Self::expect`] names the method of each request sent.
#[derive(Debug)]
pub struct ResponseReader {
    _limits: Limits,
}

impl ResponseReader {
    pub fn new(limits: Limits) -> Self {
        Self { _limits: limits }
    }

    /// The next final response answers a request with `method` (HEAD and CONNECT change framing).
    pub fn expect(&mut self, _method: &str) {
        todo!()
    }

    /// Takes the next event off the front of `buf`; `Ok(None)` when more bytes are needed.
    pub fn read(&mut self, _buf: &mut BytesMut) -> Result<Option<Event<ResponseHead>>, Refusal> {
        todo!()
    }

    /// The connection closed and `buf` is drained: the `End` of an until-close body, `Ok(None)`
    /// between messages, [`Refusal::Truncated`] inside one.
    pub fn eof(&mut self) -> Result<Option<Event<ResponseHead>>, Refusal> {
        todo!()
    }

    pub fn is_idle(&self) -> bool {
        todo!()
    }
}
