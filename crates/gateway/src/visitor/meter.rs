//! Weighs an HTTP/2 visitor's frames as their bytes pass, and ends a connection that is nothing but
//! overhead.
//!
//! hyper answers PING and SETTINGS, and takes PRIORITY and WINDOW_UPDATE, without end; it counts only
//! the resets that it had no time to look at; and it waits for ever for the preface, and longer than
//! for an HTTP/1 head for the rest of a header block. Frames stay opaque here: their nine bytes tell
//! enough.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::PREFACE;
use super::io::Timer;

/// Frames that a connection may send beyond what its requests and answers account for: PING, SETTINGS,
/// PRIORITY, WINDOW_UPDATE and unknown ones. A browser begins with under ten.
const CONTROL_FRAMES: u64 = 1_000;
/// Of those, what comes back each second: pings of a client that measures its round trips.
const CONTROL_PER_SECOND: u64 = 100;
/// What comes back with each HEADERS or DATA frame, either way: two windows are moved for a piece of an
/// answer, and some clients give each request a priority.
const CONTROL_PER_CARRIER: u64 = 4;

/// Streams that a visitor may reset beyond every second one (rapid reset, CVE-2023-44487): a browser
/// that leaves a page with a hundred requests a few times over. Envoy's numbers.
const RESETS: u64 = 500;
/// Of those, what comes back each second.
const RESETS_PER_SECOND: u64 = 10;

/// From the first byte of a header block to its last, and from the connection's beginning to the end
/// of its preface: as long as for an HTTP/1 head.
const HEAD_TIME: Duration = Duration::from_secs(15);

/// Frames of one connection before others have their turn. Reading would go on for a megabyte, which in
/// frames of one byte each took as long as a second (in a debug build) in which nobody else was served.
const FRAMES_A_TURN: u64 = 1_000;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;

/// Why a connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flood {
    #[error("more frames that carry nothing than requests and answers account for")]
    Control,
    #[error("most requests are reset")]
    Resets,
    #[error("a preface or header block took too long")]
    Late,
}

impl From<Flood> for io::Error {
    fn from(flood: Flood) -> Self {
        let kind = if flood == Flood::Late { io::ErrorKind::TimedOut } else { io::ErrorKind::Other };
        Self::new(kind, flood)
    }
}

/// Where in the row of frames one direction is.
#[derive(Debug, Default)]
struct Scan {
    head: [u8; 9],
    /// Bytes of `head` that are there.
    filled: usize,
    /// Bytes to pass before the next head.
    skip: usize,
}

impl Scan {
    /// Calls `seen` with kind and flags of each frame whose head is in `bytes` to its end.
    fn bytes(&mut self, mut bytes: &[u8], mut seen: impl FnMut(u8, u8)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let more = bytes.len().min(self.head.len() - self.filled);
            if more == 0 {
                return;
            }
            self.head[self.filled..self.filled + more].copy_from_slice(&bytes[..more]);
            self.filled += more;
            bytes = &bytes[more..];
            if self.filled == self.head.len() {
                self.filled = 0;
                self.skip = u32::from_be_bytes([0, self.head[0], self.head[1], self.head[2]]) as usize;
                seen(self.head[3], self.head[4]);
            }
        }
    }
}

/// Something of which there is only so much, and which comes back.
#[derive(Debug)]
struct Budget {
    left: u64,
    most: u64,
}

impl Budget {
    fn new(most: u64) -> Self {
        Self { left: most, most }
    }

    fn earn(&mut self, more: u64) {
        self.left = self.left.saturating_add(more).min(self.most);
    }

    /// False when there is not that much left.
    fn spend(&mut self, cost: u64) -> bool {
        self.left.checked_sub(cost).map(|left| self.left = left).is_some()
    }
}

/// What one connection has sent and been sent, weighed.
#[derive(Debug)]
struct Scales {
    preface: usize,
    received: Scan,
    sent: Scan,
    control: Budget,
    /// In halves of a reset: each request pays for half of one.
    resets: Budget,
    refilled: Instant,
    /// A HEADERS or CONTINUATION frame was not the last of its block.
    in_block: bool,
    /// The payload that is passing belongs to a header block.
    in_head: bool,
    /// Frames that have begun, each header block counted as one.
    begun: u64,
}

impl Scales {
    fn new(now: Instant) -> Self {
        Self {
            preface: PREFACE.len(),
            received: Scan::default(),
            sent: Scan::default(),
            control: Budget::new(CONTROL_FRAMES),
            resets: Budget::new(2 * RESETS),
            refilled: now,
            in_block: false,
            in_head: false,
            begun: 0,
        }
    }

    fn received(&mut self, bytes: &[u8], now: Instant) -> Result<(), Flood> {
        let seconds = now.saturating_duration_since(self.refilled).as_secs();
        if seconds > 0 {
            self.refilled += Duration::from_secs(seconds);
            self.control.earn(seconds.saturating_mul(CONTROL_PER_SECOND));
            self.resets.earn(seconds.saturating_mul(2 * RESETS_PER_SECOND));
        }
        let preface = self.preface.min(bytes.len());
        self.preface -= preface;
        let mut weighed = Ok(());
        self.received.bytes(&bytes[preface..], |kind, flags| {
            self.in_head = matches!(kind, HEADERS | CONTINUATION);
            self.in_block = self.in_head && flags & END_HEADERS == 0;
            self.begun += u64::from(kind != CONTINUATION);
            let fits = match kind {
                DATA | HEADERS => {
                    self.control.earn(CONTROL_PER_CARRIER);
                    if kind == HEADERS {
                        self.resets.earn(1);
                    }
                    Ok(())
                }
                // hyper bounds how many belong to one block.
                CONTINUATION => Ok(()),
                RST_STREAM => self.resets.spend(2).then_some(()).ok_or(Flood::Resets),
                _ => self.control.spend(1).then_some(()).ok_or(Flood::Control),
            };
            weighed = weighed.and(fits);
        });
        weighed
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.sent.bytes(bytes, |kind, _| {
            if matches!(kind, DATA | HEADERS) {
                self.control.earn(CONTROL_PER_CARRIER);
            }
        });
    }

    /// The number of what has begun and is not to take for ever, if there is something. A frame's own
    /// head cut short counts as well: nobody sends nine bytes slowly.
    fn unfinished(&self) -> Option<u64> {
        let in_head = self.in_head && self.received.skip > 0;
        let unfinished = self.preface > 0 || self.in_block || in_head || self.received.filled > 0;
        unfinished.then_some(self.begun)
    }
}

/// A connection that is weighed.
#[derive(Debug)]
pub(super) struct Metered<IO> {
    io: IO,
    scales: Scales,
    timer: Timer,
    /// What the timer runs for.
    timed: Option<u64>,
    /// Frames that had begun when others last had their turn.
    turn: u64,
}

impl<IO> Metered<IO> {
    pub(super) fn new(io: IO) -> Self {
        Self { io, scales: Scales::new(Instant::now()), timer: Timer::default(), timed: None, turn: 0 }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Metered<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.scales.begun - this.turn >= FRAMES_A_TURN {
            this.turn = this.scales.begun;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut this.io).poll_read(cx, buf)?;
        let bytes = &buf.filled()[before..];
        if !bytes.is_empty() {
            this.scales.received(bytes, Instant::now())?;
        }
        let unfinished = this.scales.unfinished();
        if unfinished.is_none() {
            this.timer.clear();
        } else if unfinished != this.timed {
            this.timer.set(HEAD_TIME);
        }
        this.timed = unfinished;
        if read.is_pending() && this.timer.poll(cx).is_ready() {
            return Poll::Ready(Err(Flood::Late.into()));
        }
        read.map(Ok)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Metered<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = written {
            this.scales.sent(&buf[..written]);
        }
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(mut left)) = written {
            for buf in bufs {
                let sent = left.min(buf.len());
                this.scales.sent(&buf[..sent]);
                left -= sent;
            }
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const PING: u8 = 0x6;
    const WINDOW_UPDATE: u8 = 0x8;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![0, (payload >> 8) as u8, payload as u8, kind, flags, 0, 0, 0, 1];
        frame.resize(9 + payload, 0);
        frame
    }

    fn begun() -> (Scales, Instant) {
        let now = Instant::now();
        let mut scales = Scales::new(now);
        scales.received(PREFACE, now).unwrap();
        (scales, now)
    }

    #[tokio::test]
    async fn frames_are_seen_wherever_the_reads_end() {
        let bytes = [frame(HEADERS, END_HEADERS, 300), frame(PING, 0, 8), frame(DATA, 1, 0)].concat();
        for step in 1..bytes.len() {
            let mut scan = Scan::default();
            let mut seen = Vec::new();
            bytes.chunks(step).for_each(|piece| scan.bytes(piece, |kind, flags| seen.push((kind, flags))));
            assert_eq!(seen, [(HEADERS, END_HEADERS), (PING, 0), (DATA, 1)], "{step}");
        }
    }

    #[tokio::test]
    async fn pings_beyond_their_budget_are_a_flood_and_time_brings_some_back() {
        let (mut scales, now) = begun();
        for _ in 0..CONTROL_FRAMES {
            assert_eq!(scales.received(&frame(PING, 0, 8), now), Ok(()));
        }
        assert_eq!(scales.received(&frame(PING, 0, 8), now), Err(Flood::Control));
        let later = now + Duration::from_secs(1);
        for _ in 0..CONTROL_PER_SECOND {
            assert_eq!(scales.received(&frame(PING, 0, 8), later), Ok(()));
        }
        assert_eq!(scales.received(&frame(PING, 0, 8), later), Err(Flood::Control));
    }

    #[tokio::test]
    async fn a_long_download_moves_its_windows_as_often_as_it_likes() {
        let (mut scales, now) = begun();
        for _ in 0..10 * CONTROL_FRAMES {
            scales.sent(&frame(DATA, 0, 10));
            let windows = [frame(WINDOW_UPDATE, 0, 4), frame(WINDOW_UPDATE, 0, 4)].concat();
            assert_eq!(scales.received(&windows, now), Ok(()));
        }
    }

    #[tokio::test]
    async fn every_second_request_may_be_reset_and_not_every_one() {
        let (mut scales, now) = begun();
        let (head, reset) = (frame(HEADERS, END_HEADERS, 20), frame(RST_STREAM, 0, 4));
        for _ in 0..10 * RESETS {
            assert_eq!(scales.received(&[&head[..], &head, &reset].concat(), now), Ok(()));
        }
        let mut pairs = 0;
        while scales.received(&[&head[..], &reset].concat(), now).is_ok() {
            pairs += 1;
        }
        assert!((RESETS..=2 * RESETS).contains(&pairs), "{pairs}");
    }

    #[tokio::test]
    async fn others_have_their_turn_between_many_small_frames() {
        let small = frame(DATA, 0, 1).repeat(10 * FRAMES_A_TURN as usize);
        let (mut visitor, ours) = tokio::io::duplex(small.len() + PREFACE.len());
        visitor.write_all(PREFACE).await.unwrap();
        visitor.write_all(&small).await.unwrap();
        let mut ours = Metered::new(ours);
        let (mut turns, mut read) = (0, 0);
        std::future::poll_fn(|cx| {
            turns += 1;
            loop {
                let mut room = [0; 1024];
                let mut room = ReadBuf::new(&mut room);
                std::task::ready!(Pin::new(&mut ours).poll_read(cx, &mut room)).unwrap();
                read += room.filled().len();
                if read == small.len() + PREFACE.len() {
                    return Poll::Ready(());
                }
            }
        })
        .await;
        assert!((9..=11).contains(&turns), "{turns} turns");
    }

    #[tokio::test(start_paused = true)]
    async fn heads_that_come_in_pieces_one_after_the_other_are_not_late() {
        let (mut visitor, ours) = tokio::io::duplex(1024);
        let reading = tokio::spawn(async move { Metered::new(ours).read_to_end(&mut Vec::new()).await });
        let mut bytes = PREFACE.to_vec();
        for _ in 0..20 {
            // Each piece ends in the middle of a head.
            bytes.extend(&frame(HEADERS, END_HEADERS, 20)[..20]);
            visitor.write_all(&bytes).await.unwrap();
            tokio::time::sleep(HEAD_TIME / 10).await;
            bytes = vec![0; 9];
        }
        visitor.write_all(&bytes).await.unwrap();
        drop(visitor);
        assert!(reading.await.unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_preface_and_a_header_block_have_as_long_as_an_http_1_head() {
        let half_block = [PREFACE, &frame(HEADERS, 0, 20)].concat();
        let half_frame = [PREFACE, &frame(HEADERS, END_HEADERS, 20)[..20]].concat();
        let half_head = [PREFACE, &frame(PING, 0, 8)[..5]].concat();
        for bytes in [&b""[..], &PREFACE[..10], &half_block, &half_frame, &half_head] {
            let (mut visitor, ours) = tokio::io::duplex(1024);
            visitor.write_all(bytes).await.unwrap();
            let begun = Instant::now();
            let read = Metered::new(ours).read_to_end(&mut Vec::new()).await;
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
            assert_eq!(begun.elapsed().as_secs(), HEAD_TIME.as_secs(), "{bytes:?}");
        }
        // Between frames, and within a body, there is time.
        let half_body = [PREFACE, &frame(DATA, 0, 20)[..20]].concat();
        for bytes in [PREFACE, &half_body] {
            let (mut visitor, ours) = tokio::io::duplex(1024);
            visitor.write_all(bytes).await.unwrap();
            let mut ours = Metered::new(ours);
            let reading = tokio::time::timeout(10 * HEAD_TIME, ours.read_to_end(&mut Vec::new())).await;
            assert!(reading.is_err(), "{bytes:?}: {reading:?}");
        }
    }
}
