//! Conversations taken apart while they pass: WebSocket messages and server-sent events as rows.
//!
//! Read off the copy that is kept anyway; whatever is not as it should be ends the reading, never the
//! conversation. Both readers take bytes in any pieces and keep a bounded part of what is unfinished.

mod events;
mod frame;
mod websocket;

pub use events::EventReader;
pub use frame::{FRAME_BYTES, Frame};
pub use websocket::MessageReader;

use porthole_http1::ResponseHead;
use porthole_link::StreamKind;

use super::exchange::Side;
use super::queue::Reserved;
use crate::inspect::recorded::media_type_of;

/// Rows kept of one exchange; the rest is counted. A list of more is searched by nobody.
pub const FRAME_ROWS: u64 = 10_000;

/// Bytes of messages kept of one exchange in each direction: as many as of a body.
const KEPT_BYTES: usize = super::BODY_BYTES;

/// What a row takes of the queue beside its payload.
const ROW_BYTES: usize = 128;

/// Rows handed to the writer at once: one of its batches.
const ROWS_AT_ONCE: usize = 256;

/// Bytes of payload handed to the writer at once: as many as of a body.
const BYTES_AT_ONCE: usize = super::CHUNK_BYTES;

/// A frame with its place in the conversation.
#[derive(Debug)]
pub struct Row {
    /// Counts from 0 over both directions.
    pub seq: u64,
    /// Unix time.
    pub at_us: i64,
    pub from_visitor: bool,
    pub frame: Frame,
}

/// Rows on their way to the writer.
#[derive(Debug)]
pub struct Batch {
    pub rows: Vec<Row>,
    _reserved: Reserved,
}

/// What takes one conversation apart.
#[derive(Debug)]
enum Readers {
    /// By [`Side`].
    WebSocket(Box<[MessageReader; 2]>),
    Events(EventReader),
}

/// The rows of one exchange while it runs.
#[derive(Debug)]
pub(super) struct Rows {
    readers: Readers,
    /// All that passed, kept or not.
    seen: u64,
    /// Bytes kept by [`Side`].
    kept: [usize; 2],
    waiting: Vec<Row>,
    waiting_bytes: usize,
}

impl Rows {
    /// For an exchange with this answer, where it begins a conversation.
    pub(super) fn of(kind: StreamKind, head: &ResponseHead) -> Option<Box<Self>> {
        let field = |name: &str| head.fields.get_str(name);
        let websocket = head.status == 101
            && kind == StreamKind::Upgrade
            && field("upgrade").is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"));
        let readers = if websocket {
            Readers::WebSocket(Box::default())
        } else if field("content-type").and_then(media_type_of).as_deref() == Some("text/event-stream")
            // What is compressed is decoded in views only.
            && !head.fields.contains("content-encoding")
        {
            Readers::Events(EventReader::default())
        } else {
            return None;
        };
        Some(Box::new(Self { readers, seen: 0, kept: [0; 2], waiting: Vec::new(), waiting_bytes: 0 }))
    }

    /// Takes what passes in one direction. False when a row could not be kept, because too much waits already.
    pub(super) fn read(
        &mut self,
        side: Side,
        data: &[u8],
        now_us: impl Fn() -> i64,
        reserved: &mut Reserved,
    ) -> bool {
        let Self { readers, seen, kept, waiting, waiting_bytes } = self;
        let mut whole = true;
        let mut take = |mut frame: Frame| {
            let seq = *seen;
            *seen += 1;
            let kept = &mut kept[side as usize];
            frame.payload.truncate(KEPT_BYTES - *kept);
            let row = frame.payload.len() + ROW_BYTES;
            if seq >= FRAME_ROWS {
                return;
            }
            if !reserved.grow(row) {
                whole = false;
                return;
            }
            *kept += frame.payload.len();
            *waiting_bytes += row;
            waiting.push(Row { seq, at_us: now_us(), from_visitor: side == Side::Request, frame });
        };
        match readers {
            Readers::WebSocket(readers) => readers[side as usize].read(data, &mut take),
            Readers::Events(reader) if side == Side::Response => reader.read(data, &mut take),
            Readers::Events(_) => {}
        }
        whole
    }

    /// What passed so far.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Enough waits to be written at once.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= ROWS_AT_ONCE || self.waiting_bytes >= BYTES_AT_ONCE
    }

    /// What is not yet on its way to the writer.
    pub(super) fn take(&mut self, reserved: &mut Reserved) -> Option<Batch> {
        if self.waiting.is_empty() {
            return None;
        }
        let reserved = reserved.split(std::mem::take(&mut self.waiting_bytes));
        Some(Batch { rows: std::mem::take(&mut self.waiting), _reserved: reserved })
    }
}

#[cfg(test)]
mod tests {
    use porthole_http1::Version;

    use super::*;

    fn answer(status: u16, fields: &[(&str, &str)]) -> ResponseHead {
        let fields = fields.iter().copied().collect();
        ResponseHead { status, reason: Vec::new(), version: Version::Http11, fields }
    }

    #[test]
    fn only_conversations_have_rows() {
        let of = |kind, status, fields: &[_]| Rows::of(kind, &answer(status, fields)).is_some();
        assert!(of(StreamKind::Upgrade, 101, &[("Upgrade", "WebSocket")]));
        assert!(!of(StreamKind::Upgrade, 101, &[("Upgrade", "h2c")]));
        assert!(!of(StreamKind::Http, 200, &[("Upgrade", "websocket")]));
        let events = ("Content-Type", "text/event-stream; charset=utf-8");
        assert!(of(StreamKind::Http, 200, &[events]));
        assert!(!of(StreamKind::Http, 200, &[events, ("Content-Encoding", "gzip")]));
        assert!(!of(StreamKind::Http, 200, &[("Content-Type", "text/html")]));
    }
}
