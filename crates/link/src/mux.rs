//! The state machine of one link: messages in, batches out; no sockets, no clock.
//!
//! Every method is a plain change of state. Tasks that must run because of it are named by the
//! wakers the machine collects; the caller takes them with [`Mux::wakers`] and wakes them once it
//! has let go of whatever lock it holds.
//!
//! What is sent goes one of two ways. *Express*: heads with their first bytes, ends, windows and
//! resets are encoded at once, in order, into batches that leave first. *Queued*: body bytes wait in
//! their stream and leave in turns of [`QUANTUM_BYTES`], small streams before bulk ones.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use porthole_http1::{Fields, ResponseHead};

use crate::frame::{self, FLAG_END, Frame, HEADER_BYTES, Kind, Open, ResetCode, STREAM_ID_MAX, StreamKind};
use crate::head::{self, Malformed};
use crate::limits::{
    BATCH_BYTES, COPY_BYTES, EXPRESS_BYTES, EXPRESS_BYTES_FATAL, EXPRESS_INLINE_BYTES, HEAD_BYTES,
    HEAD_FIELDS, HEADS_WAITING_BYTES, INLINE_BYTES, QUANTUM_BYTES, SEND_QUEUE_BYTES, SMALL_PENDING_BYTES,
    SMALL_TOTAL_BYTES, WINDOW_BUDGET, WINDOW_INITIAL, WINDOW_MAX,
};
use crate::stream::{Item, OpenError, Stopped};

mod express;
mod state;

use express::Express;
use state::{IdHasher, Out, Stream};

/// Which end this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Opens streams.
    Gateway,
    /// Accepts them.
    Agent,
}

/// A stream the peer opened.
#[derive(Debug, PartialEq, Eq)]
pub struct Accepted {
    pub id: u64,
    pub open: Open,
    pub data: Bytes,
    pub ended: bool,
}

/// A line for output.
#[derive(Debug, Clone, Copy)]
enum Line {
    Small,
    Bulk,
}

/// The state of one link.
#[derive(Debug)]
pub struct Mux {
    role: Role,
    streams: HashMap<u64, Stream, IdHasher>,
    /// The highest stream id opened so far by either end's opener.
    last_id: u64,
    /// Sum of the receive windows of all streams, bounded by [`WINDOW_BUDGET`].
    window_sum: u64,
    express: Express,
    /// Streams with queued bytes; small ones are served first.
    small: VecDeque<u64>,
    bulk: VecDeque<u64>,
    /// Streams opened by the peer and not yet taken, with the bytes of their heads; bounded by the
    /// window budget and [`HEADS_WAITING_BYTES`].
    accepted: VecDeque<(Accepted, usize)>,
    /// Bytes of heads and trailers that wait for their streams' owners.
    heads_waiting: usize,
    accept_waker: Option<Waker>,
    idle_wakers: Vec<Waker>,
    /// Tasks to wake when the lock is let go.
    woken: Vec<Waker>,
    draining: bool,
    lost: bool,
    /// Something to send appeared since [`Self::take_output_flag`].
    output: bool,
}

impl Mux {
    pub fn new(role: Role) -> Self {
        Self {
            role,
            streams: HashMap::default(),
            last_id: 0,
            window_sum: 0,
            express: Express::default(),
            small: VecDeque::new(),
            bulk: VecDeque::new(),
            accepted: VecDeque::new(),
            heads_waiting: 0,
            accept_waker: None,
            idle_wakers: Vec::new(),
            woken: Vec::new(),
            draining: false,
            lost: false,
            output: false,
        }
    }

    /// Streams that are open on the wire or held by somebody.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// The sum of all receive windows, in bytes.
    pub fn window_sum(&self) -> u64 {
        self.window_sum
    }

    /// The id of the stream opened last; 0 when none was.
    pub fn streams_opened(&self) -> u64 {
        self.last_id
    }

    /// Bytes that the link itself holds: body bytes, heads and trailers that wait to be read or sent.
    pub fn waiting_bytes(&self) -> usize {
        self.streams.values().map(Stream::waiting_bytes).sum::<usize>()
            + self.express.bytes()
            + self.accepted.iter().map(|(accepted, head)| head + accepted.data.len()).sum::<usize>()
    }

    /// Entries in the lines for output.
    pub fn lines(&self) -> usize {
        self.small.len() + self.bulk.len()
    }

    /// Moves the tasks to be woken to the end of `to`.
    pub fn wakers(&mut self, to: &mut Vec<Waker>) {
        to.append(&mut self.woken);
    }

    /// True while nobody has said [`Self::lose`].
    pub fn is_live(&self) -> bool {
        !self.lost
    }

    /// True once after something to send appeared.
    pub fn take_output_flag(&mut self) -> bool {
        std::mem::take(&mut self.output)
    }

    /// Opens no more streams; those there are go on. An agent accepts what was opened before its
    /// gateway knew.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    // --- what the streams' owners do -----------------------------------------------------------

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

    /// `Ready` when no stream is open.
    pub fn poll_idle(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.streams.is_empty() || self.lost {
            return Poll::Ready(());
        }
        if !self.idle_wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.idle_wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The link is over: every stream ends with [`ResetCode::LinkLost`].
    pub fn lose(&mut self) {
        self.lost = true;
        // Nobody comes for these any more.
        for (accepted, _) in self.accepted.drain(..) {
            self.streams.remove(&accepted.id);
        }
        for stream in self.streams.values_mut() {
            stream.stopped.get_or_insert(ResetCode::LinkLost);
            stream.drop_output();
            stream.send_flushed = true;
            self.woken.extend(stream.recv_waker.take());
            self.woken.extend(stream.send_waker.take());
            self.woken.extend(stream.stop_waker.take());
        }
        self.streams.retain(|_, stream| stream.handles > 0);
        self.window_sum = self.streams.values().map(|stream| u64::from(stream.window)).sum();
        self.heads_waiting = self.streams.values().map(|stream| stream.heads_waiting).sum();
        self.woken.extend(self.accept_waker.take());
        self.woken.append(&mut self.idle_wakers);
        self.express = Express::default();
        self.small.clear();
        self.bulk.clear();
    }

    // --- what the driver does ------------------------------------------------------------------

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
        let (open, data) = frame::read_open(frame.payload)?;
        let head_bytes = bytes - data.len();
        if data.len() as u64 > u64::from(WINDOW_INITIAL) {
            return Err(Malformed("more data than credit"));
        }
        self.last_id = id;
        if self.window_sum + u64::from(WINDOW_INITIAL) > WINDOW_BUDGET
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
        self.window_sum += u64::from(stream.window);
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
    fn schedule(&mut self, id: u64) {
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

    /// Forgets a stream that nobody holds and that is over on the wire.
    fn forget_if_done(&mut self, id: u64) {
        let Some(stream) = self.streams.get(&id) else { return };
        let over = (stream.stopped.is_some() && stream.out.is_empty())
            || (stream.recv_ended && stream.send_ended && stream.send_flushed);
        if stream.handles == 0 && over {
            self.window_sum -= u64::from(stream.window);
            self.heads_waiting -= stream.heads_waiting;
            self.streams.remove(&id);
            if self.streams.is_empty() {
                self.woken.append(&mut self.idle_wakers);
            }
        }
    }
}

fn put_end(out: &mut BytesMut, id: u64, trailers: &[u8]) {
    frame::put_header(out, Kind::End, 0, id, trailers.len());
    out.extend_from_slice(trailers);
}

/// The stream when this end may still send on it.
fn writable(streams: &mut HashMap<u64, Stream, IdHasher>, id: u64) -> Result<&mut Stream, Stopped> {
    let stream = streams.get_mut(&id).ok_or(Stopped(ResetCode::LinkLost))?;
    if let Some(code) = stream.stopped {
        return Err(Stopped(code));
    }
    if stream.send_ended { Err(Stopped(ResetCode::Protocol)) } else { Ok(stream) }
}

/// Data that would hold a much larger buffer in memory is copied out of it.
fn own_if_small(data: Bytes, message_size: usize) -> Bytes {
    if data.len() < COPY_BYTES || data.len() * 4 < message_size {
        Bytes::copy_from_slice(&data)
    } else {
        data
    }
}

fn register(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(cx.waker()) => {}
        _ => *slot = Some(cx.waker().clone()),
    }
}
