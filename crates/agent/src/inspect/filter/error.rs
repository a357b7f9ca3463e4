//! What is wrong with a filter: one sentence, and where.

use std::fmt;

/// Why a text is no filter, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (at character {})", .position + 1)]
pub struct FilterError {
    /// Characters before the place.
    pub position: usize,
    pub problem: Problem,
}

/// What is wrong. Texts of the user are cut to [`SHOWN_CHARS`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("the filter is longer than {} bytes", super::MAX_FILTER_BYTES)]
    TooLong,
    #[error("the filter has more than {} terms", super::MAX_TERMS)]
    TooManyTerms,
    #[error("the list has more than {} alternatives", super::MAX_LIST)]
    LongList,
    #[error("the quotation mark is not closed")]
    OpenQuote,
    #[error("a space is missing after the closing quotation mark")]
    AfterQuote,
    #[error("nothing follows the “-”")]
    LoneMinus,
    #[error("“{key}:” needs a value{}", Hint(*.example))]
    NoValue { key: &'static str, example: Option<&'static str> },
    #[error("there is no key “{key}”; {}", Instead(*.nearest))]
    UnknownKey { key: String, nearest: Option<&'static str> },
    #[error("“{value}” cannot follow “{key}:”; {expected}")]
    Value { key: &'static str, value: String, expected: String },
    #[error("“{0}” has no letter or digit to look for")]
    NoWords(String),
}

/// Characters of a user's text that an error repeats.
pub(super) const SHOWN_CHARS: usize = 60;

/// A user's text for an error: bounded, without control characters.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect();
    if text.chars().count() > SHOWN_CHARS {
        short.push('…');
    }
    short
}

struct Hint(Option<&'static str>);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(example) => write!(f, ", such as {example}"),
            None => Ok(()),
        }
    }
}

struct Instead(Option<&'static str>);

impl fmt::Display for Instead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(nearest) => write!(f, "did you mean “{nearest}:”?"),
            None => write!(f, "put it in quotation marks to look for it as text"),
        }
    }
}
