//! A filter asked of one exchange that lies at hand: what has just ended, or is not stored.
//!
//! The same answer as the store's, with one difference: the store's index also sees through accents
//! (`cafe` finds “café”), this only through case.

use jiff::Zoned;

use super::{Filter, Flag, Phrase, Test, media_parts};

/// One exchange with the columns of the store.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub mapping_id: &'a str,
    pub mapping: Option<&'a str>,
    pub source: &'a str,
    pub kind: &'a str,
    pub state: &'a str,
    /// Microseconds since 1970.
    pub started_us: i64,
    pub method: &'a str,
    pub scheme: &'a str,
    pub host: &'a str,
    pub target: &'a str,
    pub visitor: Option<&'a str>,
    pub status: Option<i64>,
    pub error: Option<&'a str>,
    pub request_type: Option<&'a str>,
    pub response_type: Option<&'a str>,
    pub total_us: Option<i64>,
    pub request_bytes: i64,
    pub response_bytes: i64,
    pub request_kept: i64,
    pub response_kept: i64,
    /// First line and fields, each with its CRLF.
    pub request_head: &'a [u8],
    pub response_head: Option<&'a [u8]>,
    pub incomplete: bool,
    pub edited: bool,
    pub pinned: bool,
    pub note: Option<&'a str>,
    pub name: Option<&'a str>,
    /// What of the bodies is text.
    pub bodies: &'a str,
}

impl Filter {
    /// Whether every term holds.
    pub fn matches(&self, subject: &Subject<'_>, now: &Zoned) -> bool {
        self.terms.iter().all(|term| subject.passes(&term.test, now) != term.negated)
    }
}

impl Subject<'_> {
    fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.host, self.target)
    }

    fn passes(&self, test: &Test, now: &Zoned) -> bool {
        match test {
            Test::Text(phrase) => {
                found(phrase, &self.url()) || found(phrase, &self.heads()) || found(phrase, self.bodies)
            }
            Test::Body(phrase) => found(phrase, self.bodies),
            Test::Method(methods) => methods.iter().any(|method| method.eq_ignore_ascii_case(self.method)),
            Test::Status(tests) => {
                self.status.is_some_and(|status| tests.iter().any(|test| test.holds(status)))
            }
            Test::Path(text) => {
                let path = self.target.split('?').next().unwrap_or_default();
                if text.starts_with('/') { starts(path, text) } else { contains(path, text) }
            }
            Test::Url(text) => contains(&self.url(), text),
            Test::Host(text) => contains(self.host, text),
            Test::Mapping(text) => {
                self.mapping_id.eq_ignore_ascii_case(text)
                    || self.mapping.is_some_and(|name| name.eq_ignore_ascii_case(text))
            }
            Test::Visitor(text) => self.visitor.is_some_and(|visitor| starts(visitor, text)),
            Test::Error(text) => self.error.is_some_and(|error| contains(error, text)),
            Test::Note(text) => self.note.is_some_and(|note| contains(note, text)),
            Test::Name(text) => self.name.is_some_and(|name| contains(name, text)),
            Test::Header(name) => {
                let line = format!("\r\n{name}:");
                contains(&self.heads(), &line)
            }
            Test::Type(names) => names.iter().any(|name| self.has_type(name)),
            Test::Duration(compare) => self.total_us.is_some_and(|total| compare.holds(total)),
            Test::Size(compare) => compare.holds(self.request_bytes.saturating_add(self.response_bytes)),
            Test::Is(flags) => flags.iter().any(|flag| self.is(*flag)),
            Test::Before(when) => self.started_us < when.resolve(now),
            Test::After(when) => self.started_us >= when.resolve(now),
        }
    }

    /// Both heads as text. The empty line between them keeps a name at the front of neither from
    /// being taken for a field.
    fn heads(&self) -> String {
        let mut heads = String::from_utf8_lossy(self.request_head).into_owned();
        heads.push_str(&String::from_utf8_lossy(self.response_head.unwrap_or_default()));
        heads
    }

    fn has_type(&self, name: &str) -> bool {
        let own = [name];
        let parts = match media_parts(name) {
            [] => &own[..],
            parts => parts,
        };
        [self.request_type, self.response_type].into_iter().flatten().any(|media| {
            parts.iter().any(|part| match part.strip_suffix("/*") {
                Some(major) => starts(media, &format!("{major}/")),
                None if part.contains('/') => media.eq_ignore_ascii_case(part),
                None => contains(media, part),
            })
        })
    }

    fn is(&self, flag: Flag) -> bool {
        match flag {
            Flag::Http | Flag::Websocket | Flag::Sse | Flag::Upgrade | Flag::Tcp => self.kind == flag.name(),
            Flag::Visitor | Flag::Replay | Flag::StandIn | Flag::Import => self.source == flag.name(),
            Flag::Open | Flag::Done | Flag::Failed | Flag::Cancelled => self.state == flag.name(),
            Flag::Pinned => self.pinned,
            Flag::Edited => self.edited,
            Flag::Incomplete => self.incomplete,
            Flag::Truncated => {
                self.request_kept < self.request_bytes || self.response_kept < self.response_bytes
            }
        }
    }
}

fn starts(text: &str, with: &str) -> bool {
    text.as_bytes().get(..with.len()).is_some_and(|front| front.eq_ignore_ascii_case(with.as_bytes()))
}

fn contains(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

/// Words as the store's index cuts them: runs of letters and digits, without case.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Whether the phrase's words stand in the text one after the other.
fn found(phrase: &Phrase, text: &str) -> bool {
    let wanted = words(&phrase.text);
    let Some((last, front)) = wanted.split_last() else {
        return false;
    };
    words(text).windows(wanted.len()).any(|here| {
        let Some((end, begin)) = here.split_last() else {
            return false;
        };
        begin == front && if phrase.whole { end == last } else { end.starts_with(last.as_str()) }
    })
}
