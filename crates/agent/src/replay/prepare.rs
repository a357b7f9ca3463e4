//! The request to send, and where to: decided over values.

use porthole_http1::connection::strip_hop_by_hop;
use porthole_http1::{Fields, RequestHead, Version, write_request_head};

use super::ReplayError;
use super::{Ask, Edit, To};
use crate::dial::is_loopback;
use crate::mapping::MappingSpec;
use crate::store::exchanges::Exchange;
use crate::target::{Scheme, Target};

/// A request that is ready to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prepared {
    pub(super) original_id: i64,
    pub(super) head: RequestHead,
    pub(super) body: Vec<u8>,
    /// How long the body is was not told before it.
    pub(super) chunked: bool,
    /// Where it goes, and by which rules.
    pub(super) spec: MappingSpec,
    pub(super) edited: bool,
}

pub(super) fn prepare(
    exchange: &Exchange,
    ask: &Ask,
    known: &[MappingSpec],
) -> Result<Prepared, ReplayError> {
    let summary = &exchange.summary;
    let id = summary.id;
    if !matches!(summary.kind.as_str(), "http" | "sse") {
        return Err(ReplayError::Conversation { id, kind: summary.kind.clone() });
    }
    let spec = destination(exchange, ask.to.as_ref(), known)?;
    let edit = &ask.edit;
    let mut fields: Fields = exchange.request.fields().into_iter().collect();
    edit_fields(&mut fields, edit);
    let body = match &edit.body {
        Some(body) => {
            replace_body(&mut fields, edit, body.len());
            body.clone()
        }
        None => whole_body(exchange)?,
    };
    let head = RequestHead {
        method: edit.method.clone().unwrap_or_else(|| summary.method.clone()),
        target: edit.target.clone().unwrap_or_else(|| summary.target.clone()),
        version: Version::Http11,
        fields,
    };
    check(&head).map_err(|problem| ReplayError::Unsendable { id, problem })?;
    let chunked = !body.is_empty() && !head.fields.contains("content-length");
    Ok(Prepared { original_id: id, head, body, chunked, spec, edited: !edit.is_empty() })
}

/// The original's body, if there is no doubt that it is all of it.
fn whole_body(exchange: &Exchange) -> Result<Vec<u8>, ReplayError> {
    let id = exchange.summary.id;
    let body = &exchange.request.body;
    if body.is_truncated() || exchange.summary.incomplete {
        return Err(ReplayError::Truncated { id, kept: body.data.len() });
    }
    let announced = exchange.request.fields().into_iter().find_map(|(name, value)| {
        let length = name.eq_ignore_ascii_case("content-length").then_some(value)?;
        std::str::from_utf8(&length).ok()?.parse::<u64>().ok()
    });
    let whole = match announced {
        Some(announced) => announced == body.bytes,
        // What came in chunks was complete where the exchange was; what has no body at all is none.
        None => exchange.summary.state == "done" || body.bytes == 0,
    };
    if whole { Ok(body.data.clone()) } else { Err(ReplayError::Incomplete { id }) }
}

fn edit_fields(fields: &mut Fields, edit: &Edit) {
    if let Some(wanted) = &edit.fields {
        let old = std::mem::take(fields);
        for (name, value) in wanted {
            // What was no text was shown as one: left alone, it is sent as it was.
            let shown = |old: &&[u8]| String::from_utf8_lossy(old) == *value;
            let bytes = old.get_all(name).find(shown).unwrap_or(value.as_bytes());
            fields.push(name, bytes);
        }
        strip_hop_by_hop(fields);
    }
    for (name, value) in &edit.set {
        match value {
            Some(value) => fields.set(name, value),
            None => {
                fields.remove(name);
            }
        }
    }
    if !edit.set.is_empty() {
        strip_hop_by_hop(fields);
    }
}

/// What the head says of the body is to be true of the new one.
fn replace_body(fields: &mut Fields, edit: &Edit, length: usize) {
    if length > 0 || fields.contains("content-length") {
        fields.set("Content-Length", length.to_string());
    }
    let named = |name: &str| name.eq_ignore_ascii_case("content-encoding");
    let asked_for = edit.fields.is_some() || edit.set.iter().any(|(name, _)| named(name));
    if !asked_for {
        // The new one is as it was given, not coded as the old one was.
        fields.remove("content-encoding");
    }
}

/// Whether the codec would write it: so that what is wrong is told before anything is sent.
fn check(head: &RequestHead) -> Result<(), String> {
    if !head.target.starts_with('/') && head.target != "*" {
        return Err("a path begins with /".into());
    }
    write_request_head(head, &mut Vec::new()).map_err(|error| error.to_string())
}

fn destination(
    exchange: &Exchange,
    to: Option<&To>,
    known: &[MappingSpec],
) -> Result<MappingSpec, ReplayError> {
    let summary = &exchange.summary;
    let own = known.iter().find(|spec| spec.id == summary.mapping_id);
    // Sent elsewhere, it stays under its mapping, with that one's rules.
    let rules = || {
        own.cloned().unwrap_or_else(|| MappingSpec {
            name: summary.mapping.clone(),
            ..MappingSpec::new(summary.mapping_id.clone(), localhost(Scheme::Http, 80))
        })
    };
    let mut spec = match to {
        None => own.cloned().ok_or(ReplayError::MappingGone { id: summary.id })?,
        Some(To::Port(port)) => {
            let rules = rules();
            let scheme = if rules.target.scheme == Scheme::Tcp { Scheme::Http } else { rules.target.scheme };
            MappingSpec { target: localhost(scheme, *port), ..rules }
        }
        Some(To::Target(text)) => {
            let target: Target = text.parse()?;
            let named = || known.iter().any(|spec| spec.target == target);
            if !is_loopback(&target.host) && !named() {
                return Err(ReplayError::NotNamed(target.to_string()));
            }
            MappingSpec { target, ..rules() }
        }
        Some(To::Mapping(wanted)) => {
            let named = |spec: &&MappingSpec| spec.id == *wanted || spec.name.as_deref() == Some(wanted);
            known.iter().find(named).cloned().ok_or_else(|| ReplayError::NoMapping(wanted.clone()))?
        }
    };
    if spec.target.scheme == Scheme::Tcp {
        return Err(ReplayError::TcpMapping(spec.name.unwrap_or(spec.id)));
    }
    // Also where visitors go unwatched: this one was asked for.
    spec.inspect = true;
    Ok(spec)
}

fn localhost(scheme: Scheme, port: u16) -> Target {
    Target { scheme, host: "localhost".into(), port }
}

#[cfg(test)]
#[path = "prepare_tests.rs"]
mod tests;
