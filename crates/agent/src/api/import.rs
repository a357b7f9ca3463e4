//! What was kept elsewhere, taken in.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::described::HarArchive;
use super::{Api, Problem};
use crate::import::{self, ImportError, MAX_HAR_BYTES, Report};
use crate::inspect::har;

/// Bytes of an archive.
pub(super) const IMPORT_BYTES: usize = MAX_HAR_BYTES;

/// What became of an archive's entries.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Imported {
    taken_in: usize,
    left_out: usize,
    /// Ids of the first and last one taken in; all of them lie between. Null: there is none.
    first_id: Option<i64>,
    last_id: Option<i64>,
    /// Why entries were left out: the first hundred.
    reasons: Vec<LeftOut>,
}

/// An entry that became no exchange.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LeftOut {
    /// Counted from 1.
    entry: usize,
    /// A few words.
    reason: String,
}

/// Takes in an HTTP archive (HAR 1.2) of at most 64 MiB and 20,000 entries: Porthole's own, or a browser's. Its
/// entries become exchanges with the source `import`, which count for no traffic and are kept as long as others.
/// An archive with an entry that is no HAR is refused whole; entries that cannot be exchanges are left out.
#[utoipa::path(post, path = "/exchanges/import", operation_id = "importExchanges", tag = "exchanges",
    request_body = HarArchive,
    responses((status = OK, body = Imported)))]
pub(super) async fn archive(
    State(api): State<Api>,
    archive: Result<Bytes, BytesRejection>,
) -> Result<Json<Imported>, Problem> {
    let archive = archive.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ImportError::Archive(har::ImportError::TooLarge).into(),
        status => Problem::new(status, "invalid-body", rejection.body_text()),
    })?;
    Ok(Json(api.engine.import(archive.into()).await?.into()))
}

impl From<Report> for Imported {
    fn from(report: Report) -> Self {
        let Report { taken_in, left_out, first_id, last_id, reasons } = report;
        let reason = |import::LeftOut { entry, reason }| LeftOut { entry, reason };
        Self { taken_in, left_out, first_id, last_id, reasons: reasons.into_iter().map(reason).collect() }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        let status = match &error {
            ImportError::Archive(har::ImportError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            ImportError::Archive(_) => StatusCode::BAD_REQUEST,
            ImportError::Busy | ImportError::Paused { .. } => StatusCode::SERVICE_UNAVAILABLE,
            ImportError::Unread(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.code(), error.to_string())
    }
}
