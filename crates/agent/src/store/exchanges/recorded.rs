//! Stored exchanges as the inspector's functions take them.

use super::Exchange;
use crate::inspect::recorded::{RecordedRequest, parse_head};

impl Exchange {
    /// The request, its head taken apart. Of raw TCP only the bytes.
    pub fn recorded_request(&self) -> RecordedRequest {
        let summary = &self.summary;
        RecordedRequest {
            method: summary.method.clone(),
            scheme: summary.scheme.clone(),
            host: summary.host.clone(),
            target: summary.target.clone(),
            fields: parse_head(&self.request.head).1,
            body: self.request.body.data.clone(),
            body_bytes: self.request.body.bytes,
        }
    }
}
