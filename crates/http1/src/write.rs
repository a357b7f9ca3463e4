//! Writers: heads and bodies out as bytes. Framing is always written anew.

use crate::{Fields, Framing, RequestHead, ResponseHead};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    #[error("more body bytes than the announced length")]
    Overrun,
    #[error("fewer body bytes than the announced length")]
    Underrun,
    /// CR, LF, NUL or another control in a name, value, method, target or reason.
    #[error("a head holds characters that cannot be written")]
    Field,
}

/// Appends request line and fields (with the closing empty line) to `out`, as given: the caller has
/// set Content-Length or Transfer-Encoding to fit its [`BodyWriter`].
/// The version written is always HTTP/1.1.
pub fn write_request_head(_head: &RequestHead, _out: &mut Vec<u8>) -> Result<(), WriteError> {
    todo!()
}

/// Appends status line and fields to `out`. An empty reason gets the standard one.
pub fn write_response_head(_head: &ResponseHead, _out: &mut Vec<u8>) -> Result<(), WriteError> {
    todo!()
}

/// Writes one body in a given framing and counts what a length announced.
#[derive(Debug)]
pub struct BodyWriter {
    _framing: Framing,
}

impl BodyWriter {
    pub fn new(framing: Framing) -> Self {
        Self { _framing: framing }
    }

    /// Appends what must stand before `len` body bytes (a chunk-size line, or nothing).
    /// The caller then sends the bytes and what [`Self::after`] gives, so that large bodies are never
    /// copied. `len` is never 0.
    pub fn before(&mut self, _len: usize, _out: &mut Vec<u8>) -> Result<(), WriteError> {
        todo!()
    }

    /// What must stand after those bytes: `b"\r\n"` for chunks, else empty.
    pub fn after(&self) -> &'static [u8] {
        todo!()
    }

    /// `before`, the bytes and `after` in one, for small pieces.
    pub fn data(&mut self, _data: &[u8], _out: &mut Vec<u8>) -> Result<(), WriteError> {
        todo!()
    }

    /// Appends the end: last chunk and trailers. Trailers are dropped where the framing has no place
    /// for them.
    pub fn end(&mut self, _trailers: Option<&Fields>, _out: &mut Vec<u8>) -> Result<(), WriteError> {
        todo!()
    }
}
