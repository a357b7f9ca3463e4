//! Paths that a service sees as others. Both ends check them.

use serde::{Deserialize, Serialize};

/// What a request's path begins with, and what the service is to see in its place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrite {
    /// A path prefix as the service would see it; `/`: all. Of several the longest counts, and once.
    pub from: String,
    /// The path prefix in its place; `/`: nothing.
    pub to: String,
}

impl Rewrite {
    /// Rewrites of one mapping: looked through for each request.
    pub const MAX_REWRITES: usize = 32;

    /// Whether they go together; what a path may hold is the caller's to check.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence.
    pub fn check_all(rewrites: &[Self]) -> Result<(), &'static str> {
        if rewrites.len() > Self::MAX_REWRITES {
            return Err("there are at most 32 of them");
        }
        let from = |rewrite: &Self| rewrite.from.trim_end_matches('/').to_owned();
        let twice =
            |(at, rewrite): (usize, &Self)| rewrites[..at].iter().any(|other| from(other) == from(rewrite));
        if rewrites.iter().enumerate().any(twice) {
            return Err("one path leads to two others");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_one_other_and_there_are_not_too_many() {
        let of = |from: String| Rewrite { from, to: "/x".into() };
        let many = |count: usize| (0..count).map(|n| of(format!("/{n}"))).collect::<Vec<_>>();
        assert_eq!(Rewrite::check_all(&many(Rewrite::MAX_REWRITES)), Ok(()));
        assert!(Rewrite::check_all(&many(Rewrite::MAX_REWRITES + 1)).is_err());
        assert!(Rewrite::check_all(&[of("/a".into()), of("/a/".into())]).is_err());
        assert!(Rewrite::check_all(&[of("/a".into()), of("/A".into())]).is_ok());
    }
}
