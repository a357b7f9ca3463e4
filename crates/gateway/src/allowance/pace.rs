//! Bytes a second: one bucket for all streams of a token, in both directions. Time comes in as an argument.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Told, met};

/// What may pass at once after a rest, as time at the rate: enough for a page with what belongs to it.
pub const BURST: Duration = Duration::from_secs(1);

/// What was taken is paid off at the rate. A stream takes what it has and waits until that is paid, so that each
/// waits once for a piece, however many there are, and nothing is dropped.
#[derive(Debug)]
pub struct Bucket {
    /// Bytes a second, at least 1.
    rate: u64,
    /// When all that was taken is paid off.
    paid: Mutex<Option<Instant>>,
    told: Arc<Told>,
}

impl Bucket {
    pub(super) fn new(rate: u64, told: Arc<Told>) -> Self {
        Self { rate: rate.max(1), paid: Mutex::new(None), told }
    }

    /// Takes `bytes`, and says for how long whoever took them takes nothing more. 0 asks how long a newcomer waits.
    pub fn take(&self, bytes: usize, now: Instant) -> Duration {
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(self.rate);
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let due = paid.map_or(now, |paid| paid.max(now));
        // Beyond any clock: nothing that large is in memory.
        let due = due.checked_add(cost).unwrap_or(due);
        *paid = Some(due);
        drop(paid);
        let wait = due.saturating_duration_since(now).saturating_sub(BURST);
        if !wait.is_zero() {
            met(&self.told.rate);
        }
        wait
    }
}
