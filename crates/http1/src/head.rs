//! Request and response heads.

use crate::Fields;

/// The protocol version a head came with. `Http2` never appears on an HTTP/1 connection: it marks
/// heads that were translated from an HTTP/2 visitor or service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    Http10,
    Http11,
    Http2,
}

/// A request line and its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    /// As it came; case matters.
    pub method: String,
    /// The request target byte for byte (it must be UTF-8 without controls and spaces).
    pub target: String,
    pub version: Version,
    pub fields: Fields,
}

/// A status line and its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// 100–999.
    pub status: u16,
    /// The reason phrase as it came, possibly empty.
    pub reason: Vec<u8>,
    pub version: Version,
    pub fields: Fields,
}

impl ResponseHead {
    /// A 1xx answer other than 101, after which the final one follows.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }
}
