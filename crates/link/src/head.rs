//! Heads as they cross the link: ordered raw pairs, lengths first, then the text in one piece.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use porthole_http1::{Fields, RequestHead, ResponseHead, Version};

use crate::limits::{HEAD_BYTES, HEAD_FIELDS};

/// The peer sent bytes that are no frame or head; the link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

const SHORT: Malformed = Malformed("a frame's payload is too short");

/// Takes a length off the front of `rest`.
fn length(rest: &mut &[u8]) -> Result<usize, Malformed> {
    let (mut value, mut shift) = (0usize, 0);
    loop {
        let Some((&byte, after)) = rest.split_first() else { return Err(SHORT) };
        *rest = after;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
        if shift > 21 {
            return Err(Malformed("a length is too large"));
        }
    }
    if value > HEAD_BYTES { Err(Malformed("a length is too large")) } else { Ok(value) }
}

/// Appends `n` in 7-bit groups, low first (LEB128).
fn put_length(out: &mut BytesMut, mut n: usize) {
    while n >= 0x80 {
        out.put_u8(n as u8 | 0x80);
        n >>= 7;
    }
    out.put_u8(n as u8);
}

fn put_text(out: &mut BytesMut, text: &[u8]) {
    put_length(out, text.len());
    out.put_slice(text);
}

fn put_version(out: &mut BytesMut, version: Version) {
    out.put_u8(match version {
        Version::Http10 => 10,
        Version::Http11 => 11,
        Version::Http2 => 20,
    });
}

/// Appends a field section: count, the lengths of each name and value, then all text.
pub fn put_fields(out: &mut BytesMut, fields: &Fields) {
    put_length(out, fields.len());
    for (name, value) in fields.lengths() {
        if name < 0x80 && value < 0x80 {
            out.put_slice(&[name as u8, value as u8]);
        } else {
            put_length(out, name);
            put_length(out, value);
        }
    }
    for text in fields.text() {
        out.put_slice(text);
    }
}

/// Appends a request head.
pub fn put_request(out: &mut BytesMut, head: &RequestHead) {
    put_version(out, head.version);
    put_text(out, head.method.as_bytes());
    put_text(out, head.target.as_bytes());
    put_fields(out, &head.fields);
}

/// Appends a response head.
pub fn put_response(out: &mut BytesMut, head: &ResponseHead) {
    put_version(out, head.version);
    out.put_u16(head.status);
    put_text(out, &head.reason);
    put_fields(out, &head.fields);
}

/// An upper bound of what [`put_request`] appends, in bytes.
pub fn request_bytes(head: &RequestHead) -> usize {
    head.method.len() + head.target.len() + fields_bytes(&head.fields) + 16
}

/// An upper bound of what [`put_response`] appends, in bytes.
pub fn response_bytes(head: &ResponseHead) -> usize {
    head.reason.len() + fields_bytes(&head.fields) + 16
}

/// An upper bound of what [`put_fields`] appends, in bytes.
pub fn fields_bytes(fields: &Fields) -> usize {
    fields.iter().map(|(name, value)| name.len() + value.len() + 6).sum::<usize>() + 5
}

/// Reads what the functions above wrote; every length is checked against what is there.
#[derive(Debug)]
pub struct Reader {
    rest: Bytes,
}

impl Reader {
    pub fn new(payload: Bytes) -> Self {
        Self { rest: payload }
    }

    /// What has not been read.
    pub fn rest(self) -> Bytes {
        self.rest
    }

    fn need(&self, n: usize) -> Result<(), Malformed> {
        if self.rest.len() < n { Err(SHORT) } else { Ok(()) }
    }

    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.need(1)?;
        Ok(self.rest.get_u8())
    }

    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.need(2)?;
        Ok(self.rest.get_u16())
    }

    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.need(4)?;
        Ok(self.rest.get_u32())
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.need(N)?;
        let mut array = [0; N];
        self.rest.copy_to_slice(&mut array);
        Ok(array)
    }

    pub fn take(&mut self, n: usize) -> Result<Bytes, Malformed> {
        self.need(n)?;
        Ok(self.rest.split_to(n))
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        let mut rest: &[u8] = &self.rest;
        let value = length(&mut rest)?;
        let read = self.rest.len() - rest.len();
        self.rest.advance(read);
        Ok(value)
    }

    fn text(&mut self) -> Result<String, Malformed> {
        let length = self.length()?;
        self.need(length)?;
        let text = match std::str::from_utf8(&self.rest[..length]) {
            Ok(text) => text.to_owned(),
            Err(_) => return Err(Malformed("a method or target is not UTF-8")),
        };
        self.rest.advance(length);
        Ok(text)
    }

    fn version(&mut self) -> Result<Version, Malformed> {
        match self.u8()? {
            10 => Ok(Version::Http10),
            11 => Ok(Version::Http11),
            20 => Ok(Version::Http2),
            _ => Err(Malformed("an unknown HTTP version")),
        }
    }

    /// A field section.
    pub fn fields(&mut self) -> Result<Fields, Malformed> {
        let count = self.length()?;
        if count > HEAD_FIELDS {
            return Err(Malformed("too many fields"));
        }
        let mut lengths: &[u8] = &self.rest;
        let mut rest = lengths;
        let mut total = 0;
        for _ in 0..count {
            total += length(&mut rest)? + length(&mut rest)?;
        }
        if total > HEAD_BYTES {
            return Err(Malformed("a head is too large"));
        }
        let Some((text, rest)) = rest.split_at_checked(total) else { return Err(SHORT) };
        // Read once more rather than kept: that costs less than room for them, and all of them are good.
        let mut again = || length(&mut lengths).unwrap_or_default();
        let fields = Fields::from_text(text, (0..count).map(|_| (again(), again())));
        let read = self.rest.len() - rest.len();
        self.rest.advance(read);
        Ok(fields)
    }

    /// A request head.
    pub fn request(&mut self) -> Result<RequestHead, Malformed> {
        let version = self.version()?;
        Ok(RequestHead { version, method: self.text()?, target: self.text()?, fields: self.fields()? })
    }

    /// A response head.
    pub fn response(&mut self) -> Result<ResponseHead, Malformed> {
        let version = self.version()?;
        let status = self.u16()?;
        if !(100..=999).contains(&status) {
            return Err(Malformed("a status outside 100–999"));
        }
        let length = self.length()?;
        self.need(length)?;
        let reason = self.rest[..length].to_vec();
        self.rest.advance(length);
        Ok(ResponseHead { version, status, reason, fields: self.fields()? })
    }
}
