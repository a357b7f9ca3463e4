//! When to try again.

use std::time::Duration;

/// Jittered exponential backoff. The first try is at once; waits then double from
/// [`Self::FIRST`] up to a bound that depends on how long the other end has been away, so that
/// agents are back within a second of a gateway's short restart and within five of a long one.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The longest second wait.
    pub const FIRST: Duration = Duration::from_millis(100);
    /// The longest wait while the link has been down for less than [`Self::SHORT`].
    pub const BOUND_SHORT: Duration = Duration::from_millis(800);
    /// The longest wait afterwards.
    pub const BOUND_LONG: Duration = Duration::from_millis(4500);
    /// What counts as a short absence.
    pub const SHORT: Duration = Duration::from_secs(60);

    /// The wait before the next try. `away` is how long the link has been down; `random`, from 0 to 1,
    /// spreads agents over the second half of the wait.
    pub fn next(&mut self, away: Duration, random: f64) -> Duration {
        let tries = self.tries;
        self.tries = tries.saturating_add(1);
        if tries == 0 {
            return Duration::ZERO;
        }
        let bound = if away < Self::SHORT { Self::BOUND_SHORT } else { Self::BOUND_LONG };
        let longest = Self::FIRST.saturating_mul(1 << (tries - 1).min(10)).min(bound);
        longest.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0))
    }

    /// After success, wake from sleep or a network change.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_try_is_at_once_and_later_ones_stay_under_their_bound() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next(Duration::ZERO, 1.0), Duration::ZERO);
        assert_eq!(backoff.next(Duration::ZERO, 1.0), Backoff::FIRST);
        for _ in 0..50 {
            let wait = backoff.next(Duration::from_secs(59), 1.0);
            assert!(wait > Duration::ZERO && wait <= Backoff::BOUND_SHORT);
        }
        assert_eq!(backoff.next(Duration::from_secs(60), 1.0), Backoff::BOUND_LONG);
        assert_eq!(backoff.next(Duration::from_secs(60), 0.0), Backoff::BOUND_LONG / 2);
        backoff.reset();
        assert_eq!(backoff.next(Duration::from_secs(60), 1.0), Duration::ZERO);
    }
}
