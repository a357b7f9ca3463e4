//! When a set of keys is fetched again: without clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::policy::jwt::KeySet;

/// How long a set is fresh: what its Cache-Control says, within these. A key that an issuer takes back is believed for
/// that long; a shorter time would cost it more calls than it asked for.
const SHORTEST: Duration = Duration::from_secs(5 * 60);
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// How long a set is used while its issuer does not answer.
const OLDEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two tries where there are keys, and between two for keys that are not there, however many tokens name
/// such.
const TRY_AGAIN: Duration = Duration::from_secs(30);
/// The same where there are none, and nobody gets in.
const TRY_AGAIN_WITHOUT: Duration = Duration::from_secs(5);

/// What to do before keys are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Those that are there, if any.
    Use,
    /// Fetch them again, unless somebody does; those that are there will do.
    Refresh,
    /// Fetch them, or wait for whoever does.
    Fetch,
}

impl Step {
    /// For a token of which nothing is known yet.
    pub(super) fn for_any(kept: &Kept, now: Instant) -> Self {
        match &kept.set {
            Some(set) if now < set.fresh_until => Self::Use,
            Some(set) if now < set.since + OLDEST => kept.after(TRY_AGAIN, Self::Refresh, now),
            _ => kept.after(TRY_AGAIN_WITHOUT, Self::Fetch, now),
        }
    }

    /// For a token whose key is none of those that are there.
    pub(super) fn for_another(kept: &Kept, now: Instant) -> Self {
        if kept.missed.is_some_and(|missed| now < missed + TRY_AGAIN) { Self::Use } else { Self::Fetch }
    }
}

/// What is kept of one issuer's keys.
#[derive(Debug, Default)]
pub(super) struct Kept {
    set: Option<Set>,
    tried: Option<Instant>,
    /// When it was tried last for a key that was not there.
    missed: Option<Instant>,
}

#[derive(Debug)]
struct Set {
    keys: Arc<KeySet>,
    since: Instant,
    fresh_until: Instant,
}

impl Kept {
    fn after(&self, pause: Duration, step: Step, now: Instant) -> Step {
        if self.tried.is_some_and(|tried| now < tried + pause) { Step::Use } else { step }
    }

    /// Those that may be used at `now`.
    pub(super) fn keys(&self, now: Instant) -> Option<Arc<KeySet>> {
        self.set.as_ref().filter(|set| now < set.since + OLDEST).map(|set| Arc::clone(&set.keys))
    }

    pub(super) fn trying(&mut self, now: Instant) {
        self.tried = Some(now);
    }

    /// The same for a key that was not there.
    pub(super) fn missing(&mut self, now: Instant) {
        self.missed = Some(now);
    }

    pub(super) fn renew(&mut self, keys: KeySet, lifetime: Duration, now: Instant) {
        self.set = Some(Set { keys: Arc::new(keys), since: now, fresh_until: now + lifetime });
    }
}

/// How long a set is fresh that came with these values of Cache-Control (RFC 9111 §5.2.2).
pub(super) fn lifetime<'a>(control: impl Iterator<Item = &'a str>) -> Duration {
    let mut seconds = None;
    for directive in control.flat_map(|value| value.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "max-age" => seconds = value.trim().trim_matches('"').parse().ok(),
            "no-store" | "no-cache" => return SHORTEST,
            _ => {}
        }
    }
    seconds.map_or(SHORTEST, |seconds| Duration::from_secs(seconds).clamp(SHORTEST, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> KeySet {
        KeySet::secret(&[0; 32])
    }

    #[test]
    fn a_set_is_fresh_for_as_long_as_it_says_within_bounds() {
        let seconds = |control: &[&str]| lifetime(control.iter().copied()).as_secs();
        for (control, expected) in [
            (&[][..], 300),
            (&["max-age=0"][..], 300),
            (&["max-age=301"][..], 301),
            (&["public, Max-Age=\"1800\", must-revalidate"][..], 1800),
            (&["public", "max-age=86400"][..], 3600),
            (&["max-age=1800, no-store"][..], 300),
            (&["max-age=soon"][..], 300),
            (&["max-age=99999999999999999999"][..], 300),
        ] {
            assert_eq!(seconds(control), expected, "{control:?}");
        }
    }

    #[test]
    fn a_set_is_fetched_when_it_is_stale_and_used_for_a_day_while_its_issuer_is_away() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut kept = Kept::default();
        assert_eq!(Step::for_any(&kept, begun), Step::Fetch);
        kept.trying(begun);
        assert_eq!(Step::for_any(&kept, at(4)), Step::Use, "there is nothing to use: 503");
        assert!(kept.keys(at(4)).is_none());
        assert_eq!(Step::for_any(&kept, at(5)), Step::Fetch);
        kept.trying(at(5));
        kept.renew(keys(), Duration::from_secs(300), at(5));
        assert_eq!(Step::for_any(&kept, at(304)), Step::Use);
        assert_eq!(Step::for_any(&kept, at(305)), Step::Refresh);
        kept.trying(at(305));
        assert_eq!(Step::for_any(&kept, at(334)), Step::Use, "it was tried a moment ago");
        assert_eq!(Step::for_any(&kept, at(335)), Step::Refresh);
        let day = 24 * 60 * 60;
        assert!(kept.keys(at(5 + day - 1)).is_some());
        assert!(kept.keys(at(5 + day)).is_none());
        assert_eq!(Step::for_any(&kept, at(5 + day)), Step::Fetch);
    }

    #[test]
    fn a_key_that_is_not_there_has_the_set_fetched_twice_a_minute_at_most() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut kept = Kept::default();
        kept.trying(begun);
        kept.renew(keys(), Duration::from_secs(3600), begun);
        assert_eq!(Step::for_another(&kept, at(1)), Step::Fetch, "it may be newer");
        kept.missing(at(1));
        assert_eq!(Step::for_another(&kept, at(30)), Step::Use);
        assert_eq!(Step::for_another(&kept, at(31)), Step::Fetch);
        kept.missing(at(31));
        assert_eq!(Step::for_another(&kept, at(60)), Step::Use);
    }
}
