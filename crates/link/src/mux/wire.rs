//! The wire's half: what arrives from the peer.

use bytes::Bytes;
use porthole_http1::Fields;

use super::state::Stream;
use super::{Accepted, Mux, Role};
use crate::frame::{self, FLAG_END, Frame, Kind, ResetCode};
use crate::head::{self, Malformed};
use crate::limits::{
    COPY_BYTES, EXPRESS_BYTES_FATAL, HEAD_FREE_BYTES, HEADS_WAITING_BYTES, SEND_QUEUE_BYTES, WINDOW_BUDGET,
    WINDOW_INITIAL, WINDOW_MAX,
};
use crate::stream::Item;

impl Mux {
    /// Takes in one binary message.
    ///
    /// # Errors
    /// [`Malformed`]: the peer broke the protocol and the link must end.
    pub fn receive(&mut self, mut message: Bytes) -> Result<(), Malformed> {
        let size = message.len();
        while let Some(frame) = frame::take(&mut message)? {
            self.frame(frame, size)?;
        }
        if self.express.bytes() > EXPRESS_BYTES_FATAL {
            return Err(Malformed("the peer provokes answers that it does not read"));
        }
        Ok(())
    }

    fn frame(&mut self, frame: Frame, message_size: usize) -> Result<(), Malformed> {
        let id = frame.stream;
        match frame.kind {
            Kind::Unknown(_) => Ok(()),
            Kind::Open => self.on_open(frame, message_size),
            // Comes before the stream is there. Of one that is, or of no stream, it says nothing.
            Kind::Timing => {
                self.timing = Some((id, frame::read_timing(frame.payload)?));
                Ok(())
            }
            _ if id == 0 || id > self.last_id => Err(Malformed("a frame for a stream never opened")),
            _ if !self.streams.contains_key(&id) => Ok(()),
            Kind::Head => self.on_head(frame, message_size),
            Kind::Data => self.on_data(id, frame.payload, frame.flags, message_size),
            Kind::End => {
                let bytes = frame.payload.len();
                let trailers = match bytes {
                    0 => None,
                    _ => Some(head::Reader::new(frame.payload).fields()?),
                };
                self.on_end(id, trailers, bytes)
            }
            Kind::Reset => {
                let code = frame::read_reset(frame.payload)?;
                self.on_reset(id, code);
                Ok(())
            }
            Kind::Window => {
                let more = frame::read_window(frame.payload)?;
                self.on_window(id, more)
            }
        }
    }

    fn on_open(&mut self, frame: Frame, message_size: usize) -> Result<(), Malformed> {
        if self.role == Role::Gateway {
            return Err(Malformed("an agent cannot open streams"));
        }
        if frame.stream <= self.last_id {
            return Err(Malformed("a stream id used again"));
        }
        let id = frame.stream;
        let ended = frame.flags & FLAG_END != 0;
        let bytes = frame.payload.len();
        let (mut open, data) = frame::read_open(frame.payload)?;
        open.gateway_us = self.timing.take().filter(|(of, _)| *of == id).map(|(_, us)| us);
        let head_bytes = bytes - data.len();
        if data.len() as u64 > u64::from(WINDOW_INITIAL) {
            return Err(Malformed("more data than credit"));
        }
        self.last_id = id;
        let head_weight = 2 * head_bytes.saturating_sub(HEAD_FREE_BYTES) as u64;
        if self.window_sum + u64::from(WINDOW_INITIAL) + head_weight > WINDOW_BUDGET
            || self.heads_waiting + head_bytes > HEADS_WAITING_BYTES
        {
            self.express.put(|out| frame::put_reset(out, id, ResetCode::Busy));
            self.output = true;
            return Ok(());
        }
        let mut stream = Stream::new();
        stream.recv_credit -= data.len() as u32;
        // The first bytes are handed over with the stream, so they count as read.
        stream.consumed = data.len() as u32;
        stream.recv_ended = ended;
        stream.head_weight = head_weight;
        self.window_sum += stream.weight();
        self.streams.insert(id, stream);
        let data = own_if_small(data, message_size);
        self.heads_waiting += head_bytes;
        self.accepted.push_back((Accepted { id, open, data, ended }, head_bytes));
        self.woken.extend(self.accept_waker.take());
        Ok(())
    }

    fn on_head(&mut self, frame: Frame, message_size: usize) -> Result<(), Malformed> {
        let id = frame.stream;
        let bytes = frame.payload.len();
        let (response, data) = frame::read_head(frame.payload)?;
        let bytes = bytes - data.len();
        let interim = frame.flags & frame::FLAG_INTERIM != 0;
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        if !stream.awaits_head || stream.recv_head || stream.recv_ended {
            return Err(Malformed("a head out of place"));
        }
        if !interim {
            stream.recv_head = true;
        } else if !stream.count_interim(bytes) {
            return Err(Malformed("too many interim heads"));
        } else if !data.is_empty() {
            return Err(Malformed("an interim head with data"));
        }
        self.hold(id, bytes, if interim { Item::Interim(response) } else { Item::Head(response) });
        if interim { Ok(()) } else { self.on_data(id, data, frame.flags, message_size) }
    }

    /// Queues a received item that credit does not cover; resets its stream when too much waits.
    fn hold(&mut self, id: u64, bytes: usize, item: Item) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.stopped.is_some() {
            return;
        }
        if self.heads_waiting + bytes > HEADS_WAITING_BYTES {
            self.reset(id, ResetCode::Busy);
            return;
        }
        self.heads_waiting += bytes;
        stream.heads_waiting += bytes;
        stream.recv.push_back(item);
        self.woken.extend(stream.recv_waker.take());
    }

    /// An HTTP answer begins with its head: a stream that begins otherwise is reset.
    fn check_head_came(&mut self, id: u64) {
        if let Some(stream) = self.streams.get(&id)
            && stream.awaits_head
            && !stream.recv_head
        {
            self.reset(id, ResetCode::Protocol);
        }
    }

    fn on_data(&mut self, id: u64, data: Bytes, flags: u8, message_size: usize) -> Result<(), Malformed> {
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        if !data.is_empty() {
            if stream.recv_ended {
                return Err(Malformed("data after the end"));
            }
            if data.len() as u64 > u64::from(stream.recv_credit) {
                return Err(Malformed("more data than credit"));
            }
            stream.recv_credit -= data.len() as u32;
            if stream.stopped.is_none() {
                stream.push_received(own_if_small(data, message_size));
                self.woken.extend(stream.recv_waker.take());
            }
            self.check_head_came(id);
        }
        if flags & FLAG_END != 0 { self.on_end(id, None, 0) } else { Ok(()) }
    }

    fn on_end(&mut self, id: u64, trailers: Option<Fields>, bytes: usize) -> Result<(), Malformed> {
        self.check_head_came(id);
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        if stream.recv_ended {
            return Err(Malformed("an end after the end"));
        }
        if trailers.is_some() && self.heads_waiting + bytes > HEADS_WAITING_BYTES {
            // Before the end is noted: an end that cannot be handed over whole is none.
            self.reset(id, ResetCode::Busy);
        }
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        stream.recv_ended = true;
        self.hold(id, bytes, Item::End(trailers));
        self.forget_if_done(id);
        Ok(())
    }

    fn on_reset(&mut self, id: u64, code: ResetCode) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.stopped.is_none() {
            stream.stopped = Some(code);
            if !stream.recv_ended {
                stream.recv.clear();
                self.heads_waiting -= std::mem::take(&mut stream.heads_waiting);
            }
        }
        stream.drop_output();
        stream.send_flushed = true;
        stream.send_ended = true;
        self.woken.extend(stream.recv_waker.take());
        self.woken.extend(stream.send_waker.take());
        self.woken.extend(stream.stop_waker.take());
        self.forget_if_done(id);
    }

    fn on_window(&mut self, id: u64, more: u32) -> Result<(), Malformed> {
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        stream.send_credit += u64::from(more);
        if stream.send_credit > 16 * u64::from(WINDOW_MAX) {
            return Err(Malformed("credit beyond reason"));
        }
        if stream.out_bytes < SEND_QUEUE_BYTES {
            self.woken.extend(stream.send_waker.take());
        }
        Ok(())
    }
}

/// Data that would hold a much larger buffer in memory is copied out of it.
fn own_if_small(data: Bytes, message_size: usize) -> Bytes {
    if data.len() < COPY_BYTES || data.len() * 4 < message_size {
        Bytes::copy_from_slice(&data)
    } else {
        data
    }
}
