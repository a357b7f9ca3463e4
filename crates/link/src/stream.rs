//! The async handles to one stream.

use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use porthole_http1::{Fields, ResponseHead};

use crate::driver::Shared;
use crate::frame::{FLAG_END, FLAG_INTERIM, Open, ResetCode};
use crate::limits::{TURN_BYTES, WINDOW_INITIAL};

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
    #[error("the head is too large for the link")]
    TooLarge,
}

/// One stream, both directions. Dropping it (or its halves) before the ends resets it.
#[derive(Debug)]
pub struct LinkStream {
    send: SendHalf,
    recv: RecvHalf,
}

/// The reading half. Dropped before the peer's end, it resets the stream.
#[derive(Debug)]
pub struct RecvHalf {
    shared: Arc<Shared>,
    id: u64,
    /// Arrived and taken off the link, not yet asked for.
    items: VecDeque<Item>,
    /// Body bytes handed out that the link has not been told about.
    read: u32,
    turn: Turn,
}

/// The writing half. Dropped before [`Self::end`], it resets the stream.
#[derive(Debug)]
pub struct SendHalf {
    shared: Arc<Shared>,
    id: u64,
    turn: Turn,
}

/// What a direction has passed on since others had a turn.
#[derive(Debug, Default)]
struct Turn(usize);

impl Turn {
    /// `Pending` when it is time for others.
    ///
    /// The task runs again once the runtime has nothing else to do or has looked for new events: a small
    /// exchange passes through half a dozen tasks, and is not to wait for a round of all bulk ones at each.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 < TURN_BYTES {
            return Poll::Ready(());
        }
        self.0 = 0;
        pin!(tokio::task::yield_now()).poll(cx)
    }
}

impl LinkStream {
    pub(crate) fn new(shared: Arc<Shared>, id: u64) -> Self {
        Self {
            send: SendHalf { shared: shared.clone(), id, turn: Turn::default() },
            recv: RecvHalf { shared, id, items: VecDeque::new(), read: 0, turn: Turn::default() },
        }
    }

    pub fn split(self) -> (SendHalf, RecvHalf) {
        (self.send, self.recv)
    }
}

impl RecvHalf {
    /// The next item. Cancel safe. Not to be called again after `End` or an error.
    ///
    /// # Errors
    /// [`Stopped`] when the stream was reset before the peer's end; what had arrived before a reset is
    /// dropped, unless the peer had finished.
    pub async fn recv(&mut self) -> Result<Item, Stopped> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`Self::recv`] for hand-written futures.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Stopped>> {
        ready!(self.turn.poll(cx));
        loop {
            if let Some(item) = self.items.pop_front() {
                if let Item::Data(data) = &item {
                    self.turn.0 += data.len();
                    self.read += data.len() as u32;
                    // A quarter of the smallest window: the link gives new credit in such steps.
                    if self.read >= WINDOW_INITIAL / 4 {
                        let read = std::mem::take(&mut self.read);
                        self.shared.with(|mux| mux.consumed(self.id, read));
                    }
                }
                return Poll::Ready(Ok(item));
            }
            let read = std::mem::take(&mut self.read);
            let more = self.shared.with(|mux| mux.poll_recv(self.id, &mut self.items, read, cx));
            if more.is_pending() {
                self.turn = Turn::default();
            }
            ready!(more)?;
        }
    }
}

impl Drop for RecvHalf {
    fn drop(&mut self) {
        self.shared.with(|mux| mux.release(self.id, true));
    }
}

impl SendHalf {
    /// Sends the response head with first body bytes and perhaps the end, in one frame, without
    /// waiting. `data` must be ≤ [`crate::limits::INLINE_BYTES`]; the rest goes through [`Self::send`].
    ///
    /// # Errors
    /// [`Stopped`] when the stream is over, or the head is beyond [`crate::limits::HEAD_BYTES`].
    pub fn send_head(&mut self, head: &ResponseHead, data: Bytes, end: bool) -> Result<(), Stopped> {
        self.shared.with(|mux| mux.send_head(self.id, head, u8::from(end) * FLAG_END, &data))
    }

    /// Sends a 1xx answer; the final head follows.
    pub fn send_interim(&mut self, head: &ResponseHead) -> Result<(), Stopped> {
        self.shared.with(|mux| mux.send_head(self.id, head, FLAG_INTERIM, &[]))
    }

    /// Queues body bytes, waiting for credit and room. Bytes taken before a cancellation are sent.
    /// `data` may be any size; it is cut into frames without copying.
    pub async fn send(&mut self, mut data: Bytes) -> Result<(), Stopped> {
        poll_fn(|cx| self.poll_send(&mut data, cx)).await
    }

    /// [`Self::send`] for hand-written futures: takes bytes off the front of `data`; ready when it is
    /// empty.
    pub fn poll_send(&mut self, data: &mut Bytes, cx: &mut Context<'_>) -> Poll<Result<(), Stopped>> {
        while !data.is_empty() {
            ready!(self.turn.poll(cx));
            let before = data.len();
            let sent = self.shared.with(|mux| mux.poll_send(self.id, data, cx));
            if sent.is_pending() {
                self.turn = Turn::default();
            }
            ready!(sent)?;
            self.turn.0 += before - data.len();
        }
        Poll::Ready(Ok(()))
    }

    /// Finishes this direction cleanly.
    pub fn end(&mut self, trailers: Option<&Fields>) -> Result<(), Stopped> {
        self.shared.with(|mux| mux.end(self.id, trailers))
    }

    /// Ends the whole stream, both directions, now. Later resets of the same stream do nothing.
    pub fn reset(&mut self, code: ResetCode) {
        self.shared.with(|mux| mux.reset(self.id, code));
    }

    /// Resolves when the peer has reset the stream or the link is lost: work for it can stop.
    pub async fn stopped(&mut self) -> ResetCode {
        poll_fn(|cx| self.poll_stopped(cx)).await
    }

    /// [`Self::stopped`] for hand-written futures.
    pub fn poll_stopped(&mut self, cx: &mut Context<'_>) -> Poll<ResetCode> {
        self.shared.with(|mux| mux.poll_stopped(self.id, cx))
    }
}

impl Drop for SendHalf {
    fn drop(&mut self) {
        self.shared.with(|mux| mux.release(self.id, false));
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
