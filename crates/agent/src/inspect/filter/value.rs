//! Numbers, spans and times as people write them, and back.

use std::fmt;

use jiff::civil::Date;
use jiff::{Timestamp, Zoned};

/// A number against a number or a range; never larger than `i64::MAX`, which SQLite holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    Above(u64),
    AtLeast(u64),
    Below(u64),
    AtMost(u64),
    /// Both ends belong to it.
    Between(u64, u64),
}

/// One alternative of `status:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusTest {
    Exactly(u64),
    /// 1 to 9: `5` is `5xx`.
    Class(u64),
    Compare(Compare),
}

/// A moment, perhaps relative to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Microseconds before now.
    Ago(u64),
    At(Timestamp),
    /// The beginning of the day where the user is.
    Day(Date),
}

/// What a number is a number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Plain,
    /// Microseconds.
    Span,
    Bytes,
}

/// Names and sizes, the largest first. Writing takes the first that leaves no rest.
const SPANS: &[(&str, u64)] = &[
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

const SIZES: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

impl Unit {
    fn names(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Plain => &[],
            Self::Span => SPANS,
            Self::Bytes => SIZES,
        }
    }

    /// The unit of a number without one.
    fn bare(self) -> u64 {
        match self {
            Self::Plain | Self::Bytes => 1,
            Self::Span => 1_000,
        }
    }

    /// Reads `1.5s`, `500ms`, `10`; `None` when it is not that, or larger than SQLite holds.
    pub(super) fn parse(self, text: &str) -> Option<u64> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, name) = text.split_at(end);
        let size = if name.is_empty() {
            self.bare()
        } else {
            let same = |(given, _): &&(&str, u64)| given.eq_ignore_ascii_case(name);
            self.names()
                .iter()
                .find(same)
                .or_else(|| (name == "µs").then(|| self.names().last()).flatten())?
                .1
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || part.is_empty() || part.len() > 9 || (size == 1 && number.contains('.')) {
            return None;
        }
        let part_digits = u32::try_from(part.len()).ok()?;
        let part = u128::from(part.parse::<u64>().ok()?) * u128::from(size) / 10_u128.pow(part_digits);
        let all = u128::from(whole.parse::<u64>().ok()?).checked_mul(u128::from(size))?.checked_add(part)?;
        u64::try_from(all).ok().filter(|all| i64::try_from(*all).is_ok())
    }

    fn write(self, number: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, size): &&(&str, u64)| number != 0 && number.is_multiple_of(*size);
        match self.names().iter().find(fits).or(self.names().last()) {
            Some((name, size)) => write!(f, "{}{name}", number / size),
            None => write!(f, "{number}"),
        }
    }

    pub(super) fn show(self, number: u64) -> impl fmt::Display {
        struct Shown(Unit, u64);
        impl fmt::Display for Shown {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write(self.1, f)
            }
        }
        Shown(self, number)
    }
}

/// Reads a number of bytes: `10MB`, `1.5KiB`, `512`.
pub fn bytes(text: &str) -> Option<u64> {
    Unit::Bytes.parse(text)
}

/// The same the other way round, in the largest unit that leaves no rest.
pub fn bytes_text(bytes: u64) -> String {
    Unit::Bytes.show(bytes).to_string()
}

impl Compare {
    /// Reads `>5`, `>=5`, `<5`, `<=5` or `1..5`.
    pub(super) fn parse(unit: Unit, text: &str) -> Option<Self> {
        if let Some((low, high)) = text.split_once("..") {
            let (low, high) = (unit.parse(low)?, unit.parse(high)?);
            return (low <= high).then_some(Self::Between(low, high));
        }
        let number = |rest: &str| unit.parse(rest);
        if let Some(rest) = text.strip_prefix(">=") {
            number(rest).map(Self::AtLeast)
        } else if let Some(rest) = text.strip_prefix("<=") {
            number(rest).map(Self::AtMost)
        } else if let Some(rest) = text.strip_prefix('>') {
            number(rest).map(Self::Above)
        } else {
            number(text.strip_prefix('<')?).map(Self::Below)
        }
    }

    pub(super) fn holds(self, number: i64) -> bool {
        let number = i128::from(number);
        match self {
            Self::Above(n) => number > i128::from(n),
            Self::AtLeast(n) => number >= i128::from(n),
            Self::Below(n) => number < i128::from(n),
            Self::AtMost(n) => number <= i128::from(n),
            Self::Between(low, high) => (i128::from(low)..=i128::from(high)).contains(&number),
        }
    }

    pub(super) fn show(self, unit: Unit) -> impl fmt::Display {
        struct Shown(Compare, Unit);
        impl fmt::Display for Shown {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (sign, number) = match self.0 {
                    Compare::Above(n) => (">", n),
                    Compare::AtLeast(n) => (">=", n),
                    Compare::Below(n) => ("<", n),
                    Compare::AtMost(n) => ("<=", n),
                    Compare::Between(low, high) => {
                        return write!(f, "{}..{}", self.1.show(low), self.1.show(high));
                    }
                };
                write!(f, "{sign}{}", self.1.show(number))
            }
        }
        Shown(self, unit)
    }
}

impl StatusTest {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(compare) = Compare::parse(Unit::Plain, text) {
            return Some(Self::Compare(compare));
        }
        let bytes = text.as_bytes();
        if bytes.len() == 3 && bytes[0].is_ascii_digit() && bytes[0] != b'0' {
            if bytes[1..].eq_ignore_ascii_case(b"xx") {
                return Some(Self::Class(u64::from(bytes[0] - b'0')));
            }
            return Unit::Plain.parse(text).map(Self::Exactly);
        }
        None
    }

    pub(super) fn holds(self, status: i64) -> bool {
        match self {
            Self::Exactly(n) => Compare::Between(n, n).holds(status),
            Self::Class(n) => Compare::Between(n * 100, n * 100 + 99).holds(status),
            Self::Compare(compare) => compare.holds(status),
        }
    }
}

impl fmt::Display for StatusTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(n) => write!(f, "{n}"),
            Self::Class(n) => write!(f, "{n}xx"),
            Self::Compare(compare) => write!(f, "{}", compare.show(Unit::Plain)),
        }
    }
}

impl When {
    /// Reads `10m`, `2026-01-31` or `2026-01-31T10:00:00Z`. A bare number has no unit to go by.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.ends_with(|c: char| c.is_ascii_alphabetic())
            && let Some(ago) = Unit::Span.parse(text)
        {
            return Some(Self::Ago(ago));
        }
        // Parsers of dates take much more than what is said here; a day is ten characters.
        if text.len() == 10
            && let Ok(day) = text.parse::<Date>()
        {
            return Some(Self::Day(day));
        }
        text.parse::<Timestamp>().ok().map(Self::At)
    }

    /// Microseconds since 1970. What lies before all time is the beginning of it.
    pub(super) fn resolve(self, now: &Zoned) -> i64 {
        match self {
            Self::Ago(span) => now.timestamp().as_microsecond().saturating_sub_unsigned(span),
            Self::At(at) => at.as_microsecond(),
            Self::Day(day) => day
                .to_zoned(now.time_zone().clone())
                .map_or(if day < now.date() { i64::MIN } else { i64::MAX }, |day| {
                    day.timestamp().as_microsecond()
                }),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(span) => Unit::Span.write(*span, f),
            Self::At(at) => write!(f, "{at}"),
            Self::Day(day) => write!(f, "{day}"),
        }
    }
}
