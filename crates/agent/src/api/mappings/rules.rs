//! What is asked of requests: as it is shown, and as somebody writes it.

use porthole_link::control;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::mapping::{self, MappingError};

/// The mapping serves nobody for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Maintenance {
    /// A sentence for visitors; null: the gateway's own.
    #[serde(default)]
    message: Option<String>,
    /// Seconds after which visitors may try again; absent: 300.
    #[serde(default)]
    retry_after_s: Option<i64>,
}

/// What the gateway answers itself to requests under a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CannedAnswer {
    /// A prefix of the path as the service would see it; `/`: all.
    path: String,
    status: i64,
    /// Where a redirect leads: a path, or an `http` or `https` URL.
    #[serde(default)]
    location: Option<String>,
    /// Of the body; absent: as it looks.
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    body: Option<String>,
}

impl From<control::Maintenance> for Maintenance {
    fn from(maintenance: control::Maintenance) -> Self {
        Self { message: maintenance.message, retry_after_s: Some(maintenance.retry_after.into()) }
    }
}

impl TryFrom<Maintenance> for control::Maintenance {
    type Error = MappingError;

    fn try_from(asked: Maintenance) -> Result<Self, MappingError> {
        let seconds = asked.retry_after_s.unwrap_or(mapping::RETRY_AFTER.into());
        // What is too much or too little is told as such.
        let retry_after = u32::try_from(seconds).unwrap_or_default();
        let message = asked.message.filter(|message| !message.trim().is_empty());
        mapping::checked_maintenance(Self { message, retry_after })
    }
}

impl From<control::CannedAnswer> for CannedAnswer {
    fn from(answer: control::CannedAnswer) -> Self {
        Self {
            path: answer.path,
            status: answer.status.into(),
            location: answer.location,
            content_type: answer.content_type,
            body: Some(answer.body),
        }
    }
}

impl TryFrom<CannedAnswer> for control::CannedAnswer {
    type Error = MappingError;

    fn try_from(asked: CannedAnswer) -> Result<Self, MappingError> {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        mapping::checked_answer(Self {
            path: mapping::parse_rule_path(&asked.path)?,
            status: u16::try_from(asked.status).unwrap_or_default(),
            location: given(asked.location),
            content_type: given(asked.content_type),
            body: asked.body.unwrap_or_default(),
        })
    }
}
