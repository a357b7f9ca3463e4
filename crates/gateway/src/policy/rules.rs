//! What a mapping asks of HTTP requests, whoever sends them.

use std::borrow::Cow;
use std::sync::Arc;

use porthole_http1::{Fields, RequestHead, announced_length};
use porthole_link::control::{Maintenance, Policy};

use super::cors::{Cors, Grant};
use super::headers::Headers;
use super::paths::{Part, Paths};
use super::{Canned, PolicyRefusal, PolicyRequest};
use crate::rescue::Problem;

/// Methods on one list, and bytes of one: there are some forty, the longest of 17.
const MAX_METHODS: usize = 64;
const MAX_METHOD_BYTES: usize = 32;

/// A policy's part that looks at requests.
#[derive(Debug)]
pub struct Rules {
    /// Bytes of one body; what does not tell its length is counted on its way.
    pub(super) max_body: u64,
    maintenance: Option<PolicyRefusal>,
    methods: Option<Methods>,
    paths: Paths,
    request_headers: Headers,
    response_headers: Headers,
    cors: Option<Cors>,
}

/// What is known of a request that may go on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Passage {
    /// Nobody is asked for a password there.
    pub(super) public: bool,
    /// Answered by the gateway.
    pub(super) canned: Option<Arc<Canned>>,
}

impl Rules {
    /// None where the policy asks for nothing of requests.
    ///
    /// # Errors
    /// One sentence that names what is wrong.
    pub(super) fn new(policy: &Policy) -> Result<Option<Self>, String> {
        let rules = Self {
            max_body: policy.max_body.unwrap_or(u64::MAX),
            maintenance: policy.maintenance.as_ref().map(maintenance).transpose()?,
            methods: Methods::new(&policy.allow_methods)?,
            paths: Paths::new(policy)?,
            request_headers: Headers::new(&policy.request_headers)?,
            response_headers: Headers::new(&policy.response_headers)?,
            cors: policy.cors.as_ref().map(Cors::new).transpose()?,
        };
        let asks = policy.max_body.is_some()
            || rules.maintenance.is_some()
            || rules.methods.is_some()
            || !rules.paths.is_empty()
            || !rules.request_headers.is_empty()
            || rules.changes_answers();
        Ok(asks.then_some(rules))
    }

    /// Whether the request may go on, and where to.
    pub(super) fn decide(&self, request: &PolicyRequest<'_>) -> Result<Passage, Problem> {
        if self.cors.is_some() && Cors::is_preflight(request.method, request.fields) {
            // Browsers send no password with it, and show a page none of our refusals if this is one.
            return Ok(Passage { public: true, canned: Some(Arc::new(Canned::nothing())) });
        }
        if let Some(refusal) = &self.maintenance {
            return Err(refusal.clone().into());
        }
        let found = self.paths.find(request.path).ok_or(Problem::AmbiguousPath)?;
        if found.part == Some(Part::Private) {
            return Err(Problem::PrivatePath);
        }
        if let Some(methods) = self.methods.as_ref().filter(|methods| !methods.has(request.method)) {
            return Err(Problem::MethodNotListed { allow: Arc::clone(&methods.listed) });
        }
        match announced_length(request.fields) {
            Ok(Some(length)) if length > self.max_body => Err(Problem::BodyTooLarge),
            _ => Ok(Passage {
                public: found.part == Some(Part::Public),
                canned: found.answer.map(|at| self.paths.canned(at)),
            }),
        }
    }

    /// Only after [`Self::decide`] has let it in.
    pub(super) fn change_request(&self, head: &mut RequestHead) {
        if let Some(target) = self.paths.rewritten(&head.target) {
            head.target = target;
        }
        self.request_headers.apply(&mut head.fields);
    }

    pub(super) fn changes_answers(&self) -> bool {
        !self.response_headers.is_empty() || self.cors.is_some()
    }

    /// What the page behind a request is to be told.
    pub fn grant(&self, head: &RequestHead) -> Grant {
        self.cors.as_ref().map(|cors| cors.grant(head)).unwrap_or_default()
    }

    /// Makes the fields of an answer what the visitor is to see.
    pub fn change_answer(&self, grant: &Grant, fields: &mut Fields) {
        self.response_headers.apply(fields);
        self.change_refusal(grant, fields);
    }

    /// The same for a refusal of the gateway's own, which a page may read as it may any answer.
    pub fn change_refusal(&self, grant: &Grant, fields: &mut Fields) {
        if let Some(cors) = &self.cors {
            cors.tell(grant, fields);
        }
    }
}

fn maintenance(asked: &Maintenance) -> Result<PolicyRefusal, String> {
    asked.check().map_err(|wrong| format!("The mapping's maintenance is not usable: {wrong}."))?;
    let sentence = "This address is down for maintenance; try again later.";
    let mut refusal = PolicyRefusal::new(503, "maintenance", sentence);
    refusal.retry_after = Some(asked.retry_after.into());
    if let Some(message) = &asked.message {
        refusal.message = Cow::Owned(message.clone());
    }
    Ok(refusal)
}

/// Those that are let in.
#[derive(Debug)]
struct Methods {
    /// As `Allow` has them.
    listed: Arc<str>,
}

impl Methods {
    fn new(list: &[String]) -> Result<Option<Self>, String> {
        let plain = |method: &String| {
            (1..=MAX_METHOD_BYTES).contains(&method.len())
                && method.bytes().all(|byte| byte.is_ascii_uppercase() || b"-_".contains(&byte))
        };
        if list.len() > MAX_METHODS || !list.iter().all(plain) {
            return Err(format!(
                "A list of methods has at most {MAX_METHODS}, each of 1 to {MAX_METHOD_BYTES} capital letters, like GET."
            ));
        }
        let mut listed = list.join(", ");
        if list.iter().any(|method| method == "GET") && !list.iter().any(|method| method == "HEAD") {
            // The same without its body (RFC 9110 §9.3.2).
            listed += ", HEAD";
        }
        Ok((!list.is_empty()).then(|| Self { listed: listed.into() }))
    }

    fn has(&self, method: &str) -> bool {
        self.listed.split(", ").any(|listed| listed == method)
    }
}

#[cfg(test)]
mod tests;
