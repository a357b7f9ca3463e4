//! The table of hosts and paths.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use porthole_link::control::Match;

use super::conditions::all_hold;
use super::path::{is_suspicious, prefixes, read_otherwise};
use super::{Endpoint, Route, RouteRequest};

/// First segments of the own host's paths that no mapping may take.
const RESERVED: [&str; 8] = ["tunnel", "health", "api", "pub", "register", "ws", "metrics", ".well-known"];

/// Whether `path` lies under one of the gateway's own addresses.
pub fn is_reserved(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    RESERVED.contains(&first)
}

/// Where an entry lives.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A host (perhaps `*.`-wildcard) and a path prefix (empty: all).
    Host { host: String, path: String },
    /// A named prefix on the gateway's own host, with its leading slash.
    Own { path: String },
    /// `/pub/{id}/…` on the own host.
    Pub { id: String },
}

/// What is behind an entry.
#[derive(Debug)]
pub enum Target<E = Endpoint> {
    Live(Arc<E>),
    /// Claimed, but its agent is away.
    Away {
        name: Arc<str>,
    },
}

/// One row to be.
#[derive(Debug)]
pub struct Entry<E = Endpoint> {
    pub place: Place,
    /// Further conditions; of several rows in one place the one with more conditions is asked first.
    pub matches: Vec<Match>,
    /// Take the path prefix off. Own prefixes and `/pub/{id}` always do.
    pub strip: bool,
    pub target: Target<E>,
}

/// The immutable snapshot.
#[derive(Debug)]
pub struct Router<E = Endpoint> {
    /// None: any host that is no mapping's is the own one.
    own: Option<String>,
    exact: HashMap<String, Paths<E>>,
    /// By the part after `*.`.
    wildcard: HashMap<String, Paths<E>>,
    prefixes: Paths<E>,
    pubs: HashMap<String, Row<E>>,
}

#[derive(Debug)]
struct Row<E> {
    matches: Vec<Match>,
    strip: bool,
    target: Target<E>,
}

/// The rows of one host.
#[derive(Debug)]
struct Paths<E> {
    root: Vec<Row<E>>,
    by_prefix: HashMap<String, Vec<Row<E>>>,
    /// Segments of the longest prefix.
    deepest: usize,
}

impl<E> Default for Paths<E> {
    fn default() -> Self {
        Self { root: Vec::new(), by_prefix: HashMap::new(), deepest: 0 }
    }
}

/// A row and the bytes of the path that its prefix took; compared to see whether two spellings of a
/// path match alike.
type Found<'r, E> = Option<(&'r Row<E>, usize)>;

impl<E> Router<E> {
    /// `own` is the gateway's own host, normalised.
    pub fn build(own: Option<&str>, entries: impl IntoIterator<Item = Entry<E>>) -> Self {
        let mut router = Self {
            own: own.map(str::to_owned),
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            prefixes: Paths::default(),
            pubs: HashMap::new(),
        };
        for Entry { place, matches, strip, target } in entries {
            let row = Row { matches, strip: strip || !matches!(place, Place::Host { .. }), target };
            match place {
                Place::Pub { id } => {
                    router.pubs.insert(id, row);
                }
                Place::Own { path } => router.prefixes.add(path, row),
                Place::Host { host, path } => match host.strip_prefix("*.") {
                    Some(suffix) => router.wildcard.entry(suffix.to_owned()).or_default().add(path, row),
                    None => router.exact.entry(host).or_default().add(path, row),
                },
            }
        }
        router.exact.values_mut().chain(router.wildcard.values_mut()).for_each(Paths::sort);
        router.prefixes.sort();
        router
    }

    /// Finds where a request goes. Pure; costs the same with one host as with 10,000.
    pub fn route<'r>(&'r self, request: &RouteRequest<'_>) -> Route<'r, E> {
        if self.own.as_deref() == Some(request.host) {
            return self.route_own(request);
        }
        let host = self.exact.get(request.host).into_iter().chain(self.wildcards(request.host));
        let mut known = false;
        for paths in host {
            known = true;
            let found = paths.find(request.path, request);
            if paths.in_play()
                && is_suspicious(request.path)
                && read_otherwise(request.path, |read| same(found, paths.find(read, request)))
            {
                return Route::AmbiguousPath;
            }
            if let Some((row, taken)) = found {
                return row.route(taken);
            }
        }
        if !known && (self.own.is_none() || is_local_name(request.host)) {
            return self.route_own(request);
        }
        Route::Unknown
    }

    /// Whether a request for `host` may be one to the gateway itself, its path apart.
    pub fn leads_home(&self, host: &str) -> bool {
        if self.own.as_deref() == Some(host) || host.parse::<IpAddr>().is_ok() {
            return true;
        }
        let known = self.exact.contains_key(host) || self.wildcards(host).next().is_some();
        !known && (self.own.is_none() || is_local_name(host))
    }

    /// Wildcard tables for `host`, the most specific first.
    fn wildcards<'r, 'h>(&'r self, host: &'h str) -> impl Iterator<Item = &'r Paths<E>> + use<'r, 'h, E> {
        let suffixes = host.match_indices('.').map(|(dot, _)| &host[dot + 1..]);
        // Nothing to hash where no wildcard is known.
        suffixes
            .take(if self.wildcard.is_empty() { 0 } else { usize::MAX })
            .filter_map(|s| self.wildcard.get(s))
    }

    fn route_own<'r>(&'r self, request: &RouteRequest<'_>) -> Route<'r, E> {
        let place = self.own_place(request.path, request);
        if is_suspicious(request.path)
            && read_otherwise(request.path, |read| place.same(&self.own_place(read, request)))
        {
            return Route::AmbiguousPath;
        }
        match place {
            OwnPlace::Own => Route::Own,
            OwnPlace::UnknownPub => Route::Unknown,
            OwnPlace::Row(row, taken) => row.route(taken),
        }
    }

    fn own_place(&self, path: &str, request: &RouteRequest<'_>) -> OwnPlace<'_, E> {
        if let Some(rest) = path.strip_prefix("/pub/") {
            let id = rest.split('/').next().unwrap_or_default();
            return match self.pubs.get(id) {
                Some(row) => OwnPlace::Row(row, "/pub/".len() + id.len()),
                None => OwnPlace::UnknownPub,
            };
        }
        if is_reserved(path) {
            return OwnPlace::Own;
        }
        match self.prefixes.find(path, request) {
            Some((row, taken)) => OwnPlace::Row(row, taken),
            None => OwnPlace::Own,
        }
    }

    /// How many hosts, prefixes and ids are known, away ones included.
    pub fn len(&self) -> usize {
        let hosts = self.exact.values().chain(self.wildcard.values());
        hosts.map(Paths::len).sum::<usize>() + self.prefixes.len() + self.pubs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Hosts that no public name can be: addresses and names without a dot. A health check or an agent in
/// the same network reaches the gateway itself by them.
fn is_local_name(host: &str) -> bool {
    !host.contains('.') || host.parse::<IpAddr>().is_ok()
}

enum OwnPlace<'r, E> {
    Own,
    UnknownPub,
    Row(&'r Row<E>, usize),
}

impl<E> OwnPlace<'_, E> {
    /// Whether both spellings of a path lead to one place; the gateway's own pages compare paths
    /// themselves, byte for byte.
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Own, Self::Own) | (Self::UnknownPub, Self::UnknownPub) => true,
            (Self::Row(one, _), Self::Row(two, _)) => std::ptr::eq(*one, *two),
            _ => false,
        }
    }
}

fn same<E>(one: Found<'_, E>, two: Found<'_, E>) -> bool {
    match (one, two) {
        (Some((one, _)), Some((two, _))) => std::ptr::eq(one, two),
        (None, None) => true,
        _ => false,
    }
}

impl<E> Row<E> {
    fn route(&self, taken: usize) -> Route<'_, E> {
        match &self.target {
            Target::Live(endpoint) => Route::Endpoint { endpoint, strip: if self.strip { taken } else { 0 } },
            Target::Away { name } => Route::Away { name },
        }
    }

    fn is_away(&self) -> bool {
        matches!(self.target, Target::Away { .. })
    }
}

impl<E> Paths<E> {
    fn add(&mut self, path: String, row: Row<E>) {
        if path.is_empty() {
            self.root.push(row);
        } else {
            self.deepest = self.deepest.max(path.bytes().filter(|&b| b == b'/').count());
            self.by_prefix.entry(path).or_default().push(row);
        }
    }

    /// More conditions first; a live row before one whose agent is away.
    fn sort(&mut self) {
        for rows in self.by_prefix.values_mut().chain([&mut self.root]) {
            rows.sort_by_key(|row| (std::cmp::Reverse(row.matches.len()), row.is_away()));
        }
    }

    fn in_play(&self) -> bool {
        self.deepest > 0
    }

    fn find(&self, path: &str, request: &RouteRequest<'_>) -> Found<'_, E> {
        if self.in_play() {
            for prefix in prefixes(path, self.deepest) {
                let rows = self.by_prefix.get(prefix).map(Vec::as_slice).unwrap_or_default();
                if let Some(row) = rows.iter().find(|row| all_hold(&row.matches, request)) {
                    return Some((row, prefix.len()));
                }
            }
        }
        self.root.iter().find(|row| all_hold(&row.matches, request)).map(|row| (row, 0))
    }

    fn len(&self) -> usize {
        self.root.len() + self.by_prefix.values().map(Vec::len).sum::<usize>()
    }
}
