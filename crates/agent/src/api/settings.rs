//! What is kept of exchanges, and for how long.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::extract::Body;
use super::{Api, Problem};
use crate::settings::Settings;

/// The settings that hold.
#[utoipa::path(get, path = "/settings", operation_id = "getSettings", tag = "settings",
    responses((status = OK, body = Settings)))]
pub(super) async fn read(State(api): State<Api>) -> Json<Settings> {
    Json(api.engine.settings())
}

/// Other settings, from now on.
#[utoipa::path(put, path = "/settings", operation_id = "replaceSettings", tag = "settings",
    request_body = Settings,
    responses((status = OK, body = Settings)))]
pub(super) async fn replace(
    State(api): State<Api>,
    Body(settings): Body<Settings>,
) -> Result<Json<Settings>, Problem> {
    let wrong = settings.problems();
    if !wrong.is_empty() {
        let detail = "some settings cannot be as they were given";
        return Err(
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-settings", detail).with_fields(wrong)
        );
    }
    settings.save(api.engine.store()).await?;
    api.engine.apply(settings.clone());
    api.hub.settings_changed(&settings);
    Ok(Json(settings))
}
