//! What was kept, for other programs.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Zoned;
use serde::Deserialize;
use utoipa::IntoParams;

use super::exchanges::parse_filter;
use super::extract::Asked;
use super::{Api, Problem};
use crate::store::exchanges::ArchiveError;

/// Exchanges in one archive: the newest.
const EXPORTED: u32 = 1000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    /// In the filter language: `method:POST status:5xx`.
    #[serde(default)]
    filter: String,
    /// Only this one, whatever the filter says.
    id: Option<i64>,
    /// Whether credentials, cookies and secrets in queries are masked: true unless said otherwise.
    redact: Option<bool>,
}

/// The newest exchanges, at most 1000, or a single one, as an HTTP archive (HAR 1.2).
#[utoipa::path(get, path = "/exchanges/export", operation_id = "exportExchanges", tag = "exchanges",
    params(ExportQuery), responses((status = OK, content_type = "application/json", body = serde_json::Value)))]
pub(super) async fn archive(
    State(api): State<Api>,
    Asked(asked): Asked<ExportQuery>,
) -> Result<Response, Problem> {
    let filter = parse_filter(&asked.filter)?;
    let redact = asked.redact.unwrap_or(true);
    let reader = api.engine.reader();
    let archive = match asked.id {
        Some(id) => reader.archive_one(id, redact).await?,
        None => reader.archive(&filter, &Zoned::now(), EXPORTED, redact).await?,
    };
    let mut response = Response::new(Body::from(archive));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let name = HeaderValue::from_static("attachment; filename=\"porthole.har\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

impl From<ArchiveError> for Problem {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::TooLarge => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", error.to_string())
            }
            ArchiveError::NoRequest(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not-a-request", error.to_string())
            }
            ArchiveError::Store(error) => error.into(),
            ArchiveError::Write(_) | ArchiveError::Ended(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "export", error.to_string())
            }
        }
    }
}
