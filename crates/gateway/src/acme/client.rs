//! How the authority is spoken to: bounded in time and size, following nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use super::AcmeError;
use crate::config::AcmeSettings;

/// For one request, from the name to the answer's end; an authority takes a second or two.
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Bytes of an answer; a chain of certificates has some six thousand.
const ANSWER_BYTES: usize = 1024 * 1024;

/// Speaks HTTPS to one authority.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// When the authority last asked us to come again.
    pause: Arc<Mutex<Option<Duration>>>,
}

impl Client {
    /// # Errors
    /// [`AcmeError::Tls`] when the CA file cannot be used.
    pub fn new(settings: &AcmeSettings) -> Result<Self, AcmeError> {
        let tls = crate::tls::trusting(settings.ca_file.as_deref())?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured((*tls).clone())
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(REQUEST_TIME)
            .user_agent(concat!("porthole-gateway/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| AcmeError::Client(error.to_string()))?;
        Ok(Self { http, pause: Arc::default() })
    }

    /// What the authority asked for since this was asked last.
    pub fn take_pause(&self) -> Option<Duration> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn send(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let (parts, body) = request.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(never) => match never {},
        };
        let request = Request::from_parts(parts, body);
        let request = reqwest::Request::try_from(request).map_err(other)?;
        let response: Response<reqwest::Body> = self.http.execute(request).await.map_err(other)?.into();
        if matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
            && let Some(pause) = response.headers().get(header::RETRY_AFTER)
            && let Some(pause) = pause.to_str().ok().and_then(|value| wait(value, SystemTime::now()))
        {
            *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = Some(pause);
        }
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(Error::Other)?;
        Ok(BytesResponse::from(Response::from_parts(parts, Full::new(body.to_bytes()))))
    }
}

fn other(error: reqwest::Error) -> Error {
    Error::Other(Box::new(error))
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().send(request))
    }
}

/// The time that a Retry-After field names: seconds, or a date (RFC 9110 §10.2.3).
fn wait(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    Some(SystemTime::from(date.timestamp()).duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_wait_is_seconds_or_a_date() {
        let now = SystemTime::from("2026-01-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap());
        assert_eq!(wait("120", now), Some(Duration::from_secs(120)));
        assert_eq!(wait("Thu, 01 Jan 2026 00:01:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(wait("Wed, 31 Dec 2025 23:59:59 GMT", now), Some(Duration::ZERO));
        assert_eq!(wait("soon", now), None);
        assert_eq!(wait("-1", now), None);
    }
}
