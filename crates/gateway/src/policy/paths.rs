//! What differs by path within one mapping: parts that are open to all or served to nobody, what the gateway
//! answers itself, and paths that the service sees as others. Paths are matched by raw segments, as the router's are,
//! and all of it by the path that came.

use std::sync::Arc;

use porthole_link::control::{CannedAnswer, Policy, Rewrite};

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
    /// What stands in the prefix's place; nothing for the root.
    rewrites: Vec<(String, String)>,
}

/// What there is at one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) part: Option<Part>,
    /// For [`Paths::canned`].
    pub(super) answer: Option<usize>,
    /// Its place on the list.
    rewrite: Option<usize>,
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
        let wrong = |what| format!("The mapping's paths cannot be rewritten so: {what}.");
        Rewrite::check_all(&policy.rewrites).map_err(wrong)?;
        let rewrite = |asked: &Rewrite| Ok((prefix(&asked.from)?, prefix(&asked.to)?));
        let rewrites: Result<Vec<_>, String> = policy.rewrites.iter().map(rewrite).collect();
        let (mut parts, mut answers, mut rewrites) = (parts?, answers?, rewrites?);
        // Stable: of two spellings as long the private one stays first.
        parts.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        answers.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        rewrites.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        Ok(Self { parts, answers, rewrites })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.answers.is_empty() && self.rewrites.is_empty()
    }

    /// None where a server behind us might read `path` as one at which there is something else.
    pub(super) fn find(&self, path: &str) -> Option<Found> {
        if self.is_empty() {
            return Some(Found { part: None, answer: None, rewrite: None });
        }
        let found = self.at(path);
        let alike = || !read_otherwise(path, |read| self.at(read) == found);
        let clear = !is_suspicious(path) || (alike() && self.stays_inside(path, found));
        clear.then_some(found)
    }

    /// Whether what becomes of `path` stays where it was rewritten to, however it is read: `/v1/../v1/x` is under
    /// `/v1`, and `/api/1/../v1/x` not under `/api/1`.
    fn stays_inside(&self, path: &str, found: Found) -> bool {
        let Some((from, to)) = found.rewrite.map(|at| &self.rewrites[at]) else { return true };
        let rewritten = joined(to, &path[from.len()..]);
        // What begins with two slashes is a host to some.
        !rewritten.starts_with("//") && !read_otherwise(&rewritten, |read| is_under(read, to, false))
    }

    /// What the service sees in place of `target`, a path with perhaps a query; none: the same. One step: what
    /// comes of it is looked up no more.
    pub(super) fn rewritten(&self, target: &str) -> Option<String> {
        let path = target.split('?').next().unwrap_or(target);
        let (from, to) = &self.rewrites[self.rewrite_of(path)?];
        let rest = &target[from.len()..];
        Some(if rest.starts_with('?') { joined(to, "") + rest } else { joined(to, rest) })
    }

    fn rewrite_of(&self, path: &str) -> Option<usize> {
        let leads = |(from, _): &(String, String)| path.starts_with('/') && is_under(path, from, false);
        self.rewrites.iter().position(leads)
    }

    fn at(&self, path: &str) -> Found {
        let part = self.parts.iter().find(|(prefix, part)| is_under(path, prefix, *part == Part::Private));
        let answer = self.answers.iter().position(|(prefix, _)| is_under(path, prefix, false));
        Found { part: part.map(|(_, part)| *part), answer, rewrite: self.rewrite_of(path) }
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

/// A path of a prefix and what follows it.
fn joined(prefix: &str, rest: &str) -> String {
    if prefix.is_empty() && rest.is_empty() { "/".to_owned() } else { format!("{prefix}{rest}") }
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
