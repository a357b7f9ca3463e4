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
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

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

    /// An agent whose gateway is away for `outage`, each try costing `cost`: when it is back after the
    /// gateway, and how often it tried.
    fn outage(outage: Duration, cost: Duration, rng: &mut StdRng) -> (Duration, u32) {
        let mut backoff = Backoff::default();
        let (mut away, mut tries) = (Duration::ZERO, 0);
        loop {
            away += backoff.next(away, rng.random());
            tries += 1;
            if let Some(late) = away.checked_sub(outage) {
                return (late, tries);
            }
            away += cost;
        }
    }

    #[test]
    fn in_thousands_of_outages_agents_are_back_in_time_and_never_hammer() {
        let seed: u64 = if std::env::var_os("PORTHOLE_TEST_LONG").is_some() { rand::random() } else { 1 };
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let mut worst = [Duration::ZERO; 2];
        for _ in 0..5000 {
            // From 10 ms to half an hour, as many short ones as long ones.
            let length = Duration::from_secs_f64(0.01 * 180_000_f64.powf(rng.random()));
            let cost = Duration::from_millis(rng.random_range(0..20));
            let (late, tries) = outage(length, cost, &mut rng);
            let long = length >= Backoff::SHORT;
            let bound = Duration::from_secs(if long { 5 } else { 1 });
            assert!(late <= bound, "{late:?} after {length:?}");
            worst[usize::from(long)] = worst[usize::from(long)].max(late);
            let seconds = length.as_secs_f64();
            let most = 8.0 + seconds.min(60.0) / 0.4 + seconds / 2.25;
            assert!(f64::from(tries) <= most, "{tries} tries in {length:?}");
        }
        println!("latest after short outages {:?}, after long ones {:?}", worst[0], worst[1]);
    }

    #[test]
    fn a_thousand_agents_do_not_come_back_in_one_moment() {
        let mut rng = StdRng::seed_from_u64(2);
        let gone = Duration::from_secs(20);
        let mut moments: Vec<u128> =
            (0..1000).map(|_| outage(gone, Duration::ZERO, &mut rng).0.as_millis() / 100).collect();
        moments.sort_unstable();
        let crowd = moments.chunk_by(|one, other| one == other).map(<[u128]>::len).max();
        assert!(crowd < Some(400), "{crowd:?} agents within a tenth of a second");
    }
}
