//! The frames inside a binary message. The format is written down in `crates/link/README.md`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};
use porthole_http1::{RequestHead, ResponseHead};

use crate::head::{self, Malformed};
use crate::limits::FRAME_BYTES;

/// Bytes before a frame's payload: length (3), kind (1), flags (1), stream (6); big-endian.
pub const HEADER_BYTES: usize = 11;
/// Longest request id, in bytes.
const REQUEST_ID_BYTES: usize = 64;
/// Stream ids have 48 bits: no link lives long enough to use them up.
pub const STREAM_ID_MAX: u64 = (1 << 48) - 1;

/// The sender finished this direction.
pub const FLAG_END: u8 = 1;
/// A 1xx head; the final one follows.
pub const FLAG_INTERIM: u8 = 2;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Open,
    Head,
    Data,
    End,
    Reset,
    Window,
    /// Of the stream that is opened next.
    Timing,
    /// From a newer peer: skipped.
    Unknown(u8),
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::Open => 1,
            Self::Head => 2,
            Self::Data => 3,
            Self::End => 4,
            Self::Reset => 5,
            Self::Window => 6,
            Self::Timing => 7,
            Self::Unknown(n) => n,
        }
    }

    fn from_number(n: u8) -> Self {
        match n {
            1 => Self::Open,
            2 => Self::Head,
            3 => Self::Data,
            4 => Self::End,
            5 => Self::Reset,
            6 => Self::Window,
            7 => Self::Timing,
            n => Self::Unknown(n),
        }
    }
}

/// What travels on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// One HTTP exchange.
    Http,
    /// One HTTP exchange that asks to become another protocol; opaque both ways after a 101.
    Upgrade,
    /// A TCP connection: data and ends only.
    Tcp,
}

/// How a stream begins; said by the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub kind: StreamKind,
    /// The mapping's number in the set the agent announced last.
    pub mapping: u32,
    /// The gateway's request id, for logs on both sides; ≤ 64 bytes of visible ASCII.
    pub request_id: String,
    pub visitor: SocketAddr,
    /// Microseconds that the gateway had the request until now; none: it does not say. Travels in a frame of
    /// its own, before the open.
    pub gateway_us: Option<u32>,
    /// None for TCP. Hop-by-hop fields are gone, forwarded ones set; framing is rewritten by the agent:
    /// a valid Content-Length stays, Transfer-Encoding never crosses.
    pub head: Option<RequestHead>,
}

/// Why a stream ended before its time. Sent as a number; unknown ones read as `Cancelled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum ResetCode {
    /// The sender lost interest (visitor or caller gone).
    Cancelled = 1,
    /// The mapping number is not (or no longer) known.
    NoMapping = 2,
    /// Nothing accepts connections on the local target.
    Refused = 3,
    /// Connecting to the local service took too long.
    ConnectTimeout = 4,
    /// The local service sent no first byte in time.
    AnswerTimeout = 5,
    /// The local service broke off or sent nonsense.
    BadAnswer = 6,
    /// No credit budget for another stream.
    Busy = 7,
    /// The local service's TLS certificate is not valid.
    Certificate = 8,
    /// The request cannot be carried (its body broke its announced length, say).
    BadRequest = 9,
    /// The end is about to leave.
    Draining = 10,
    /// The link itself ended.
    LinkLost = 11,
    /// The peer broke the protocol on this stream.
    Protocol = 12,
    /// The request's body is longer than the mapping's policy takes.
    BodyTooLarge = 13,
}

impl ResetCode {
    fn from_number(n: u16) -> Self {
        match n {
            2 => Self::NoMapping,
            3 => Self::Refused,
            4 => Self::ConnectTimeout,
            5 => Self::AnswerTimeout,
            6 => Self::BadAnswer,
            7 => Self::Busy,
            8 => Self::Certificate,
            9 => Self::BadRequest,
            10 => Self::Draining,
            11 => Self::LinkLost,
            12 => Self::Protocol,
            13 => Self::BodyTooLarge,
            _ => Self::Cancelled,
        }
    }
}

/// One frame as it lies in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    pub flags: u8,
    pub stream: u64,
    pub payload: Bytes,
}

/// Takes the next frame off the front of `message`; `None` when it is empty. Payloads share the
/// message's memory.
///
/// # Errors
/// [`Malformed`] when the message ends inside a frame or a payload is longer than [`FRAME_BYTES`].
pub fn take(message: &mut Bytes) -> Result<Option<Frame>, Malformed> {
    if message.is_empty() {
        return Ok(None);
    }
    let Some(header) = message.get(..HEADER_BYTES) else {
        return Err(Malformed("a frame is cut off"));
    };
    let length = usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
    let (kind, flags) = (Kind::from_number(header[3]), header[4]);
    let stream = header[5..11].iter().fold(0u64, |id, &byte| id << 8 | u64::from(byte));
    if length > FRAME_BYTES {
        return Err(Malformed("a frame is too long"));
    }
    if message.len() < HEADER_BYTES + length {
        return Err(Malformed("a frame is cut off"));
    }
    let mut frame = message.split_to(HEADER_BYTES + length);
    let payload = frame.split_off(HEADER_BYTES);
    Ok(Some(Frame { kind, flags, stream, payload }))
}

/// Appends a frame header for a payload of `length` bytes, which the caller appends next.
pub fn put_header(out: &mut BytesMut, kind: Kind, flags: u8, stream: u64, length: usize) {
    debug_assert!(length <= FRAME_BYTES && stream <= STREAM_ID_MAX);
    out.put_uint(length as u64, 3);
    out.put_u8(kind.number());
    out.put_u8(flags);
    out.put_uint(stream, 6);
}

/// Appends a frame whose payload `write` appends; the length is filled in afterwards.
fn put_sized(out: &mut BytesMut, kind: Kind, flags: u8, stream: u64, write: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    put_header(out, kind, flags, stream, 0);
    write(out);
    let length = (out.len() - start - HEADER_BYTES) as u32;
    out[start..start + 3].copy_from_slice(&length.to_be_bytes()[1..]);
}

/// Appends an `Open` frame with first body bytes, and before it a `Timing` frame where there is one.
pub fn put_open(out: &mut BytesMut, stream: u64, open: &Open, data: &[u8], end: bool) {
    if let Some(us) = open.gateway_us {
        put_header(out, Kind::Timing, 0, stream, 4);
        out.put_u32(us);
    }
    put_sized(out, Kind::Open, u8::from(end) * FLAG_END, stream, |out| {
        out.put_u8(match open.kind {
            StreamKind::Http => 1,
            StreamKind::Upgrade => 2,
            StreamKind::Tcp => 3,
        });
        out.put_u32(open.mapping);
        put_request_id(out, open.request_id.as_bytes());
        match open.visitor.ip() {
            IpAddr::V4(ip) => {
                out.put_u8(4);
                out.put_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                out.put_u8(6);
                out.put_slice(&ip.octets());
            }
        }
        out.put_u16(open.visitor.port());
        match &open.head {
            None => out.put_u8(0),
            Some(head) => {
                out.put_u8(1);
                head::put_request(out, head);
            }
        }
        out.put_slice(data);
    });
}

/// The peer ends the link over a byte that is not visible ASCII, and an id is not worth that: such bytes
/// are left out.
fn put_request_id(out: &mut BytesMut, id: &[u8]) {
    if id.len() <= REQUEST_ID_BYTES && id.iter().all(u8::is_ascii_graphic) {
        out.put_u8(id.len() as u8);
        out.put_slice(id);
        return;
    }
    let id: Vec<u8> = id.iter().copied().filter(u8::is_ascii_graphic).take(REQUEST_ID_BYTES).collect();
    out.put_u8(id.len() as u8);
    out.put_slice(&id);
}

/// Reads the payload of a `Timing` frame. Bytes after the number are a newer peer's and skipped.
pub fn read_timing(payload: Bytes) -> Result<u32, Malformed> {
    head::Reader::new(payload).u32()
}

/// Reads the payload of an `Open` frame: the open, without what a `Timing` frame said of it, and the first body
/// bytes.
pub fn read_open(payload: Bytes) -> Result<(Open, Bytes), Malformed> {
    let mut reader = head::Reader::new(payload);
    let kind = match reader.u8()? {
        1 => StreamKind::Http,
        2 => StreamKind::Upgrade,
        3 => StreamKind::Tcp,
        _ => return Err(Malformed("an unknown stream kind")),
    };
    let mapping = reader.u32()?;
    let id_length = usize::from(reader.u8()?);
    let id = reader.take(id_length)?;
    if id_length > REQUEST_ID_BYTES || !id.iter().all(u8::is_ascii_graphic) {
        return Err(Malformed("a request id that is not visible ASCII"));
    }
    let request_id = String::from_utf8_lossy(&id).into_owned();
    let ip: IpAddr = match reader.u8()? {
        4 => Ipv4Addr::from(reader.array::<4>()?).into(),
        6 => Ipv6Addr::from(reader.array::<16>()?).into(),
        _ => return Err(Malformed("an unknown address family")),
    };
    let visitor = SocketAddr::new(ip, reader.u16()?);
    let head = match reader.u8()? {
        0 => None,
        1 => Some(reader.request()?),
        _ => return Err(Malformed("a head that is neither there nor absent")),
    };
    if head.is_none() != (kind == StreamKind::Tcp) {
        return Err(Malformed("a head on a TCP stream, or none on an HTTP one"));
    }
    Ok((Open { kind, mapping, request_id, visitor, gateway_us: None, head }, reader.rest()))
}

/// Appends a `Head` frame with first body bytes.
pub fn put_head(out: &mut BytesMut, stream: u64, head: &ResponseHead, flags: u8, data: &[u8]) {
    put_sized(out, Kind::Head, flags, stream, |out| {
        head::put_response(out, head);
        out.put_slice(data);
    });
}

/// Reads the payload of a `Head` frame: the head and the first body bytes.
pub fn read_head(payload: Bytes) -> Result<(ResponseHead, Bytes), Malformed> {
    let mut reader = head::Reader::new(payload);
    let head = reader.response()?;
    Ok((head, reader.rest()))
}

/// Appends a `Reset` frame.
pub fn put_reset(out: &mut BytesMut, stream: u64, code: ResetCode) {
    put_header(out, Kind::Reset, 0, stream, 2);
    out.put_u16(code as u16);
}

/// Reads the payload of a `Reset` frame. Bytes after the code are a newer peer's and skipped.
pub fn read_reset(payload: Bytes) -> Result<ResetCode, Malformed> {
    head::Reader::new(payload).u16().map(ResetCode::from_number)
}

/// Appends a `Window` frame: the peer may send `more` further bytes on this stream.
pub fn put_window(out: &mut BytesMut, stream: u64, more: u32) {
    put_header(out, Kind::Window, 0, stream, 4);
    out.put_u32(more);
}

/// Reads the payload of a `Window` frame.
pub fn read_window(payload: Bytes) -> Result<u32, Malformed> {
    head::Reader::new(payload).u32()
}
