//! How many requests a mapping takes at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::PolicyRefusal;

/// Requests that are being answered, and TCP connections: shared by all policies that a mapping has in turn.
#[derive(Debug, Clone, Default)]
pub struct Places(Arc<AtomicU32>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicU32>);

impl Places {
    /// None when `most` are taken.
    pub fn take(&self, most: u32) -> Option<Place> {
        let one_more = |taken: u32| (taken < most).then(|| taken + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Place(Arc::clone(&self.0)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The answer where none is left.
pub(super) fn none_left() -> PolicyRefusal {
    let sentence = "As many requests as this address takes are under way; try again in a moment.";
    PolicyRefusal::new(503, "too-many-at-once", sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_places_as_there_may_be_and_each_is_free_again_when_it_is_left() {
        let places = Places::default();
        let (first, second) = (places.take(2), places.take(2));
        assert!(first.is_some() && second.is_some() && places.take(2).is_none());
        drop(first);
        let third = places.clone().take(2);
        assert!(third.is_some() && places.take(2).is_none(), "those are the same places");
        drop((second, third));
        assert!(places.take(1).is_some());
    }

    #[test]
    fn a_smaller_bound_lets_nobody_in_until_enough_have_left() {
        let places = Places::default();
        let mut inside: Vec<_> = (0..5).filter_map(|_| places.take(5)).collect();
        assert!(places.take(3).is_none());
        inside.truncate(2);
        assert!(places.take(3).is_some());
    }
}
