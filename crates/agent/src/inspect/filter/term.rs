//! What a filter is: its terms, and how many there may be.

use super::{Compare, Flag, StatusTest, When};

/// Longest filter, in bytes: a person types a hundred; a saved one may hold a few long phrases.
pub const MAX_FILTER_BYTES: usize = 4096;

/// Most terms in one filter: far more than a line shows, far less than SQLite's depth of 1000.
pub const MAX_TERMS: usize = 64;

/// Most alternatives in one list, such as `status:4xx,500`.
pub const MAX_LIST: usize = 32;

/// All of its terms hold; one without terms holds for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub terms: Vec<Term>,
}

/// One condition, perhaps turned round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub negated: bool,
    pub test: Test,
}

/// Words to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// Has at least one letter or digit: there is nothing else to find it by.
    pub text: String,
    /// It was quoted: whole words. Otherwise the last word may go on.
    pub whole: bool,
}

/// What is asked of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Anywhere in URL, heads or bodies.
    Text(Phrase),
    Body(Phrase),
    /// One of these, in upper case.
    Method(Vec<String>),
    Status(Vec<StatusTest>),
    /// The path begins with it when it begins with `/`, else contains it.
    Path(String),
    /// The whole URL contains it.
    Url(String),
    /// The host contains it.
    Host(String),
    /// The mapping's name or id.
    Mapping(String),
    /// The visitor's address begins with it.
    Visitor(String),
    /// The error's code contains it.
    Error(String),
    Note(String),
    /// What the request calls itself contains it.
    Name(String),
    /// A field of this name (lower case) in either head.
    Header(String),
    /// One of these is in the media type of either body; lower case.
    Type(Vec<String>),
    /// Microseconds in all.
    Duration(Compare),
    /// Bytes of both bodies together.
    Size(Compare),
    Is(Vec<Flag>),
    Before(When),
    After(When),
}

/// The media types that a short name stands for, as parts of them.
pub(super) fn media_parts(name: &str) -> &[&str] {
    match name {
        "js" => &["javascript"],
        "form" => &["x-www-form-urlencoded", "form-data"],
        "sse" => &["event-stream"],
        _ => &[],
    }
}
