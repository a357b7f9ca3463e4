//! Automatic certificates as an operator sees them.

#![allow(unused_qualifications, reason = "what the macros of utoipa write")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Acme, lock};

/// Certificates told by name, those that expire first; all of them are counted.
const NAMED: usize = 100;

/// How long a certificate still holds, as status and metrics sort them: at most so many hours, in so many
/// words. Renewal comes a month before the end, so that what is in the first two needs somebody's eyes.
const SPANS: [(i64, &str); 4] = [(24, "1d"), (7 * 24, "7d"), (30 * 24, "30d"), (i64::MAX, "longer")];

/// What status and metrics show.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = AcmeView)]
pub struct View {
    /// Names that are to have a certificate.
    pub names: usize,
    /// Certificates at hand, those of names that nobody serves now included.
    pub certificates: usize,
    /// The same by how long they still hold: within `1d`, `7d`, `30d` or `longer`.
    pub expiring: BTreeMap<&'static str, u64>,
    /// Those that expire first, a hundred at most.
    pub soonest: Vec<Expiry>,
    /// Names that are waited for after a failure.
    pub failing: usize,
    pub under_way: usize,
    /// Since the start.
    pub orders: u64,
    pub orders_failed: u64,
    /// Failures since the start, by code.
    pub failures: BTreeMap<String, u64>,
    /// The newest failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
}

/// How long one certificate holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Expiry {
    pub name: String,
    #[schema(value_type = String, format = DateTime)]
    pub not_after: Timestamp,
    /// Whole days from now.
    pub days: i64,
}

/// Why an order brought no certificate.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Failure {
    /// Stable, in kebab-case.
    pub code: String,
    pub name: String,
    /// A sentence; the operator's alone.
    pub problem: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl Acme {
    /// For status and metrics.
    pub fn view(&self, now: Timestamp) -> View {
        let certificates = self.certificates.all();
        let dates = certificates.iter().map(|(name, certificate)| (name.as_str(), certificate.not_after));
        let (expiring, soonest) = by_span(dates, now);
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        View {
            names: self.told.wanted.load(Ordering::Relaxed),
            certificates: certificates.len(),
            expiring,
            soonest,
            failing: self.ledger().failing(),
            under_way: self.told.under_way.load(Ordering::Relaxed),
            orders: read(&self.told.orders),
            orders_failed: read(&self.told.orders_failed),
            failures: self.told.failures.read().into_iter().collect(),
            last_failure: lock(&self.told.last_failure).clone(),
        }
    }
}

/// Counts by how long they still hold, and those that end first.
fn by_span<'a>(
    dates: impl Iterator<Item = (&'a str, Timestamp)>,
    now: Timestamp,
) -> (BTreeMap<&'static str, u64>, Vec<Expiry>) {
    let mut spans: BTreeMap<&'static str, u64> = SPANS.into_iter().map(|(_, span)| (span, 0)).collect();
    let mut all: Vec<Expiry> = dates
        .map(|(name, not_after)| {
            let left = not_after.duration_since(now);
            let span = SPANS.iter().find(|(hours, _)| left.as_secs() <= hours.saturating_mul(3_600));
            *spans.entry(span.map_or("longer", |(_, span)| *span)).or_default() += 1;
            Expiry { name: name.to_owned(), not_after, days: left.as_hours().div_euclid(24) }
        })
        .collect();
    all.sort_by(|one, two| (one.not_after, &one.name).cmp(&(two.not_after, &two.name)));
    all.truncate(NAMED);
    (spans, all)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn certificates_are_counted_by_how_long_they_hold_and_the_first_to_end_are_named() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let after = |hours: i64| now + SignedDuration::from_hours(hours);
        let dates = [
            ("over", after(-1)),
            ("day", after(24)),
            ("week", after(25)),
            ("also-week", after(7 * 24)),
            ("month", after(30 * 24)),
            ("later", after(30 * 24 + 1)),
        ];
        let (spans, soonest) = by_span(dates.into_iter(), now);
        assert_eq!(spans, [("1d", 2), ("30d", 1), ("7d", 2), ("longer", 1)].into());
        let named: Vec<_> = soonest.iter().map(|expiry| (expiry.name.as_str(), expiry.days)).collect();
        let expected =
            [("over", -1), ("day", 1), ("week", 1), ("also-week", 7), ("month", 30), ("later", 30)];
        assert_eq!(named, expected);
        let many: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        let (spans, soonest) = by_span(many.iter().map(|name| (name.as_str(), after(1))), now);
        assert_eq!((spans["1d"], soonest.len()), (1_000, NAMED));
    }
}
