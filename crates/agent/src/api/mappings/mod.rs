//! Mappings, wherever they were written down.
//!
//! Here is what they look like; [`input`] reads what somebody wants, [`change`] does it, [`password`] with one click.

pub(super) mod change;
mod input;
mod jwt;
mod keys;
pub(super) mod password;
mod policy;
mod rules;
mod shape;

pub(super) use input::MappingInput;
pub(super) use policy::MAX_USERS;
use policy::Policy;

use axum::Json;
use axum::extract::State;
use porthole_link::control::Match;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::At;
use super::{Api, Problem};
use crate::engine::{Shown, Source, Standing};
use crate::store::StoreError;
use crate::target::Scheme;

/// One local target and its public address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Mapping {
    pub(super) id: String,
    name: Option<String>,
    host: Option<String>,
    path: Option<String>,
    strip_prefix: bool,
    remote_port: Option<u16>,
    /// Like `http://127.0.0.1:3000`.
    target: String,
    protocol: Protocol,
    /// `preserve`, `rewrite`, or a value.
    host_header: String,
    allow_invalid_certs: bool,
    timeout_ms: u64,
    /// Further conditions on requests, all of which must hold.
    matches: Vec<Condition>,
    inspect: bool,
    enabled: bool,
    policy: Policy,
    source: Kept,
    /// The origin of the gateway it is meant for; null: whichever there is.
    gateway: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    state: MappingWord,
    public_url: Option<String>,
    /// Why the gateway refused it.
    code: Option<String>,
    message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Protocol {
    Http,
    Tcp,
}

/// Where a mapping is kept; only stored ones can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Kept {
    Stored,
    File,
    Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum MappingWord {
    Live,
    Connecting,
    Refused,
    Off,
}

/// A condition on a request. Without a value, presence is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Condition {
    on: On,
    name: String,
    value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum On {
    Header,
    Query,
    Cookie,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Mappings {
    mappings: Vec<Mapping>,
}

impl Mapping {
    /// Whether the gateway's word on it is still to come.
    pub(super) fn is_waiting(&self) -> bool {
        self.state == MappingWord::Connecting
    }
}

impl From<Shown> for Mapping {
    fn from(shown: Shown) -> Self {
        let Shown { mapping, source, standing } = shown;
        let spec = mapping.spec;
        let (state, public_url, code, message) = match standing {
            Standing::Live { public_url } => (MappingWord::Live, Some(public_url), None, None),
            Standing::Connecting => (MappingWord::Connecting, None, None, None),
            Standing::Refused { code, message } => (MappingWord::Refused, None, Some(code), Some(message)),
            Standing::Off => (MappingWord::Off, None, None, None),
        };
        let stored = source == Source::Stored;
        Self {
            protocol: if spec.target.scheme == Scheme::Tcp { Protocol::Tcp } else { Protocol::Http },
            target: spec.target.to_string(),
            host_header: spec.host_header.to_string(),
            id: spec.id,
            name: spec.name,
            host: spec.host,
            path: spec.path,
            strip_prefix: spec.strip_prefix,
            remote_port: spec.remote_port,
            allow_invalid_certs: spec.allow_invalid_certs,
            timeout_ms: spec.timeout_ms,
            matches: spec.matches.into_iter().map(Condition::from).collect(),
            inspect: spec.inspect,
            enabled: mapping.enabled,
            policy: spec.policy.into(),
            source: match source {
                Source::Stored => Kept::Stored,
                Source::File => Kept::File,
                Source::Command => Kept::Command,
            },
            gateway: mapping.gateway,
            created_at: stored.then_some(mapping.created_at),
            updated_at: stored.then_some(mapping.updated_at),
            state,
            public_url,
            code,
            message,
        }
    }
}

impl From<Match> for Condition {
    fn from(condition: Match) -> Self {
        let (on, name, value) = match condition {
            Match::Header { name, value } => (On::Header, name, value),
            Match::Query { name, value } => (On::Query, name, value),
            Match::Cookie { name, value } => (On::Cookie, name, value),
        };
        Self { on, name, value }
    }
}

/// Every mapping as it is now.
pub(super) fn all(api: &crate::engine::View) -> Vec<Mapping> {
    api.mappings().into_iter().map(Mapping::from).collect()
}

/// Every mapping: stored, in the file, and of commands that run.
#[utoipa::path(get, path = "/mappings", operation_id = "listMappings", tag = "mappings",
    responses((status = OK, body = Mappings)))]
pub(super) async fn list(State(api): State<Api>) -> Json<Mappings> {
    Json(Mappings { mappings: all(&api.engine) })
}

/// One mapping.
#[utoipa::path(get, path = "/mappings/{id}", operation_id = "getMapping", tag = "mappings", params(("id" = String, Path)),
    responses((status = OK, body = Mapping)))]
pub(super) async fn one(State(api): State<Api>, At(id): At<String>) -> Result<Json<Mapping>, Problem> {
    find(&api, &id).map(|shown| Json(shown.into()))
}

pub(super) fn find(api: &Api, id: &str) -> Result<Shown, Problem> {
    let found = api.engine.mappings().into_iter().find(|shown| shown.mapping.spec.id == id);
    found.ok_or_else(|| StoreError::NoMapping(crate::mapping::shown(id)).into())
}
