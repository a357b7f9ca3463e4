//! What is changed of requests and answers: as it is shown, and as somebody writes it.

use porthole_link::control;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::mapping::{self, MappingError};

/// Changes to the header fields of one head: some go, then some are set, then some are added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderRules {
    /// Names.
    #[serde(default)]
    remove: Vec<String>,
    /// Each in the place of the first one of its name; the others of that name go.
    #[serde(default)]
    set: Vec<HeaderField>,
    #[serde(default)]
    add: Vec<HeaderField>,
}

/// One header field.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HeaderField {
    name: String,
    /// May be empty.
    #[serde(default)]
    value: String,
}

/// The value may be a credential.
impl std::fmt::Debug for HeaderField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeaderField").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A path prefix that the service sees as another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rewrite {
    /// As the service would see it; `/`: all. The longest counts, and once.
    from: String,
    /// `/`: nothing in its place.
    to: String,
}

impl From<control::Rewrite> for Rewrite {
    fn from(control::Rewrite { from, to }: control::Rewrite) -> Self {
        Self { from, to }
    }
}

/// The rewriting that is meant.
pub(super) fn rewrites(asked: &[Rewrite]) -> Result<Vec<control::Rewrite>, MappingError> {
    let read = |Rewrite { from, to }: &Rewrite| {
        let (from, to) = (mapping::parse_rule_path(from)?, mapping::parse_rule_path(to)?);
        Ok(control::Rewrite { from, to })
    };
    mapping::checked_rewrites(asked.iter().map(read).collect::<Result<_, MappingError>>()?)
}

/// Which pages of other origins may read answers; browsers that ask are answered by the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cors {
    /// Like `https://app.example`, or `*` alone: any.
    origins: Vec<String>,
    /// Beside GET, HEAD and POST; `*`: any.
    #[serde(default)]
    methods: Vec<String>,
    /// Header fields that pages may send; `*`: any.
    #[serde(default)]
    headers: Vec<String>,
    /// Header fields of answers that pages may read beside the usual ones.
    #[serde(default)]
    expose: Vec<String>,
    /// With cookies and passwords; not with any origin.
    #[serde(default)]
    credentials: bool,
    /// Seconds for which browsers need not ask again.
    #[serde(default)]
    max_age_s: Option<i64>,
}

impl From<control::Cors> for Cors {
    fn from(cors: control::Cors) -> Self {
        Self {
            origins: cors.origins,
            methods: cors.methods,
            headers: cors.headers,
            expose: cors.expose,
            credentials: cors.credentials,
            max_age_s: cors.max_age.map(i64::from),
        }
    }
}

impl TryFrom<Cors> for control::Cors {
    type Error = MappingError;

    fn try_from(asked: Cors) -> Result<Self, MappingError> {
        let origins: Result<_, _> = asked.origins.iter().map(|text| mapping::parse_origin(text)).collect();
        mapping::checked_cors(Self {
            origins: origins?,
            methods: asked.methods,
            headers: asked.headers,
            expose: asked.expose,
            credentials: asked.credentials,
            // What is too much or too little is told as such.
            max_age: asked.max_age_s.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX)),
        })
    }
}

impl From<control::HeaderRules> for HeaderRules {
    fn from(rules: control::HeaderRules) -> Self {
        let shown = |fields: Vec<control::HeaderField>| {
            let one = |control::HeaderField { name, value }| HeaderField { name, value };
            fields.into_iter().map(one).collect()
        };
        Self { remove: rules.remove, set: shown(rules.set), add: shown(rules.add) }
    }
}

impl TryFrom<HeaderRules> for control::HeaderRules {
    type Error = MappingError;

    fn try_from(asked: HeaderRules) -> Result<Self, MappingError> {
        let meant = |fields: Vec<HeaderField>| {
            let one = |HeaderField { name, value }| control::HeaderField { name, value };
            fields.into_iter().map(one).collect()
        };
        mapping::checked_headers(Self { remove: asked.remove, set: meant(asked.set), add: meant(asked.add) })
    }
}
