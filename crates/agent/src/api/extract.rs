//! axum's extractors, refusing in the API's own shape.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::objects;
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
        let unfit = |detail| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", detail);
        if body.trim_ascii_start().starts_with(b"[") {
            return Err(unfit("the body must be a JSON object".to_owned()));
        }
        let again = body.clone();
        // It names the member that is wrong.
        match Json::<T>::from_request(Request::from_parts(parts, body.into()), state).await {
            Ok(Json(_)) => {
                let read = serde_json::from_slice(&again).and_then(objects::read);
                read.map(Self).map_err(|error| unfit(error.to_string()))
            }
            Err(rejection) => {
                let detail = rejection.body_text();
                Err(match &rejection {
                    JsonRejection::JsonDataError(_) => match with_whole_numbers(&again) {
                        Some(value) => return Ok(Self(value)),
                        None => unfit(detail),
                    },
                    JsonRejection::JsonSyntaxError(_) => {
                        Problem::new(StatusCode::BAD_REQUEST, "invalid-json", detail)
                    }
                    _ => refused(rejection.status(), detail),
                })
            }
        }
    }
}

/// Read once more with `18.0` as `18`, which is the same to JSON Schema and to JavaScript, and not to serde.
fn with_whole_numbers<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let mut value = serde_json::from_slice(body).ok()?;
    make_whole(&mut value);
    objects::read(value).ok()
}

fn make_whole(value: &mut Value) {
    /// Up to here a double tells all whole numbers apart: 2⁵³.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= EXACT);
            if let Some(whole) = whole {
                *value = Value::from(whole as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Object(members) => members.values_mut().for_each(make_whole),
        _ => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_however_they_are_written_and_others_are_not() {
        let read = |text: &str| with_whole_numbers::<Vec<i64>>(text.as_bytes());
        assert_eq!(read("[18.0, -2e3, 7]"), Some(vec![18, -2000, 7]));
        assert_eq!(read("[9007199254740992.0]"), Some(vec![9_007_199_254_740_992]));
        assert_eq!(read("[9007199254740994.0]"), None);
        assert_eq!(read("[18.5]"), None);
    }
}
