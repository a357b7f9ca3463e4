//! Frames that no honest end makes.

use bytes::{BufMut, BytesMut};
use porthole_http1::{Fields, RequestHead, ResponseHead, Version};
use porthole_link::frame::{self, Kind};
use porthole_link::{Open, StreamKind};

/// A GET for mapping 1 that looks like a visitor's.
pub fn get(target: &str) -> Open {
    request(1, "GET", target, &[("Host", "app.example")])
}

pub fn request(mapping: u32, method: &str, target: &str, fields: &[(&str, &str)]) -> Open {
    let head = RequestHead {
        method: method.into(),
        target: target.into(),
        version: Version::Http11,
        fields: fields.iter().copied().collect(),
    };
    Open { kind: StreamKind::Http, mapping, head: Some(head), ..tcp(mapping) }
}

pub fn tcp(mapping: u32) -> Open {
    Open {
        kind: StreamKind::Tcp,
        mapping,
        request_id: "r1".into(),
        visitor: ([192, 0, 2, 1], 4711).into(),
        gateway_us: None,
        head: None,
    }
}

pub fn answer(status: u16, fields: &[(&str, &str)]) -> ResponseHead {
    let fields: Fields = fields.iter().copied().collect();
    ResponseHead { status, reason: Vec::new(), version: Version::Http11, fields }
}

/// A frame of any kind with any payload.
pub fn put(out: &mut BytesMut, kind: Kind, flags: u8, stream: u64, payload: &[u8]) {
    frame::put_header(out, kind, flags, stream, payload.len());
    out.put_slice(payload);
}

/// A frame's head that promises `length` bytes, whatever follows.
pub fn put_promise(out: &mut BytesMut, kind: u8, stream: u64, length: u32) {
    out.put_slice(&length.to_be_bytes()[1..]);
    out.put_u8(kind);
    out.put_u8(0);
    out.put_uint(stream, 6);
}
