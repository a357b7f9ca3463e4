//! What was kept, for other programs.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Zoned;
use serde::Deserialize;
use utoipa::IntoParams;

use super::described::filter;
use super::exchanges::parse_filter;
use super::extract::Asked;
use super::{Api, Problem};
use crate::store::exchanges::ArchiveError;

/// Exchanges in one archive: the newest.
const EXPORTED: u32 = 1000;

/// Exchanges picked by number: what a person marks by hand.
const PICKED: usize = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    /// In the filter language: `method:POST status:5xx`.
    #[serde(default)]
    #[param(schema_with = filter)]
    filter: String,
    /// Only this one, whatever the filter says.
    id: Option<i64>,
    /// Only these, in this order, at most 100: `3,1,2`.
    #[param(pattern = r"^[0-9]{1,18}(?:,[0-9]{1,18}){0,99}$")]
    ids: Option<String>,
    /// Whether credentials, cookies and secrets in queries are masked: true unless said otherwise.
    redact: Option<bool>,
}

/// The newest exchanges, at most 1000, a single one, or those that are named, as an HTTP archive (HAR 1.2).
#[utoipa::path(get, path = "/exchanges/export", operation_id = "exportExchanges", tag = "exchanges",
    params(ExportQuery), responses((status = OK, content_type = "application/json", body = serde_json::Value)))]
pub(super) async fn archive(
    State(api): State<Api>,
    Asked(asked): Asked<ExportQuery>,
) -> Result<Response, Problem> {
    let filter = parse_filter(&asked.filter)?;
    let redact = asked.redact.unwrap_or(true);
    let reader = api.engine.reader();
    let archive = match (asked.id, asked.ids) {
        (Some(id), _) => reader.archive_one(id, redact).await?,
        (None, Some(ids)) => reader.archive_these(picked(&ids)?, redact).await?,
        (None, None) => reader.archive(&filter, &Zoned::now(), EXPORTED, redact).await?,
    };
    let mut response = Response::new(Body::from(archive));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let name = HeaderValue::from_static("attachment; filename=\"porthole.har\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

fn picked(text: &str) -> Result<Vec<i64>, Problem> {
    let ids: Option<Vec<i64>> = text.split(',').map(|id| id.parse().ok()).collect();
    let ids = ids.filter(|ids| ids.len() <= PICKED);
    ids.ok_or_else(|| {
        let sentence = format!("write at most {PICKED} numbers of exchanges, with commas");
        Problem::field("invalid-query", "ids", sentence)
    })
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
