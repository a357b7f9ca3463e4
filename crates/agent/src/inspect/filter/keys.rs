//! The vocabulary: keys, what each takes, and what a completion offers.

use serde::Serialize;

/// One key of the language, for completion and for suggestions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Without the colon.
    pub name: &'static str,
    #[serde(skip)]
    pub key: Known,
    /// One line.
    pub help: &'static str,
    /// What may follow, where that can be listed; examples otherwise.
    pub values: &'static [&'static str],
    /// Nothing but `values` is understood.
    pub closed: bool,
}

/// A key as the parser tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    Method,
    Status,
    Path,
    Url,
    Host,
    Mapping,
    Visitor,
    Error,
    Note,
    Name,
    Header,
    Body,
    Type,
    Duration,
    Size,
    Is,
    Before,
    After,
}

/// `is:` what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    Http,
    Websocket,
    Sse,
    Upgrade,
    Tcp,
    Visitor,
    Replay,
    StandIn,
    Import,
    Open,
    Done,
    Failed,
    Cancelled,
    Pinned,
    Edited,
    Truncated,
    Incomplete,
}

impl Flag {
    pub const ALL: [Self; 17] = [
        Self::Http,
        Self::Websocket,
        Self::Sse,
        Self::Upgrade,
        Self::Tcp,
        Self::Visitor,
        Self::Replay,
        Self::StandIn,
        Self::Import,
        Self::Open,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Pinned,
        Self::Edited,
        Self::Truncated,
        Self::Incomplete,
    ];

    /// As written, and as stored where it is a kind, a source or a state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Websocket => "websocket",
            Self::Sse => "sse",
            Self::Upgrade => "upgrade",
            Self::Tcp => "tcp",
            Self::Visitor => "visitor",
            Self::Replay => "replay",
            Self::StandIn => "stand-in",
            Self::Import => "import",
            Self::Open => "open",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Pinned => "pinned",
            Self::Edited => "edited",
            Self::Truncated => "truncated",
            Self::Incomplete => "incomplete",
        }
    }
}

/// Every value of `is:`, in the order of [`Flag::ALL`]; a test holds them together.
pub(super) const FLAGS: &[&str] = &[
    "http",
    "websocket",
    "sse",
    "upgrade",
    "tcp",
    "visitor",
    "replay",
    "stand-in",
    "import",
    "open",
    "done",
    "failed",
    "cancelled",
    "pinned",
    "edited",
    "truncated",
    "incomplete",
];

const fn key(
    name: &'static str,
    key: Known,
    help: &'static str,
    values: &'static [&'static str],
    closed: bool,
) -> Key {
    Key { name, key, help, values, closed }
}

/// Every key, the usual ones first.
pub const KEYS: &[Key] = &[
    key("method", Known::Method, "the request's method", &["GET", "POST", "PUT", "PATCH", "DELETE"], false),
    key(
        "status",
        Known::Status,
        "the answer's status: one, a class, a list or a range",
        &["2xx", "3xx", "4xx", "5xx", "404", ">=400", "400..499"],
        false,
    ),
    key("path", Known::Path, "the path begins with /this, or contains this", &["/api"], false),
    key("host", Known::Host, "the host contains this", &[], false),
    key("url", Known::Url, "the whole URL contains this", &[], false),
    key("mapping", Known::Mapping, "the mapping's name or id", &[], false),
    key(
        "name",
        Known::Name,
        "a webhook's event or a GraphQL operation contains this",
        &["charge.succeeded"],
        false,
    ),
    key(
        "type",
        Known::Type,
        "the media type of either body",
        &["json", "html", "form", "image", "text", "xml", "js", "css", "sse", "application/pdf"],
        false,
    ),
    key("duration", Known::Duration, "how long it took in all", &[">500ms", "<=2s", "100ms..1s"], false),
    key("size", Known::Size, "bytes of both bodies together", &[">1MB", "<=64KiB", "1KB..10KB"], false),
    key("is", Known::Is, "its kind, source, state or mark", FLAGS, true),
    key("header", Known::Header, "a field of this name, in either head", &["stripe-signature"], false),
    key("body", Known::Body, "words in either body", &[], false),
    key("after", Known::After, "began after: so long ago, a day or a time", &["10m", "2h", "3d"], false),
    key("before", Known::Before, "began before: so long ago, a day or a time", &["10m", "2h", "3d"], false),
    key("visitor", Known::Visitor, "the visitor's address begins with this", &["10.0."], false),
    key("error", Known::Error, "the error's code contains this", &["timeout"], false),
    key("note", Known::Note, "the note contains this", &[], false),
];

/// The known word nearest to what was typed, if it is near enough to have been meant.
pub(super) fn nearest(typed: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let typed = typed.to_ascii_lowercase();
    known
        .map(|word| (strsim::osa_distance(word, &typed), word))
        .filter(|(distance, word)| *distance <= 2 && *distance < word.len())
        .min()
        .map(|(_, word)| word)
}
