//! The thread that writes exchanges. Everything that can go wrong with the disk ends here: capture pauses,
//! and is tried again; whoever forwards never waits.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, oneshot, watch};

use super::super::StoreError;
use super::backstage::{self, LONGEST_WAIT, Patience};
use super::keeper::{Keeper, Write};
use super::pace::Pace;
use super::retention::Limits;
use crate::capture::{BATCH_ITEMS, CROWD, Capture, Import, Item, Paused, Recorder, Source, Work};

/// Between two tries to write while the disk is full or the database cannot be used.
const RETRY: Duration = Duration::from_secs(5);

/// Tries to write one batch where the reason is neither a full disk nor another program: the batch itself may
/// be what cannot be written.
const TRIES: u32 = 3;

/// When nothing happens at all, exchanges grow old all the same.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// How long an engine that leaves waits for the last batch.
const LAST_BATCH: Duration = Duration::from_secs(3);

/// Batches that a slow listener may be behind; it is told when it missed some. Several seconds' worth.
const STORED_QUEUE: usize = 64;

/// Numbers of exchanges that are new or different in the database, in the order of writing.
pub type Stored = Arc<[i64]>;

/// The writer of one engine. Ends when dropped, after what it has.
#[derive(Debug)]
pub struct Writer {
    recorder: Recorder,
    stored: broadcast::Sender<Stored>,
    limits: watch::Sender<Limits>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Opens the database beside the store's own connection. Only whoever holds the engine's lock may do
    /// this: what a dead engine left open is ended, and numbers are given out.
    ///
    /// Where the database cannot be used, capture is paused from the beginning.
    pub async fn start(path: &Path, recorder: Recorder, limits: Limits) -> Self {
        let path = path.to_owned();
        let (told, opened) = oneshot::channel();
        let (for_thread, for_start) = (recorder.clone(), recorder.clone());
        let stored = broadcast::Sender::new(STORED_QUEUE);
        let tell = stored.clone();
        let (limits, keep_to) = watch::channel(limits);
        let thread = std::thread::Builder::new().name("exchanges".into()).spawn(move || {
            backstage::stand_back();
            run(&path, for_thread, keep_to, told, tell);
        });
        match thread {
            Ok(thread) => {
                let _ = opened.await;
                Self { recorder, stored, limits, thread: Some(thread) }
            }
            Err(error) => {
                let message = format!("exchanges are not kept: {error}");
                for_start.pause(Paused { message });
                Self { recorder, stored, limits, thread: None }
            }
        }
    }

    /// Tells which exchanges were stored, batch by batch. Costs nothing while nobody listens.
    pub fn stored(&self) -> broadcast::Sender<Stored> {
        self.stored.clone()
    }

    /// How much is kept. Other limits hold from the next batch on, or from [`Recorder::nudge`].
    pub fn limits(&self) -> watch::Sender<Limits> {
        self.limits.clone()
    }

    /// Writes what is left, and ends.
    pub async fn close(mut self) {
        self.recorder.close();
        let Some(thread) = self.thread.take() else { return };
        let joined = tokio::task::spawn_blocking(move || thread.join());
        if tokio::time::timeout(LAST_BATCH, joined).await.is_err() {
            tracing::warn!("the last exchanges are still being written");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.recorder.close();
    }
}

fn run(
    path: &Path,
    recorder: Recorder,
    limits: watch::Receiver<Limits>,
    told: oneshot::Sender<()>,
    stored: broadcast::Sender<Stored>,
) {
    let mut told = Some(told);
    let keeper = loop {
        let opened = Keeper::open(path, limits.borrow().clone());
        let opened = match opened {
            Ok(keeper) => {
                recorder.resume(Some(keeper.next_id()));
                Some(keeper)
            }
            Err(error) => {
                pause(&recorder, &error);
                None
            }
        };
        if let Some(told) = told.take() {
            let _ = told.send(());
        }
        match opened {
            Some(keeper) => break keeper,
            None if recorder.rest(RETRY) => return,
            None => {}
        }
    };
    let waits = recorder.clone();
    let (pace, patience) = (Pace::new(Instant::now()), Patience::default());
    let mut desk = Desk { keeper, recorder, limits, stored, pace, patience };
    while desk.put_away(waits.next(IDLE)) {}
}

/// All that writing takes.
#[derive(Debug)]
struct Desk {
    keeper: Keeper,
    recorder: Recorder,
    limits: watch::Receiver<Limits>,
    stored: broadcast::Sender<Stored>,
    pace: Pace,
    patience: Patience,
}

impl Desk {
    /// Writes a batch, and rests where it has to; false when nothing comes after it.
    fn put_away(&mut self, mut work: Work) -> bool {
        // Somebody waits for these, and the next come only then: they are no part of the pace.
        for import in std::mem::take(&mut work.imports) {
            take_in(&mut self.keeper, import, &self.stored);
        }
        let began = Instant::now();
        let closed = work.closed;
        let waits = self.patience.waits(work.crowd && !closed);
        let mut writes = unpack(work);
        let items = writes.len();
        while !writes.is_empty() {
            let behind = waits && began.elapsed() < LONGEST_WAIT;
            let rest = writes.split_off(writes.len().min(if behind { CROWD } else { BATCH_ITEMS }));
            let Some(written) = self.write(&writes, behind) else { return false };
            if written {
                tell(&self.stored, &writes);
            }
            tell_stored(&writes);
            writes = rest;
        }
        if closed {
            return false;
        }
        if waits {
            self.patience.waited(began.elapsed());
        }
        self.recorder.resume(None);
        self.keeper.limits.clone_from(&self.limits.borrow_and_update());
        if let Err(error) = self.keeper.forget_old(jiff::Timestamp::now().as_microsecond()) {
            tracing::debug!(%error, "old exchanges stay for now");
        }
        let unseen = self.recorder.tell_unseen();
        let rest = self.pace.worked(began, Instant::now(), items, unseen);
        // Where the engine leaves meanwhile, what waits is still written.
        self.recorder.rest_from_writing(rest.time, rest.flood);
        true
    }

    /// Tries until it is written, or turns out not to be the disk's fault; None when the engine leaves
    /// meanwhile.
    fn write(&mut self, writes: &[Write], behind: bool) -> Option<bool> {
        let keeper = &mut self.keeper;
        let mut result =
            if behind { backstage::behind(|| keeper.write(writes)) } else { keeper.write(writes) };
        let mut tries = 0;
        while let Err(error) = result {
            pause(&self.recorder, &error);
            if self.recorder.rest(RETRY) {
                return None;
            }
            tries += 1;
            let passes = matches!(error, StoreError::Full | StoreError::Busy);
            if !passes && tries >= TRIES {
                tracing::warn!(%error, lost = writes.len(), "exchanges could not be written");
                return Some(false);
            }
            result = self.keeper.write(writes);
        }
        Some(true)
    }
}

/// Writes what was kept elsewhere, once: what cannot be written is told to whoever brought it.
fn take_in(keeper: &mut Keeper, import: Import, stored: &broadcast::Sender<Stored>) {
    let Import { told, done } = import;
    let writes: Vec<Write> = told.into_iter().map(|told| Write::Exchange(Box::new(told))).collect();
    let written = keeper.write(&writes);
    if written.is_ok() {
        tell(stored, &writes);
    }
    // Whoever brought it may have left.
    let _ = done.send(written.map_err(|error| not_kept(&error)));
}

fn tell(stored: &broadcast::Sender<Stored>, written: &[Write]) {
    if stored.receiver_count() > 0 {
        let _ = stored.send(written.iter().filter_map(Write::exchange).collect());
    }
}

/// Whoever sent an exchange again waits for its end. Told also where it could not be stored: it will not be.
fn tell_stored(writes: &[Write]) {
    for write in writes {
        if let Write::Exchange(told) = write
            && !told.is_open()
            && let Source::Replay(replaying) = &told.source
        {
            replaying.tell_stored();
        }
    }
}

fn pause(recorder: &Recorder, error: &StoreError) {
    recorder.pause(not_kept(error));
}

fn not_kept(error: &StoreError) -> Paused {
    Paused { message: format!("exchanges are not kept at the moment: {error}") }
}

/// Turns what exchanges left into rows, in the order in which it came.
fn unpack(work: Work) -> Vec<Write> {
    let now = Instant::now();
    let mut writes = Vec::with_capacity(work.items.len());
    for item in work.items {
        match item {
            Item::Ended(capture) => writes.push(Write::Exchange(Box::new(capture.tell(now)))),
            Item::Piece(capture, piece) => {
                introduce(&capture, now, &mut writes);
                writes.push(Write::Piece(capture.id(), piece));
            }
            Item::Frames(capture, batch) => {
                introduce(&capture, now, &mut writes);
                writes.push(Write::Frames(capture.id(), batch));
            }
        }
    }
    let news = work.open.iter().filter_map(|capture| capture.news(now));
    writes.extend(news.map(|told| Write::Exchange(Box::new(told))));
    writes
}

/// A part of an exchange never stands without it.
fn introduce(capture: &Capture, now: Instant, writes: &mut Vec<Write>) {
    if let Some(told) = capture.introduce(now) {
        writes.push(Write::Exchange(Box::new(told)));
    }
}
