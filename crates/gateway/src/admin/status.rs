//! How the gateway is doing, and its end.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::door::Peer;
use super::problem::Problem;
use super::record;
use crate::agents::LinkView;
use crate::audit::Change;
use crate::server::Gateway;
use crate::status::Status;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DetailedStatus {
    #[serde(flatten)]
    status: Status,
    /// Requests, WebSockets and TCP connections under way.
    streams: usize,
    agents: Vec<LinkView>,
}

/// How the gateway is doing.
#[utoipa::path(get, path = "/status", responses((status = 200, body = DetailedStatus)))]
pub(super) async fn read(State(gateway): State<Arc<Gateway>>) -> Json<DetailedStatus> {
    Json(DetailedStatus {
        status: Status::of(&gateway),
        streams: gateway.registry.streams(),
        agents: gateway.registry.view().into_iter().map(|link| LinkView { token: None, ..link }).collect(),
    })
}

/// Leave as after SIGTERM: take nothing new, let what is in flight finish within the grace, and end.
#[utoipa::path(post, path = "/drain", responses((status = 202)))]
pub(super) async fn drain(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
) -> Result<StatusCode, Problem> {
    gateway.leaving.cancel();
    record(&gateway, peer, Change::DrainAsked).await?;
    Ok(StatusCode::ACCEPTED)
}
