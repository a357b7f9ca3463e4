//! The log of the link to the gateway.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::exchanges::page_size;
use super::extract::Asked;
use super::{Api, Problem};
use crate::store::connections::{ConnectionEntry, ConnectionSummary};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// Lines wanted: 100, at most 1000, which is what the log has.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// What happened to the link, the newest first, and what it comes to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Connections {
    summary: ConnectionSummary,
    entries: Vec<ConnectionEntry>,
}

/// What happened to the link.
#[utoipa::path(get, path = "/connections", operation_id = "listConnections", tag = "status", params(LogQuery),
    responses((status = OK, body = Connections)))]
pub(super) async fn list(
    State(api): State<Api>,
    Asked(asked): Asked<LogQuery>,
) -> Result<Json<Connections>, Problem> {
    let limit = page_size(asked.limit)?;
    let (summary, mut entries) = api.engine.connections().await?;
    entries.truncate(limit as usize);
    Ok(Json(Connections { summary, entries }))
}
