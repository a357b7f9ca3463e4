//! Requests sent again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::described::list_or_null;
use super::extract::{At, Body};
use super::{Api, Problem};
use crate::replay::{Ask, Edit, MOST_IDS, ReplayError, To};

/// Bytes of what is asked for: the largest body in base64, and a head.
pub(super) const REPLAY_BYTES: usize = crate::capture::BODY_BYTES / 3 * 4 + 256 * 1024;

/// What is to be different from the original; all of it may be left out.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ReplayInput {
    #[schema(pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
    method: Option<String>,
    /// Path and query.
    #[schema(pattern = r"^(?:/[!-~]*|\*)$")]
    target: Option<String>,
    /// All fields, in place of the original ones. One that is unchanged keeps its bytes.
    #[schema(schema_with = pairs)]
    fields: Option<Vec<[String; 2]>>,
    body: Option<String>,
    body_encoding: BodyEncoding,
    /// To this port of this computer.
    #[schema(minimum = 1, maximum = 65535)]
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
#[derive(Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(super) struct ReplaySeveral {
    ids: Vec<i64>,
    input: ReplayInput,
}

impl TryFrom<Map<String, Value>> for ReplaySeveral {
    type Error = serde_json::Error;

    /// By hand: serde's `flatten` would let unknown members pass.
    fn try_from(mut members: Map<String, Value>) -> Result<Self, Self::Error> {
        let ids = serde_json::from_value(members.remove("ids").unwrap_or_default())?;
        Ok(Self { ids, input: serde_json::from_value(Value::Object(members))? })
    }
}

impl PartialSchema for ReplaySeveral {
    fn schema() -> RefOr<Schema> {
        let RefOr::T(Schema::Object(mut object)) = ReplayInput::schema() else {
            return ReplayInput::schema();
        };
        let id = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(MOST_EXACT));
        let ids = ArrayBuilder::new().items(id).min_items(Some(1)).max_items(Some(MOST_IDS));
        object.properties.insert("ids".into(), ids.description(Some("One after the other")).into());
        object.required.push("ids".into());
        object.into()
    }
}

impl ToSchema for ReplaySeveral {}

/// The largest number that JavaScript tells apart from its neighbours: 2⁵³ − 1, and more than there will be.
const MOST_EXACT: i64 = 9_007_199_254_740_991;

/// Names and values.
fn pairs() -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    let pair = ArrayBuilder::new().items(text).min_items(Some(2)).max_items(Some(2));
    list_or_null().items(pair).into()
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
    send(&api, vec![id], input).await
}

/// Sends several requests again, one after the other.
#[utoipa::path(post, path = "/exchanges/replay", operation_id = "replayExchanges", tag = "exchanges",
    request_body = ReplaySeveral, responses((status = OK, body = Replayed)))]
pub(super) async fn several(
    State(api): State<Api>,
    Body(ReplaySeveral { ids, input }): Body<ReplaySeveral>,
) -> Result<Json<Replayed>, Problem> {
    send(&api, ids, input).await
}

/// None is sent where one of them is not there. What was sent before one that cannot be stays sent, and is in the
/// list.
async fn send(api: &Api, ids: Vec<i64>, input: ReplayInput) -> Result<Json<Replayed>, Problem> {
    // More of them are refused below.
    let looked_for = ids.iter().copied().take(MOST_IDS).collect();
    api.engine.reader().each_exchange_numbered(looked_for).await?;
    let ask = input.ask(ids)?;
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
