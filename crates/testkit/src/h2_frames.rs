//! HTTP/2 by hand: frames as bytes, and a connection that sends whatever it is told to. For visitors
//! that no library would let misbehave.
//!
//! Fields are written as HPACK literals without indexing or Huffman, so that any byte can be sent. What
//! comes back is read as frames; of a head only the status is understood.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::wait::within;

/// How a connection begins (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0x0;
pub const HEADERS: u8 = 0x1;
pub const PRIORITY: u8 = 0x2;
pub const RST_STREAM: u8 = 0x3;
pub const SETTINGS: u8 = 0x4;
pub const PUSH_PROMISE: u8 = 0x5;
pub const PING: u8 = 0x6;
pub const GOAWAY: u8 = 0x7;
pub const WINDOW_UPDATE: u8 = 0x8;
pub const CONTINUATION: u8 = 0x9;

/// On DATA and HEADERS.
pub const END_STREAM: u8 = 0x1;
/// On SETTINGS and PING.
pub const ACK: u8 = 0x1;
/// On HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 0x4;
/// On DATA and HEADERS.
pub const PADDED: u8 = 0x8;

pub const HEADER_TABLE_SIZE: u16 = 0x1;
pub const INITIAL_WINDOW_SIZE: u16 = 0x4;

/// CANCEL, the code of a visitor that changed its mind.
pub const CANCEL: u32 = 0x8;

/// Bytes of an answer frame that are accepted; the size that everybody starts with.
const FRAME_BYTES: usize = 16 * 1024;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// A whole request head.
    pub fn head(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Self {
        Self::new(HEADERS, END_HEADERS | flags, stream, block(fields))
    }

    pub fn data(stream: u32, flags: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self::new(DATA, flags, stream, payload)
    }

    pub fn settings(pairs: &[(u16, u32)]) -> Self {
        let mut payload = Vec::new();
        for (id, value) in pairs {
            payload.extend(id.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        Self::new(SETTINGS, 0, 0, payload)
    }

    pub fn ping() -> Self {
        Self::new(PING, 0, 0, *b"12345678")
    }

    pub fn reset(stream: u32) -> Self {
        Self::new(RST_STREAM, 0, stream, CANCEL.to_be_bytes())
    }

    pub fn window(stream: u32, more: u32) -> Self {
        Self::new(WINDOW_UPDATE, 0, stream, more.to_be_bytes())
    }

    pub fn priority(stream: u32, on: u32) -> Self {
        let mut payload = on.to_be_bytes().to_vec();
        payload.push(15);
        Self::new(PRIORITY, 0, stream, payload)
    }

    /// As it goes over the wire.
    pub fn write(&self, into: &mut Vec<u8>) {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        into.extend(&length.to_be_bytes()[1..]);
        into.extend([self.kind, self.flags]);
        into.extend(self.stream.to_be_bytes());
        into.extend(&self.payload);
    }

    /// The status of an answer head (RFC 7541: it stands first, indexed or as a literal).
    pub fn status(&self) -> Option<u16> {
        const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
        if self.kind != HEADERS {
            return None;
        }
        // A change of the table's size, to none, may come before everything.
        let payload = self.payload.strip_prefix(&[0x20]).unwrap_or(&self.payload);
        match *payload.first()? {
            first @ 0x88..=0x8e => Some(INDEXED[usize::from(first - 0x88)]),
            // A literal whose name is one of the static table's `:status`.
            first
                if (first & 0x40 != 0 && (8..=14).contains(&(first & 0x3f)))
                    || (8..=14).contains(&(first & 0x0f)) =>
            {
                let length = usize::from(*payload.get(1)?);
                let text = payload.get(2..2 + (length & 0x7f))?;
                if length & 0x80 == 0 {
                    std::str::from_utf8(text).ok()?.parse().ok()
                } else {
                    huffman_digits(text)
                }
            }
            _ => None,
        }
    }

    /// The error code of a RST_STREAM or GOAWAY.
    pub fn code(&self) -> Option<u32> {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            _ => return None,
        };
        Some(u32::from_be_bytes(self.payload.get(at..at + 4)?.try_into().ok()?))
    }
}

/// Three digits in Huffman's code (RFC 7541, appendix B): 0 to 2 have five bits, the others six.
fn huffman_digits(bytes: &[u8]) -> Option<u16> {
    let bits: u64 = bytes.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    let mut left = 8 * bytes.len().min(8);
    let mut number = 0;
    for _ in 0..3 {
        let five = bits >> left.checked_sub(5)? & 0x1f;
        let digit = if five < 3 {
            left -= 5;
            five
        } else {
            left = left.checked_sub(6)?;
            (bits >> left & 0x3f).checked_sub(0x19)? + 3
        };
        number = number * 10 + u16::try_from(digit).ok().filter(|digit| *digit < 10)?;
    }
    Some(number)
}

/// A field as a literal without indexing, whatever its bytes are.
pub fn literal(into: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    into.push(0);
    for text in [name, value] {
        integer(into, 7, text.len());
        into.extend(text);
    }
}

/// Fields as a header block.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        literal(&mut block, name.as_bytes(), value.as_bytes());
    }
    block
}

/// An integer with a prefix of `bits` bits whose other bits are 0 (RFC 7541 §5.1).
fn integer(into: &mut Vec<u8>, bits: u32, mut value: usize) {
    let most = (1 << bits) - 1;
    if value < most {
        into.push(value as u8);
        return;
    }
    into.push(most as u8);
    value -= most;
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// How the gateway took what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Status(u16),
    /// The stream was reset, with this code.
    Reset(u32),
    /// The connection was ended, with this code where one was told.
    Closed(Option<u32>),
}

impl Verdict {
    /// Whether the request was turned down, in whichever way.
    pub fn is_refusal(self) -> bool {
        !matches!(self, Self::Status(status) if !(400..500).contains(&status))
    }
}

/// A connection of frames.
#[derive(Debug)]
pub struct Frames<IO> {
    io: IO,
    input: Vec<u8>,
    /// The code of the last GOAWAY.
    goodbye: Option<u32>,
}

impl Frames<TcpStream> {
    /// A connection on clear text, begun with the preface and these settings.
    pub async fn clear(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let socket = TcpStream::connect(address).await.expect("the gateway listens");
        socket.set_nodelay(true).expect("a socket takes options");
        Self::begin(socket, settings).await
    }
}

impl Frames<TlsStream<TcpStream>> {
    /// The same over TLS; `config` is to offer `h2`.
    pub async fn tls(
        address: SocketAddr,
        host: &str,
        config: Arc<ClientConfig>,
        settings: &[(u16, u32)],
    ) -> Self {
        let stream = tls(address, host, config).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Self::begin(stream, settings).await
    }
}

/// A TLS connection to the gateway for `host`, a port in it or not: its requests may ask for no other.
pub async fn tls(address: SocketAddr, host: &str, config: Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let socket = TcpStream::connect(address).await.expect("the gateway listens");
    socket.set_nodelay(true).expect("a socket takes options");
    let name = host.split_once(':').map_or(host, |(name, _)| name).to_owned();
    let name = ServerName::try_from(name).expect("a name");
    let handshake = TlsConnector::from(config).connect(name, socket);
    within("a TLS handshake", handshake).await.expect("a TLS handshake")
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Frames<IO> {
    async fn begin(io: IO, settings: &[(u16, u32)]) -> Self {
        let mut frames = Self { io, input: Vec::new(), goodbye: None };
        let mut bytes = PREFACE.to_vec();
        Frame::settings(settings).write(&mut bytes);
        frames.io.write_all(&bytes).await.expect("the gateway reads");
        frames
    }

    /// Sends frames in one write. An error tells that the connection has ended.
    pub async fn send(&mut self, frames: &[Frame]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for frame in frames {
            frame.write(&mut bytes);
        }
        self.send_bytes(&bytes).await
    }

    /// Sends bytes as they are.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }

    /// The next frame; none at the end of the connection, however it comes. SETTINGS and PING are
    /// acknowledged on the way.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            let frame = self.read().await?;
            let answer = match (frame.kind, frame.flags & ACK) {
                (SETTINGS, 0) => Frame::new(SETTINGS, ACK, 0, []),
                (PING, 0) => Frame::new(PING, ACK, 0, frame.payload.clone()),
                _ => return Some(frame),
            };
            // A connection that has ended still gives out what it sent before.
            let _ = self.send(&[answer]).await;
        }
    }

    async fn read(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            if !matches!(self.io.read_buf(&mut self.input).await, Ok(1..)) {
                return None;
            }
        }
    }

    /// The next frame of those that are there.
    fn take(&mut self) -> Option<Frame> {
        let head: [u8; 9] = self.input.get(..9)?.try_into().ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        assert!(length <= FRAME_BYTES, "a frame larger than was allowed: {length}");
        if self.input.len() < 9 + length {
            return None;
        }
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        let payload = self.input.drain(..9 + length).skip(9).collect();
        let frame = Frame { kind: head[3], flags: head[4], stream, payload };
        if frame.kind == GOAWAY {
            self.goodbye = frame.code();
        }
        Some(frame)
    }

    /// Sends bytes and drops what comes meanwhile, so that the gateway never waits for this side. An
    /// error tells that the connection has ended.
    pub async fn pour(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        poll_fn(|cx| {
            loop {
                let mut room = [0; 4096];
                let mut room = ReadBuf::new(&mut room);
                match Pin::new(&mut self.io).poll_read(cx, &mut room) {
                    Poll::Ready(Ok(())) if room.filled().is_empty() => {
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                    Poll::Ready(Ok(())) => {
                        self.input.extend(room.filled());
                        while self.take().is_some() {}
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => break,
                }
            }
            while !bytes.is_empty() {
                let written = ready!(Pin::new(&mut self.io).poll_write(cx, bytes))?;
                bytes = &bytes[written..];
            }
            Pin::new(&mut self.io).poll_flush(cx)
        })
        .await
    }

    /// The code that the gateway gave with its goodbye, so far.
    pub fn goodbye(&self) -> Option<u32> {
        self.goodbye
    }

    /// What becomes of a stream: the first of an answer's status, its reset, the connection's end.
    ///
    /// # Panics
    /// When nothing becomes of it in time.
    pub async fn verdict(&mut self, stream: u32) -> Verdict {
        within(format!("a verdict on stream {stream}"), async {
            while let Some(frame) = self.next().await {
                match frame.kind {
                    HEADERS if frame.stream == stream => {
                        return Verdict::Status(frame.status().expect("an answer begins with its status"));
                    }
                    RST_STREAM if frame.stream == stream => return Verdict::Reset(frame.code().unwrap_or(0)),
                    _ => {}
                }
            }
            Verdict::Closed(self.goodbye)
        })
        .await
    }

    /// Reads to the end of the connection; the code that the gateway gave, if it gave one.
    ///
    /// # Panics
    /// When the end does not come in time.
    pub async fn end(&mut self) -> Option<u32> {
        within("the end of an HTTP/2 connection", async { while self.next().await.is_some() {} }).await;
        self.goodbye
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_every_way_that_it_is_written() {
        for (block, status) in [
            (&[0x88][..], Some(200)),
            (&[0x8c], Some(400)),
            (&[0x20, 0x88], Some(200)),
            (&[0x48, 3, b'5', b'0', b'2'], Some(502)),
            (&[0x08, 3, b'4', b'2', b'1'], Some(421)),
            // 302 and 431 in Huffman's code.
            (&[0x48, 0x82, 0x64, 0x02], Some(302)),
            (&[0x48, 0x83, 0x69, 0x90, 0xff], Some(431)),
            (&[0x82], None),
            (&[], None),
        ] {
            assert_eq!(Frame::new(HEADERS, END_HEADERS, 1, block).status(), status, "{block:?}");
        }
    }

    #[test]
    fn lengths_beyond_a_prefix_go_on_in_seven_bits() {
        let mut bytes = Vec::new();
        integer(&mut bytes, 7, 126);
        integer(&mut bytes, 5, 1337);
        assert_eq!(bytes, [126, 31, 154, 10]);
    }
}
