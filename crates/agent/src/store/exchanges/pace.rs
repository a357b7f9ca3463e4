//! How much of the processor the writer may take from traffic.

use std::time::{Duration, Instant};

/// Its part of one processor where exchanges come without a pause. What that does not store goes unseen, and
/// is counted. Measured on two processors, which a flood of small requests kept busy: without a bound the writer
/// took as much as the forwarder itself.
const SHARE: f64 = 1.0 / 16.0;

/// Work that may be done before that: tens of thousands of small exchanges, more than people make.
const BURST: Duration = Duration::from_secs(1);

/// The longest rest at once, so that what was captured is seen within a second.
const LONGEST_REST: Duration = Duration::from_millis(500);

/// Says when to rest. Takes the time, does not ask for it.
#[derive(Debug)]
pub(super) struct Pace {
    /// Seconds of work in hand; below zero when more was done.
    credit: f64,
    since: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { credit: BURST.as_secs_f64(), since: now }
    }

    /// Work went on from `began` to `now`; how long to rest before more of it.
    pub(super) fn worked(&mut self, began: Instant, now: Instant) -> Duration {
        let earned = now.saturating_duration_since(self.since).as_secs_f64() * SHARE;
        let spent = now.saturating_duration_since(began).as_secs_f64();
        self.since = now;
        let rest = spent - (self.credit + earned).min(BURST.as_secs_f64());
        // What one long rest would not make up for is forgiven.
        let longest = LONGEST_REST.as_secs_f64() * SHARE;
        self.credit = -rest.min(longest);
        Duration::from_secs_f64(rest.clamp(0.0, longest) / SHARE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_works_now_and_then_never_rests() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..1000 {
            let began = now + Duration::from_millis(250);
            now = began + Duration::from_millis(15);
            assert_eq!(pace.worked(began, now), Duration::ZERO);
        }
    }

    #[test]
    fn who_always_has_work_gets_a_share_after_a_burst() {
        let start = Instant::now();
        let (mut now, mut worked) = (start, Duration::ZERO);
        let mut pace = Pace::new(now);
        while now - start < Duration::from_secs(60) {
            let began = now;
            now += Duration::from_millis(20);
            worked += Duration::from_millis(20);
            now += pace.worked(began, now);
        }
        let share = (now - start).mul_f64(SHARE);
        let batch = Duration::from_millis(20);
        assert!((share..=share + BURST + batch).contains(&worked), "{worked:?} of {share:?}");
    }

    #[test]
    fn a_rest_is_short() {
        let now = Instant::now();
        let rest = Pace::new(now).worked(now, now + Duration::from_secs(60));
        assert_eq!(rest, LONGEST_REST);
    }
}
