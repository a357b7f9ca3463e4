//! The one queue between exchanges and the writer, bounded by bytes; and the list of open exchanges, which
//! the writer looks through with every batch.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use slab::Slab;
use tokio::sync::watch;

use super::exchange::{Capture, Start};
use super::frames::Batch;
use super::import::Import;
use super::replaying::Replaying;
use super::{
    BATCH_ITEMS, BATCH_PIECES, BATCH_WAIT, BODY_BYTES, CROWD, EXCHANGE_BYTES, OPEN_AFTER, QUEUE_BYTES, QUIET,
    RESTING_BYTES,
};

/// The forwarder's end of the store's writer. Clones are the same queue.
#[derive(Debug, Clone)]
pub struct Recorder {
    pub(super) queue: Arc<Queue>,
    /// Set where what is recorded is sent again.
    replaying: Option<Arc<Replaying>>,
}

/// Why nothing is captured at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    /// One sentence.
    pub message: String,
}

/// What waits for the writer.
#[derive(Debug)]
pub enum Item {
    Ended(Arc<Capture>),
    Piece(Arc<Capture>, Piece),
    Frames(Arc<Capture>, Batch),
}

/// A part of a body.
#[derive(Debug)]
pub struct Piece {
    pub response: bool,
    /// Counts from 0 in each direction.
    pub seq: u32,
    pub data: Vec<u8>,
    pub(super) _reserved: Reserved,
}

/// What the writer gets to do in one go.
#[derive(Debug, Default)]
pub struct Work {
    pub items: Vec<Item>,
    /// One of each that brings some.
    pub imports: Vec<Import>,
    /// Open for longer than [`OPEN_AFTER`].
    pub open: Vec<Arc<Capture>>,
    /// More than a person makes.
    pub crowd: bool,
    /// Nothing comes after this.
    pub closed: bool,
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    pub(super) changed: Condvar,
    /// Bytes captured and not yet stored.
    held: AtomicUsize,
    pub(super) next_id: AtomicI64,
    pub(super) writing: AtomicBool,
    /// Bytes of `held` beyond which no exchange begins.
    room: AtomicUsize,
    /// Whether anything is to be kept at all.
    wanted: AtomicBool,
    /// Bytes kept of each body.
    body_bytes: AtomicUsize,
    /// Microseconds that the link takes both ways; 0: not known.
    link_us: AtomicU64,
    unseen: AtomicU64,
    /// The same, as told now and then.
    told_unseen: watch::Sender<u64>,
    pub(super) paused: watch::Sender<Option<Paused>>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    waiting: Vec<Item>,
    pub(super) imports: Vec<Import>,
    /// Of them, parts of bodies and batches of rows.
    pieces: usize,
    open: Slab<Arc<Capture>>,
    /// The writer sleeps until there is something at all.
    asleep: bool,
    /// The writer has just rested.
    rested: bool,
    /// There is something to do beside writing.
    nudged: bool,
    pub(super) closed: bool,
}

impl Default for Recorder {
    fn default() -> Self {
        let queue = Queue {
            state: Mutex::default(),
            changed: Condvar::new(),
            held: AtomicUsize::new(0),
            next_id: AtomicI64::new(1),
            writing: AtomicBool::new(false),
            room: AtomicUsize::new(QUEUE_BYTES),
            wanted: AtomicBool::new(true),
            body_bytes: AtomicUsize::new(BODY_BYTES),
            link_us: AtomicU64::new(0),
            unseen: AtomicU64::new(0),
            told_unseen: watch::Sender::new(0),
            paused: watch::Sender::new(None),
        };
        Self { queue: Arc::new(queue), replaying: None }
    }
}

/// For those who forward.
impl Recorder {
    /// Begins to capture an exchange; None while nothing is written, or too much waits already.
    pub fn begin(&self, start: Start<'_>) -> Option<Arc<Capture>> {
        let queue = &self.queue;
        // What somebody sends again is kept in any case: its answer is what they want to see.
        let wanted = queue.wanted.load(Relaxed) || self.replaying.is_some();
        if !wanted || !queue.writing.load(Relaxed) {
            return None;
        }
        let room = queue.held.load(Relaxed) < queue.room.load(Relaxed) || self.replaying.is_some();
        let reserved = room.then(|| self.reserve(EXCHANGE_BYTES + start.head_bytes()));
        let Some(reserved) = reserved.flatten() else {
            queue.unseen.fetch_add(1, Relaxed);
            return None;
        };
        let id = queue.next_id.fetch_add(1, Relaxed);
        let (capture, asleep) = {
            let mut state = self.lock();
            let place = state.open.vacant_entry();
            let capture = Arc::new(Capture::new(id, place.key(), self.clone(), reserved, start));
            place.insert(capture.clone());
            (capture, std::mem::take(&mut state.asleep))
        };
        if asleep {
            queue.changed.notify_all();
        }
        if let Some(replaying) = &self.replaying {
            replaying.begun(id);
        }
        Some(capture)
    }

    /// A recorder for the one exchange that is this one sent again.
    pub fn replaying(&self, original_id: i64, edited: bool) -> (Self, Arc<Replaying>) {
        let replaying = Arc::new(Replaying::new(original_id, edited));
        (Self { queue: self.queue.clone(), replaying: Some(replaying.clone()) }, replaying)
    }

    /// Whether exchanges are kept, and how many bytes of each body; for those that begin from now on.
    pub fn keep(&self, wanted: bool, body_bytes: usize) {
        self.queue.wanted.store(wanted, Relaxed);
        self.queue.body_bytes.store(body_bytes, Relaxed);
    }

    /// What the link takes both ways, as measured just now.
    pub fn measured(&self, link: Option<Duration>) {
        let us = link.map_or(0, |link| link.as_micros().try_into().unwrap_or(u64::MAX).max(1));
        self.queue.link_us.store(us, Relaxed);
    }

    /// The same, where exchanges come over it.
    pub(super) fn link(&self) -> Option<Duration> {
        let us = self.queue.link_us.load(Relaxed);
        (us > 0 && self.replaying.is_none()).then(|| Duration::from_micros(us))
    }

    pub(super) fn body_bytes(&self) -> usize {
        self.queue.body_bytes.load(Relaxed)
    }

    /// Has the writer look after what is to be forgotten though nothing came.
    pub fn nudge(&self) {
        self.lock().nudged = true;
        self.queue.changed.notify_all();
    }

    /// Why nothing is captured at the moment, if so; a listener hears of changes.
    pub fn paused(&self) -> watch::Receiver<Option<Paused>> {
        self.queue.paused.subscribe()
    }

    /// Exchanges of which nothing was kept, because too much waited to be stored; a listener hears of more
    /// after each batch.
    pub fn unseen(&self) -> watch::Receiver<u64> {
        self.queue.told_unseen.subscribe()
    }

    pub(super) fn sent_again(&self) -> Option<&Arc<Replaying>> {
        self.replaying.as_ref()
    }

    pub(super) fn ended(&self, key: usize) {
        let full = {
            let mut state = self.lock();
            let Some(capture) = state.open.try_remove(key) else { return };
            state.waiting.push(Item::Ended(capture));
            state.waiting.len() == BATCH_ITEMS
        };
        if full {
            self.queue.changed.notify_all();
        }
    }

    pub(super) fn piece(&self, capture: Arc<Capture>, piece: Piece) {
        self.part(Item::Piece(capture, piece));
    }

    pub(super) fn frames(&self, capture: Arc<Capture>, batch: Batch) {
        self.part(Item::Frames(capture, batch));
    }

    fn part(&self, item: Item) {
        let full = {
            let mut state = self.lock();
            state.waiting.push(item);
            state.pieces += 1;
            state.waiting.len() == BATCH_ITEMS || state.pieces == BATCH_PIECES
        };
        if full {
            self.queue.changed.notify_all();
        }
    }

    fn reserve(&self, bytes: usize) -> Option<Reserved> {
        let mut reserved = Reserved::nothing(self);
        reserved.grow(bytes).then_some(reserved)
    }

    /// What this lock guards is whole at any moment: a panic elsewhere leaves it usable.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.queue.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the writer.
impl Recorder {
    /// Waits for a batch, or for `idle` when nothing happens at all.
    pub fn next(&self, idle: Duration) -> Work {
        let mut state = self.lock();
        let idle = Instant::now() + idle;
        let nothing =
            |state: &State| state.waiting.is_empty() && state.imports.is_empty() && state.open.is_empty();
        // What waits after a rest has waited for long enough.
        let rested = std::mem::take(&mut state.rested) && !nothing(&state);
        let quiet = Instant::now() + QUIET;
        while nothing(&state) && !state.nudged && !state.closed {
            let little_room = self.queue.room.load(Relaxed) < QUEUE_BYTES;
            state.asleep = true;
            state = self.wait(state, if little_room { quiet.min(idle) } else { idle });
            state.asleep = false;
            let now = Instant::now();
            if nothing(&state) && now >= quiet {
                self.queue.room.store(QUEUE_BYTES, Relaxed);
            }
            if now >= idle {
                break;
            }
        }
        let until = Instant::now() + if rested { Duration::ZERO } else { BATCH_WAIT };
        let little = |state: &State| {
            state.imports.is_empty() && state.waiting.len() < BATCH_ITEMS && state.pieces < BATCH_PIECES
        };
        while little(&state) && !state.closed && Instant::now() < until {
            state = self.wait(state, until);
        }
        let items = std::mem::take(&mut state.waiting);
        let imports = std::mem::take(&mut state.imports);
        let crowd = items.len() >= CROWD || state.pieces >= BATCH_PIECES;
        (state.pieces, state.nudged) = (0, false);
        let now = Instant::now();
        let old = |capture: &&Arc<Capture>| now.saturating_duration_since(capture.started) >= OPEN_AFTER;
        let open = state.open.iter().map(|(_, capture)| capture).filter(old).cloned().collect();
        Work { items, imports, open, crowd, closed: state.closed }
    }

    /// Tells how many exchanges went unseen, if there are more than last time; how many more.
    pub fn tell_unseen(&self) -> u64 {
        let unseen = self.queue.unseen.load(Relaxed);
        let mut before = unseen;
        self.queue.told_unseen.send_if_modified(|told| {
            before = std::mem::replace(told, unseen);
            before != unseen
        });
        unseen - before
    }

    /// Rests from writing. From then on no more is taken in than [`RESTING_BYTES`], and that is written at once,
    /// until no rest is due any more and no flood comes, or nothing comes for [`QUIET`].
    pub fn rest_from_writing(&self, time: Duration, flood: bool) {
        let rests = !time.is_zero();
        self.queue.room.store(if rests || flood { RESTING_BYTES } else { QUEUE_BYTES }, Relaxed);
        if rests {
            self.rest(time);
            self.lock().rested = true;
        }
    }

    /// Waits before the next try to write; true when there is none, because the engine leaves.
    pub fn rest(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut state = self.lock();
        while !state.closed && Instant::now() < until {
            state = self.wait(state, until);
        }
        state.closed
    }

    /// The writer writes; exchanges are numbered from `next_id` on, if it is given.
    pub fn resume(&self, next_id: Option<i64>) {
        if let Some(next_id) = next_id {
            self.queue.next_id.fetch_max(next_id, Relaxed);
        }
        self.queue.writing.store(true, Relaxed);
        self.queue.paused.send_if_modified(|paused| paused.take().is_some());
    }

    /// The writer cannot write.
    pub fn pause(&self, paused: Paused) {
        self.queue.writing.store(false, Relaxed);
        // Whoever brought them is told, rather than left waiting for a disk.
        self.lock().imports.clear();
        self.queue.paused.send_if_modified(|now| now.replace(paused.clone()) != Some(paused));
    }

    /// Has the writer store what it has, and end.
    pub fn close(&self) {
        self.queue.writing.store(false, Relaxed);
        let mut state = self.lock();
        state.closed = true;
        state.imports.clear();
        drop(state);
        self.queue.changed.notify_all();
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, until: Instant) -> MutexGuard<'a, State> {
        let left = until.saturating_duration_since(Instant::now());
        self.queue.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A share of [`QUEUE_BYTES`], given back when dropped.
#[derive(Debug)]
pub(super) struct Reserved {
    recorder: Recorder,
    bytes: usize,
}

impl Reserved {
    /// Of what has a bound of its own.
    pub(super) fn nothing(recorder: &Recorder) -> Self {
        Self { recorder: recorder.clone(), bytes: 0 }
    }

    /// Takes more; false when there is none.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let held = &self.recorder.queue.held;
        if held.fetch_add(bytes, Relaxed) + bytes > QUEUE_BYTES {
            held.fetch_sub(bytes, Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }

    /// A part of it, for what goes its own way.
    pub(super) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { recorder: self.recorder.clone(), bytes }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.recorder.queue.held.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
impl Recorder {
    pub(super) fn held(&self) -> usize {
        self.queue.held.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use porthole_http1::{Fields, RequestHead, Version};
    use porthole_link::StreamKind;

    use super::*;
    use crate::capture::Side;
    use crate::mapping::MappingSpec;

    fn begin(recorder: &Recorder) -> Option<Arc<Capture>> {
        let served = Arc::new(MappingSpec::new("m".into(), "3000".parse().unwrap()).serve(1));
        let head = RequestHead {
            method: "GET".into(),
            target: "/".into(),
            version: Version::Http11,
            fields: Fields::new(),
        };
        recorder.begin(Start {
            served: &served,
            kind: StreamKind::Http,
            request_id: "r",
            visitor: ([127, 0, 0, 1], 1).into(),
            gateway: None,
            head: &head,
            started: Instant::now(),
        })
    }

    #[test]
    fn a_full_queue_cuts_bodies_short_then_leaves_exchanges_out_and_recovers() {
        let recorder = Recorder::default();
        assert!(begin(&recorder).is_none(), "nobody writes yet");
        recorder.resume(Some(7));
        let body = vec![0; BODY_BYTES];
        let mut captures = Vec::new();
        for _ in 0..QUEUE_BYTES.div_ceil(BODY_BYTES) {
            let capture = begin(&recorder).unwrap();
            capture.data(Side::Response, &body);
            captures.push(capture);
        }
        assert_eq!(captures[0].id(), 7);
        assert!(!captures[0].tell(Instant::now()).incomplete);
        // There was no room left for the last body.
        let last = captures.last().unwrap().tell(Instant::now());
        assert!(last.incomplete);
        assert_eq!((last.response.kept, last.response.bytes), (0, BODY_BYTES as u64));
        while let Some(capture) = begin(&recorder) {
            captures.push(capture);
        }
        let mut unseen = recorder.unseen();
        recorder.tell_unseen();
        assert_eq!(*unseen.borrow_and_update(), 1);
        recorder.tell_unseen();
        assert!(!unseen.has_changed().unwrap());
        assert!(recorder.held() <= QUEUE_BYTES);
        for capture in captures.drain(..) {
            capture.end(None);
        }
        recorder.close();
        drop(recorder.next(Duration::ZERO));
        assert_eq!(recorder.held(), 0, "everything is given back");
    }

    #[test]
    fn an_exchange_that_ended_is_in_one_batch_and_in_no_list() {
        let recorder = Recorder::default();
        recorder.resume(None);
        let capture = begin(&recorder).unwrap();
        capture.end(Some("service-down"));
        let work = recorder.next(Duration::ZERO);
        assert!(matches!(work.items.as_slice(), [Item::Ended(ended)] if Arc::ptr_eq(ended, &capture)));
        assert!(work.open.is_empty());
        assert!(recorder.next(Duration::ZERO).items.is_empty());
    }

    #[test]
    fn while_the_writer_rests_less_is_taken_in_but_for_what_somebody_sends_again() {
        let recorder = Recorder::default();
        recorder.resume(None);
        let resting = {
            let recorder = recorder.clone();
            std::thread::spawn(move || recorder.rest_from_writing(Duration::from_secs(600), false))
        };
        while recorder.queue.room.load(Relaxed) == QUEUE_BYTES {
            std::thread::yield_now();
        }
        let captures: Vec<_> = std::iter::from_fn(|| begin(&recorder)).collect();
        assert!((RESTING_BYTES..RESTING_BYTES + 2 * EXCHANGE_BYTES).contains(&recorder.held()));
        recorder.tell_unseen();
        assert_eq!(*recorder.unseen().borrow(), 1);
        let (again, _) = recorder.replaying(captures[0].id(), false);
        assert!(begin(&again).is_some());
        recorder.close();
        resting.join().unwrap();
        recorder.resume(None);
        assert!(begin(&recorder).is_none(), "another rest may be due");
        recorder.rest_from_writing(Duration::ZERO, true);
        assert!(begin(&recorder).is_none(), "no rest, and a flood");
        recorder.rest_from_writing(Duration::ZERO, false);
        assert!(begin(&recorder).is_some(), "it works again");
    }

    #[test]
    fn where_nothing_comes_after_a_flood_there_is_all_the_room_again() {
        let recorder = Recorder::default();
        recorder.resume(None);
        recorder.rest_from_writing(Duration::ZERO, true);
        assert_eq!(recorder.queue.room.load(Relaxed), RESTING_BYTES);
        assert!(recorder.next(QUIET * 2).items.is_empty());
        assert_eq!(recorder.queue.room.load(Relaxed), QUEUE_BYTES);
    }

    #[test]
    fn what_waits_after_a_rest_is_written_without_waiting_for_more() {
        let recorder = Recorder::default();
        recorder.resume(None);
        // One of several, since a busy machine takes its time, too.
        let at_once = (0..20).any(|_| {
            recorder.rest_from_writing(Duration::from_nanos(1), false);
            begin(&recorder).unwrap().end(None);
            let began = Instant::now();
            assert_eq!(recorder.next(Duration::ZERO).items.len(), 1);
            began.elapsed() < BATCH_WAIT
        });
        assert!(at_once);
    }
}
