//! The log of the link to the gateway.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::Asked;
use super::{Api, Problem};
use crate::store::connections::{ConnectionEntry, ConnectionSummary};

/// Lines of the log, unless asked otherwise.
const LINES: usize = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// Lines wanted: 100. The log has at most 1000.
    #[param(minimum = 1)]
    limit: Option<usize>,
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
    let (summary, mut entries) = api.engine.connections().await?;
    entries.truncate(asked.limit.unwrap_or(LINES));
    Ok(Json(Connections { summary, entries }))
}
