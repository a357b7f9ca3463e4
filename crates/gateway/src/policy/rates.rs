//! How many requests a mapping takes: token buckets, one for all visitors and one for each address. Time comes
//! in as an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use porthole_link::control::RateLimit;

use super::PolicyRefusal;
use crate::throttle::Failer as _;

/// Addresses counted at one mapping, some 60 bytes each; beyond it those unseen for longest are forgotten and
/// begin with a full bucket.
pub const MAX_VISITORS: usize = 10_000;

/// Which limit is used up, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// What the limit is called in the answer's fields.
    pub name: &'static str,
    pub limit: RateLimit,
    /// Whole seconds until there is a token again, at least one.
    pub seconds: u64,
}

impl Exceeded {
    fn new(name: &'static str, limit: RateLimit, wait: Duration) -> Self {
        Self { name, limit, seconds: wait.as_nanos().div_ceil(1_000_000_000) as u64 }
    }

    /// The value of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11, a structured list).
    pub fn policy(&self) -> String {
        format!("\"{}\";q={};w={}", self.name, self.limit.requests, self.limit.seconds)
    }

    /// The value of `RateLimit`.
    pub fn state(&self) -> String {
        format!("\"{}\";r=0;t={}", self.name, self.seconds)
    }
}

impl From<Exceeded> for PolicyRefusal {
    fn from(exceeded: Exceeded) -> Self {
        let sentence = "Too many requests came here; wait before the next try.";
        Self {
            retry_after: Some(exceeded.seconds),
            rate: Some(exceeded),
            ..Self::new(429, "rate-limited", sentence)
        }
    }
}

/// A mapping's limits and what is counted for them.
#[derive(Debug)]
pub struct Rates {
    all: Option<RateLimit>,
    each: Option<RateLimit>,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    /// When the bucket of all visitors is full again.
    all: Option<Instant>,
    visitors: Visitors,
}

impl Rates {
    /// None where nothing is limited.
    pub fn new(all: Option<RateLimit>, each: Option<RateLimit>) -> Option<Self> {
        (all.is_some() || each.is_some()).then(|| Self { all, each, counted: Mutex::default() })
    }

    /// Whether the other one counts the same, so that it can go on in its place.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.all, self.each) == (other.all, other.each)
    }

    /// Takes a token for one request; where one of the limits refuses it, the other one keeps its own.
    ///
    /// # Errors
    /// [`Exceeded`]: the visitor's own limit goes first.
    pub fn take(&self, visitor: IpAddr, now: Instant) -> Result<(), Exceeded> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let whose = visitor.whose();
        let of_visitor = self.each.map(|limit| {
            let bucket = Bucket::of(limit);
            counted.visitors.turn(bucket.fills_in, now);
            let taken = bucket.take(counted.visitors.full_at(whose), now);
            taken.map_err(|wait| Exceeded::new("visitor", limit, wait))
        });
        let of_visitor = of_visitor.transpose()?;
        let of_all = self.all.map(|limit| {
            Bucket::of(limit).take(counted.all, now).map_err(|wait| Exceeded::new("all", limit, wait))
        });
        counted.all = of_all.transpose()?;
        if let Some(full_at) = of_visitor {
            counted.visitors.keep(whose, full_at);
        }
        Ok(())
    }
}

/// A token bucket whose state is one moment, when it will be full again (the generic cell rate algorithm).
#[derive(Debug, Clone, Copy)]
struct Bucket {
    token_in: Duration,
    fills_in: Duration,
}

impl Bucket {
    fn of(limit: RateLimit) -> Self {
        // Rounded up, so that there is never a token too many.
        let nanos = (u64::from(limit.seconds) * 1_000_000_000).div_ceil(u64::from(limit.requests.max(1)));
        let token_in = Duration::from_nanos(nanos);
        Self { token_in, fills_in: token_in * limit.requests }
    }

    /// When the bucket is full again after one more token, or how long until there is one.
    fn take(self, full_at: Option<Instant>, now: Instant) -> Result<Instant, Duration> {
        let next = full_at.map_or(now, |at| at.max(now)) + self.token_in;
        match next.saturating_duration_since(now).checked_sub(self.fills_in) {
            None | Some(Duration::ZERO) => Ok(next),
            Some(wait) => Err(wait),
        }
    }
}

/// Buckets by address, in two generations: whoever is seen moves to the younger one, and the older goes as a
/// whole. After the time in which a bucket fills, all in it are full, and nothing is lost with them.
#[derive(Debug, Default)]
struct Visitors {
    young: HashMap<IpAddr, Instant>,
    old: HashMap<IpAddr, Instant>,
    turned: Option<Instant>,
}

impl Visitors {
    fn turn(&mut self, fills_in: Duration, now: Instant) {
        let turned = *self.turned.get_or_insert(now);
        if now.saturating_duration_since(turned) >= fills_in || self.young.len() >= MAX_VISITORS / 2 {
            self.old = std::mem::take(&mut self.young);
            self.turned = Some(now);
        }
    }

    fn full_at(&self, visitor: IpAddr) -> Option<Instant> {
        self.young.get(&visitor).or_else(|| self.old.get(&visitor)).copied()
    }

    fn keep(&mut self, visitor: IpAddr, full_at: Instant) {
        self.young.insert(visitor, full_at);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limit(requests: u32, seconds: u32) -> RateLimit {
        RateLimit { requests, seconds }
    }

    fn rates(all: Option<RateLimit>, each: Option<RateLimit>) -> Rates {
        Rates::new(all, each).expect("a limit")
    }

    fn visitor(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn a_full_bucket_lets_as_many_in_as_it_holds_and_then_one_after_another() {
        let rates = rates(None, Some(limit(3, 60)));
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(rates.take(visitor(1), now), Ok(()));
        }
        let exceeded = rates.take(visitor(1), now).expect_err("used up");
        assert_eq!((exceeded.name, exceeded.seconds), ("visitor", 20));
        assert_eq!(exceeded.policy(), "\"visitor\";q=3;w=60");
        assert_eq!(exceeded.state(), "\"visitor\";r=0;t=20");
        assert!(rates.take(visitor(1), now + Duration::from_nanos(19_999_999_999)).is_err());
        assert_eq!(rates.take(visitor(1), now + 20 * SECOND), Ok(()));
        assert!(rates.take(visitor(1), now + 20 * SECOND).is_err());
        assert_eq!(rates.take(visitor(2), now), Ok(()), "others have their own bucket");
    }

    #[test]
    fn the_limit_for_all_is_shared_and_takes_nothing_from_a_visitor_whom_it_refuses() {
        let rates = rates(Some(limit(2, 10)), Some(limit(2, 1000)));
        let now = Instant::now();
        assert_eq!(rates.take(visitor(1), now), Ok(()));
        assert_eq!(rates.take(visitor(2), now), Ok(()));
        for _ in 0..10 {
            assert_eq!(rates.take(visitor(3), now).expect_err("used up by others").name, "all");
        }
        let later = now + 10 * SECOND;
        assert_eq!(rates.take(visitor(3), later), Ok(()));
        assert_eq!(rates.take(visitor(3), later), Ok(()), "both of its own tokens were left");
        let later = later + 10 * SECOND;
        for _ in 0..10 {
            assert_eq!(rates.take(visitor(3), later).expect_err("its own are used up").name, "visitor");
        }
        assert_eq!(rates.take(visitor(4), later), Ok(()));
        assert_eq!(
            rates.take(visitor(4), later),
            Ok(()),
            "what a visitor's own limit refuses costs the others nothing"
        );
    }

    #[test]
    fn one_ipv6_network_is_one_visitor() {
        let rates = rates(None, Some(limit(1, 10)));
        let now = Instant::now();
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert_eq!(rates.take(ip("2001:db8::1"), now), Ok(()));
        assert!(rates.take(ip("2001:db8::2"), now).is_err());
        assert_eq!(rates.take(ip("2001:db8:0:1::1"), now), Ok(()));
    }

    #[test]
    fn a_flood_of_addresses_forgets_those_unseen_for_longest_and_stays_bounded() {
        let rates = rates(None, Some(limit(1, 3600)));
        let now = Instant::now();
        let regular = visitor(u32::MAX);
        assert_eq!(rates.take(regular, now), Ok(()));
        let len = || rates.counted.lock().expect("no panic").visitors.len();
        for number in 0..MAX_VISITORS as u32 {
            assert_eq!(rates.take(visitor(number), now), Ok(()));
            assert!(len() <= MAX_VISITORS, "{}", len());
        }
        assert_eq!(rates.take(regular, now), Ok(()), "forgotten");
        assert!(rates.take(visitor(MAX_VISITORS as u32 - 1), now).is_err(), "seen just now");
    }

    #[test]
    fn who_has_been_away_for_long_takes_no_room() {
        let rates = rates(None, Some(limit(5, 10)));
        let now = Instant::now();
        for number in 0..1000 {
            assert_eq!(rates.take(visitor(number), now), Ok(()));
        }
        for round in 1..=2 {
            assert_eq!(rates.take(visitor(1), now + round * 10 * SECOND), Ok(()));
        }
        assert!(rates.counted.lock().expect("no panic").visitors.len() <= 2);
    }

    proptest! {
        /// Against the plain meaning: in any stretch of time, a bucketful and what was filled in meanwhile.
        #[test]
        fn no_stretch_of_time_has_more_than_the_limit_and_who_waits_as_told_is_let_in(
            requests in 1..200_u32,
            seconds in 1..100_u32,
            gaps in proptest::collection::vec(0..3_000_u64, 1..300),
        ) {
            let limit = limit(requests, seconds);
            let rates = rates(None, Some(limit));
            let begin = Instant::now();
            let mut now = begin;
            let mut admitted: Vec<Instant> = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                match rates.take(visitor(1), now) {
                    Ok(()) => admitted.push(now),
                    Err(exceeded) => {
                        prop_assert!((1..=u64::from(seconds)).contains(&exceeded.seconds), "{exceeded:?}");
                        now += Duration::from_secs(exceeded.seconds);
                        prop_assert_eq!(rates.take(visitor(1), now), Ok(()));
                        admitted.push(now);
                    }
                }
            }
            for (at, first) in admitted.iter().enumerate() {
                for (further, last) in admitted[at..].iter().enumerate() {
                    let filled = (*last - *first).as_secs_f64() * f64::from(requests) / f64::from(seconds);
                    prop_assert!((further + 1) as f64 <= f64::from(requests) + filled + 0.001);
                }
            }
        }

        /// Whatever a mapping may ask for is counted without overflow, and the first request gets in.
        #[test]
        fn every_usable_limit_admits_exactly_its_number_at_once(
            requests in 1..3_000_u32,
            seconds in 1..=RateLimit::MAX_SECONDS,
        ) {
            let rates = rates(Some(limit(requests, seconds)), None);
            let now = Instant::now();
            for _ in 0..requests {
                prop_assert_eq!(rates.take(visitor(1), now), Ok(()));
            }
            prop_assert!(rates.take(visitor(1), now).is_err());
        }
    }
}
