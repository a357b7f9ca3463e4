//! What a link knows of one stream.

use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, Hasher};
use std::task::Waker;

use bytes::{Bytes, BytesMut};

use crate::frame::ResetCode;
use crate::limits::{HEAD_BYTES, INTERIM_HEADS, ITEMS_BEFORE_MERGE, WINDOW_INITIAL};
use crate::stream::Item;

/// Something queued on a stream.
#[derive(Debug)]
pub(super) enum Out {
    Data(Bytes),
    /// The end with encoded trailers, or none.
    End(Bytes),
    /// A reset that must not overtake what was finished before it.
    Reset(ResetCode),
}

#[derive(Debug)]
pub(super) struct Stream {
    /// Handles (reading, writing) that somebody holds.
    pub(super) handles: u8,
    /// Reset by either end, or lost with the link.
    pub(super) stopped: Option<ResetCode>,

    pub(super) recv: VecDeque<Item>,
    pub(super) recv_waker: Option<Waker>,
    /// The whole window granted to the peer, in bytes.
    pub(super) window: u32,
    /// What its request's head counts beside that: see [`crate::limits::HEAD_FREE_BYTES`].
    pub(super) head_weight: u64,
    /// What of it the peer has not used.
    pub(super) recv_credit: u32,
    /// Read by the owner and not granted anew.
    pub(super) consumed: u32,
    /// A head must come before data: this end opened an HTTP stream.
    pub(super) awaits_head: bool,
    pub(super) recv_head: bool,
    /// Interim heads and their bytes, sent or received (a stream does only one of them).
    pub(super) interim_heads: u32,
    pub(super) interim_bytes: usize,
    /// Bytes of heads and trailers in `recv`; the link bounds the sum.
    pub(super) heads_waiting: usize,
    pub(super) recv_ended: bool,

    /// The point in the express frames after the stream's open or head, which its data must not overtake.
    pub(super) after: u64,
    pub(super) out: VecDeque<Out>,
    pub(super) out_bytes: usize,
    pub(super) send_credit: u64,
    pub(super) send_waker: Option<Waker>,
    pub(super) stop_waker: Option<Waker>,
    pub(super) sent_total: u64,
    /// The owner has finished.
    pub(super) send_ended: bool,
    /// The end has left the queue.
    pub(super) send_flushed: bool,
    /// In one of the lines for output.
    pub(super) scheduled: bool,
}

impl Stream {
    /// Its part of the link's budget.
    pub(super) fn weight(&self) -> u64 {
        u64::from(self.window) + self.head_weight
    }

    pub(super) fn new() -> Self {
        Self {
            handles: 2,
            stopped: None,
            recv: VecDeque::new(),
            recv_waker: None,
            window: WINDOW_INITIAL,
            recv_credit: WINDOW_INITIAL,
            consumed: 0,
            awaits_head: false,
            recv_head: false,
            interim_heads: 0,
            interim_bytes: 0,
            heads_waiting: 0,
            head_weight: 0,
            recv_ended: false,
            after: 0,
            out: VecDeque::new(),
            out_bytes: 0,
            send_credit: u64::from(WINDOW_INITIAL),
            send_waker: None,
            stop_waker: None,
            sent_total: 0,
            send_ended: false,
            send_flushed: false,
            scheduled: false,
        }
    }

    /// Counts one more interim head of `bytes`; false when it is one too many.
    pub(super) fn count_interim(&mut self, bytes: usize) -> bool {
        if self.interim_heads == INTERIM_HEADS || self.interim_bytes + bytes > HEAD_BYTES {
            return false;
        }
        self.interim_heads += 1;
        self.interim_bytes += bytes;
        true
    }

    /// Queues received bytes.
    pub(super) fn push_received(&mut self, data: Bytes) {
        if self.recv.len() >= ITEMS_BEFORE_MERGE
            && let Some(Item::Data(last)) = self.recv.back_mut()
            && last.len() < MERGE_BYTES
        {
            merge(last, &data);
        } else {
            self.recv.push_back(Item::Data(data));
        }
    }

    /// Queues bytes to send.
    pub(super) fn push_out(&mut self, data: Bytes) {
        self.out_bytes += data.len();
        if self.out.len() >= ITEMS_BEFORE_MERGE
            && let Some(Out::Data(last)) = self.out.back_mut()
            && last.len() < MERGE_BYTES
        {
            merge(last, &data);
        } else {
            self.out.push_back(Out::Data(data));
        }
    }

    /// Bytes that wait to be read or sent.
    pub(super) fn waiting_bytes(&self) -> usize {
        let data = |item: &Item| if let Item::Data(data) = item { data.len() } else { 0 };
        self.recv.iter().map(data).sum::<usize>() + self.heads_waiting + self.out_bytes
    }

    pub(super) fn drop_output(&mut self) {
        self.out.clear();
        self.out_bytes = 0;
    }
}

/// Pieces below this many bytes are merged once [`ITEMS_BEFORE_MERGE`] wait, so that one-byte pieces
/// cost bytes and not items.
const MERGE_BYTES: usize = 16 * 1024;

fn merge(last: &mut Bytes, data: &[u8]) {
    let mut merged = match std::mem::take(last).try_into_mut() {
        Ok(bytes) => bytes,
        Err(shared) => BytesMut::from(&shared[..]),
    };
    merged.extend_from_slice(data);
    *last = merged.freeze();
}

/// Stream ids count up from one: spreading them needs one multiplication.
pub(super) type IdHasher = BuildHasherDefault<IdHash>;

#[derive(Debug, Default)]
pub(super) struct IdHash(u64);

impl Hasher for IdHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte) ^ self.0);
        }
    }

    fn write_u64(&mut self, id: u64) {
        let spread = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = spread ^ (spread >> 32);
    }
}
