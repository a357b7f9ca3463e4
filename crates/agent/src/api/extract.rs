//! axum's extractors, refusing in the API's own shape.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The parameters in a path.
pub(super) struct At<T>(pub(super) T);

/// A body in JSON.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let read = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
        let body = read.map_err(|rejection| refused(rejection.status(), rejection.body_text()))?;
        // Read into a struct, a list would be its members in order.
        if body.trim_ascii_start().starts_with(b"[") {
            let detail = "the body must be a JSON object";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", detail));
        }
        match Json::from_request(Request::from_parts(parts, body.into()), state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => {
                let detail = rejection.body_text();
                Err(match &rejection {
                    JsonRejection::JsonDataError(_) => {
                        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", detail)
                    }
                    JsonRejection::JsonSyntaxError(_) => {
                        Problem::new(StatusCode::BAD_REQUEST, "invalid-json", detail)
                    }
                    _ => refused(rejection.status(), detail),
                })
            }
        }
    }
}

/// A body that could not be read.
fn refused(status: StatusCode, detail: String) -> Problem {
    let too_large = status == StatusCode::PAYLOAD_TOO_LARGE;
    Problem::new(status, if too_large { "too-large" } else { "invalid-body" }, detail)
}

/// The parameters of a query.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::not_found(rejection.body_text())),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-query", rejection.body_text()))
            }
        }
    }
}
