//! Conversations as they are read: messages and events, compressed ones decoded.

use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::super::{Store, StoreError};
use crate::capture::frames::Frame;
use crate::inspect::inflate::{InflateError, Inflater};
use crate::inspect::recorded::told_bytes;

/// Rows that one page may have.
const PAGE_ROWS: u32 = 10_000;

/// A message, control frame or event, for looking at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameView {
    /// Counts from 0 over both directions.
    pub seq: i64,
    /// Unix time, microseconds.
    pub at_us: i64,
    pub from_visitor: bool,
    pub opcode: u8,
    /// Of the payload, as it passed.
    pub bytes: i64,
    /// What was kept of it, decoded where it was compressed and could be.
    pub payload: Vec<u8>,
    /// Less was kept than passed.
    pub truncated: bool,
    /// It passed compressed (RFC 7692).
    pub compressed: bool,
    /// Why it is shown as it passed.
    pub decode_error: Option<InflateError>,
    /// A server-sent event's.
    pub event: Option<String>,
    pub event_id: Option<String>,
}

/// A part of a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frames {
    pub frames: Vec<FrameView>,
    /// The last one's number, where there are more.
    pub next_after: Option<i64>,
}

/// Why a WebSocket was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Close {
    pub code: u16,
    pub reason: String,
}

impl FrameView {
    /// Of a close frame that gives a reason (RFC 6455 §5.5.1).
    pub fn close(&self) -> Option<Close> {
        let (code, reason) = self.payload.split_first_chunk().filter(|_| self.opcode == Frame::CLOSE)?;
        Some(Close { code: u16::from_be_bytes(*code), reason: String::from_utf8_lossy(reason).into_owned() })
    }
}

/// The same for programs. A contract: keys are added and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ToldFrame {
    pub seq: i64,
    pub at_us: i64,
    pub from_visitor: bool,
    pub opcode: u8,
    pub bytes: i64,
    pub payload: String,
    /// `utf-8` or `base64`.
    pub payload_encoding: &'static str,
    pub truncated: bool,
    pub compressed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode_error: Option<InflateError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
}

impl From<FrameView> for ToldFrame {
    fn from(frame: FrameView) -> Self {
        let (payload, payload_encoding) = told_bytes(&frame.payload);
        Self {
            seq: frame.seq,
            at_us: frame.at_us,
            from_visitor: frame.from_visitor,
            opcode: frame.opcode,
            bytes: frame.bytes,
            payload,
            payload_encoding,
            truncated: frame.truncated,
            compressed: frame.compressed,
            decode_error: frame.decode_error,
            close_code: frame.close().map(|close| close.code),
            event: frame.event,
            event_id: frame.event_id,
        }
    }
}

impl Store {
    /// The messages or events of an exchange in order, those after the one numbered `after`.
    pub async fn frames(&self, id: i64, after: Option<i64>, limit: u32) -> Result<Frames, StoreError> {
        self.call(move |connection| {
            let known = connection.prepare_cached("SELECT 1 FROM exchanges WHERE id = ?1")?.exists([id])?;
            if !known {
                return Err(StoreError::NoExchange(id));
            }
            Ok(page(connection, id, after.unwrap_or(-1), limit.min(PAGE_ROWS))?)
        })
        .await
    }
}

fn page(connection: &Connection, id: i64, after: i64, limit: u32) -> rusqlite::Result<Frames> {
    // Each compressed message goes on from those before it: they are read, too.
    let mut query = connection.prepare_cached(
        "SELECT seq, at_us, from_visitor, opcode, bytes, payload, compressed, event, event_id FROM frames
         WHERE exchange_id = ?1 AND (seq > ?2 OR compressed) ORDER BY seq",
    )?;
    let mut rows = query.query(params![id, after])?;
    let mut directions = <[Inflater; 2]>::default();
    let mut found = Frames::default();
    while let Some(row) = rows.next()? {
        let mut frame = view(row)?;
        if frame.compressed {
            match directions[usize::from(frame.from_visitor)].message(&frame.payload, !frame.truncated) {
                Ok(payload) => frame.payload = payload,
                Err(error) => frame.decode_error = Some(error),
            }
        }
        if frame.seq <= after {
            continue;
        }
        if found.frames.len() == limit as usize {
            found.next_after = found.frames.last().map(|last| last.seq);
            break;
        }
        found.frames.push(frame);
    }
    Ok(found)
}

fn view(row: &Row<'_>) -> rusqlite::Result<FrameView> {
    let (bytes, payload): (i64, Vec<u8>) = (row.get(4)?, row.get(5)?);
    Ok(FrameView {
        seq: row.get(0)?,
        at_us: row.get(1)?,
        from_visitor: row.get(2)?,
        opcode: row.get(3)?,
        truncated: (payload.len() as i64) < bytes,
        bytes,
        payload,
        compressed: row.get(6)?,
        decode_error: None,
        event: row.get(7)?,
        event_id: row.get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use porthole_http1::{ResponseHead, Version};

    use super::super::tests::World;
    use super::*;
    use crate::capture::Side;
    use crate::capture::frames::FRAME_ROWS;

    const EVENTS: [(&str, &str); 1] = [("Content-Type", "text/event-stream")];
    const SWITCH: [(&str, &str); 1] = [("Upgrade", "websocket")];

    fn answer(status: u16, fields: &[(&str, &str)]) -> ResponseHead {
        let fields = fields.iter().copied().collect();
        ResponseHead { status, reason: Vec::new(), version: Version::Http11, fields }
    }

    #[tokio::test]
    async fn events_are_rows_in_order_and_pages_of_them_go_on() {
        let mut world = World::new().await;
        let capture = world.begin("/events");
        capture.answered(&answer(200, &EVENTS));
        capture.data(Side::Response, b"event: add\nid: 7\ndata: one\n\nda");
        capture.data(Side::Response, b"ta: two\n\ndata: three\n\n");
        capture.end(None);
        world.settle().await;
        let id = capture.id();
        let first = world.store.frames(id, None, 2).await.unwrap();
        let told: Vec<_> = first.frames.iter().map(|frame| (frame.seq, frame.payload.as_slice())).collect();
        assert_eq!(told, [(0, &b"one"[..]), (1, b"two")]);
        let one = &first.frames[0];
        assert_eq!((one.event.as_deref(), one.event_id.as_deref()), (Some("add"), Some("7")));
        assert!(!one.from_visitor && one.at_us > 0 && one.at_us <= first.frames[1].at_us);
        assert_eq!(first.next_after, Some(1));
        let rest = world.store.frames(id, Some(1), 2).await.unwrap();
        assert_eq!((rest.frames.len(), rest.next_after), (1, None));
        let summary = world.store.exchange_summary(id).await.unwrap();
        assert_eq!((summary.frames, summary.kind.as_str()), (3, "sse"));
        assert_eq!(world.store.frames(99, None, 1).await, Err(StoreError::NoExchange(99)));
    }

    #[tokio::test]
    async fn compressed_messages_are_shown_decoded_each_going_on_from_those_before() {
        let mut world = World::new().await;
        let capture = world.begin_upgrade("/ws");
        capture.answered(&answer(101, &SWITCH));
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        for text in ["hello hello hello", "hello hello hello again"] {
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.flush().unwrap();
            let mut payload = std::mem::take(encoder.get_mut());
            payload.truncate(payload.len() - 4);
            let head = [0xc1, u8::try_from(payload.len()).unwrap()];
            capture.data(Side::Response, &[&head[..], &payload].concat());
        }
        capture.data(Side::Request, &[0x88, 4, 3, 0xe9, b'o', b'k']);
        capture.end(None);
        world.settle().await;
        let frames = world.store.frames(capture.id(), Some(0), 10).await.unwrap().frames;
        assert_eq!(frames[0].payload, b"hello hello hello again");
        assert!(frames[0].compressed && frames[0].bytes < 20);
        assert_eq!(frames[1].close(), Some(Close { code: 1001, reason: "ok".into() }));
        assert!(frames[1].from_visitor && frames[0].close().is_none());
    }

    #[tokio::test]
    async fn beyond_the_bound_messages_are_counted_and_words_of_the_first_are_found() {
        let mut world = World::new().await;
        let capture = world.begin_upgrade("/ws");
        capture.answered(&answer(101, &SWITCH));
        for number in 0..FRAME_ROWS + 5 {
            let text: &[u8] =
                if number == 0 { &[0x81, 6, b'o', b'r', b'd', b'e', b'r', b's'] } else { &[0x81, 0] };
            capture.data(Side::Request, text);
        }
        capture.end(None);
        world.settle().await;
        let summary = world.store.exchange_summary(capture.id()).await.unwrap();
        assert_eq!((summary.frames as u64, summary.incomplete), (FRAME_ROWS + 5, false));
        let frames = world.store.frames(capture.id(), None, u32::MAX).await.unwrap();
        assert_eq!((frames.frames.len() as u64, frames.next_after), (FRAME_ROWS, None));
        assert_eq!(world.found("orders"), [capture.id()]);
    }
}
