//! The table of hosts and paths.

use std::sync::Arc;

use super::{Endpoint, Route, RouteRequest};
use crate::config::PublicBase;

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
#[derive(Debug, Clone)]
pub enum Target {
    Live(Arc<Endpoint>),
    /// Claimed, but its agent is away.
    Away { name: Arc<str> },
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub place: Place,
    pub target: Target,
}

/// The immutable snapshot.
#[derive(Debug, Default)]
pub struct Router {}

impl Router {
    pub fn build(_public: Option<&PublicBase>, _entries: impl IntoIterator<Item = Entry>) -> Self {
        Self {}
    }

    pub fn route<'r>(&'r self, _request: &RouteRequest<'_>) -> Route<'r> {
        Route::Unknown
    }
}
