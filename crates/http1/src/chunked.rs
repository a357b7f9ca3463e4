//! The chunked transfer coding, read (RFC 9112 §7.1).

use bytes::{Buf, BytesMut};

use crate::scan::{Scan, find_lf};
use crate::{Event, Limits, Refusal, parse};

/// Bytes of chunk extensions in one body. They are dropped, so a sender could spend any number of
/// bytes on them without a body byte coming through (CVE-2023-39326); hyper's bound is the same.
const EXTENSION_BYTES: usize = 16 * 1024;

/// Hex digits of a chunk size: as many as 64 bits can hold.
const SIZE_DIGITS: usize = 16;

#[derive(Debug)]
pub(crate) struct Chunked {
    state: State,
    extensions: usize,
}

#[derive(Debug)]
enum State {
    /// In a size line, of which so many bytes hold no LF.
    Size {
        seen: usize,
    },
    /// So many bytes of the chunk are left.
    Data {
        left: u64,
    },
    /// Before the CRLF that closes a chunk.
    Close,
    Trailers(Scan),
}

impl Chunked {
    pub(crate) fn new() -> Self {
        Self { state: State::Size { seen: 0 }, extensions: 0 }
    }

    /// The next piece of the body, or its end; `Ok(None)` when more bytes are needed.
    pub(crate) fn read<H>(
        &mut self,
        buf: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<Event<H>>, Refusal> {
        loop {
            match &mut self.state {
                State::Size { seen } => {
                    let within = &buf[..buf.len().min(limits.chunk_line_bytes)];
                    let Some(offset) = within.get(*seen..).and_then(find_lf) else {
                        *seen = within.len();
                        let full = buf.len() >= limits.chunk_line_bytes;
                        return if full { Err(Refusal::Chunk) } else { Ok(None) };
                    };
                    let lf = *seen + offset;
                    let line = within[..lf].strip_suffix(b"\r").ok_or(Refusal::Chunk)?;
                    let (size, extensions) = parse_size(line)?;
                    self.extensions += extensions;
                    if self.extensions > EXTENSION_BYTES {
                        return Err(Refusal::Chunk);
                    }
                    buf.advance(lf + 1);
                    self.state =
                        if size == 0 { State::Trailers(Scan::default()) } else { State::Data { left: size } };
                }
                State::Data { left } => {
                    if buf.is_empty() {
                        return Ok(None);
                    }
                    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(buf.len());
                    *left -= len as u64;
                    if *left == 0 {
                        self.state = State::Close;
                    }
                    return Ok(Some(Event::Data(buf.split_to(len).freeze())));
                }
                State::Close => {
                    match buf.as_ref() {
                        [b'\r', b'\n', ..] => buf.advance(2),
                        [] | [b'\r'] => return Ok(None),
                        _ => return Err(Refusal::Chunk),
                    }
                    self.state = State::Size { seen: 0 };
                }
                State::Trailers(scan) => {
                    let Some(end) = scan.end(buf, limits.trailer_bytes).map_err(|_| Refusal::Trailer)? else {
                        return Ok(None);
                    };
                    let trailers = parse::trailers(&buf[..end], limits)?;
                    buf.advance(end);
                    return Ok(Some(Event::End(trailers)));
                }
            }
        }
    }
}

/// The size a chunk line tells, and how many bytes of extensions it has.
///
/// Stricter than the grammar, which is read in different ways: no whitespace before an extension,
/// none after the size, at most [`SIZE_DIGITS`] digits and 2⁶³ − 1 bytes.
fn parse_size(line: &[u8]) -> Result<(u64, usize), Refusal> {
    let digits = line.iter().position(|&byte| byte == b';').unwrap_or(line.len());
    let (size, extensions) = line.split_at(digits);
    if size.is_empty() || size.len() > SIZE_DIGITS || !extensions_are_clean(extensions) {
        return Err(Refusal::Chunk);
    }
    let size = size
        .iter()
        .try_fold(0u64, |size, &byte| Some(size << 4 | u64::from(char::from(byte).to_digit(16)?)))
        .filter(|&size| i64::try_from(size).is_ok())
        .ok_or(Refusal::Chunk)?;
    Ok((size, extensions.len()))
}

/// No control byte but HTAB and no empty extension (RFC 9112 §7.1.1).
fn extensions_are_clean(extensions: &[u8]) -> bool {
    crate::names::is_value(extensions) && extensions != b";"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_hex_digits_and_nothing_else() {
        let size = |line: &str| parse_size(line.as_bytes()).map(|(size, _)| size).ok();
        assert_eq!(size("0"), Some(0));
        assert_eq!(size("aF"), Some(0xaf));
        assert_eq!(size("0000000000000005"), Some(5));
        assert_eq!(size("7fffffffffffffff"), Some(i64::MAX as u64));
        assert_eq!(size("5;a=b;c"), Some(5));
        assert_eq!(size("5;a=\"b c\""), Some(5));
        for bad in [
            "",
            "+5",
            "-5",
            "0x5",
            "5_0",
            " 5",
            "5 ",
            "5\t",
            "5 ;a",
            "g",
            "00000000000000005",
            "8000000000000000",
            "5;",
            ";a",
            "5;a\0",
            "5;a\rb",
            "5;\x7f",
            "5,a",
            "\u{ff15}",
        ] {
            assert_eq!(size(bad), None, "{bad:?}");
        }
    }
}
