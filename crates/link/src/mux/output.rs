//! What leaves, and in which order.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::Mux;
use super::state::Out;
use crate::frame::{self, FLAG_END, HEADER_BYTES, Kind};
use crate::limits::{BATCH_BYTES, QUANTUM_BYTES, SEND_QUEUE_BYTES, SMALL_PENDING_BYTES, SMALL_TOTAL_BYTES};

/// A line for output.
#[derive(Debug, Clone, Copy)]
enum Line {
    Small,
    Bulk,
}

impl Mux {
    /// A point after all express frames queued so far and before all later ones.
    pub fn express_mark(&mut self) -> u64 {
        self.express.mark()
    }

    /// True when every express frame before `mark` has left.
    pub fn express_passed(&self, mark: u64) -> bool {
        self.express.passed(mark)
    }

    /// True when there is something to send.
    pub fn has_output(&self) -> bool {
        !self.express.is_empty() || !self.small.is_empty() || !self.bulk.is_empty()
    }

    /// The next batch: express frames first, then small streams in turn, then bulk ones. Of each of the
    /// latter one always gets its turn: a steady flow of heads does not starve bodies, nor small streams
    /// large ones. `None` when there is nothing to send.
    pub fn next_batch(&mut self) -> Option<Bytes> {
        let mut batch = self.express.next().unwrap_or_default();
        let reserved = if self.bulk.is_empty() { 0 } else { QUANTUM_BYTES };
        self.turns(Line::Small, &mut batch, BATCH_BYTES - reserved);
        self.turns(Line::Bulk, &mut batch, BATCH_BYTES);
        if batch.is_empty() { None } else { Some(batch.freeze()) }
    }

    fn line(&mut self, line: Line) -> &mut VecDeque<u64> {
        match line {
            Line::Small => &mut self.small,
            Line::Bulk => &mut self.bulk,
        }
    }

    /// Gives the streams of a line their turns until `batch` holds `full` bytes, one in any case.
    fn turns(&mut self, line: Line, batch: &mut BytesMut, full: usize) {
        let (mut served, mut held_back) = (false, 0);
        while !served || batch.len() < full {
            let Some(id) = self.line(line).pop_front() else { return };
            if self.streams.get(&id).is_some_and(|stream| !self.express.passed(stream.after)) {
                // Its head is in a later batch.
                self.line(line).push_back(id);
                held_back += 1;
                if held_back >= self.line(line).len() {
                    return;
                }
            } else {
                served |= self.turn(id, batch);
            }
        }
    }

    /// Writes up to one quantum of a stream's queue into `batch`; false when it had nothing to send.
    fn turn(&mut self, id: u64, batch: &mut BytesMut) -> bool {
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        stream.scheduled = false;
        let before = batch.len();
        let mut quantum = QUANTUM_BYTES;
        while let Some(out) = stream.out.pop_front() {
            match out {
                Out::Data(mut data) => {
                    let n = data.len().min(quantum);
                    quantum = quantum.saturating_sub(n + HEADER_BYTES);
                    let piece = data.split_to(n);
                    stream.out_bytes -= n;
                    stream.sent_total += n as u64;
                    let last =
                        data.is_empty() && matches!(stream.out.front(), Some(Out::End(t)) if t.is_empty());
                    if last {
                        stream.out.pop_front();
                        stream.send_flushed = true;
                    }
                    frame::put_header(batch, Kind::Data, u8::from(last) * FLAG_END, id, n);
                    batch.extend_from_slice(&piece);
                    if !data.is_empty() {
                        stream.out.push_front(Out::Data(data));
                    }
                }
                Out::End(trailers) => {
                    stream.send_flushed = true;
                    put_end(batch, id, &trailers);
                }
                Out::Reset(code) => frame::put_reset(batch, id, code),
            }
            if quantum == 0 {
                break;
            }
        }
        if stream.out_bytes < SEND_QUEUE_BYTES / 2 && stream.send_credit > 0 {
            self.woken.extend(stream.send_waker.take());
        }
        if stream.out.is_empty() {
            self.forget_if_done(id);
        } else {
            self.schedule(id);
        }
        batch.len() > before
    }

    /// Puts a stream with queued output in line.
    pub(super) fn schedule(&mut self, id: u64) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.scheduled || stream.out.is_empty() {
            return;
        }
        stream.scheduled = true;
        let small = stream.sent_total < SMALL_TOTAL_BYTES || stream.out_bytes <= SMALL_PENDING_BYTES;
        let open = self.streams.len();
        let line = if small { &mut self.small } else { &mut self.bulk };
        line.push_back(id);
        if line.len() > 2 * open + 64 {
            // Streams reset before their turn leave their ids behind: drop them when they are most.
            line.retain(|id| self.streams.contains_key(id));
        }
        self.output = true;
    }
}

/// Writes an end frame; `trailers` are encoded, or empty.
pub(super) fn put_end(out: &mut BytesMut, id: u64, trailers: &[u8]) {
    frame::put_header(out, Kind::End, 0, id, trailers.len());
    out.extend_from_slice(trailers);
}
