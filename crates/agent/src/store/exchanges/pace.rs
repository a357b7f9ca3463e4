//! How much of the processor the writer may take from traffic.

use std::time::{Duration, Instant};

/// Its part of one processor where exchanges come without a pause. What that does not store goes unseen, and
/// is counted. Measured on two processors, which a flood of small requests kept busy: without a bound the writer
/// took as much as the forwarder itself.
const SHARE: f64 = 1.0 / 16.0;

/// Items that are stored at once all the same: more than people make. As items and not as time, since a build
/// for debugging takes ten times as long for each.
const BURST_ITEMS: f64 = 6_000.0;

/// The longest rest at once, so that what was captured is seen within a second.
const LONGEST_REST: Duration = Duration::from_millis(500);

/// What remains of older measurements with each new one.
const REMEMBERED: f64 = 0.75;

/// Says when to rest. Takes the time, does not ask for it.
#[derive(Debug)]
pub(super) struct Pace {
    /// Seconds of work in hand; below zero when more was done.
    credit: f64,
    since: Instant,
    /// Seconds and items of late.
    seconds: f64,
    items: f64,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { credit: f64::INFINITY, since: now, seconds: 0.0, items: 0.0 }
    }

    /// Work on so many items went on from `began` to `now`; how long to rest before more of it.
    pub(super) fn worked(&mut self, began: Instant, now: Instant, items: usize) -> Duration {
        let earned = now.saturating_duration_since(self.since).as_secs_f64() * SHARE;
        let spent = now.saturating_duration_since(began).as_secs_f64();
        self.since = now;
        self.seconds = self.seconds * REMEMBERED + spent;
        self.items = self.items * REMEMBERED + items as f64;
        let burst = BURST_ITEMS * self.seconds / self.items.max(1.0);
        let rest = spent - (self.credit + earned).min(burst);
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
            assert_eq!(pace.worked(began, now, 500), Duration::ZERO);
        }
    }

    #[test]
    fn who_always_has_work_gets_a_share_after_a_burst() {
        // As fast as they are stored by a released program, and by one for debugging.
        for each in [Duration::from_micros(40), Duration::from_micros(400)] {
            let batch = each * 70;
            let start = Instant::now();
            let (mut now, mut worked) = (start, Duration::ZERO);
            let mut pace = Pace::new(now);
            while now - start < Duration::from_secs(60) {
                let began = now;
                now += batch;
                worked += batch;
                now += pace.worked(began, now, 70);
            }
            let share = (now - start).mul_f64(SHARE);
            let burst = each.mul_f64(BURST_ITEMS);
            assert!((share..=share + burst + batch).contains(&worked), "{worked:?} of {share:?}");
        }
    }

    #[test]
    fn a_burst_is_stored_without_rest_however_long_it_takes() {
        for each in [Duration::from_micros(40), Duration::from_millis(1)] {
            let mut now = Instant::now();
            let mut pace = Pace::new(now);
            for _ in 0..20 {
                let began = now;
                now += each * 250;
                assert_eq!(pace.worked(began, now, 250), Duration::ZERO);
            }
        }
    }

    #[test]
    fn a_rest_is_short() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.worked(now, now + Duration::from_secs(60), 10_000);
        assert_eq!(pace.worked(now, now + Duration::from_secs(60), 10_000), LONGEST_REST);
    }
}
