//! The frames inside a binary message. The format is written down in `crates/link/README.md`.

use std::net::SocketAddr;

use porthole_http1::RequestHead;

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
}
