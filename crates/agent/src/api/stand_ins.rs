//! Answers that stand in while a service is down.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::At;
use super::{Api, Problem, mappings};
use crate::stand_in::{StandIn, StandInError};

/// Those of one mapping, in the order of their paths.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StandIns {
    stand_ins: Vec<StandIn>,
}

/// What stands in for a mapping changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StandInsEvent<'a> {
    mapping_id: &'a str,
}

/// Answers with this exchange's answer from now on while its mapping's service cannot be reached: requests of the
/// same method and path, whatever their query. Takes the place of another one for the same requests.
#[utoipa::path(put, path = "/exchanges/{id}/stand-in", operation_id = "standIn", tag = "exchanges",
    params(("id" = i64, Path)), responses((status = OK, body = StandIn)))]
pub(super) async fn put(State(api): State<Api>, At(id): At<i64>) -> Result<Json<StandIn>, Problem> {
    let stand_in = api.engine.stand_in(id).await?;
    api.hub.stand_ins_changed(&StandInsEvent { mapping_id: &stand_in.mapping_id });
    Ok(Json(stand_in))
}

/// Ends that; also where the exchange itself is gone.
#[utoipa::path(delete, path = "/exchanges/{id}/stand-in", operation_id = "standDown", tag = "exchanges",
    params(("id" = i64, Path)), responses((status = NO_CONTENT)))]
pub(super) async fn remove(State(api): State<Api>, At(id): At<i64>) -> Result<StatusCode, Problem> {
    let removed = api.engine.store().remove_stand_in(id).await?;
    api.hub.stand_ins_changed(&StandInsEvent { mapping_id: &removed.mapping_id });
    Ok(StatusCode::NO_CONTENT)
}

/// What answers for this mapping while its service cannot be reached.
#[utoipa::path(get, path = "/mappings/{id}/stand-ins", operation_id = "listStandIns", tag = "mappings",
    params(("id" = String, Path)), responses((status = OK, body = StandIns)))]
pub(super) async fn list(State(api): State<Api>, At(id): At<String>) -> Result<Json<StandIns>, Problem> {
    mappings::find(&api, &id)?;
    Ok(Json(StandIns { stand_ins: api.engine.reader().stand_ins(Some(id)).await? }))
}

impl From<StandInError> for Problem {
    fn from(error: StandInError) -> Self {
        let status = match &error {
            StandInError::Store(error) => return error.clone().into(),
            StandInError::None(_) => StatusCode::NOT_FOUND,
            StandInError::TooMany | StandInError::TooManyOfMapping => StatusCode::CONFLICT,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, error.code(), error.to_string())
    }
}
