//! A visitor's socket with its buffers and its one timer.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use porthole_http1::{BodyWriter, WriteError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;

use crate::counters::Traffic;

/// Room asked for at each read of a quiet connection, in bytes. Most heads fit, and with the output
/// below an idle connection stays under 16 KiB.
const READ_MIN: usize = 4 * 1024;
/// Room for a connection that keeps filling its buffer (uploads), in bytes: what a link batches.
const READ_MAX: usize = 64 * 1024;
/// Bytes taken ahead of what can be acted on: pipelined requests, or what came after a head that asks
/// for an upgrade.
pub(super) const READ_AHEAD: usize = 64 * 1024;
/// Body pieces up to this many bytes are copied beside heads and chunk sizes; larger ones are written
/// from where they lie.
const COPY_BYTES: usize = 8 * 1024;
/// Bytes gathered before a write is due.
const GATHER_BYTES: usize = 32 * 1024;
/// Bytes of output buffer kept while a connection is idle.
const KEPT_OUTPUT: usize = 4 * 1024;

/// What visitors come in through.
pub trait VisitorIo: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The socket underneath.
    fn tcp(&self) -> &TcpStream;

    /// What the TLS handshake was for, in lower case. None where there was none, or it named nothing.
    fn server_name(&self) -> Option<&str> {
        None
    }

    /// Whether the TLS handshake brought a certificate, which was then one of those that are believed.
    fn is_certified(&self) -> bool {
        false
    }
}

impl VisitorIo for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl VisitorIo for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }

    fn server_name(&self) -> Option<&str> {
        self.get_ref().1.server_name()
    }

    fn is_certified(&self) -> bool {
        self.get_ref().1.peer_certificates().is_some_and(|chain| !chain.is_empty())
    }
}

/// A socket with what was read and not yet understood, and what is to be written.
#[derive(Debug)]
pub(super) struct Conn<IO> {
    pub(super) io: IO,
    pub(super) input: BytesMut,
    pub(super) output: Output,
    /// Room for the next read, in bytes.
    want: usize,
    traffic: Arc<Traffic>,
}

impl<IO: VisitorIo> Conn<IO> {
    pub(super) fn new(io: IO, input: BytesMut, traffic: Arc<Traffic>) -> Self {
        Self { io, input, output: Output::default(), want: READ_MIN, traffic }
    }

    /// Reads once; 0 means that the visitor sends no more.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.reserve(self.want);
        let room = self.input.capacity() - self.input.len();
        let read = ready!(pin!(self.io.read_buf(&mut self.input)).poll(cx))?;
        self.traffic.received(read);
        if read >= room {
            self.want = (self.want * 2).min(READ_MAX);
        } else if read < READ_MIN {
            self.want = READ_MIN;
        }
        Poll::Ready(Ok(read))
    }

    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// Writes out everything.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = ready!(self.output.poll_write(Pin::new(&mut self.io), cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.traffic.sent(written);
            self.output.advance(written);
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Gives back what a quiet connection does not need.
    pub(super) fn rest(&mut self) {
        if self.input.is_empty() && self.input.capacity() > 2 * READ_MIN {
            self.input = BytesMut::new();
        }
        self.want = READ_MIN;
        self.output.small.shrink_to(KEPT_OUTPUT);
    }

    /// Makes the coming close an abortive one (a RST), or an orderly one again. For bodies that end
    /// with their connection: only so can a visitor tell a broken one from a whole one.
    pub(super) fn abort_on_close(&self, abort: bool) {
        let linger = abort.then_some(Duration::ZERO);
        if let Err(error) = socket2::SockRef::from(self.io.tcp()).set_linger(linger) {
            tracing::debug!(%error, "cannot set SO_LINGER");
        }
    }
}

/// Bytes on their way to the visitor: small pieces gathered, then at most one large one uncopied.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) small: Vec<u8>,
    /// How much of `small` is written.
    at: usize,
    large: Bytes,
    after: &'static [u8],
}

impl Output {
    pub(super) fn is_empty(&self) -> bool {
        self.at == self.small.len() && self.large.is_empty() && self.after.is_empty()
    }

    /// True when nothing may be added before a flush.
    pub(super) fn is_full(&self) -> bool {
        !self.large.is_empty() || !self.after.is_empty() || self.small.len() >= GATHER_BYTES
    }

    /// Adds a piece of a body. Not to be called when full.
    pub(super) fn body(&mut self, writer: &mut BodyWriter, data: Bytes) -> Result<(), WriteError> {
        if data.len() <= COPY_BYTES {
            return writer.data(&data, &mut self.small);
        }
        writer.before(data.len(), &mut self.small)?;
        self.after = writer.after();
        self.large = data;
        Ok(())
    }

    /// Adds bytes as they are. Not to be called when full.
    pub(super) fn raw(&mut self, data: Bytes) {
        if data.len() <= COPY_BYTES {
            self.small.extend_from_slice(&data);
        } else {
            self.large = data;
        }
    }

    fn poll_write<IO: AsyncWrite>(&self, io: Pin<&mut IO>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let small = &self.small[self.at..];
        if self.large.is_empty() && self.after.is_empty() {
            return io.poll_write(cx, small);
        }
        let parts = [IoSlice::new(small), IoSlice::new(&self.large), IoSlice::new(self.after)];
        let first = usize::from(small.is_empty());
        io.poll_write_vectored(cx, &parts[first..])
    }

    fn advance(&mut self, mut written: usize) {
        let small = written.min(self.small.len() - self.at);
        self.at += small;
        written -= small;
        if self.at == self.small.len() {
            self.small.clear();
            self.at = 0;
        }
        let large = written.min(self.large.len());
        self.large.advance(large);
        if self.large.is_empty() {
            self.large = Bytes::new();
        }
        self.after = &self.after[written - large..];
    }
}

/// One timer for all of a connection's waits. Moving its deadline later costs nothing: the sleep wakes
/// at the old one and is then set anew.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    until: Option<Instant>,
}

impl Timer {
    pub(super) fn set(&mut self, after: Duration) {
        let until = Instant::now() + after;
        self.until = Some(until);
        match &mut self.sleep {
            Some(sleep) if sleep.deadline() > until => sleep.as_mut().reset(until),
            Some(_) => {}
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(until))),
        }
    }

    pub(super) fn clear(&mut self) {
        self.until = None;
    }

    /// Ready when the deadline has come; never while none is set.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (Some(until), Some(sleep)) = (self.until, &mut self.sleep) else { return Poll::Pending };
        loop {
            ready!(sleep.as_mut().poll(cx));
            if Instant::now() >= until {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(until);
        }
    }
}

/// A socket whose first bytes were read already, and counted.
#[derive(Debug)]
pub(super) struct Prefixed<IO> {
    first: Bytes,
    io: IO,
    traffic: Arc<Traffic>,
}

impl<IO> Prefixed<IO> {
    pub(super) fn new(first: Bytes, io: IO, traffic: Arc<Traffic>) -> Self {
        Self { first, io, traffic }
    }

    fn sent(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.traffic.sent(bytes);
        }
        written
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Prefixed<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            let before = buf.filled().len();
            ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
            self.traffic.received(buf.filled().len() - before);
            return Poll::Ready(Ok(()));
        }
        let len = self.first.len().min(buf.remaining());
        buf.put_slice(&self.first[..len]);
        self.first.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Prefixed<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.sent(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.sent(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use porthole_http1::Framing;

    use super::*;

    #[test]
    fn a_large_chunk_is_written_between_its_lines_wherever_the_writes_end() {
        let data = Bytes::from(vec![b'x'; COPY_BYTES + 1]);
        for step in [1, 2, 7, COPY_BYTES, COPY_BYTES * 2] {
            let mut output = Output::default();
            let mut writer = BodyWriter::new(Framing::Chunked);
            output.body(&mut writer, Bytes::from_static(b"ab")).unwrap();
            assert!(!output.is_full());
            output.body(&mut writer, data.clone()).unwrap();
            assert!(output.is_full());
            let mut seen = Vec::new();
            while !output.is_empty() {
                let whole = [&output.small[output.at..], &output.large[..], output.after].concat();
                let len = step.min(whole.len());
                seen.extend_from_slice(&whole[..len]);
                output.advance(len);
            }
            let expected = [b"2\r\nab\r\n2001\r\n", &data[..], b"\r\n"].concat();
            assert_eq!(seen, expected);
            assert!(!output.is_full());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_moved_later_fires_at_its_new_deadline_only() {
        let mut timer = Timer::default();
        let begun = Instant::now();
        timer.set(Duration::from_secs(1));
        timer.set(Duration::from_secs(5));
        std::future::poll_fn(|cx| timer.poll(cx)).await;
        assert_eq!(begun.elapsed().as_secs(), 5);
        timer.set(Duration::from_secs(75));
        timer.set(Duration::from_secs(2));
        std::future::poll_fn(|cx| timer.poll(cx)).await;
        assert_eq!(begun.elapsed().as_secs(), 7);
    }
}
