//! Counters by one of our own codes: a table without locks that learns the codes as they come.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Different codes counted apart. There are some fifty, all of them ours; what came beyond this would be
/// counted as [`OTHER`], so that nobody can make a metric without end.
const CODES: usize = 96;

/// What codes beyond the table's room are counted as.
pub const OTHER: &str = "other";

/// How often each code came. A look-up compares a few short texts: for refusals, not for every request.
#[derive(Debug)]
pub struct Codes {
    known: Box<[(OnceLock<Box<str>>, AtomicU64)]>,
    other: AtomicU64,
}

impl Default for Codes {
    fn default() -> Self {
        Self {
            known: (0..CODES).map(|_| (OnceLock::new(), AtomicU64::new(0))).collect(),
            other: AtomicU64::new(0),
        }
    }
}

impl Codes {
    /// `code` came once more.
    pub fn count(&self, code: &str) {
        // Taken in order, so that the first empty place ends the look-up.
        let place = self.known.iter().find(|(known, _)| &**known.get_or_init(|| code.into()) == code);
        place.map_or(&self.other, |(_, count)| count).fetch_add(1, Ordering::Relaxed);
    }

    /// All codes that came, in alphabetical order.
    pub fn read(&self) -> Vec<(String, u64)> {
        let known = self.known.iter().map_while(|(code, count)| {
            Some((code.get()?.clone().into_string(), count.load(Ordering::Relaxed)))
        });
        let other = Some((OTHER.to_owned(), self.other.load(Ordering::Relaxed)));
        let mut read: Vec<_> = known.chain(other.filter(|(_, count)| *count > 0)).collect();
        read.sort();
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_learnt_counted_and_bounded() {
        let codes = Codes::default();
        assert!(codes.read().is_empty());
        for _ in 0..3 {
            codes.count("busy");
        }
        codes.count("agent-away");
        assert_eq!(codes.read(), [("agent-away".to_owned(), 1), ("busy".to_owned(), 3)]);
        for number in 0..CODES {
            codes.count(&format!("code-{number:03}"));
        }
        let read = codes.read();
        assert_eq!(read.len(), CODES + 1);
        assert!(read.contains(&(OTHER.to_owned(), 2)), "{read:?}");
    }

    #[test]
    fn threads_that_bring_a_new_code_at_once_share_one_place() {
        let codes = Codes::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|number| codes.count(["one", "two"][number % 2])));
            }
        });
        assert_eq!(codes.read(), [("one".to_owned(), 2000), ("two".to_owned(), 2000)]);
    }
}
