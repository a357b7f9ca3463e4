//! Where a head or a trailer section ends, found without reading a byte twice.

/// Looks for the empty line that ends a section and remembers how far it has looked.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Bytes already searched.
    seen: usize,
    /// Where the line that is still open began.
    line: usize,
}

/// Why a section's end will not be found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ScanError {
    /// An LF with no CR before it (RFC 9112 §2.2 lets a recipient take it; another would not).
    BareLf {
        /// In the request or status line, not in a field.
        first_line: bool,
    },
    /// `max` bytes are there and the section goes on.
    TooLong,
}

impl Scan {
    /// The length of the section at the front of `buf`, its closing empty line included, or `None`
    /// when more bytes are needed. `buf` must start where it started in the last call.
    pub(crate) fn end(&mut self, buf: &[u8], max: usize) -> Result<Option<usize>, ScanError> {
        let within = &buf[..buf.len().min(max)];
        while let Some(offset) = within.get(self.seen..).and_then(find_lf) {
            let lf = self.seen + offset;
            if lf == 0 || within[lf - 1] != b'\r' {
                return Err(ScanError::BareLf { first_line: self.line == 0 });
            }
            if lf - 1 == self.line {
                return Ok(Some(lf + 1));
            }
            self.line = lf + 1;
            self.seen = lf + 1;
        }
        self.seen = within.len();
        if buf.len() >= max { Err(ScanError::TooLong) } else { Ok(None) }
    }

    /// True when no byte of a section was seen yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.seen == 0
    }
}

/// The place of the first LF. Blocks are looked at whole, which the compiler vectorises.
pub(crate) fn find_lf(bytes: &[u8]) -> Option<usize> {
    const BLOCK: usize = 16;
    let mut start = 0;
    for block in bytes.chunks_exact(BLOCK) {
        if block.iter().fold(0, |hit, &byte| hit | u8::from(byte == b'\n')) != 0 {
            break;
        }
        start += BLOCK;
    }
    bytes[start..].iter().position(|&byte| byte == b'\n').map(|offset| start + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_feed_is_found_at_every_place() {
        for len in 0..70 {
            assert_eq!(find_lf(&vec![b'a'; len]), None);
            for at in 0..len {
                let mut bytes = vec![b'a'; len];
                bytes[at..].fill(b'\n');
                assert_eq!(find_lf(&bytes), Some(at));
            }
        }
    }

    #[test]
    fn the_end_is_found_however_the_bytes_come() {
        let section = b"first line\r\nA: b\r\n\r\nrest";
        for step in 1..section.len() {
            let mut scan = Scan::default();
            let mut end = None;
            for len in (step..=section.len()).step_by(step).chain([section.len()]) {
                end = scan.end(&section[..len], 100).expect("well-formed");
                if end.is_some() {
                    break;
                }
            }
            assert_eq!(end, Some(20));
        }
    }

    #[test]
    fn a_bare_line_feed_is_refused_where_it_stands() {
        let bare = |bytes: &[u8]| Scan::default().end(bytes, 100);
        assert_eq!(bare(b"\n"), Err(ScanError::BareLf { first_line: true }));
        assert_eq!(bare(b"a\n"), Err(ScanError::BareLf { first_line: true }));
        assert_eq!(bare(b"a\r\nb\n"), Err(ScanError::BareLf { first_line: false }));
        assert_eq!(bare(b"a\r\n\n"), Err(ScanError::BareLf { first_line: false }));
    }

    #[test]
    fn a_section_of_the_largest_size_passes_and_one_byte_more_does_not() {
        assert_eq!(Scan::default().end(b"a\r\n\r\n", 6), Ok(Some(5)));
        assert_eq!(Scan::default().end(b"a\r\n\r\n", 5), Ok(Some(5)));
        assert_eq!(Scan::default().end(b"a\r\n\r\n", 4), Err(ScanError::TooLong));
        assert_eq!(Scan::default().end(b"a\r\n\r", 4), Err(ScanError::TooLong));
        assert_eq!(Scan::default().end(b"a\r\n", 4), Ok(None));
    }
}
