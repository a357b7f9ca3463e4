//! What is done to the head of an answer on its way back to the visitor.

use std::sync::Arc;

use porthole_http1::Fields;

use crate::policy::{Compiled, Rules};
use crate::prefix::Prefix;

/// Known when the request is, so that its answer needs no further look at the mapping.
#[derive(Debug, Clone, Default)]
pub struct WayBack {
    prefix: Option<Prefix>,
    /// Where they ask for something.
    rules: Option<Arc<Rules>>,
}

impl WayBack {
    /// `prefix` was taken off the request.
    pub fn new(policy: &Compiled, prefix: Option<Prefix>) -> Self {
        Self { prefix, rules: policy.answer_rules() }
    }

    /// An answer of the service's, or one that is given in its place.
    pub fn dress(&self, fields: &mut Fields) {
        if let Some(prefix) = &self.prefix {
            prefix.put_back(fields);
        }
        if let Some(rules) = &self.rules {
            rules.change_answer(fields);
        }
    }
}
