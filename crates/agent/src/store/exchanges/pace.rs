//! How much of the processor the writer may take from traffic.

use std::time::{Duration, Instant};

/// Its part of one processor where exchanges come without a pause. What that does not store goes unseen, and
/// is counted. Measured on two processors, which a flood of small requests kept busy: without a bound the writer
/// took as much as the forwarder itself.
const SHARE: f64 = 1.0 / 16.0;

/// Items that are stored at once all the same: more than people make. As items and not as time, since one takes
/// much longer in a build for debugging, or where the processor is busy.
const BURST_ITEMS: f64 = 6_000.0;

/// The longest rest at once. What comes as one begins is stored before the end of the next: within a second, also
/// where writing takes its time.
const LONGEST_REST: Duration = Duration::from_millis(250);

/// Says when to rest. Takes the time, does not ask for it.
#[derive(Debug)]
pub(super) struct Pace {
    /// Items that may be stored without rest; below zero when more were.
    credit: f64,
    since: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { credit: BURST_ITEMS, since: now }
    }

    /// Work on so many items went on from `began` to `now`; how long to rest before more of it.
    pub(super) fn worked(&mut self, began: Instant, now: Instant, items: usize) -> Duration {
        // Work that had to wait for the processor is dear, and its rest as long.
        let each = now.saturating_duration_since(began).as_secs_f64().max(f64::EPSILON) / items.max(1) as f64;
        let earned = now.saturating_duration_since(self.since).as_secs_f64() * SHARE / each;
        self.since = now;
        // What one long rest would not make up for is forgiven.
        let longest = LONGEST_REST.as_secs_f64() * SHARE / each;
        self.credit = ((self.credit + earned).min(BURST_ITEMS) - items as f64).max(-longest);
        Duration::from_secs_f64((-self.credit).clamp(0.0, longest) * each / SHARE).min(LONGEST_REST)
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
        // As fast as they are stored on a quiet machine, and on a busy one; as many as wait after a rest.
        for each in [Duration::from_micros(30), Duration::from_micros(100)] {
            let batch = each * 150;
            let start = Instant::now();
            let (mut now, mut worked) = (start, Duration::ZERO);
            let mut pace = Pace::new(now);
            while now - start < Duration::from_secs(60) {
                let began = now;
                now += batch;
                worked += batch;
                now += pace.worked(began, now, 150);
            }
            let share = (now - start).mul_f64(SHARE);
            let burst = each.mul_f64(BURST_ITEMS);
            assert!((share..=share + burst + batch).contains(&worked), "{worked:?} of {share:?}");
        }
    }

    #[test]
    fn a_burst_is_stored_without_rest_however_long_it_takes() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        // Now and then the processor is busy with something else.
        for each in [40, 1_000, 90, 4_000].map(Duration::from_micros).into_iter().cycle().take(20) {
            let began = now;
            now += each * 250;
            assert_eq!(pace.worked(began, now, 250), Duration::ZERO);
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
