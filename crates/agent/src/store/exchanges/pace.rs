//! How much of the processor the writer may take from traffic.

use std::time::{Duration, Instant};

/// Its part of one processor where exchanges come without a pause. What that does not store goes unseen, and
/// is counted. Measured on two processors, which a flood of small requests kept busy: without a bound the writer
/// took as much as the forwarder itself.
const SHARE: f64 = 1.0 / 16.0;

/// The same in a flood: some hundreds a second, more than anybody reads.
const FLOOD_SHARE: f64 = 1.0 / 32.0;

/// Items that are stored at once all the same: more than people make. As items and not as time, since one takes
/// much longer in a build for debugging, or where the processor is busy.
const BURST_ITEMS: f64 = 6_000.0;

/// Exchanges a second that no person makes: pages of thousands of modules come with one or two thousand a second.
const FLOOD_RATE: f64 = 5_000.0;

/// So many beyond that rate are a flood, and no burst: a program measures, or attacks, and wants the processor more
/// than to be read.
const FLOOD_ITEMS: f64 = 1_000.0;

/// The longest rest at once. What comes as one begins is stored before the end of the next: within a second, also
/// where writing takes its time.
const LONGEST_REST: Duration = Duration::from_millis(250);

/// What is due after work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) time: Duration,
    /// There is a flood: where no rest is due, either, only little of it is to be taken in. With all the room that
    /// there is, thousands came at once, and no rest made up for them: 8,500 were stored in 3 s where 3,500 should
    /// have been.
    pub(super) flood: bool,
}

/// Says when to rest. Takes the time, does not ask for it.
#[derive(Debug)]
pub(super) struct Pace {
    /// Items that may be stored without rest; below zero when more were.
    credit: f64,
    /// Exchanges that came beyond [`FLOOD_RATE`].
    beyond: f64,
    since: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { credit: BURST_ITEMS, beyond: 0.0, since: now }
    }

    /// Work on so many items went on from `began` to `now`, and `unseen` more were not taken in since the last time;
    /// how long to rest before more of it.
    pub(super) fn worked(&mut self, began: Instant, now: Instant, items: usize, unseen: u64) -> Rest {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        let came = items as f64 + unseen as f64;
        // Twice as many are forgotten as soon as they came to be one.
        self.beyond = (self.beyond + came - FLOOD_RATE * passed).clamp(0.0, 2.0 * FLOOD_ITEMS);
        let flood = self.beyond > FLOOD_ITEMS;
        let share = if flood { FLOOD_SHARE } else { SHARE };
        if flood {
            self.credit = self.credit.min(0.0);
        }
        // Work that had to wait for the processor is dear, and its rest as long.
        let each = now.saturating_duration_since(began).as_secs_f64().max(f64::EPSILON) / items.max(1) as f64;
        let earned = passed * share / each;
        self.since = now;
        // What one long rest would not make up for is forgiven.
        let longest = LONGEST_REST.as_secs_f64() * share / each;
        self.credit = ((self.credit + earned).min(BURST_ITEMS) - items as f64).max(-longest);
        let time = Duration::from_secs_f64((-self.credit).clamp(0.0, longest) * each / share);
        Rest { time: time.min(LONGEST_REST), flood }
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
            assert_eq!(pace.worked(began, now, 500, 0).time, Duration::ZERO);
        }
    }

    #[test]
    fn who_always_has_work_gets_a_share_after_a_burst() {
        let stored = |each: u64, unseen: u64, share: f64| (Duration::from_micros(each), unseen, share);
        // As fast as they are stored on a quiet machine, and on a busy one; as many as wait after a rest.
        for (each, unseen, share) in [
            stored(30, 0, SHARE),
            stored(100, 0, SHARE),
            stored(30, 20_000, FLOOD_SHARE),
            stored(100, 20_000, FLOOD_SHARE),
        ] {
            let batch = each * 75;
            let start = Instant::now();
            let (mut now, mut worked) = (start, Duration::ZERO);
            let mut pace = Pace::new(now);
            while now - start < Duration::from_secs(60) {
                let began = now;
                now += batch;
                worked += batch;
                now += pace.worked(began, now, 75, unseen).time;
            }
            let share = (now - start).mul_f64(share);
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
            assert_eq!(pace.worked(began, now, 250, 0).time, Duration::ZERO);
        }
    }

    #[test]
    fn a_flood_is_over_sooner_than_a_burst() {
        // As fast as they are stored, and most of them are not even taken in.
        for unseen in [0, 2_000] {
            let mut now = Instant::now();
            let mut pace = Pace::new(now);
            let mut stored = 0;
            loop {
                let began = now;
                now += Duration::from_micros(40) * 500;
                stored += 500;
                if pace.worked(began, now, 500, unseen).time > Duration::ZERO {
                    break;
                }
            }
            assert!(f64::from(stored) <= BURST_ITEMS / 4.0, "{stored}");
        }
    }

    #[test]
    fn a_flood_is_one_until_it_is_over_whether_a_rest_is_due_or_not() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        let mut next = |items: u32, unseen, passed: u64| {
            let began = now + Duration::from_millis(passed);
            now = began + Duration::from_micros(40) * items;
            pace.worked(began, now, items as usize, unseen)
        };
        assert!(next(500, 20_000, 20).flood);
        // It had to wait so long for the processor that it has earned more than it took.
        let rest = next(70, 20_000, 900);
        assert_eq!((rest.time, rest.flood), (Duration::ZERO, true));
        assert!(!next(1, 0, 500).flood);
    }

    #[test]
    fn what_a_page_of_thousands_of_modules_asks_for_is_no_flood() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..10 {
            let began = now;
            // All that a connection may ask at once, and the same again before anybody looks.
            now += Duration::from_millis(100);
            assert_eq!(pace.worked(began, now, 500, 0).time, Duration::ZERO);
        }
    }

    #[test]
    fn a_rest_is_short() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.worked(now, now + Duration::from_secs(60), 10_000, 0);
        assert_eq!(pace.worked(now, now + Duration::from_secs(60), 10_000, 0).time, LONGEST_REST);
    }
}
