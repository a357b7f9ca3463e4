//! The owners' half: what the holders of streams do.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use porthole_http1::{Fields, ResponseHead};

use super::output::put_end;
use super::state::{IdHasher, Out, Stream};
use super::{Accepted, Mux, register};
use crate::frame::{self, FLAG_END, Open, ResetCode, STREAM_ID_MAX, StreamKind};
use crate::head;
use crate::limits::{
    EXPRESS_BYTES, EXPRESS_BYTES_FATAL, EXPRESS_INLINE_BYTES, HEAD_BYTES, HEAD_FIELDS, INLINE_BYTES,
    SEND_QUEUE_BYTES, WINDOW_BUDGET, WINDOW_INITIAL, WINDOW_MAX,
};
use crate::stream::{Item, OpenError, Stopped};

impl Mux {
    /// Opens a stream.
    ///
    /// # Errors
    /// [`OpenError::Busy`] when window budget or express room is used up, [`OpenError::TooLarge`] for a
    /// head beyond [`HEAD_BYTES`] or [`HEAD_FIELDS`], or `data` beyond [`INLINE_BYTES`].
    pub fn open(&mut self, open: &Open, data: &[u8], end: bool) -> Result<u64, OpenError> {
        if self.lost {
            return Err(OpenError::Gone);
        }
        if self.draining || self.last_id == STREAM_ID_MAX {
            return Err(OpenError::Draining);
        }
        if let Some(head) = &open.head
            && (head::request_bytes(head) > HEAD_BYTES || head.fields.len() > HEAD_FIELDS)
        {
            return Err(OpenError::TooLarge);
        }
        if data.len() > INLINE_BYTES {
            return Err(OpenError::TooLarge);
        }
        if self.window_sum + u64::from(WINDOW_INITIAL) > WINDOW_BUDGET || self.express.bytes() > EXPRESS_BYTES
        {
            return Err(OpenError::Busy);
        }
        self.last_id += 1;
        let id = self.last_id;
        let mut stream = Stream::new();
        stream.send_credit -= data.len() as u64;
        stream.sent_total = data.len() as u64;
        stream.send_ended = end;
        stream.send_flushed = end;
        stream.awaits_head = open.kind != StreamKind::Tcp;
        self.window_sum += u64::from(stream.window);
        self.express.put(|out| frame::put_open(out, id, open, data, end));
        stream.after = self.express.end();
        self.streams.insert(id, stream);
        self.output = true;
        Ok(id)
    }

    /// The next stream the peer opened.
    pub fn poll_accept(&mut self, cx: &Context<'_>) -> Poll<Option<Accepted>> {
        if let Some((accepted, head_bytes)) = self.accepted.pop_front() {
            self.heads_waiting -= head_bytes;
            return Poll::Ready(Some(accepted));
        }
        if self.lost {
            return Poll::Ready(None);
        }
        register(&mut self.accept_waker, cx);
        Poll::Pending
    }

    /// Sends a head at once, with its first body bytes (≤ [`INLINE_BYTES`]); when much waits already,
    /// these take their turn instead. Interim heads beyond [`crate::limits::INTERIM_HEADS`] are left out.
    ///
    /// # Errors
    /// [`Stopped`] when the stream is over; it is also reset here, as `BadAnswer` when head or data are
    /// beyond their bounds, as `Busy` when the peer reads nothing and no more heads can wait.
    pub fn send_head(
        &mut self,
        id: u64,
        response: &ResponseHead,
        flags: u8,
        data: &[u8],
    ) -> Result<(), Stopped> {
        let stream = writable(&mut self.streams, id)?;
        let bytes = head::response_bytes(response);
        let refusal = if bytes > HEAD_BYTES
            || response.fields.len() > HEAD_FIELDS
            || !(100..=999).contains(&response.status)
            || data.len() > INLINE_BYTES
            || data.len() as u64 > stream.send_credit
        {
            Some(ResetCode::BadAnswer)
        } else if self.express.bytes() > EXPRESS_BYTES_FATAL / 2 {
            Some(ResetCode::Busy)
        } else {
            None
        };
        if let Some(code) = refusal {
            self.reset(id, code);
            return Err(Stopped(code));
        }
        if flags & frame::FLAG_INTERIM != 0 && !stream.count_interim(bytes) {
            return Ok(());
        }
        stream.send_credit -= data.len() as u64;
        stream.send_ended = flags & FLAG_END != 0;
        let inline = data.is_empty() || self.express.bytes() <= EXPRESS_INLINE_BYTES;
        if inline {
            stream.sent_total += data.len() as u64;
            stream.send_flushed = stream.send_ended;
            self.express.put(|out| frame::put_head(out, id, response, flags, data));
            stream.after = self.express.end();
        } else {
            stream.push_out(Bytes::copy_from_slice(data));
            if stream.send_ended {
                stream.out.push_back(Out::End(Bytes::new()));
            }
            self.express.put(|out| frame::put_head(out, id, response, flags & !FLAG_END, &[]));
            stream.after = self.express.end();
            self.schedule(id);
        }
        self.output = true;
        self.forget_if_done(id);
        Ok(())
    }

    /// Queues as much of `data` as credit and room allow; `Pending` when that is nothing.
    pub fn poll_send(&mut self, id: u64, data: &mut Bytes, cx: &Context<'_>) -> Poll<Result<(), Stopped>> {
        let stream = match writable(&mut self.streams, id) {
            Ok(stream) => stream,
            Err(stopped) => return Poll::Ready(Err(stopped)),
        };
        let room = SEND_QUEUE_BYTES.saturating_sub(stream.out_bytes);
        let n = (stream.send_credit.min(room as u64) as usize).min(data.len());
        if n == 0 {
            if data.is_empty() {
                return Poll::Ready(Ok(()));
            }
            register(&mut stream.send_waker, cx);
            return Poll::Pending;
        }
        stream.send_credit -= n as u64;
        stream.push_out(data.split_to(n));
        self.schedule(id);
        Poll::Ready(Ok(()))
    }

    /// Finishes this end's direction after what is queued.
    pub fn end(&mut self, id: u64, trailers: Option<&Fields>) -> Result<(), Stopped> {
        let stream = writable(&mut self.streams, id)?;
        let trailers = trailers
            .filter(|fields| !fields.is_empty())
            .filter(|fields| fields.len() <= HEAD_FIELDS && head::fields_bytes(fields) <= HEAD_BYTES)
            .map(|fields| {
                let mut encoded = BytesMut::new();
                head::put_fields(&mut encoded, fields);
                encoded.freeze()
            })
            .unwrap_or_default();
        stream.send_ended = true;
        if stream.out.is_empty() && (trailers.is_empty() || self.express.bytes() <= EXPRESS_BYTES) {
            stream.send_flushed = true;
            self.express.put(|out| put_end(out, id, &trailers));
            self.output = true;
            self.forget_if_done(id);
        } else {
            stream.out.push_back(Out::End(trailers));
            self.schedule(id);
        }
        Ok(())
    }

    /// Ends the stream, both directions. What this end had finished before still arrives.
    pub fn reset(&mut self, id: u64, code: ResetCode) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.stopped.is_some() {
            self.forget_if_done(id);
            return;
        }
        stream.stopped = Some(code);
        if !stream.recv_ended {
            stream.recv.clear();
            self.heads_waiting -= std::mem::take(&mut stream.heads_waiting);
        }
        self.woken.extend(stream.recv_waker.take());
        self.woken.extend(stream.send_waker.take());
        self.woken.extend(stream.stop_waker.take());
        if stream.send_ended && !stream.send_flushed {
            stream.out.push_back(Out::Reset(code));
        } else {
            stream.drop_output();
            self.express.put(|out| frame::put_reset(out, id, code));
            self.output = true;
        }
        self.forget_if_done(id);
    }

    /// Moves everything that has arrived into `to`; `Pending` when that is nothing.
    /// `read` is how many body bytes the owner has taken from earlier moves since it last said so.
    pub fn poll_recv(
        &mut self,
        id: u64,
        to: &mut VecDeque<Item>,
        read: u32,
        cx: &Context<'_>,
    ) -> Poll<Result<(), Stopped>> {
        self.consumed(id, read);
        let Some(stream) = self.streams.get_mut(&id) else {
            return Poll::Ready(Err(Stopped(ResetCode::LinkLost)));
        };
        if !stream.recv.is_empty() {
            std::mem::swap(to, &mut stream.recv);
            self.heads_waiting -= std::mem::take(&mut stream.heads_waiting);
            return Poll::Ready(Ok(()));
        }
        if let Some(code) = stream.stopped {
            return Poll::Ready(Err(Stopped(code)));
        }
        register(&mut stream.recv_waker, cx);
        Poll::Pending
    }

    /// The owner has read `n` body bytes: gives the peer new credit, a quarter of the window at a
    /// time, and a larger window to a reader that keeps up.
    pub fn consumed(&mut self, id: u64, n: u32) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.consumed += n;
        if stream.recv_ended || stream.stopped.is_some() || stream.consumed < stream.window / 4 {
            return;
        }
        let mut more = std::mem::take(&mut stream.consumed);
        let keeps_up = stream.recv.is_empty() && stream.recv_credit < stream.window / 2;
        if keeps_up
            && stream.window < WINDOW_MAX
            && self.window_sum + u64::from(stream.window) <= WINDOW_BUDGET
        {
            more += stream.window;
            self.window_sum += u64::from(stream.window);
            stream.window *= 2;
        }
        stream.recv_credit += more;
        self.express.put(|out| frame::put_window(out, id, more));
        self.output = true;
    }

    /// `Ready` when the peer or the link has ended the stream before its time, with the reason.
    pub fn poll_stopped(&mut self, id: u64, cx: &Context<'_>) -> Poll<ResetCode> {
        let Some(stream) = self.streams.get_mut(&id) else { return Poll::Ready(ResetCode::LinkLost) };
        if let Some(code) = stream.stopped {
            return Poll::Ready(code);
        }
        register(&mut stream.stop_waker, cx);
        Poll::Pending
    }

    /// One of the two handles is gone. A direction left unfinished resets the stream.
    pub fn release(&mut self, id: u64, receiving: bool) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.handles -= 1;
        if receiving {
            stream.recv_waker = None;
            let unfinished = !stream.recv_ended;
            stream.recv.clear();
            self.heads_waiting -= std::mem::take(&mut stream.heads_waiting);
            if unfinished {
                self.reset(id, ResetCode::Cancelled);
                return;
            }
        } else {
            stream.send_waker = None;
            stream.stop_waker = None;
            if !stream.send_ended {
                self.reset(id, ResetCode::Cancelled);
                return;
            }
        }
        self.forget_if_done(id);
    }
}

/// The stream when this end may still send on it.
fn writable(streams: &mut HashMap<u64, Stream, IdHasher>, id: u64) -> Result<&mut Stream, Stopped> {
    let stream = streams.get_mut(&id).ok_or(Stopped(ResetCode::LinkLost))?;
    if let Some(code) = stream.stopped {
        return Err(Stopped(code));
    }
    if stream.send_ended { Err(Stopped(ResetCode::Protocol)) } else { Ok(stream) }
}
