//! What a conversation is taken apart into.

/// Bytes of one message or event that are kept; the rest is counted.
pub const FRAME_BYTES: usize = 64 * 1024;

/// A message, a control frame or an event, complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// Of its first frame; an event is text.
    pub opcode: u8,
    /// Marked as compressed (RFC 7692).
    pub compressed: bool,
    /// Of the payload, as it passed.
    pub bytes: u64,
    /// Its beginning, unmasked.
    pub payload: Vec<u8>,
    /// An event's name, where it has one.
    pub event: Option<String>,
    pub event_id: Option<String>,
}

impl Frame {
    pub const TEXT: u8 = 1;
    pub const BINARY: u8 = 2;
    pub const CLOSE: u8 = 8;
    pub const PING: u8 = 9;
    pub const PONG: u8 = 10;

    /// Takes a part of the payload, as far as it is kept.
    pub(super) fn add(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        let room = FRAME_BYTES - self.payload.len();
        self.payload.extend_from_slice(&data[..data.len().min(room)]);
    }
}
