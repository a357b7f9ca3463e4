//! What a mapping asks of HTTP requests, whoever sends them.

use porthole_http1::announced_length;
use porthole_link::control::Policy;

use super::PolicyRequest;
use crate::rescue::Problem;

/// A policy's part that looks at requests; none where it asks for nothing of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Bytes of one body; what does not tell its length is counted on its way.
    pub(super) max_body: u64,
}

impl Rules {
    pub(super) fn new(policy: &Policy) -> Option<Self> {
        policy.max_body.map(|max_body| Self { max_body })
    }

    /// Whether the request may go on.
    pub(super) fn decide(&self, request: &PolicyRequest<'_>) -> Result<(), Problem> {
        match announced_length(request.fields) {
            Ok(Some(length)) if length > self.max_body => Err(Problem::BodyTooLarge),
            _ => Ok(()),
        }
    }
}
