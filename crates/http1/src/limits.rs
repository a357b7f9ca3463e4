//! Bounds, and what is said when input is refused.

use std::time::Duration;

/// Bounds on one message. Time limits are kept here by name and applied by whoever owns the clock.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a head, request or status line included.
    pub head_bytes: usize,
    /// Fields in a head; also in a trailer section.
    pub fields: usize,
    /// Bytes of a chunked trailer section.
    pub trailer_bytes: usize,
    /// Bytes of one chunk-size line with its extensions, which are dropped.
    pub chunk_line_bytes: usize,
    /// Time from the first byte of a head to its last.
    pub head_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            fields: 100,
            trailer_bytes: 16 * 1024,
            chunk_line_bytes: 1024,
            head_time: Duration::from_secs(15),
        }
    }
}

/// Why bytes were refused. The connection they came on cannot be used further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the request or status line is malformed")]
    Line,
    #[error("a header name or value holds characters that are not allowed")]
    Field,
    #[error("the head is larger than {0} bytes")]
    HeadTooLarge(usize),
    #[error("the head has more than {0} fields")]
    TooManyFields(usize),
    #[error("the HTTP version is not supported")]
    Version,
    #[error("the message length is ambiguous or malformed")]
    Framing,
    #[error("a chunk is malformed")]
    Chunk,
    #[error("a trailer field is malformed or not allowed")]
    Trailer,
    #[error("the Host header is missing, repeated or invalid")]
    Host,
    #[error("the connection closed in the middle of a message")]
    Truncated,
}

impl Refusal {
    /// The status a server answers with: 400, 431 or 505.
    pub fn status(self) -> u16 {
        match self {
            Self::HeadTooLarge(_) | Self::TooManyFields(_) => 431,
            Self::Version => 505,
            _ => 400,
        }
    }
}
