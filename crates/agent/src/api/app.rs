//! How the desktop app behaves. The app hears of changes as everybody does, by the event.

use axum::Json;
use axum::extract::State;

use super::extract::Body;
use super::{Api, Problem};
use crate::app_settings::AppSettings;

/// The app's settings that hold.
#[utoipa::path(get, path = "/app", operation_id = "getAppSettings", tag = "settings",
    responses((status = OK, body = AppSettings)))]
pub(super) async fn read(State(api): State<Api>) -> Result<Json<AppSettings>, Problem> {
    Ok(Json(AppSettings::load(api.engine.store()).await?))
}

/// Other settings for the app, from now on. For another `local_api` the engine starts anew.
#[utoipa::path(put, path = "/app", operation_id = "replaceAppSettings", tag = "settings",
    request_body = AppSettings, responses((status = OK, body = AppSettings)))]
pub(super) async fn replace(
    State(api): State<Api>,
    Body(settings): Body<AppSettings>,
) -> Result<Json<AppSettings>, Problem> {
    settings.save(api.engine.store()).await?;
    api.hub.app_changed(&settings);
    api.engine.over_http(settings.local_api);
    Ok(Json(settings))
}
