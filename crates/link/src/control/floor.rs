//! What a gateway asks of all mappings' visitors.

use serde::{Deserialize, Serialize};

use super::{Policy, RateLimit};

/// Rules that hold beside each mapping's own policy: both must admit. Every mapping is counted by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Floor {
    /// Only mappings that ask for a password everywhere are served.
    pub require_auth: bool,
    pub allow_ip: Vec<String>,
    pub deny_ip: Vec<String>,
    pub rate_limit: Option<RateLimit>,
    pub visitor_rate_limit: Option<RateLimit>,
    pub max_concurrent: Option<u32>,
    /// Bytes.
    pub max_body: Option<u64>,
    pub allow_methods: Vec<String>,
    pub private_paths: Vec<String>,
}

impl Floor {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What of it a policy says, too.
    pub fn policy(&self) -> Policy {
        let Self { require_auth: _, rate_limit, visitor_rate_limit, max_concurrent, max_body, .. } = *self;
        Policy {
            allow_ip: self.allow_ip.clone(),
            deny_ip: self.deny_ip.clone(),
            rate_limit,
            visitor_rate_limit,
            max_concurrent,
            max_body,
            allow_methods: self.allow_methods.clone(),
            private_paths: self.private_paths.clone(),
            ..Policy::default()
        }
    }
}
