//! What went wrong, as RFC 9457 has it: every refusal of the API, in one shape.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::StoreError;

/// One refusal. Programs read `code`, people read `detail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    /// Stable, in kebab-case.
    code: Cow<'static, str>,
    /// One sentence.
    detail: String,
    /// What is wrong with which field of the request: a sentence each.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<&'static str, String>,
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code: code.into(),
            detail: detail.into(),
            fields: BTreeMap::new(),
            retry_after_s: None,
        }
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "this address does not take that method",
        )
    }

    pub(super) fn busy(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
    }

    /// Somebody has to wait.
    pub(super) fn too_many_attempts(wait: Duration) -> Self {
        // In whole seconds, never too few.
        let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
        let detail = format!("too many attempts: try again in {seconds} s");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts", detail);
        Self { retry_after_s: Some(seconds), ..problem }
    }

    pub(super) fn with_fields(self, fields: BTreeMap<&'static str, String>) -> Self {
        Self { fields, ..self }
    }

    /// One field is wrong.
    pub(super) fn field(code: &'static str, field: &'static str, sentence: impl Into<String>) -> Self {
        let sentence = sentence.into();
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, sentence.clone());
        problem.fields.insert(field, sentence);
        problem
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (status, code) = match &error {
            StoreError::NoMapping(_) => (StatusCode::NOT_FOUND, "no-mapping"),
            StoreError::NoExchange(_) => (StatusCode::NOT_FOUND, "no-exchange"),
            StoreError::Ambiguous(_) => (StatusCode::CONFLICT, "ambiguous"),
            StoreError::Exists(_) => (StatusCode::CONFLICT, "mapping-exists"),
            StoreError::SameAddress(_) => (StatusCode::CONFLICT, "name-taken"),
            StoreError::LongNote => (StatusCode::UNPROCESSABLE_ENTITY, "long-note"),
            StoreError::Full => (StatusCode::INSUFFICIENT_STORAGE, "disk-full"),
            StoreError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "store-busy"),
            StoreError::Damaged | StoreError::Newer(_) | StoreError::Other(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "store")
            }
        };
        Self::new(status, code, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after_s;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
