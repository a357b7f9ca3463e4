//! What people change of exchanges: pins, notes, and what is to be forgotten.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Zoned;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::described::filter;
use super::exchanges::parse_filter;
use super::extract::{At, Body};
use super::{Api, Problem};
use crate::store::StoreError;
use crate::store::exchanges::{Change, Listed};

/// What is to be different; absent: as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    /// A pinned exchange is never forgotten by itself.
    #[serde(default)]
    pinned: Option<bool>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    note: Option<Given>,
}

/// A text, or none, where something was given.
#[derive(Debug)]
struct Given(Option<String>);

fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Given>, D::Error> {
    Option::<String>::deserialize(deserializer).map(|text| Some(Given(text)))
}

/// Which exchanges are to be forgotten.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Clear {
    /// Only those for which it holds.
    #[schema(schema_with = filter)]
    filter: String,
    /// Pinned ones, too.
    pinned: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Cleared {
    deleted: u64,
}

/// Pins an exchange, or writes a note to it.
#[utoipa::path(patch, path = "/exchanges/{id}", operation_id = "changeExchange", tag = "exchanges",
    params(("id" = i64, Path)), request_body = Changes, responses((status = OK, body = Listed)))]
pub(super) async fn change(
    State(api): State<Api>,
    At(id): At<i64>,
    Body(Changes { pinned, note }): Body<Changes>,
) -> Result<Json<Listed>, Problem> {
    let note = note.map(|Given(text)| text.filter(|text| !text.is_empty()));
    api.engine.store().change_exchange(id, Change { pinned, note }).await?;
    let mut found = api.engine.store().exchanges_numbered(vec![id]).await?;
    let changed = Listed::from(found.pop().ok_or(StoreError::NoExchange(id))?);
    api.hub.exchange_changed(&changed);
    Ok(Json(changed))
}

/// Forgets an exchange, pinned or not.
#[utoipa::path(delete, path = "/exchanges/{id}", operation_id = "deleteExchange", tag = "exchanges",
    params(("id" = i64, Path)), responses((status = NO_CONTENT)))]
pub(super) async fn delete(State(api): State<Api>, At(id): At<i64>) -> Result<StatusCode, Problem> {
    api.engine.store().delete_exchange(id).await?;
    api.hub.exchanges_changed();
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets exchanges; pinned ones only where it says so.
#[utoipa::path(delete, path = "/exchanges", operation_id = "clearExchanges", tag = "exchanges",
    request_body = Clear,
    responses((status = OK, body = Cleared)))]
pub(super) async fn clear(
    State(api): State<Api>,
    Body(Clear { filter, pinned }): Body<Clear>,
) -> Result<Json<Cleared>, Problem> {
    let filter = parse_filter(&filter)?;
    let deleted = api.engine.store().delete_exchanges(&filter, &Zoned::now(), pinned).await?;
    api.hub.exchanges_changed();
    Ok(Json(Cleared { deleted }))
}
