//! Bodies: decoded, then compared as what they are.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::super::decode::{End, decode};
use super::super::recorded::Message;
use super::Ignore;
use super::json::{self, JsonChange};
use super::lines::{self, Hunk};

/// What differs between two bodies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct BodyDiff {
    /// One of them is not there as a whole: it was cut at a bound or broke off. Only what is there
    /// was compared.
    pub partial: bool,
    pub difference: Difference,
}

/// How they differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Difference {
    /// Byte for byte, decoded.
    None,
    /// Both are JSON. No changes: the same values in other bytes, or only what is ignored differs.
    Json { changes: Vec<JsonChange>, more: bool },
    /// Both are text.
    Text { hunks: Vec<Hunk>, more: bool },
    /// At least one is neither, or they are too long to be compared by lines.
    Bytes { before_bytes: u64, after_bytes: u64, first_difference: u64 },
}

impl BodyDiff {
    /// Nothing differs that was not to be ignored.
    pub fn is_same(&self) -> bool {
        match &self.difference {
            Difference::None => true,
            Difference::Json { changes, .. } => changes.is_empty(),
            Difference::Text { .. } | Difference::Bytes { .. } => false,
        }
    }
}

/// One body with what tells how to read it.
pub(in super::super) struct Side<'a> {
    bytes: Cow<'a, [u8]>,
    media: Option<String>,
    partial: bool,
}

impl<'a> Side<'a> {
    /// A coding that is not known leaves the bytes as they are.
    pub(in super::super) fn of(message: &'a impl Message) -> Self {
        let (body, media, truncated) = (message.body(), message.media_type(), message.is_truncated());
        let codings: Vec<_> = message
            .fields()
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"))
            .map(|(_, value)| String::from_utf8_lossy(value))
            .collect();
        if codings.is_empty() {
            return Self { bytes: Cow::Borrowed(body), media, partial: truncated };
        }
        match decode(&codings.join(","), body) {
            // Marked as coded and not coded at all: seen in the wild.
            Ok(decoded) if decoded.end == End::Broken && decoded.bytes.is_empty() => {
                Self { bytes: Cow::Borrowed(body), media, partial: truncated }
            }
            Ok(decoded) => Self {
                bytes: Cow::Owned(decoded.bytes),
                media,
                partial: truncated || decoded.end != End::Whole,
            },
            Err(_) => Self { bytes: Cow::Borrowed(body), media, partial: truncated },
        }
    }

    /// Cut at a bound, or broken off.
    pub(in super::super) fn is_partial(&self) -> bool {
        self.partial
    }

    /// The value, where the media type says JSON or nothing at all and the bytes agree.
    pub(in super::super) fn json(&self) -> Option<Value> {
        let said = self.media.as_deref().is_none_or(|media| media.contains("json"));
        if said { serde_json::from_slice(&self.bytes).ok() } else { None }
    }

    pub(in super::super) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok().filter(|text| !text.contains('\0'))
    }
}

pub(super) fn compare(before: &Side<'_>, after: &Side<'_>, ignore: &Ignore) -> BodyDiff {
    BodyDiff { partial: before.partial || after.partial, difference: difference(before, after, ignore) }
}

fn difference(before: &Side<'_>, after: &Side<'_>, ignore: &Ignore) -> Difference {
    if before.bytes == after.bytes {
        return Difference::None;
    }
    if let (Some(before), Some(after)) = (before.json(), after.json()) {
        let (changes, more) = json::compare(&before, &after, ignore);
        return Difference::Json { changes, more };
    }
    if let (Some(before), Some(after)) = (before.text(), after.text())
        && let Some((hunks, more)) = lines::compare(before, after)
    {
        return Difference::Text { hunks, more };
    }
    let same = before.bytes.iter().zip(after.bytes.iter()).take_while(|(a, b)| a == b).count();
    Difference::Bytes {
        before_bytes: before.bytes.len() as u64,
        after_bytes: after.bytes.len() as u64,
        first_difference: same as u64,
    }
}
