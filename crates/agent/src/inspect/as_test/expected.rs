//! What an answer is held to.
//!
//! Of JSON each value at its place; more members than there were are no failure, since services grow. What changes
//! every time (numbers of rows, times, random words) is held to its type only, unless the request names it.

use serde_json::Value;

use super::super::diff::{Ignore, Side, Step};
use super::super::recorded::{Message as _, RecordedRequest, RecordedResponse};

/// Values that are compared: more than anybody reads, and a test of some ten kilobytes.
pub(super) const MOST_CHECKS: usize = 200;

/// Bytes of a text that is compared as a whole.
pub(super) const TEXT_BYTES: usize = 4 * 1024;

/// Characters from which on a word without spaces, with letters and digits in it, is taken for a random one.
const RANDOM_CHARS: usize = 16;

/// Numbers that are taken for Unix times, in seconds: from 2001 to 2065. In milliseconds, a thousand times that.
const TIMES: std::ops::Range<u64> = 1_000_000_000..3_000_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) status: u16,
    /// Lower case, without parameters.
    pub(super) media_type: Option<String>,
    pub(super) body: Body,
    /// Sentences about what is not compared.
    pub(super) left_out: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    Json(Vec<Check>),
    Text(String),
    /// Nothing is said of it.
    Any,
}

/// One thing that must hold of a JSON body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) path: Vec<Step>,
    pub(super) wanted: Wanted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A scalar, or an empty object.
    Is(Value),
    String,
    Number,
    /// A list of so many.
    List(usize),
}

impl Expected {
    pub(super) fn of(request: &RecordedRequest, response: &RecordedResponse, ignore: &Ignore) -> Self {
        let media_type = response.media_type().filter(|_| !ignore.field("content-type"));
        let mut expected =
            Self { status: response.status, media_type, body: Body::Any, left_out: Vec::new() };
        if response.body.is_empty() && response.body_bytes == 0 {
            return expected;
        }
        let side = Side::of(response);
        if side.is_partial() {
            expected.left_out.push("The answer's body was not kept whole: it is not compared.".into());
        } else if let Some(value) = side.json() {
            let mut found = Found { asked: &request.target, ignore, checks: Vec::new(), more: 0, types: 0 };
            found.value(&value, &mut Vec::new());
            if found.types > 0 {
                let text = "What looks like an id, a time or a random word is held to its type only.";
                expected.left_out.push(text.into());
            }
            if found.more > 0 {
                let text = format!("{} further values of the answer are not compared.", found.more);
                expected.left_out.push(text);
            }
            expected.body = Body::Json(found.checks);
        } else if let Some(text) = side.text().filter(|text| is_steady(&expected, text)) {
            expected.body = Body::Text(text.to_owned());
        } else {
            expected.left_out.push("The answer's body is not compared.".into());
        }
        expected
    }
}

/// Short text; a page of HTML is different each time, for its keys and times.
fn is_steady(expected: &Expected, text: &str) -> bool {
    let html = expected.media_type.as_deref().is_some_and(|media| media.contains("html"));
    text.len() <= TEXT_BYTES && !html
}

struct Found<'a> {
    asked: &'a str,
    ignore: &'a Ignore,
    checks: Vec<Check>,
    more: usize,
    types: usize,
}

impl Found<'_> {
    fn value(&mut self, value: &Value, path: &mut Vec<Step>) {
        if !path.is_empty() && self.ignore.path(path) {
            return;
        }
        match value {
            Value::Object(members) if !members.is_empty() => {
                for (key, member) in members {
                    path.push(Step::Key(key.clone()));
                    self.value(member, path);
                    path.pop();
                }
            }
            Value::Array(elements) => {
                self.push(path, Wanted::List(elements.len()));
                for (index, element) in elements.iter().enumerate() {
                    path.push(Step::Index(index));
                    self.value(element, path);
                    path.pop();
                }
            }
            scalar => {
                let wanted = self.wanted(scalar, path);
                self.types += usize::from(!matches!(wanted, Wanted::Is(_)));
                self.push(path, wanted);
            }
        }
    }

    fn push(&mut self, path: &[Step], wanted: Wanted) {
        if self.checks.len() < MOST_CHECKS {
            self.checks.push(Check { path: path.to_vec(), wanted });
        } else {
            self.more += 1;
        }
    }

    fn wanted(&self, scalar: &Value, path: &[Step]) -> Wanted {
        let key = path.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        });
        let named = key.is_some_and(names_what_changes);
        match scalar {
            Value::String(text) if (named || changes(text)) && !asks_for(self.asked, text) => Wanted::String,
            Value::Number(number) => {
                let time = number
                    .as_u64()
                    .is_some_and(|number| TIMES.contains(&number) || TIMES.contains(&(number / 1000)));
                if (named || time) && !asks_for(self.asked, &number.to_string()) {
                    Wanted::Number
                } else {
                    Wanted::Is(scalar.clone())
                }
            }
            _ => Wanted::Is(scalar.clone()),
        }
    }
}

/// `/orders/42` asks for an answer whose id is 42.
fn asks_for(target: &str, value: &str) -> bool {
    target.split(['/', '?', '&', '=']).any(|part| part == value)
}

/// `id`, `order_id`, `orderId`, `created_at`, `createdAt`, `timestamp` and their like.
fn names_what_changes(key: &str) -> bool {
    const WHOLE: [&str; 10] =
        ["id", "uuid", "guid", "etag", "nonce", "token", "csrf", "timestamp", "date", "time"];
    let lower = key.to_ascii_lowercase();
    WHOLE.contains(&lower.as_str())
        || ["_id", "_uuid", "_at", "_token", "_time", "_date"].iter().any(|end| lower.ends_with(end))
        || ["Id", "Uuid", "At", "Token", "Time", "Date"].iter().any(|end| key.ends_with(end))
}

/// A UUID, a date with or without a time, or a random word.
fn changes(text: &str) -> bool {
    let bytes = text.as_bytes();
    let uuid = bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    let date = bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
        && bytes.get(10).is_none_or(|byte| matches!(byte, b'T' | b' '));
    let random = bytes.len() >= RANDOM_CHARS
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+/=".contains(byte))
        && bytes.iter().filter(|byte| byte.is_ascii_digit()).count() >= 3
        && bytes.iter().any(u8::is_ascii_alphabetic);
    uuid || date || random
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_each_time_is_told_from_what_does_not() {
        for text in [
            "6f1b2c3d-0000-4000-8000-1234567890ab",
            "2026-11-21",
            "2026-11-21T10:00:00Z",
            "2026-11-21 10:00",
            "req_8f3a1b2c9d0e4f5a",
            "eyJhbGciOi12.abc3.d4ef",
        ] {
            assert!(changes(text), "{text}");
        }
        for text in ["", "paid", "2026-11-21st", "a sentence with 123 in it", "internationalization", "2026"]
        {
            assert!(!changes(text), "{text}");
        }
        for key in ["id", "ID", "order_id", "orderId", "createdAt", "updated_at", "Timestamp"] {
            assert!(names_what_changes(key), "{key}");
        }
        for key in ["paid", "identity", "format", "valid", "candid"] {
            assert!(!names_what_changes(key), "{key}");
        }
        assert!(asks_for("/orders/42?page=7", "42") && asks_for("/orders/42?page=7", "7"));
        assert!(!asks_for("/orders/42", "4"));
    }
}
