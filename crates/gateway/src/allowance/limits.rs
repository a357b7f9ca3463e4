//! The numbers: granted with a token, or set for all of them.

use serde::{Deserialize, Serialize};

/// The greatest number that may be set; no gateway has as many of anything.
const MAX_COUNT: u32 = 1_000_000;
/// Bytes a second that may be set: below, one read would be waited for longer than visitors are patient; above,
/// it is a typing error.
const MIN_RATE: u64 = 16 * 1024;
const MAX_RATE: u64 = 1024 * 1024 * 1024 * 1024;

const UNITS: [(&str, u64); 10] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// What all links of one token may have together. None: as much as the gateway has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenLimits {
    /// Mappings that are live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mappings: Option<u32>,
    /// Links of different agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<u32>,
    /// Requests, WebSockets and TCP connections under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams: Option<u32>,
    /// TCP connections among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Bytes a second of bodies, WebSockets and TCP connections, in both directions together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
}

impl TokenLimits {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether any stream has to be counted.
    pub fn concern_streams(&self) -> bool {
        self.streams.is_some() || self.connections.is_some() || self.rate.is_some()
    }

    /// Of each the smaller one.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        fn smaller<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            match (one, other) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            }
        }
        Self {
            mappings: smaller(self.mappings, other.mappings),
            links: smaller(self.links, other.links),
            streams: smaller(self.streams, other.streams),
            connections: smaller(self.connections, other.connections),
            rate: smaller(self.rate, other.rate),
        }
    }
}

/// For people: `mappings 5, rate 10MiB/s`; empty where nothing is limited.
impl std::fmt::Display for TokenLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = [
            ("mappings", self.mappings),
            ("links", self.links),
            ("streams", self.streams),
            ("connections", self.connections),
        ];
        let counts = counts.into_iter().filter_map(|(name, most)| Some(format!("{name} {}", most?)));
        let rate = self.rate.map(|rate| format!("rate {}/s", bytes_text(rate)));
        f.write_str(&counts.chain(rate).collect::<Vec<_>>().join(", "))
    }
}

/// A number of mappings, links, streams or connections.
///
/// # Errors
/// What to give instead.
pub fn parse_count(text: &str) -> Result<u32, String> {
    let count = number(text)
        .and_then(|count| u32::try_from(count).ok())
        .filter(|count| (1..=MAX_COUNT).contains(count));
    count.ok_or_else(|| format!("give a number from 1 to {MAX_COUNT}"))
}

/// Bytes a second: `10MiB`, `500KB/s`, `1000000`.
///
/// # Errors
/// What to give instead.
pub fn parse_rate(text: &str) -> Result<u64, String> {
    let rate = parse_bytes(text.strip_suffix("/s").unwrap_or(text));
    rate.filter(|rate| (MIN_RATE..=MAX_RATE).contains(rate))
        .ok_or_else(|| "give bytes a second from 16KiB to 1TiB, like 10MiB".to_owned())
}

/// A number of bytes: `10MiB`, `500 KB`, `1000000`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(unit, size)| Some((text.strip_suffix(unit)?.trim_end(), *size)))
        .unwrap_or((text, 1));
    self::number(number)?.checked_mul(unit)
}

/// Digits only: `+5` means something else to somebody.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// In the largest unit that leaves no rest.
pub fn bytes_text(bytes: u64) -> String {
    let fits = |(_, size): &&(&str, u64)| bytes >= *size && bytes.is_multiple_of(*size);
    match UNITS.iter().filter(fits).max_by_key(|(_, size)| *size) {
        Some((unit, size)) => format!("{}{unit}", bytes / size),
        None => format!("{bytes}B"),
    }
}
