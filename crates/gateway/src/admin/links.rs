//! The agents' links and what they serve.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::door::Peer;
use super::problem::Problem;
use super::record;
use crate::agents::{EndpointView, LinkView};
use crate::audit::Change;
use crate::server::Gateway;

/// One mapping that is live, and who serves it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MappingView {
    #[serde(flatten)]
    endpoint: EndpointView,
    subject: String,
    agent_id: String,
    session: String,
}

/// All links.
#[utoipa::path(get, path = "/links", responses((status = 200, body = Vec<LinkView>)))]
pub(super) async fn list(State(gateway): State<Arc<Gateway>>) -> Json<Vec<LinkView>> {
    Json(gateway.registry.view())
}

/// End a link. Its agent may come back at once: revoke its token to keep it away.
#[utoipa::path(
    delete,
    path = "/links/{session}",
    params(("session" = String, Path, description = "As `GET /links` tells it")),
    responses((status = 204))
)]
pub(super) async fn end(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Path(session): Path<String>,
) -> Result<StatusCode, Problem> {
    let ended = gateway.registry.end(&session);
    let ended = ended.ok_or_else(|| Problem::not_found("no link has this session; it may be over"))?;
    let change = Change::LinkEnded { subject: ended.subject, agent: ended.agent_id, session };
    record(&gateway, peer, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All mappings that are live.
#[utoipa::path(get, path = "/mappings", responses((status = 200, body = Vec<MappingView>)))]
pub(super) async fn mappings(State(gateway): State<Arc<Gateway>>) -> Json<Vec<MappingView>> {
    let mappings = gateway.registry.view().into_iter().flat_map(|link| {
        let LinkView { session, subject, agent_id, endpoints, .. } = link;
        endpoints.into_iter().map(move |endpoint| MappingView {
            endpoint,
            subject: subject.clone(),
            agent_id: agent_id.clone(),
            session: session.clone(),
        })
    });
    Json(mappings.collect())
}
