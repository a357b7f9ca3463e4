//! What differs between two answers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::described::ignored;
use super::extract::{Asked, At};
use super::{Api, Problem, in_background};
use crate::inspect::diff::{self, Ignore, ResponseDiff};
use crate::inspect::recorded::RecordedResponse;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DiffQuery {
    /// What is not compared, with commas: `$.timestamp,$..id,header:date`.
    #[serde(default)]
    #[param(schema_with = ignored)]
    ignore: String,
}

/// What differs between the answers of two exchanges.
#[utoipa::path(get, path = "/exchanges/{id}/diff/{other}", operation_id = "diffResponses", tag = "exchanges",
    params(("id" = i64, Path), ("other" = i64, Path), DiffQuery),
    responses((status = OK, body = ResponseDiff)))]
pub(super) async fn responses(
    State(api): State<Api>,
    At((id, other)): At<(i64, i64)>,
    Asked(DiffQuery { ignore }): Asked<DiffQuery>,
) -> Result<Json<ResponseDiff>, Problem> {
    let ignore = parse_ignore(&ignore)?;
    let (before, after) = (response(&api, id).await?, response(&api, other).await?);
    in_background(move || Json(diff::responses(&before, &after, &ignore))).await
}

/// Rules with commas between them.
pub(super) fn parse_ignore(rules: &str) -> Result<Ignore, Problem> {
    let rules = rules.split(',').map(str::trim).filter(|rule| !rule.is_empty());
    Ignore::parse(rules).map_err(|error| Problem::field("invalid-ignore", "ignore", error.to_string()))
}

async fn response(api: &Api, id: i64) -> Result<RecordedResponse, Problem> {
    let exchange = api.engine.reader().exchange(id).await?;
    exchange.recorded_response().ok_or_else(|| {
        let detail = format!("exchange {id} has no response to compare");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-response", detail)
    })
}
