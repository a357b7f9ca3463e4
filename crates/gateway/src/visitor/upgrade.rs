//! The bytes after a 101: opaque, both ways, each half closing on its own.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use porthole_link::{Item, ResetCode};

use super::io::{Conn, Timer, VisitorIo};
use crate::access::Moved;
use crate::allowance::{Receiving, Sending};

/// How long a visitor that has closed its sending half is kept while nothing comes for it: as long as
/// an answer may take by default. From here it cannot be told from one that is gone.
const HALF_CLOSED: Duration = Duration::from_secs(120);

/// Passes bytes until both halves are closed or one end is gone. What was read after the head goes
/// first. Counts them in `moved`.
pub(super) async fn run<IO: VisitorIo>(
    conn: &mut Conn<IO>,
    send: Sending,
    recv: Receiving,
    moved: &mut Moved,
) {
    let mut tunnel = Tunnel {
        conn,
        send,
        recv,
        pending: Bytes::new(),
        up_done: false,
        down: Down::Open,
        moved,
        timer: Timer::default(),
    };
    if poll_fn(|cx| tunnel.poll(cx)).await.is_err() {
        tunnel.send.reset(ResetCode::Cancelled);
    }
}

struct Tunnel<'a, IO> {
    conn: &'a mut Conn<IO>,
    send: Sending,
    recv: Receiving,
    pending: Bytes,
    up_done: bool,
    down: Down,
    moved: &'a mut Moved,
    /// Set once `up_done`, anew with all that comes from the service.
    timer: Timer,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Down {
    Open,
    /// The service is done: write out what is left, then shut the half.
    Ending,
    Done,
}

impl<IO: VisitorIo> Tunnel<'_, IO> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.down != Down::Done && self.poll_down(cx)?.is_ready() {
            self.down = Down::Done;
        }
        if !self.up_done && self.poll_up(cx)?.is_ready() {
            self.up_done = true;
            self.timer.set(HALF_CLOSED);
        }
        if self.up_done && self.down == Down::Done {
            return Poll::Ready(Ok(()));
        }
        self.timer.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.down == Down::Ending {
                ready!(self.conn.poll_flush(cx))?;
                return Pin::new(&mut self.conn.io).poll_shutdown(cx);
            }
            if self.conn.output.is_full() {
                ready!(self.conn.poll_flush(cx))?;
            }
            match self.recv.poll_recv(cx) {
                Poll::Ready(Ok(Item::Data(data))) => {
                    self.moved.sent += data.len() as u64;
                    self.conn.output.raw(data);
                    if self.up_done {
                        self.timer.set(HALF_CLOSED);
                    }
                }
                Poll::Ready(Ok(Item::End(_))) => self.down = Down::Ending,
                // Heads after a 101 are nonsense; a reset is the service gone.
                Poll::Ready(Ok(Item::Head(_) | Item::Interim(_)) | Err(_)) => {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                Poll::Pending => {
                    if !self.conn.output.is_empty() {
                        ready!(self.conn.poll_flush(cx))?;
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stopped = |_| io::Error::from(io::ErrorKind::ConnectionReset);
        loop {
            if !self.pending.is_empty() {
                ready!(self.send.poll_send(&mut self.pending, cx)).map_err(stopped)?;
                // Lets go of the read buffer the bytes were a part of.
                self.pending = Bytes::new();
            }
            if !self.conn.input.is_empty() {
                self.pending = self.conn.input.split().freeze();
                self.moved.received += self.pending.len() as u64;
            } else if ready!(self.conn.poll_fill(cx))? == 0 {
                self.send.end(None).map_err(stopped)?;
                return Poll::Ready(Ok(()));
            }
        }
    }
}
