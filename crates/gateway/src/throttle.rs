//! Addresses that keep failing to say who they are wait longer and longer, and so does everybody who tries
//! for a name at which many fail. Time comes in as an argument.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses or names whose failures are remembered, some 50 bytes each; beyond it the old ones go.
const MAX_FAILING: usize = 10_000;
/// Failures that cost nothing: people mistype, and several sit behind one address.
pub const FREE_FAILURES: u32 = 10;
/// The wait after the first failure that is not free; doubled by each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Long enough to make guessing hopeless, short enough for whoever shares the address.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The same for a name, at which many addresses may fail together: more of them, because the wait is everybody's
/// who is not known yet, and a wait that still leaves its owner a chance. 17,000 guesses a day at most.
const FREE_FAILURES_OF_A_NAME: u32 = 100;
const LONGEST_WAIT_FOR_A_NAME: Duration = Duration::from_secs(5);
/// Failures are forgotten after this long without one.
const FORGET_AFTER: Duration = Duration::from_secs(15 * 60);

/// What failed, and when, by address or by name.
#[derive(Debug)]
pub struct Throttle<K = IpAddr> {
    failing: Mutex<HashMap<K, Failing>>,
    free: u32,
    longest: Duration,
}

/// A name as something that can be kept: a keyed hash.
pub type NameMark = [u8; 32];

impl Default for Throttle {
    fn default() -> Self {
        Self { failing: Mutex::default(), free: FREE_FAILURES, longest: LONGEST_WAIT }
    }
}

impl Default for Throttle<NameMark> {
    fn default() -> Self {
        Self { failing: Mutex::default(), free: FREE_FAILURES_OF_A_NAME, longest: LONGEST_WAIT_FOR_A_NAME }
    }
}

#[derive(Debug, Clone, Copy)]
struct Failing {
    count: u32,
    last: Instant,
}

impl Failing {
    /// Until when the next attempt has to wait.
    fn until(self, free: u32, longest: Duration) -> Option<Instant> {
        let over = self.count.checked_sub(free)?;
        let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(over).unwrap_or(u32::MAX)).min(longest);
        Some(self.last + wait)
    }
}

/// Whose failures are counted together.
pub trait Failer: Copy + Eq + Hash {
    fn whose(self) -> Self;
}

impl<K: Failer> Throttle<K> {
    /// Whether `who` may try at `now`.
    ///
    /// # Errors
    /// The whole seconds it has to wait, at least one.
    pub fn admit(&self, who: K, now: Instant) -> Result<(), u64> {
        let key = who.whose();
        let mut failing = self.failing();
        let Some(found) = failing.get(&key).copied() else { return Ok(()) };
        if now.saturating_duration_since(found.last) > FORGET_AFTER {
            failing.remove(&key);
            return Ok(());
        }
        match found.until(self.free, self.longest) {
            Some(until) if until > now => Err(until.duration_since(now).as_secs() + 1),
            _ => Ok(()),
        }
    }

    /// `who` failed at `now`.
    pub fn failed(&self, who: K, now: Instant) {
        let mut failing = self.failing();
        if failing.len() >= MAX_FAILING {
            failing.retain(|_, old| now.saturating_duration_since(old.last) < LONGEST_WAIT);
            if failing.len() >= MAX_FAILING {
                failing.clear();
            }
        }
        let found = failing.entry(who.whose()).or_insert(Failing { count: 0, last: now });
        found.count = found.count.saturating_add(1);
        found.last = now;
    }

    /// `who` said who it is: what failed before was a mistake.
    pub fn succeeded(&self, who: K) {
        self.failing().remove(&who.whose());
    }

    fn failing(&self) -> std::sync::MutexGuard<'_, HashMap<K, Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failer for IpAddr {
    /// One visitor's address: whoever has an IPv6 address has its whole /64.
    fn whose(self) -> Self {
        match self.to_canonical() {
            Self::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            v4 @ Self::V4(_) => v4,
        }
    }
}

impl Failer for NameMark {
    fn whose(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_wait_begins_at_the_tenth_failure_doubles_and_ends_at_a_minute() {
        let throttle = Throttle::<IpAddr>::default();
        let (address, now) = (ip("203.0.113.1"), Instant::now());
        for _ in 1..FREE_FAILURES {
            throttle.failed(address, now);
            assert_eq!(throttle.admit(address, now), Ok(()));
        }
        throttle.failed(address, now);
        assert_eq!(throttle.admit(address, now), Err(2));
        assert_eq!(throttle.admit(address, now + FIRST_WAIT), Ok(()));
        throttle.failed(address, now);
        assert_eq!(throttle.admit(address, now + FIRST_WAIT), Err(2));
        for _ in 0..100 {
            throttle.failed(address, now);
        }
        assert_eq!(throttle.admit(address, now), Err(61));
        assert_eq!(throttle.admit(address, now + LONGEST_WAIT), Ok(()));
    }

    #[test]
    fn a_name_at_which_many_fail_makes_everybody_wait_a_little() {
        let throttle = Throttle::<NameMark>::default();
        let now = Instant::now();
        for _ in 1..FREE_FAILURES_OF_A_NAME {
            throttle.failed([1; 32], now);
        }
        assert_eq!(throttle.admit([1; 32], now), Ok(()));
        for _ in 0..10 {
            throttle.failed([1; 32], now);
        }
        assert_eq!(throttle.admit([1; 32], now), Err(6));
        assert_eq!(throttle.admit([1; 32], now + LONGEST_WAIT_FOR_A_NAME), Ok(()));
        assert_eq!(throttle.admit([2; 32], now), Ok(()), "another name");
    }

    #[test]
    fn other_addresses_are_not_slowed_and_a_success_or_a_quarter_of_an_hour_forgets() {
        let throttle = Throttle::<IpAddr>::default();
        let (v4, v6, now) = (ip("203.0.113.1"), ip("2001:db8::1"), Instant::now());
        for address in [v4, v6] {
            for _ in 0..20 {
                throttle.failed(address, now);
            }
        }
        assert_eq!(throttle.admit(ip("203.0.113.2"), now), Ok(()));
        assert!(throttle.admit(ip("::ffff:203.0.113.1"), now).is_err(), "the same in IPv6's clothes");
        assert!(throttle.admit(ip("2001:db8::ffff"), now).is_err(), "one /64 is one visitor");
        assert_eq!(throttle.admit(ip("2001:db8:0:1::1"), now), Ok(()));
        throttle.succeeded(v4);
        assert_eq!(throttle.admit(v4, now), Ok(()));
        let later = now + FORGET_AFTER + Duration::from_secs(1);
        assert_eq!(throttle.admit(v6, later), Ok(()));
        throttle.failed(v6, later);
        assert_eq!(throttle.admit(v6, later), Ok(()), "counted from one again");
    }

    #[test]
    fn a_flood_of_addresses_leaves_the_table_bounded() {
        let throttle = Throttle::<IpAddr>::default();
        let now = Instant::now();
        for number in 0..(2 * MAX_FAILING as u32) {
            throttle.failed(IpAddr::from(number.to_be_bytes()), now);
        }
        assert!(throttle.failing().len() <= MAX_FAILING);
    }
}
