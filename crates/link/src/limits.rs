//! The link's bounds, each with its unit and reason.

use std::time::Duration;

/// How often a ping is sent.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// Silence after which a link is dead; any byte received counts. A dead link is to be found and replaced
/// in ten seconds: half a second is left for the new one.
pub const DEAD_AFTER: Duration = Duration::from_millis(9500);

/// Time for the hello and for its answer.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// Time a closing link has to send what is queued.
pub const CLOSE: Duration = Duration::from_secs(1);

/// Body bytes that may ride in the frame of a head. Most API answers fit; more would let one stream
/// get ahead of others, since heads are sent first.
pub const INLINE_BYTES: usize = 16 * 1024;

/// Bytes a sender may have in flight on a fresh stream, each way.
pub const WINDOW_INITIAL: u32 = 64 * 1024;

/// What a stream's window grows to while its reader keeps up: enough for 1 MiB per round trip
/// (80 Mbit/s at 100 ms).
pub const WINDOW_MAX: u32 = 1024 * 1024;

/// Sum of all receive windows of one link, the most that stalled readers can make it hold.
/// 2,048 streams at the initial window, 128 at the largest.
pub const WINDOW_BUDGET: u64 = 128 * 1024 * 1024;

/// Bytes of a request's head that cost its stream nothing of [`WINDOW_BUDGET`]. Beyond it each counts twice:
/// an agent holds a head, and what it writes of it, while a service does not answer. 2,048 heads of
/// [`HEAD_BYTES`] would be half a gibibyte.
pub const HEAD_FREE_BYTES: usize = 4 * 1024;

/// Bytes of one stream that wait for their turn to be written; the sender waits beyond that.
pub const SEND_QUEUE_BYTES: usize = 128 * 1024;

/// Bytes of one stream in a batch before others get their turn.
pub const QUANTUM_BYTES: usize = 32 * 1024;

/// Bytes of frames gathered into one binary message. A single larger frame (a big head) may exceed it,
/// and so may the turn that one small and one bulk stream always get.
pub const BATCH_BYTES: usize = 64 * 1024;

/// Body bytes that one direction of a stream passes on before other tasks of its thread get their turn, and
/// twice what a link writes before they do. With a megabyte of credit used up in one go, 24 downloads kept
/// a small request waiting for 20 ms.
pub const TURN_BYTES: usize = 64 * 1024;

/// A stream that has sent less than this in all, or has no more than [`SMALL_PENDING_BYTES`]
/// waiting, is served before bulk ones.
pub const SMALL_TOTAL_BYTES: u64 = 64 * 1024;
/// See [`SMALL_TOTAL_BYTES`].
pub const SMALL_PENDING_BYTES: usize = 8 * 1024;

/// Bytes of an encoded head. Visitors' heads end at 64 KiB; the rest is room for forwarded fields.
pub const HEAD_BYTES: usize = 128 * 1024;

/// Fields in a head or trailer section on the link. Visitors' heads end at 100.
pub const HEAD_FIELDS: usize = 256;

/// Payload bytes of one frame.
pub const FRAME_BYTES: usize = HEAD_BYTES + INLINE_BYTES + 1024;

/// Bytes of one WebSocket message: a batch, or a control message with 1,000 mappings.
pub const MESSAGE_BYTES: usize = 1024 * 1024;

/// Bytes of frames that are sent ahead of bulk data (heads, ends, windows, resets) and wait because
/// the peer does not read. New streams are refused beyond it.
pub const EXPRESS_BYTES: usize = 4 * 1024 * 1024;

/// The same, at which the link ends: only a peer that provokes answers without reading them gets here.
pub const EXPRESS_BYTES_FATAL: usize = 16 * 1024 * 1024;

/// Of those bytes, the part up to which first body bytes ride along with their head; beyond it they
/// take their turn with other data, so that a thousand answers at once do not pile up ahead of it.
pub const EXPRESS_INLINE_BYTES: usize = 256 * 1024;

/// Bytes of heads and trailers received and not taken by their streams' owners, over the whole link:
/// credit does not cover them. A stream that brings more is reset as busy.
pub const HEADS_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// Received data below this size is copied out of the buffer it came in, which would otherwise stay
/// whole (the WebSocket layer's read buffer, a batch).
pub const COPY_BYTES: usize = 4 * 1024;

/// Pieces one stream may have waiting, each way, before small ones are merged.
pub const ITEMS_BEFORE_MERGE: usize = 16;

/// Interim (1xx) heads on one stream, [`HEAD_BYTES`] in all. A sender leaves out further ones: they
/// carry nothing that the final head depends on.
pub const INTERIM_HEADS: u32 = 32;

/// Control messages waiting to be sent.
pub const CONTROL_QUEUE: usize = 256;

/// Control messages waiting for the link's owner. A peer that sends more than are taken loses its link.
pub const CONTROL_INBOX: usize = 64;
