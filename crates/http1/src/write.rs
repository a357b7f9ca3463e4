//! Writers: heads and bodies out as bytes. Framing is always written anew.

use crate::names::{is_forbidden_trailer, is_token, is_value};
use crate::target::is_target;
use crate::{Fields, Framing, RequestHead, ResponseHead, standard_reason};

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
/// set Content-Length or Transfer-Encoding to fit its [`BodyWriter`] (see [`crate::set_framing`]).
/// The version written is always HTTP/1.1.
///
/// # Errors
/// [`WriteError::Field`]; `out` is then as it was.
pub fn write_request_head(head: &RequestHead, out: &mut Vec<u8>) -> Result<(), WriteError> {
    if !is_token(head.method.as_bytes()) || !is_target(&head.target) {
        return Err(WriteError::Field);
    }
    let start = out.len();
    out.reserve(
        head.method.len() + head.target.len() + head.fields.written_len() + " HTTP/1.1\r\n\r\n".len() + 1,
    );
    out.extend_from_slice(head.method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    finish_section(&head.fields, start, out, |_| true)
}

/// Appends status line and fields to `out`. An empty reason gets the standard one.
/// The version written is always HTTP/1.1.
///
/// # Errors
/// [`WriteError::Field`], also for a status outside 100–999; `out` is then as it was.
pub fn write_response_head(head: &ResponseHead, out: &mut Vec<u8>) -> Result<(), WriteError> {
    if !(100..1000).contains(&head.status) || !is_value(&head.reason) {
        return Err(WriteError::Field);
    }
    let reason =
        if head.reason.is_empty() { standard_reason(head.status).as_bytes() } else { &head.reason[..] };
    let start = out.len();
    out.reserve("HTTP/1.1 200 \r\n\r\n".len() + reason.len() + head.fields.written_len());
    let digit = |place: u16| b'0' + (head.status / place % 10) as u8;
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(&[digit(100), digit(10), digit(1), b' ']);
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
    finish_section(&head.fields, start, out, |_| true)
}

/// Appends `fields` and the empty line, or cuts `out` back to `start`.
fn finish_section(
    fields: &Fields,
    start: usize,
    out: &mut Vec<u8>,
    allowed: impl Fn(&[u8]) -> bool,
) -> Result<(), WriteError> {
    // Names and values at once, where the compiler makes wide steps; names are looked at again below.
    if !fields.text().all(is_value) {
        out.truncate(start);
        return Err(WriteError::Field);
    }
    for (name, value) in fields.iter() {
        if !is_token(name) || !allowed(name) {
            out.truncate(start);
            return Err(WriteError::Field);
        }
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Writes one body in a given framing and counts what a length announced.
#[derive(Debug)]
pub struct BodyWriter {
    /// Counted down; `None` once the body has ended.
    framing: Framing,
    after: &'static [u8],
}

impl BodyWriter {
    pub fn new(framing: Framing) -> Self {
        Self { framing, after: b"" }
    }

    /// Appends what must stand before `len` body bytes (a chunk-size line, or nothing).
    /// The caller then sends the bytes and what [`Self::after`] gives, so that large bodies are never
    /// copied. `len` is best not 0; nothing is then written before or after, since an empty chunk
    /// would end the body.
    ///
    /// # Errors
    /// [`WriteError::Overrun`] when the framing has no place for so many bytes; nothing was counted.
    pub fn before(&mut self, len: usize, out: &mut Vec<u8>) -> Result<(), WriteError> {
        self.after = b"";
        if len == 0 {
            return Ok(());
        }
        match &mut self.framing {
            Framing::None => return Err(WriteError::Overrun),
            Framing::Length(left) => *left = left.checked_sub(len as u64).ok_or(WriteError::Overrun)?,
            Framing::Chunked => {
                push_hex(len, out);
                out.extend_from_slice(b"\r\n");
                self.after = b"\r\n";
            }
            Framing::UntilClose => {}
        }
        Ok(())
    }

    /// What must stand after those bytes: `b"\r\n"` for chunks, else empty.
    pub fn after(&self) -> &'static [u8] {
        self.after
    }

    /// `before`, the bytes and `after` in one, for small pieces.
    ///
    /// # Errors
    /// As [`Self::before`].
    pub fn data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), WriteError> {
        self.before(data.len(), out)?;
        out.extend_from_slice(data);
        out.extend_from_slice(self.after);
        Ok(())
    }

    /// Appends the end: last chunk and trailers. Trailers are dropped where the framing has no place
    /// for them. Whatever is written after that is an overrun.
    ///
    /// # Errors
    /// [`WriteError::Underrun`] when bytes of the announced length are missing,
    /// [`WriteError::Field`] for a trailer that a reader of ours would refuse. The message is then
    /// incomplete and its connection must be closed.
    pub fn end(&mut self, trailers: Option<&Fields>, out: &mut Vec<u8>) -> Result<(), WriteError> {
        self.after = b"";
        match std::mem::replace(&mut self.framing, Framing::None) {
            Framing::Length(1..) => Err(WriteError::Underrun),
            Framing::None | Framing::Length(0) | Framing::UntilClose => Ok(()),
            Framing::Chunked => {
                let start = out.len();
                out.extend_from_slice(b"0\r\n");
                match trailers {
                    Some(fields) => finish_section(fields, start, out, |name| !is_forbidden_trailer(name)),
                    None => {
                        out.extend_from_slice(b"\r\n");
                        Ok(())
                    }
                }
            }
        }
    }
}

/// Appends `number` in hex, without leading zeros. `number` is not 0.
fn push_hex(number: usize, out: &mut Vec<u8>) {
    let digits = (usize::BITS - number.leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[number >> (4 * place) & 0xf]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_sizes_are_written_in_shortest_hex() {
        for number in [1, 9, 10, 15, 16, 255, 256, 0x1234, 65536, usize::MAX] {
            let mut out = Vec::new();
            push_hex(number, &mut out);
            assert_eq!(out, format!("{number:x}").into_bytes());
        }
    }
}
