//! One exchange while it runs: what was seen of it so far and is not yet stored.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use porthole_http1::{Fields, RequestHead, ResponseHead};
use porthole_link::StreamKind;

use super::CHUNK_BYTES;
use super::frames::Rows;
use super::queue::{Piece, Recorder, Reserved};
use super::replaying::Replaying;
use crate::events::Served;

/// What an exchange begins with.
#[derive(Debug)]
pub struct Start<'a> {
    pub served: &'a Arc<Served>,
    pub kind: StreamKind,
    pub request_id: &'a str,
    pub visitor: SocketAddr,
    /// How long the gateway had it, where that says so.
    pub gateway: Option<Duration>,
    /// As it came over the link, before any rule changed it; empty for raw TCP.
    pub head: &'a RequestHead,
    pub started: Instant,
}

impl Start<'_> {
    pub(super) fn head_bytes(&self) -> usize {
        self.head.method.len() + self.head.target.len() + field_bytes(&self.head.fields)
    }
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Request,
    Response,
}

/// The copy of one exchange. Its lock is its own: two directions of one task and, now and then, the writer.
#[derive(Debug)]
pub struct Capture {
    pub(super) id: i64,
    /// Its place in the list of open ones.
    key: usize,
    recorder: Recorder,
    pub(super) served: Arc<Served>,
    pub(super) stream: StreamKind,
    pub(super) request_id: String,
    pub(super) visitor: SocketAddr,
    pub(super) started: Instant,
    /// Unix time.
    pub(super) started_us: i64,
    /// What the link takes both ways, as last measured.
    pub(super) link: Option<Duration>,
    pub(super) gateway: Option<Duration>,
    /// Bytes kept of each body.
    body_bytes: usize,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
pub(super) struct Progress {
    pub(super) request: RequestHead,
    /// Its fields as the service got them, where they are others.
    pub(super) sent: Option<Fields>,
    pub(super) response: Option<ResponseHead>,
    /// The exchange whose answer this is, where the service was down.
    pub(super) stand_in: Option<i64>,
    /// By [`Side`].
    pub(super) trailers: [Option<Fields>; 2],
    /// By [`Side`].
    pub(super) bodies: [Body; 2],
    /// Where it is a conversation.
    pub(super) rows: Option<Box<Rows>>,
    /// What the request calls itself, as far as was seen.
    pub(super) name: Option<String>,
    pub(super) connect: Option<Duration>,
    pub(super) first_byte: Option<Duration>,
    pub(super) end: Option<End>,
    pub(super) incomplete: bool,
    pub(super) reserved: Reserved,
    /// When the writer was told last, and whether there was an answer.
    pub(super) told: Option<(Instant, bool)>,
    /// Something happened since.
    pub(super) changed: bool,
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) total: Duration,
    /// A code, unless it was answered whole.
    pub(super) error: Option<&'static str>,
}

/// A body in one direction.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// As it passed.
    pub(super) bytes: u64,
    /// Of it, kept: always its beginning.
    pub(super) kept: usize,
    seq: u32,
    buffer: Vec<u8>,
    /// No more is kept: the queue was full.
    cut: bool,
}

impl Body {
    /// What is not yet on its way to the writer.
    pub(super) fn take(&mut self, side: Side, reserved: &mut Reserved) -> Option<Piece> {
        if self.buffer.is_empty() {
            return None;
        }
        let data = std::mem::take(&mut self.buffer);
        let seq = self.seq;
        self.seq += 1;
        let reserved = reserved.split(data.len());
        Some(Piece { response: side == Side::Response, seq, data, _reserved: reserved })
    }
}

impl Capture {
    pub(super) fn new(id: i64, key: usize, recorder: Recorder, reserved: Reserved, start: Start<'_>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            id,
            key,
            body_bytes: recorder.body_bytes(),
            link: recorder.link(),
            gateway: start.gateway,
            recorder,
            served: start.served.clone(),
            stream: start.kind,
            request_id: start.request_id.to_owned(),
            visitor: start.visitor,
            started: start.started,
            started_us: now.as_micros() as i64,
            progress: Mutex::new(Progress {
                request: start.head.clone(),
                sent: None,
                response: None,
                stand_in: None,
                trailers: [None, None],
                bodies: <[Body; 2]>::default(),
                rows: None,
                name: None,
                connect: None,
                first_byte: None,
                end: None,
                incomplete: false,
                reserved,
                told: None,
                changed: true,
            }),
        }
    }

    /// Set where it is sent again.
    pub(super) fn sent_again(&self) -> Option<&Arc<Replaying>> {
        self.recorder.sent_again()
    }

    /// The number it is stored under.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// A connection to the service was made for it.
    pub fn connected(&self, took: Duration) {
        self.progress().connect = Some(took);
    }

    /// The request's fields as they go to the service: kept where a rule or the framing changed them.
    pub fn sent(&self, fields: &Fields) {
        let mut progress = self.progress();
        if progress.request.fields != *fields {
            // Kept even where the queue is full, like the answer's head.
            let _ = progress.reserved.grow(field_bytes(fields));
            progress.sent = Some(fields.clone());
        }
    }

    /// Fields that came after a body.
    pub fn trailers(&self, side: Side, trailers: &Fields) {
        let mut progress = self.progress();
        let _ = progress.reserved.grow(field_bytes(trailers));
        progress.trailers[side as usize] = Some(trailers.clone());
        progress.changed = true;
    }

    /// The answer's head came, as the service sent it.
    pub fn answered(&self, head: &ResponseHead) {
        let first_byte = self.started.elapsed();
        let mut progress = self.progress();
        // Kept even where the queue is full: it is small, and without it the rest says little.
        let _ = progress.reserved.grow(head.reason.len() + field_bytes(&head.fields));
        progress.rows = Rows::of(self.stream, head);
        progress.response = Some(head.clone());
        progress.first_byte = Some(first_byte);
        progress.changed = true;
    }

    /// The service is down: what follows is the answer of that exchange.
    pub fn stood_in(&self, original_id: i64) {
        self.progress().stand_in = Some(original_id);
    }

    /// Body bytes that pass.
    pub fn data(self: &Arc<Self>, side: Side, data: &[u8]) {
        let mut progress = self.progress();
        let Progress { bodies, rows, reserved, incomplete, changed, .. } = &mut *progress;
        let body = &mut bodies[side as usize];
        body.bytes += data.len() as u64;
        *changed = true;
        if let Some(rows) = rows {
            *incomplete |= !rows.read(side, data, || self.now_us(), reserved);
            if rows.is_full()
                && let Some(batch) = rows.take(reserved)
            {
                self.recorder.frames(self.clone(), batch);
            }
        }
        let mut keep = &data[..data.len().min(self.body_bytes - body.kept)];
        if keep.is_empty() || body.cut {
            return;
        }
        if !reserved.grow(keep.len()) {
            (body.cut, *incomplete) = (true, true);
            return;
        }
        body.kept += keep.len();
        while !keep.is_empty() {
            let (now, later) = keep.split_at(keep.len().min(CHUNK_BYTES - body.buffer.len()));
            body.buffer.extend_from_slice(now);
            keep = later;
            if body.buffer.len() == CHUNK_BYTES
                && let Some(piece) = body.take(side, reserved)
            {
                self.recorder.piece(self.clone(), piece);
            }
        }
    }

    /// The exchange came to its end, once.
    pub fn end(&self, error: Option<&'static str>) {
        self.progress().end = Some(End { total: self.started.elapsed(), error });
        self.recorder.ended(self.key);
    }

    /// Unix time, by a clock that does not jump while the exchange runs.
    fn now_us(&self) -> i64 {
        let elapsed = self.started.elapsed().as_micros();
        self.started_us.saturating_add(elapsed.try_into().unwrap_or(i64::MAX))
    }

    /// What this lock guards is whole at any moment: a panic elsewhere leaves it usable.
    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn field_bytes(fields: &Fields) -> usize {
    fields.lengths().map(|(name, value)| name + value + 4).sum()
}
