//! The async handles to one stream.

use bytes::Bytes;
use porthole_http1::{Fields, ResponseHead};

use crate::frame::{Open, ResetCode};

/// What arrives on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A 1xx answer (not 101); more follows. Agent → gateway only.
    Interim(ResponseHead),
    /// The final response head. Agent → gateway only.
    Head(ResponseHead),
    Data(Bytes),
    /// The peer finished cleanly.
    End(Option<Fields>),
}

/// The stream is over: reset by the peer, by ourselves, or with its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream was reset: {0:?}")]
pub struct Stopped(pub ResetCode);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("the link is gone")]
    Gone,
    #[error("the link is draining")]
    Draining,
    #[error("the link's budget of open streams is used up")]
    Busy,
}

/// One stream, both directions. Dropping it (or its halves) before the ends resets it.
#[derive(Debug)]
pub struct LinkStream {}

/// The reading half.
#[derive(Debug)]
pub struct RecvHalf {}

/// The writing half.
#[derive(Debug)]
pub struct SendHalf {}

impl LinkStream {
    pub fn split(self) -> (SendHalf, RecvHalf) {
        todo!()
    }
}

impl RecvHalf {
    /// The next item. Cancel safe. After `End` or an error the same is not to be called again.
    pub async fn recv(&mut self) -> Result<Item, Stopped> {
        todo!()
    }

    pub fn poll_recv(&mut self, _cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<Item, Stopped>> {
        todo!()
    }
}

impl SendHalf {
    /// Sends a response head with first body bytes and perhaps the end, in one frame.
    /// Never waits: a head and up to 16 KiB of `data` need no credit... (more is an error of the caller;
    /// use [`Self::send`] for the rest).
    pub fn send_head(&mut self, _head: &ResponseHead, _data: Bytes, _end: bool) -> Result<(), Stopped> {
        todo!()
    }

    /// Sends a 1xx answer.
    pub fn send_interim(&mut self, _head: &ResponseHead) -> Result<(), Stopped> {
        todo!()
    }

    /// Queues body bytes, waiting for credit and room. Cancel safe only between calls: bytes taken
    /// before a cancellation are sent. `data` may be any size; it is cut to frames without copying.
    pub async fn send(&mut self, _data: Bytes) -> Result<(), Stopped> {
        todo!()
    }

    /// Finishes this direction cleanly.
    pub fn end(&mut self, _trailers: Option<&Fields>) -> Result<(), Stopped> {
        todo!()
    }

    /// Ends the whole stream, both directions, now. Later resets of the same stream do nothing.
    pub fn reset(&mut self, _code: ResetCode) {
        todo!()
    }

    /// Resolves when the peer has reset the stream or the link is lost: work for it can stop.
    pub async fn stopped(&mut self) -> ResetCode {
        todo!()
    }
}

/// A stream as the agent gets it.
#[derive(Debug)]
pub struct Incoming {
    pub open: Open,
    /// Body bytes that came in the same frame (may be empty); not part of the stream's items.
    pub data: Bytes,
    /// True when nothing more comes from the visitor.
    pub ended: bool,
    pub stream: LinkStream,
}
