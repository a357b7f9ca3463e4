//! Messages of a WebSocket and server-sent events.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::exchanges::page_size;
use super::extract::{Asked, At};
use super::{Api, Problem};
use crate::store::exchanges::ToldFrame;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FramesQuery {
    /// Only those after this number: the last page's `next_after`.
    after: Option<i64>,
    /// Rows wanted: 100, at most 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A part of a conversation, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FrameList {
    frames: Vec<ToldFrame>,
    /// What to ask `after` for the next page; null: there is none at the moment.
    next_after: Option<i64>,
}

/// The messages of a WebSocket, or the events of a stream.
#[utoipa::path(get, path = "/exchanges/{id}/frames", operation_id = "listFrames", tag = "exchanges",
    params(("id" = i64, Path), FramesQuery), responses((status = OK, body = FrameList)))]
pub(super) async fn list(
    State(api): State<Api>,
    At(id): At<i64>,
    Asked(asked): Asked<FramesQuery>,
) -> Result<Json<FrameList>, Problem> {
    let page = api.engine.reader().frames(id, asked.after, page_size(asked.limit)?).await?;
    let frames = page.frames.into_iter().map(ToldFrame::from).collect();
    Ok(Json(FrameList { frames, next_after: page.next_after }))
}
