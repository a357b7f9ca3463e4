//! How the gateway is doing, and its end.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::door::Peer;
use super::problem::Problem;
use super::record;
use super::traffic::TrafficView;
use crate::acme;
use crate::agents::LinkView;
use crate::audit::Change;
use crate::caddy;
use crate::server::Gateway;
use crate::status::Status;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DetailedStatus {
    #[serde(flatten)]
    status: Status,
    /// Requests, WebSockets and TCP connections under way.
    streams: usize,
    agents: Vec<LinkView>,
    traffic: TrafficView,
    /// Automatic certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    acme: Option<acme::View>,
    /// The Caddy in front.
    #[serde(skip_serializing_if = "Option::is_none")]
    caddy: Option<caddy::View>,
}

/// How the gateway is doing.
#[utoipa::path(get, path = "/status", responses((status = 200, body = DetailedStatus)))]
pub(super) async fn read(State(gateway): State<Arc<Gateway>>) -> Json<DetailedStatus> {
    Json(DetailedStatus {
        status: Status::of(&gateway),
        streams: gateway.registry.streams(),
        agents: gateway.registry.view().into_iter().map(|link| LinkView { token: None, ..link }).collect(),
        traffic: TrafficView::of(&gateway),
        acme: gateway.acme.as_ref().map(|acme| acme.view(Timestamp::now())),
        caddy: gateway.caddy.as_ref().map(caddy::Caddy::view),
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
