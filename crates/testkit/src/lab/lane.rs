//! One direction of a line: what becomes of each frame, and when. Pure: the clock comes in as an argument.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashSet};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::flow::Flow;

/// Bytes that wait before a line of limited rate: half a second at 1 Mbit/s, as in many a router. What
/// comes on top is lost.
const QUEUE_BYTES: u64 = 64 * 1024;
/// How much later than its turn a reordered frame comes.
const REORDERED_BY: Duration = Duration::from_millis(5);
/// How long the delay stays the same before it is drawn again. Drawn for each frame, it would always be
/// near its longest, since the order is kept.
const STEADY: Duration = Duration::from_millis(50);
/// Frames on their way; what comes on top is lost. Far more than TCP sends in the longest delay.
const FRAMES_ON_THE_WAY: usize = 64 * 1024;
/// Connections that are told apart; tests make far fewer.
const FLOWS: usize = 64 * 1024;

/// What a direction does to frames. Shares are between 0 and 1, each frame on its own.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Conditions {
    pub lost: f64,
    pub doubled: f64,
    /// Comes a little later than its turn, so that others overtake it.
    pub reordered: f64,
    pub delay: Duration,
    /// The delay differs by up to this much to both sides; the order stays.
    pub jitter: Duration,
    /// None: as fast as it goes.
    pub bits_per_second: Option<u64>,
    /// Nothing arrives.
    pub silent: bool,
}

impl Conditions {
    /// A line of a million bits each second.
    pub const MEGABIT: u64 = 1_000_000;
}

/// One direction.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) conditions: Conditions,
    random: StdRng,
    on_the_way: BinaryHeap<Reverse<Frame>>,
    count: u64,
    /// When the line has sent everything that was put on it.
    free: Option<Instant>,
    /// The delay of the moment, and when it was drawn.
    drawn: Option<(Instant, Duration)>,
    /// When the last frame in order arrives.
    last: Option<Instant>,
    seen: HashSet<Flow>,
    forgotten: HashSet<Flow>,
}

#[derive(Debug)]
struct Frame {
    due: Instant,
    number: u64,
    bytes: Vec<u8>,
}

impl Lane {
    /// `seed` makes chance repeatable.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            conditions: Conditions::default(),
            random: StdRng::seed_from_u64(seed),
            on_the_way: BinaryHeap::new(),
            count: 0,
            free: None,
            drawn: None,
            last: None,
            seen: HashSet::new(),
            forgotten: HashSet::new(),
        }
    }

    /// Every connection that was seen so far is silent from now on; new ones are not.
    pub(super) fn forget(&mut self) {
        self.forgotten.extend(self.seen.drain());
    }

    /// Takes a frame in.
    pub(super) fn take(&mut self, bytes: &[u8], now: Instant) {
        if self.conditions.silent || self.is_forgotten(bytes) || self.happens(self.conditions.lost) {
            return;
        }
        let Some(sent) = self.sent(bytes.len(), now) else { return };
        let due = if self.happens(self.conditions.reordered) {
            sent + self.delay(now) + REORDERED_BY
        } else {
            let arrival = sent + self.delay(now);
            let due = self.last.map_or(arrival, |last| last.max(arrival));
            self.last = Some(due);
            due
        };
        self.put(bytes.to_vec(), due);
        if self.happens(self.conditions.doubled) {
            self.put(bytes.to_vec(), due);
        }
    }

    /// A frame that has arrived by now.
    pub(super) fn arrived(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.next()? > now {
            return None;
        }
        self.on_the_way.pop().map(|Reverse(frame)| frame.bytes)
    }

    /// When the next frame arrives.
    pub(super) fn next(&self) -> Option<Instant> {
        self.on_the_way.peek().map(|Reverse(frame)| frame.due)
    }

    fn is_forgotten(&mut self, bytes: &[u8]) -> bool {
        let Some(flow) = Flow::of(bytes) else { return false };
        let forgotten = self.forgotten.contains(&flow);
        if !forgotten && self.seen.len() + self.forgotten.len() < FLOWS {
            self.seen.insert(flow);
        }
        forgotten
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.random.random_bool(share)
    }

    /// When the last bit of a frame is on the line; none when the queue before it is full.
    fn sent(&mut self, size: usize, now: Instant) -> Option<Instant> {
        let Some(rate) = self.conditions.bits_per_second else { return Some(now) };
        let begin = self.free.map_or(now, |free| free.max(now));
        let waiting = (begin - now).as_secs_f64() * rate as f64 / 8.0;
        if waiting as u64 + size as u64 > QUEUE_BYTES {
            return None;
        }
        let end = begin + Duration::from_secs_f64(size as f64 * 8.0 / rate as f64);
        self.free = Some(end);
        Some(end)
    }

    fn delay(&mut self, now: Instant) -> Duration {
        let Conditions { delay, jitter, .. } = self.conditions;
        if jitter.is_zero() {
            return delay;
        }
        match self.drawn {
            Some((at, drawn)) if now.saturating_duration_since(at) < STEADY => drawn,
            _ => {
                let drawn =
                    (delay + jitter.mul_f64(2.0 * self.random.random::<f64>())).saturating_sub(jitter);
                self.drawn = Some((now, drawn));
                drawn
            }
        }
    }

    fn put(&mut self, bytes: Vec<u8>, due: Instant) {
        if self.on_the_way.len() < FRAMES_ON_THE_WAY {
            self.count += 1;
            self.on_the_way.push(Reverse(Frame { due, number: self.count, bytes }));
        }
    }
}

impl Ord for Frame {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl PartialOrd for Frame {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Frame {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::flow::tests::frame;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn lane(conditions: Conditions) -> Lane {
        Lane { conditions, ..Lane::new(1) }
    }

    /// Sends this many frames of 1250 bytes, one each `pause`; tells number and way of each arrival.
    fn arrivals(lane: &mut Lane, count: usize, pause: Duration) -> Vec<(usize, Duration)> {
        let start = Instant::now();
        for number in 0..count {
            let mut bytes = frame(1, 1250);
            bytes[40..48].copy_from_slice(&number.to_be_bytes());
            lane.take(&bytes, start + pause * number as u32);
        }
        let mut found = Vec::new();
        while let Some(due) = lane.next() {
            assert_eq!(lane.arrived(due.checked_sub(Duration::from_nanos(1)).unwrap()), None);
            let bytes = lane.arrived(due).unwrap();
            let number = usize::from_be_bytes(bytes[40..48].try_into().unwrap());
            found.push((number, due - (start + pause * number as u32)));
        }
        found
    }

    #[test]
    fn a_good_line_hands_everything_on_at_once_and_in_order() {
        let found = arrivals(&mut lane(Conditions::default()), 100, Duration::ZERO);
        assert!(found.iter().copied().eq((0..100).map(|number| (number, Duration::ZERO))));
    }

    #[test]
    fn about_as_many_frames_as_asked_for_are_lost_doubled_and_overtaken() {
        let count = |conditions| arrivals(&mut lane(conditions), 10_000, MILLISECOND);
        let left = count(Conditions { lost: 0.02, ..Conditions::default() }).len();
        assert!((9_700..9_900).contains(&left), "{left}");
        let more = count(Conditions { doubled: 0.1, ..Conditions::default() }).len();
        assert!((10_800..11_200).contains(&more), "{more}");
        let order = count(Conditions { reordered: 0.2, ..Conditions::default() });
        let late = order.iter().filter(|(_, way)| *way == REORDERED_BY).count();
        assert!((1_800..2_200).contains(&late) && order.len() == 10_000, "{late}");
        assert!(order.windows(2).any(|pair| pair[0].0 > pair[1].0));
        assert!(count(Conditions { silent: true, ..Conditions::default() }).is_empty());
    }

    #[test]
    fn delays_stay_within_the_jitter_and_keep_the_order() {
        let (delay, jitter) = (MILLISECOND * 100, MILLISECOND * 30);
        let found =
            arrivals(&mut lane(Conditions { delay, jitter, ..Conditions::default() }), 1_000, MILLISECOND);
        assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(found.iter().all(|(_, way)| (MILLISECOND * 70..=MILLISECOND * 130).contains(way)));
        let ways: Vec<_> = found.iter().map(|(_, way)| *way).collect();
        assert!(*ways.iter().max().unwrap() > *ways.iter().min().unwrap() + jitter);
    }

    #[test]
    fn a_slow_line_takes_its_time_and_its_queue_overflows() {
        let slow = Conditions { bits_per_second: Some(Conditions::MEGABIT), ..Conditions::default() };
        // 1250 bytes are 10 ms of a megabit.
        let found = arrivals(&mut lane(slow), 3, Duration::ZERO);
        assert!(found.iter().zip(1..).all(|((_, way), turn)| *way == MILLISECOND * 10 * turn));
        let found = arrivals(&mut lane(slow), 1_000, Duration::ZERO);
        assert_eq!(found.len() as u64, QUEUE_BYTES / 1250);
    }

    #[test]
    fn connections_from_before_are_forgotten_and_new_ones_are_not() {
        let now = Instant::now();
        let mut lane = lane(Conditions::default());
        lane.take(&frame(1, 60), now);
        lane.forget();
        assert!(lane.arrived(now).is_some(), "what is on its way arrives");
        lane.take(&frame(1, 60), now);
        assert!(lane.arrived(now).is_none());
        lane.take(&frame(2, 60), now);
        assert!(lane.arrived(now).is_some());
    }
}
