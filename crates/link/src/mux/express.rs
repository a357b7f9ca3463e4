//! Frames that leave first, encoded as soon as they are known.

use std::collections::VecDeque;

use bytes::BytesMut;

use crate::limits::BATCH_BYTES;

/// Room for the first frames of a batch, in bytes: a small answer.
const LEAST_BATCH_BYTES: usize = 1024;

/// Encoded frames in batches of at most [`BATCH_BYTES`] (one larger frame alone).
#[derive(Debug, Default)]
pub(super) struct Express {
    batches: VecDeque<BytesMut>,
    bytes: usize,
    /// Batches taken so far.
    taken: u64,
    /// Bytes of a large batch of late: a busy link's next one is about as large, and growing to that from
    /// little copies it twice. What is not needed shrinks by an eighth with each batch.
    usual: usize,
    /// The last batch takes no more frames: something waits for it to leave.
    sealed: bool,
}

impl Express {
    /// Appends the frame that `write` encodes, beginning a new batch when the last one is full.
    pub(super) fn put(&mut self, write: impl FnOnce(&mut BytesMut)) {
        if self.batches.is_empty() || self.sealed {
            self.batches.push_back(BytesMut::with_capacity(self.usual.max(LEAST_BATCH_BYTES)));
            self.sealed = false;
        }
        let last = self.batches.len() - 1;
        let batch = &mut self.batches[last];
        let before = batch.len();
        write(batch);
        self.bytes += batch.len() - before;
        if batch.len() > BATCH_BYTES && before > 0 {
            let frame = batch.split_off(before);
            self.batches.push_back(frame);
        }
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    pub(super) fn next(&mut self) -> Option<BytesMut> {
        let batch = self.batches.pop_front()?;
        self.bytes -= batch.len();
        self.usual = batch.len().max(self.usual - self.usual / 8).min(BATCH_BYTES);
        self.taken += 1;
        Some(batch)
    }

    /// A point after all frames put so far; see [`Self::passed`].
    pub(super) fn end(&self) -> u64 {
        self.taken + self.batches.len() as u64
    }

    /// The same, and before all later frames.
    pub(super) fn mark(&mut self) -> u64 {
        self.sealed = !self.batches.is_empty();
        self.end()
    }

    /// True when everything before `mark` has been taken.
    pub(super) fn passed(&self, mark: u64) -> bool {
        self.taken >= mark
    }
}
