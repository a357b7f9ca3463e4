//! Which certificate is ordered next, and when: pure, by the clock that it is given.
//!
//! Authorities bound what one account and one name may ask for, and lock out for hours or a week who
//! asks for more. So a gateway stays well within: what is counted is on disk before an order goes out,
//! and holds over restarts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::certificates::Certificate;

/// Orders that are under way together; one takes some seconds, and a name that does not lead here up to
/// [`super::order::ORDER_TIME`].
pub const ORDERS_AT_ONCE: usize = 4;

/// Orders for names that have no certificate, in any hour. Let's Encrypt takes 300 of one account in three
/// hours: with as many renewals, four gateways share an account's part.
pub const ORDERS_PER_HOUR: usize = 12;

/// Renewals in any hour: counted apart, so that new names keep nobody's certificate from being renewed.
pub const RENEWALS_PER_HOUR: usize = 12;

/// Orders for one subject's new names in any hour: whoever holds a token can have as many names as there
/// are mappings, and shall not use up what all share.
pub const ORDERS_OF_SUBJECT_PER_HOUR: usize = 6;

/// The wait after a name's first failure, doubled with each further one. Let's Encrypt allows a name five
/// failures an hour; this makes four.
pub const FIRST_WAIT: Duration = Duration::from_secs(5 * 60);
/// The longest wait of a name that keeps failing.
pub const LONGEST_WAIT: Duration = Duration::from_secs(12 * 60 * 60);

/// The wait after the authority could not be reached, doubled up to [`LONGEST_AWAY`]: that costs nothing of
/// what it allows.
pub const FIRST_AWAY: Duration = Duration::from_secs(2);
pub const LONGEST_AWAY: Duration = Duration::from_secs(15 * 60);

/// What the authority may ask for at most when it says when to come again.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Names whose failures are kept: as many as [`crate::agents::MAX_LINKS`] links with one each.
const FAILED_NAMES: usize = 10_000;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A name that is to have a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub name: String,
    /// Whose mapping it is. None: the gateway's own host, which no count holds up.
    pub subject: Option<Arc<str>>,
}

/// What is remembered of orders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Those that began within the last hour.
    begun: Vec<Begun>,
    failed: BTreeMap<String, Failed>,
    /// Nothing is asked of the authority until then.
    pause_until: Option<Timestamp>,
    /// Times in a row that it could not be reached.
    away: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Begun {
    at: Timestamp,
    subject: Option<Arc<str>>,
    renewal: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Failed {
    times: u32,
    until: Timestamp,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Order {
        wanted: Wanted,
        renewal: bool,
    },
    /// Nothing before then, unless what is wanted changes or an order ends. None: nothing at all.
    Wait {
        until: Option<Timestamp>,
    },
}

impl Ledger {
    /// Chooses the next of `wanted`, which has the most urgent first, given what is `held` and under way.
    pub fn next(
        &self,
        wanted: &[Wanted],
        held: &HashMap<String, Certificate>,
        under_way: &BTreeSet<String>,
        now: Timestamp,
    ) -> Next {
        if under_way.len() >= ORDERS_AT_ONCE {
            return Next::Wait { until: None };
        }
        // A time beyond any wait is of a clock that was wrong.
        let within = |until: &Timestamp, longest| *until <= now + signed(longest);
        let pause = self.pause_until.filter(|until| *until > now && within(until, LONGEST_PAUSE));
        if let Some(until) = pause {
            return Next::Wait { until: Some(until) };
        }
        let mut soonest: Option<Timestamp> = None;
        for wanted in wanted.iter().filter(|wanted| !under_way.contains(&wanted.name)) {
            let certificate = held.get(&wanted.name).filter(|certificate| certificate.not_after > now);
            let renewal = certificate.is_some();
            let due = certificate.map_or(now, |certificate| renew_at(&wanted.name, certificate));
            let free = self.free_at(wanted, renewal, now);
            let failed = self.failed.get(&wanted.name).map(|failed| failed.until);
            let retried = failed.filter(|until| within(until, LONGEST_WAIT)).unwrap_or(now);
            let at = due.max(free).max(retried);
            if at <= now {
                return Next::Order { wanted: wanted.clone(), renewal };
            }
            soonest = Some(soonest.map_or(at, |soonest| soonest.min(at)));
        }
        Next::Wait { until: soonest }
    }

    /// When the counts of the last hour leave room for one more order.
    fn free_at(&self, wanted: &Wanted, renewal: bool, now: Timestamp) -> Timestamp {
        let Some(subject) = &wanted.subject else { return now };
        let among = |of: &dyn Fn(&Begun) -> bool, bound: usize| {
            let mut times: Vec<Timestamp> =
                self.begun.iter().filter(|begun| begun.at > now - HOUR && of(begun)).map(|b| b.at).collect();
            times.sort_unstable();
            // Free once all but `bound - 1` of them are an hour old.
            times.len().checked_sub(bound).map_or(now, |last| times[last] + HOUR)
        };
        if renewal {
            return among(&|begun| begun.renewal, RENEWALS_PER_HOUR);
        }
        let all = among(&|begun| !begun.renewal, ORDERS_PER_HOUR);
        let own = |begun: &Begun| !begun.renewal && begun.subject.as_ref() == Some(subject);
        all.max(among(&own, ORDERS_OF_SUBJECT_PER_HOUR))
    }

    /// An order goes out.
    pub fn begin(&mut self, wanted: &Wanted, renewal: bool, now: Timestamp) {
        self.begun.retain(|begun| begun.at > now - HOUR && begun.at <= now);
        // Names that nobody asks for any more.
        self.failed.retain(|_, failed| failed.until > now - HOUR * 24);
        self.begun.push(Begun { at: now, subject: wanted.subject.clone(), renewal });
    }

    /// It brought a certificate.
    pub fn succeeded(&mut self, name: &str) {
        self.failed.remove(name);
        self.away = 0;
        self.pause_until = None;
    }

    /// It did not, for a reason that lies with the name.
    pub fn failed(&mut self, name: &str, now: Timestamp) {
        self.away = 0;
        if self.failed.len() >= FAILED_NAMES && !self.failed.contains_key(name) {
            // The one that is retried next anyway.
            let soonest = self.failed.iter().min_by_key(|(_, failed)| failed.until);
            let Some(soonest) = soonest.map(|(name, _)| name.clone()) else { return };
            self.failed.remove(&soonest);
        }
        let times = self.failed.get(name).map_or(0, |failed| failed.times) + 1;
        let until = now + doubled(FIRST_WAIT, LONGEST_WAIT, times);
        self.failed.insert(name.to_owned(), Failed { times, until });
    }

    /// The authority could not be reached.
    pub fn away(&mut self, now: Timestamp) {
        self.away = self.away.saturating_add(1);
        self.pause_until = Some(now + doubled(FIRST_AWAY, LONGEST_AWAY, self.away));
    }

    /// The authority said when to come again.
    pub fn held_off(&mut self, pause: Duration, now: Timestamp) {
        self.pause_until = Some(now + signed(pause.min(LONGEST_PAUSE)));
    }

    /// Names that are waited for after a failure.
    pub fn failing(&self) -> usize {
        self.failed.len()
    }
}

/// `first`, doubled with each of `times` but the first, at most `longest`.
fn doubled(first: Duration, longest: Duration, times: u32) -> SignedDuration {
    let factor = 1_u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX);
    signed(first.saturating_mul(factor).min(longest))
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// When a third of its lifetime is left, or up to a thirtieth before, by its name: certificates that came
/// together are not renewed together.
fn renew_at(name: &str, certificate: &Certificate) -> Timestamp {
    let lifetime = certificate.not_after.duration_since(certificate.not_before);
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let spread = f64::from((hasher.finish() % 1_000) as u32) / 1_000.0;
    certificate.not_after - lifetime / 3 - (lifetime / 30).mul_f64(spread)
}

#[cfg(test)]
mod tests;
