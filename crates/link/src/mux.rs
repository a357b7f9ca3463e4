//! The state machine of one link: messages in, batches out; no sockets, no clock.
//!
//! Every method is a plain change of state. Tasks that must run because of it are named by the
//! wakers the machine collects; the caller takes them with [`Mux::wakers`] and wakes them once it
//! has let go of whatever lock it holds.
//!
//! What is sent goes one of two ways. *Express*: heads with their first bytes, ends, windows and
//! resets are encoded at once, in order, into batches that leave first. *Queued*: body bytes wait in
//! their stream and leave in turns of [`QUANTUM_BYTES`](crate::limits::QUANTUM_BYTES), small streams
//! before bulk ones.
//!
//! The methods are told in three files: `owner`, what the holders of streams do; `wire`, what
//! arrives; `output`, what leaves.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::frame::{Open, ResetCode};

mod express;
mod output;
mod owner;
mod state;
mod wire;

use express::Express;
use state::{IdHasher, Stream};

/// Which end this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Opens streams.
    Gateway,
    /// Accepts them.
    Agent,
}

/// A stream the peer opened.
#[derive(Debug, PartialEq, Eq)]
pub struct Accepted {
    pub id: u64,
    pub open: Open,
    pub data: Bytes,
    pub ended: bool,
}

/// The state of one link.
#[derive(Debug)]
pub struct Mux {
    role: Role,
    streams: HashMap<u64, Stream, IdHasher>,
    /// The highest stream id opened so far by either end's opener.
    last_id: u64,
    /// Sum of the receive windows of all streams and of their large heads, bounded by [`WINDOW_BUDGET`].
    window_sum: u64,
    express: Express,
    /// Streams with queued bytes; small ones are served first.
    small: VecDeque<u64>,
    bulk: VecDeque<u64>,
    /// Streams opened by the peer and not yet taken, with the bytes of their heads; bounded by the
    /// window budget and [`HEADS_WAITING_BYTES`].
    accepted: VecDeque<(Accepted, usize)>,
    /// What was said of the stream that is opened next.
    timing: Option<(u64, u32)>,
    /// Bytes of heads and trailers that wait for their streams' owners.
    heads_waiting: usize,
    accept_waker: Option<Waker>,
    idle_wakers: Vec<Waker>,
    /// Tasks to wake when the lock is let go.
    woken: Vec<Waker>,
    draining: bool,
    lost: bool,
    /// Something to send appeared since [`Self::take_output_flag`].
    output: bool,
}

impl Mux {
    pub fn new(role: Role) -> Self {
        Self {
            role,
            streams: HashMap::default(),
            last_id: 0,
            window_sum: 0,
            express: Express::default(),
            small: VecDeque::new(),
            bulk: VecDeque::new(),
            accepted: VecDeque::new(),
            timing: None,
            heads_waiting: 0,
            accept_waker: None,
            idle_wakers: Vec::new(),
            woken: Vec::new(),
            draining: false,
            lost: false,
            output: false,
        }
    }

    /// Streams that are open on the wire or held by somebody.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// The sum of all receive windows and large heads, in bytes.
    pub fn window_sum(&self) -> u64 {
        self.window_sum
    }

    /// The id of the stream opened last; 0 when none was.
    pub fn streams_opened(&self) -> u64 {
        self.last_id
    }

    /// Bytes that the link itself holds: body bytes, heads and trailers that wait to be read or sent.
    pub fn waiting_bytes(&self) -> usize {
        self.streams.values().map(Stream::waiting_bytes).sum::<usize>()
            + self.express.bytes()
            + self.accepted.iter().map(|(accepted, head)| head + accepted.data.len()).sum::<usize>()
    }

    /// Entries in the lines for output.
    pub fn lines(&self) -> usize {
        self.small.len() + self.bulk.len()
    }

    /// Moves the tasks to be woken to the end of `to`.
    pub fn wakers(&mut self, to: &mut Vec<Waker>) {
        to.append(&mut self.woken);
    }

    /// True while nobody has said [`Self::lose`].
    pub fn is_live(&self) -> bool {
        !self.lost
    }

    /// True once after something to send appeared.
    pub fn take_output_flag(&mut self) -> bool {
        std::mem::take(&mut self.output)
    }

    /// Opens no more streams; those there are go on. An agent accepts what was opened before its
    /// gateway knew.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// `Ready` when no stream is open.
    pub fn poll_idle(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.streams.is_empty() || self.lost {
            return Poll::Ready(());
        }
        if !self.idle_wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.idle_wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The link is over: every stream ends with [`ResetCode::LinkLost`].
    pub fn lose(&mut self) {
        self.lost = true;
        // Nobody comes for these any more.
        for (accepted, _) in self.accepted.drain(..) {
            self.streams.remove(&accepted.id);
        }
        for stream in self.streams.values_mut() {
            stream.stopped.get_or_insert(ResetCode::LinkLost);
            stream.drop_output();
            stream.send_flushed = true;
            self.woken.extend(stream.recv_waker.take());
            self.woken.extend(stream.send_waker.take());
            self.woken.extend(stream.stop_waker.take());
        }
        self.streams.retain(|_, stream| stream.handles > 0);
        self.window_sum = self.streams.values().map(Stream::weight).sum();
        self.heads_waiting = self.streams.values().map(|stream| stream.heads_waiting).sum();
        self.woken.extend(self.accept_waker.take());
        self.woken.append(&mut self.idle_wakers);
        self.express = Express::default();
        self.small.clear();
        self.bulk.clear();
    }

    /// Forgets a stream that nobody holds and that is over on the wire.
    fn forget_if_done(&mut self, id: u64) {
        let Some(stream) = self.streams.get(&id) else { return };
        let over = (stream.stopped.is_some() && stream.out.is_empty())
            || (stream.recv_ended && stream.send_ended && stream.send_flushed);
        if stream.handles == 0 && over {
            self.window_sum -= stream.weight();
            self.heads_waiting -= stream.heads_waiting;
            self.streams.remove(&id);
            if self.streams.is_empty() {
                self.woken.append(&mut self.idle_wakers);
            }
        }
    }
}

fn register(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        _ => *slot = Some(cx.waker().clone()),
    }
}
