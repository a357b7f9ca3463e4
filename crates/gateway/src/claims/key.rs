//! What can be claimed.

use std::fmt;
use std::str::FromStr;

use porthole_link::control::Match;

use crate::router::Place;

/// Something that belongs to one subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    Place(Place),
    Tcp(u16),
}

impl Key {
    /// The keys whose owner decides about this one: itself, and for a path prefix those above it.
    pub fn covering(&self) -> impl Iterator<Item = Key> {
        let (host, path) = match self {
            Self::Place(Place::Host { host, path }) => (Some(host.clone()), path.as_str()),
            Self::Place(Place::Own { path }) => (None, path.as_str()),
            Self::Place(Place::Pub { .. }) | Self::Tcp(_) => (None, ""),
        };
        let is_host = host.is_some();
        let above = path.match_indices('/').map(|(at, _)| at).filter(move |&at| is_host || at > 0);
        let above: Vec<Key> = above
            .map(|at| {
                let path = path[..at].to_owned();
                match &host {
                    Some(host) => Self::Place(Place::Host { host: host.clone(), path }),
                    None => Self::Place(Place::Own { path }),
                }
            })
            .collect();
        above.into_iter().chain([self.clone()])
    }
}

/// As written in `claims.json`: `tcp:20000`, `pub:ID`, `own:/path`, `host:shop.example.com/path`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(port) => write!(f, "tcp:{port}"),
            Self::Place(Place::Pub { id }) => write!(f, "pub:{id}"),
            Self::Place(Place::Own { path }) => write!(f, "own:{path}"),
            Self::Place(Place::Host { host, path }) => write!(f, "host:{host}{path}"),
        }
    }
}

impl FromStr for Key {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, rest) = text.split_once(':').ok_or(())?;
        match kind {
            "tcp" => rest.parse().map(Self::Tcp).map_err(|_| ()),
            "pub" => Ok(Self::Place(Place::Pub { id: rest.to_owned() })),
            "own" => Ok(Self::Place(Place::Own { path: rest.to_owned() })),
            "host" => {
                let at = rest.find('/').unwrap_or(rest.len());
                let (host, path) = rest.split_at(at);
                Ok(Self::Place(Place::Host { host: host.to_owned(), path: path.to_owned() }))
            }
            _ => Err(()),
        }
    }
}

/// Something that one link serves at a time: a key, with the conditions on a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    pub key: Key,
    /// The conditions in one spelling, whatever their order.
    conditions: String,
}

impl Slot {
    pub fn new(key: Key, matches: &[Match]) -> Self {
        let mut texts: Vec<String> = matches
            .iter()
            .map(|condition| match condition {
                // Header names compare without case.
                Match::Header { name, value } => {
                    format!("{:?}", ("header", name.to_ascii_lowercase(), value))
                }
                Match::Query { name, value } => format!("{:?}", ("query", name, value)),
                Match::Cookie { name, value } => format!("{:?}", ("cookie", name, value)),
            })
            .collect();
        texts.sort();
        texts.dedup();
        Self { key, conditions: texts.join("&") }
    }
}
