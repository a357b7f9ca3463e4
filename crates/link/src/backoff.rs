//! When to try again.

use std::time::Duration;

/// Jittered exponential backoff: the first try at once, then growing to a bound that depends on how
/// long the other end has been away (≤ 1 s under a minute, ≤ 5 s after).
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    _tries: u32,
}

impl Backoff {
    /// The wait before the next try. `away` is how long the link has been down; `random` in 0..1.
    pub fn next(&mut self, _away: Duration, _random: f64) -> Duration {
        todo!()
    }

    /// After success, wake from sleep or a network change.
    pub fn reset(&mut self) {
        todo!()
    }
}
