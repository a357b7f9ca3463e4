//! An exchange as a test that is ready to run: the request is sent once more, and its answer must be as it was.
//!
//! In reading order: [`expected`] (what an answer is held to; what changes every time is held to its type) →
//! [`script`] (a shell with curl and jq), [`node`] (`node --test`).
//!
//! Secrets in the request stay in it, as they do where it is copied as a command: the test would fail without.

mod expected;
mod node;
mod script;
#[cfg(test)]
mod tests;

pub use node::node;
pub use script::script;

use std::fmt::Write as _;

use super::diff::Ignore;
use super::recorded::{Recorded, RecordedRequest, RecordedResponse};
use expected::Expected;

/// What a test is made of.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    id: i64,
    started: jiff::Timestamp,
    request: &'a RecordedRequest,
    response: &'a RecordedResponse,
    /// Where it is sent unless `BASE` says otherwise: `http://127.0.0.1:3000`.
    base: &'a str,
    /// What else is not compared.
    ignore: &'a Ignore,
}

impl<'a> Subject<'a> {
    /// None where there is no answer to expect. `base` is an origin.
    pub fn new(recorded: &'a Recorded, base: &'a str, ignore: &'a Ignore) -> Option<Self> {
        let Recorded { id, started, request, response, .. } = recorded;
        Some(Self { id: *id, started: *started, request, response: response.as_ref()?, base, ignore })
    }

    fn expected(&self) -> Expected {
        Expected::of(self.request, self.response, self.ignore)
    }

    /// Its name: one line, whatever is in the request.
    fn title(&self) -> String {
        let path = self.request.target.split('?').next().unwrap_or_default();
        let shown: String = path.chars().filter(|c| !c.is_control()).take(TITLE_CHARS).collect();
        let method: String = self.request.method.chars().filter(|c| !c.is_control()).collect();
        format!("{method} {shown} answers {}", self.response.status)
    }

    /// Where the test is from, and what it leaves out.
    fn comments(&self, expected: &Expected) -> Vec<String> {
        let day = self.started.strftime("%Y-%m-%d");
        let from = format!("Made from exchange {} of {day}. BASE is where the request goes.", self.id);
        [from]
            .into_iter()
            .chain(super::copy::truncation(self.request))
            .chain(expected.left_out.clone())
            .collect()
    }
}

/// Characters of a path in a test's name: a line of a report.
const TITLE_CHARS: usize = 80;

/// JSON's strings and numbers are JavaScript's and jq's. What a terminal would act upon is escaped, and `<`, so that
/// it may be pasted into a page.
fn literal(value: &serde_json::Value) -> String {
    let mut out = String::new();
    for c in value.to_string().chars() {
        if c.is_control() || c == '<' {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// A name that needs no quotes behind a dot.
fn is_plain(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
