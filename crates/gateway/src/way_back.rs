//! What is done to the head of an answer on its way back to the visitor.

use std::sync::Arc;

use porthole_http1::{Fields, RequestHead};

use crate::policy::{Compiled, Grant, Rules};
use crate::prefix::Prefix;

/// Known when the request is, so that its answer needs no further look at the mapping.
#[derive(Debug, Clone, Default)]
pub struct WayBack {
    prefix: Option<Prefix>,
    /// Where they ask for something.
    rules: Option<(Arc<Rules>, Grant)>,
}

impl WayBack {
    /// `head` is the request's as it came; `prefix` was taken off it.
    pub fn new(policy: &Compiled, head: &RequestHead, prefix: Option<Prefix>) -> Self {
        let rules = policy.answer_rules().map(|rules| {
            let grant = rules.grant(head);
            (rules, grant)
        });
        Self { prefix, rules }
    }

    /// An answer of the service's, or one that is given in its place.
    pub fn dress(&self, fields: &mut Fields) {
        if let Some(prefix) = &self.prefix {
            prefix.put_back(fields);
        }
        if let Some((rules, grant)) = &self.rules {
            rules.change_answer(grant, fields);
        }
    }

    /// A refusal of the gateway's own.
    pub fn dress_refusal(&self, fields: &mut Fields) {
        if let Some((rules, grant)) = &self.rules {
            rules.change_refusal(grant, fields);
        }
    }
}
