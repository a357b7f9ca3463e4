//! What differs between any two requests or answers, for a person to read.
//!
//! Fields are compared by name without order, bodies decoded: JSON by paths, other text by lines,
//! anything else by its bytes. What changes every time (`$.timestamp`, `$..id`, `header:date`) can be
//! left out by [`Ignore`].

mod body;
mod fields;
mod ignore;
mod json;
mod lines;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub(super) use body::Side;
pub use body::{BodyDiff, Difference};
pub use fields::FieldDiff;
pub(super) use ignore::Step;
pub use ignore::{Ignore, IgnoreError, MAX_RULE_BYTES, MAX_RULES};
pub use json::JsonChange;
pub use lines::{Hunk, Line, Mark};

use super::recorded::{RecordedRequest, RecordedResponse};

/// Most differences of one kind that are listed: more than anybody reads, little enough to send.
pub const MAX_DIFFERENCES: usize = 1000;

/// Bytes of one value or line that are shown; the rest is cut.
pub const SHOWN_BYTES: usize = 4096;

/// Something that is one thing here and another there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Changed<T> {
    pub before: T,
    pub after: T,
}

/// What differs between two answers. Absent: the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ResponseDiff {
    pub status: Option<Changed<u16>>,
    pub fields: Vec<FieldDiff>,
    pub body: BodyDiff,
}

/// What differs between two requests. Absent: the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestDiff {
    pub method: Option<Changed<String>>,
    pub url: Option<Changed<String>>,
    pub fields: Vec<FieldDiff>,
    pub body: BodyDiff,
}

/// Compares two answers.
pub fn responses(before: &RecordedResponse, after: &RecordedResponse, ignore: &Ignore) -> ResponseDiff {
    ResponseDiff {
        status: changed(&before.status, &after.status),
        fields: fields::compare(&before.fields, &after.fields, ignore),
        body: body::compare(&Side::of(before), &Side::of(after), ignore),
    }
}

/// Compares two requests.
pub fn requests(before: &RecordedRequest, after: &RecordedRequest, ignore: &Ignore) -> RequestDiff {
    RequestDiff {
        method: changed(&before.method, &after.method),
        url: changed(&before.url(), &after.url()),
        fields: fields::compare(&before.fields, &after.fields, ignore),
        body: body::compare(&Side::of(before), &Side::of(after), ignore),
    }
}

impl ResponseDiff {
    /// Nothing differs that was not to be ignored.
    pub fn is_same(&self) -> bool {
        self.status.is_none() && self.fields.is_empty() && self.body.is_same()
    }
}

impl RequestDiff {
    /// Nothing differs that was not to be ignored.
    pub fn is_same(&self) -> bool {
        self.method.is_none() && self.url.is_none() && self.fields.is_empty() && self.body.is_same()
    }
}

fn changed<T: PartialEq + Clone>(before: &T, after: &T) -> Option<Changed<T>> {
    (before != after).then(|| Changed { before: before.clone(), after: after.clone() })
}

/// A text cut to [`SHOWN_BYTES`], with a mark where it was.
fn shown(text: &str) -> String {
    if text.len() <= SHOWN_BYTES {
        return text.to_owned();
    }
    let end = (0..=SHOWN_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}
