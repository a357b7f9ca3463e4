//! Which endpoint a request belongs to: a pure, immutable table that is swapped whole.
//!
//! By host first (hashed, so that 10,000 routes cost what one does), then by the longest path prefix in
//! segments of the raw path, then by conditions on fields, query and cookies.

mod conditions;
mod host;
mod path;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use porthole_http1::Fields;

use crate::allowance::{Allowance, Bucket};
use crate::policy;

pub use host::{HostError, normalise_host};
pub use path::{MAX_PREFIX_SEGMENTS, plain_prefix};
pub(crate) use path::{is_suspicious, read_otherwise};
pub use table::{Entry, Place, Router, Target, is_reserved};

/// What routing looks at.
#[derive(Debug, Clone, Copy)]
pub struct RouteRequest<'a> {
    /// As [`normalise_host`] gives it: lower case, no port, no trailing dot.
    pub host: &'a str,
    /// Raw, no query.
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub fields: &'a Fields,
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Route<'r, E = Endpoint> {
    /// The gateway's own addresses (`/tunnel`, `/health`, `/api/v1/status`; anything else there is a 404).
    Own,
    Endpoint {
        endpoint: &'r Arc<E>,
        /// Bytes of the raw path to remove in front; 0: none. What is left may be empty (then it is `/`).
        strip: usize,
    },
    /// The name is held, its agent is away: 503.
    Away { name: &'r str },
    /// 404.
    Unknown,
    /// The path would match another prefix once normalised: 400.
    AmbiguousPath,
}

/// A mapping that is live.
#[derive(Debug)]
pub struct Endpoint {
    pub mapping: porthole_link::Mapping,
    pub link: porthole_link::Link,
    pub subject: Arc<str>,
    pub agent_id: Arc<str>,
    /// No trailing slash, except `/pub/{id}/`.
    pub public_url: String,
    pub policy: policy::Compiled,
    /// Of the token that it is served with, where its streams are limited.
    pub allowance: Option<Arc<Allowance>>,
}

impl Endpoint {
    /// What people call the mapping: its name, host or id. For logs and pages.
    pub fn label(&self) -> &str {
        let mapping = &self.mapping;
        mapping.name.as_deref().or(mapping.host.as_deref()).unwrap_or(&mapping.id)
    }

    /// What its bytes are counted in, where its token has a rate.
    pub fn bucket(&self) -> Option<&Arc<Bucket>> {
        self.allowance.as_ref()?.bucket()
    }
}
