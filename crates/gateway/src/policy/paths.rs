//! What differs by path within one mapping: parts that are open to all or served to nobody, and what the gateway
//! answers itself. Paths are matched by raw segments, as the router's are.

use std::sync::Arc;

use porthole_link::control::{CannedAnswer, Policy};

use super::Canned;
use crate::router::{is_suspicious, plain_prefix, read_otherwise};

/// Prefixes on one list: looked through for each request.
const MAX_PATHS: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Served to nobody.
    Private,
    /// Nobody is asked for a password.
    Public,
}

/// The longest prefixes first; the root is empty.
#[derive(Debug)]
pub(super) struct Paths {
    parts: Vec<(String, Part)>,
    answers: Vec<(String, Arc<Canned>)>,
}

/// What there is at one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) part: Option<Part>,
    /// For [`Paths::canned`].
    pub(super) answer: Option<usize>,
}

impl Paths {
    pub(super) fn new(policy: &Policy) -> Result<Self, String> {
        if policy.public_paths.len().max(policy.private_paths.len()) > MAX_PATHS {
            return Err(format!("A mapping may have at most {MAX_PATHS} paths in one list."));
        }
        if policy.answers.len() > CannedAnswer::MAX_ANSWERS {
            return Err(format!(
                "A mapping may have at most {} answers of the gateway's.",
                CannedAnswer::MAX_ANSWERS
            ));
        }
        let all = policy.private_paths.iter().map(|path| (path, Part::Private));
        let all = all.chain(policy.public_paths.iter().map(|path| (path, Part::Public)));
        let parts: Result<Vec<_>, String> = all.map(|(path, part)| Ok((prefix(path)?, part))).collect();
        let canned = |asked: &CannedAnswer| Ok((prefix(&asked.path)?, Arc::new(Canned::new(asked)?)));
        let answers: Result<Vec<_>, String> = policy.answers.iter().map(canned).collect();
        let (mut parts, mut answers) = (parts?, answers?);
        // Stable: of two spellings as long the private one stays first.
        parts.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        answers.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(Self { parts, answers })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.answers.is_empty()
    }

    /// None where a server behind us might read `path` as one at which there is something else.
    pub(super) fn find(&self, path: &str) -> Option<Found> {
        if self.is_empty() {
            return Some(Found { part: None, answer: None });
        }
        let found = self.at(path);
        let clear = !is_suspicious(path) || !read_otherwise(path, |read| self.at(read) == found);
        clear.then_some(found)
    }

    fn at(&self, path: &str) -> Found {
        let part = self.parts.iter().find(|(prefix, part)| is_under(path, prefix, *part == Part::Private));
        let answer = self.answers.iter().position(|(prefix, _)| is_under(path, prefix, false));
        Found { part: part.map(|(_, part)| *part), answer }
    }

    pub(super) fn canned(&self, at: usize) -> Arc<Canned> {
        Arc::clone(&self.answers[at].1)
    }
}

/// Whether `path` is `prefix` or goes on behind it with another segment. What is served to nobody is found in any
/// case of its letters: the service behind may not tell them apart.
fn is_under(path: &str, prefix: &str, any_case: bool) -> bool {
    let (path, prefix) = (path.as_bytes(), prefix.as_bytes());
    let Some((first, rest)) = path.split_at_checked(prefix.len()) else { return false };
    let same = if any_case { first.eq_ignore_ascii_case(prefix) } else { first == prefix };
    same && (prefix.is_empty() || rest.is_empty() || rest[0] == b'/')
}

fn prefix(path: &str) -> Result<String, String> {
    let wrong = |what| format!("The path \"{}\" {what}; give one like /admin.", super::shown(path));
    if path.is_empty() {
        return Err("A path for a rule must not be empty; / stands for all.".to_owned());
    }
    plain_prefix(path).map(str::to_owned).map_err(wrong)
}

#[cfg(test)]
mod tests;
