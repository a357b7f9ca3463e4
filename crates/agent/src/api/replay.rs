//! Requests sent again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{At, Body};
use super::{Api, Problem};
use crate::replay::{Ask, Edit, ReplayError, To};

/// Bytes of what is asked for: the largest body in base64, and a head.
pub(super) const REPLAY_BYTES: usize = crate::capture::BODY_BYTES / 3 * 4 + 256 * 1024;

/// What is to be different from the original; all of it may be left out.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ReplayInput {
    method: Option<String>,
    /// Path and query.
    target: Option<String>,
    /// All fields, in place of the original ones. One that is unchanged keeps its bytes.
    fields: Option<Vec<[String; 2]>>,
    body: Option<String>,
    body_encoding: BodyEncoding,
    /// To this port of this computer.
    #[schema(minimum = 1)]
    to_port: Option<u16>,
    /// To this target: on this computer, or one that a mapping names.
    to_target: Option<String>,
    /// To this mapping's target, by its rules.
    mapping_id: Option<String>,
    /// So often, one after the other: once, at most 100 times.
    #[schema(minimum = 1, maximum = 100)]
    times: Option<u32>,
}

/// How a body is written down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
enum BodyEncoding {
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "base64")]
    Base64,
}

/// Several, in this order.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct ReplaySeveral {
    /// At most 100.
    ids: Vec<i64>,
    #[serde(flatten)]
    input: ReplayInput,
}

/// The new exchanges, each ended and stored.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Replayed {
    exchanges: Vec<i64>,
}

impl ReplayInput {
    fn ask(self, ids: Vec<i64>) -> Result<Ask, Problem> {
        let body = match (self.body, self.body_encoding) {
            (Some(text), BodyEncoding::Base64) => Some(STANDARD.decode(text).map_err(|error| {
                Problem::field("invalid-replay", "body", format!("the body is no base64: {error}"))
            })?),
            (body, _) => body.map(String::into_bytes),
        };
        let to = self.to_port.map(To::Port);
        let to = to.or(self.to_target.map(To::Target)).or(self.mapping_id.map(To::Mapping));
        let fields = self.fields.map(|fields| fields.into_iter().map(<(String, String)>::from).collect());
        let edit = Edit { method: self.method, target: self.target, fields, set: Vec::new(), body };
        Ok(Ask { ids, times: self.times.unwrap_or(1), edit, to })
    }
}

/// Sends one request again, straight to the local service, and waits for the answers.
#[utoipa::path(post, path = "/exchanges/{id}/replay", operation_id = "replayExchange", tag = "exchanges",
    params(("id" = i64, Path)), request_body = ReplayInput, responses((status = OK, body = Replayed)))]
pub(super) async fn one(
    State(api): State<Api>,
    At(id): At<i64>,
    Body(input): Body<ReplayInput>,
) -> Result<Json<Replayed>, Problem> {
    send(&api, input.ask(vec![id])?).await
}

/// Sends several requests again, one after the other.
#[utoipa::path(post, path = "/exchanges/replay", operation_id = "replayExchanges", tag = "exchanges",
    request_body = ReplaySeveral, responses((status = OK, body = Replayed)))]
pub(super) async fn several(
    State(api): State<Api>,
    Body(input): Body<ReplaySeveral>,
) -> Result<Json<Replayed>, Problem> {
    send(&api, input.input.ask(input.ids)?).await
}

/// What was sent before one that cannot be stays sent, and is in the list.
async fn send(api: &Api, ask: Ask) -> Result<Json<Replayed>, Problem> {
    let mut exchanges = Vec::new();
    for id in ask.turns()? {
        exchanges.push(api.engine.replay(id, &ask).await?);
    }
    Ok(Json(Replayed { exchanges }))
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        let code = error.code();
        let status = match error {
            ReplayError::Store(error) => return error.into(),
            ReplayError::Paused(_) | ReplayError::Busy | ReplayError::Unkept => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, code, error.to_string())
    }
}
