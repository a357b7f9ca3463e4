//! A byte stream that knows how much was read from it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// `IO`, its received bytes counted. The WebSocket layer gives out whole messages only; on a slow
/// connection one takes longer than a silent peer may, so a link's life is told by its bytes.
#[derive(Debug)]
pub struct Counted<IO> {
    io: IO,
    received: u64,
    abandon: Option<fn(&IO)>,
}

impl<IO> Counted<IO> {
    pub fn new(io: IO) -> Self {
        Self { io, received: 0, abandon: None }
    }

    /// What is done to `IO` before it is dropped because its peer is silent. A TCP connection is to be
    /// reset then: its ordinary end waits behind bytes that the peer has not acknowledged, and a peer that
    /// still hears us (only one way is dead) would wait for us in vain.
    #[must_use]
    pub fn abandoned_by(mut self, abandon: fn(&IO)) -> Self {
        self.abandon = Some(abandon);
        self
    }

    pub(super) fn abandon(&self) {
        if let Some(abandon) = self.abandon {
            abandon(&self.io);
        }
    }

    /// Bytes read so far.
    pub fn received(&self) -> u64 {
        self.received
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Counted<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        self.received += (buf.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Counted<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
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
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
