//! Caddy's admin API, over TCP or a Unix socket: one connection for each call.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::address::Address;

/// How long a call may take: Caddy loads its whole configuration anew at each change.
const CALL_TIME: Duration = Duration::from_secs(10);
/// Bytes of an answer: some 500 for each of 10,000 mappings, and as much of the operator's own.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Characters of a refusal that are told.
const REFUSAL_CHARS: usize = 300;

/// Why a call came to nothing: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("cannot reach its admin API at {address}: {source}")]
    Unreachable { address: Address, source: io::Error },
    #[error("its admin API at {address} broke off: {source}")]
    Broken { address: Address, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("its admin API at {0} did not answer within {CALL_TIME:?}")]
    TimedOut(Address),
    #[error("its admin API refused a change with {status}: {message}")]
    Refused { status: u16, message: String },
    #[error("it took our routes and does not have them: somebody else changes its configuration")]
    NotKept,
    #[error("its admin API answered something that is no configuration")]
    NoConfiguration,
}

impl AdminError {
    /// Stable; counted by.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Broken { .. } => "broken-off",
            Self::TimedOut(_) => "timed-out",
            Self::Refused { .. } => "refused",
            Self::NotKept => "not-kept",
            Self::NoConfiguration => "no-configuration",
        }
    }
}

/// What a call brought.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
    /// Our own address on the way there: under it Caddy reaches us. None over a Unix socket.
    pub local: Option<IpAddr>,
}

impl Answer {
    /// # Errors
    /// What Caddy said, unless it did what it was asked.
    pub fn accepted(self) -> Result<Self, AdminError> {
        if self.status == 200 {
            return Ok(self);
        }
        let told = serde_json::from_slice::<Value>(&self.body).unwrap_or_default();
        let message = told["error"].as_str().unwrap_or("it does not say why");
        let message: String = crate::logging::shown(message).chars().take(REFUSAL_CHARS).collect();
        Err(AdminError::Refused { status: self.status, message })
    }
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

impl Address {
    /// Makes one call. `body` is sent as JSON.
    ///
    /// # Errors
    /// [`AdminError`] when no whole answer came; whatever status it has is an answer.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, AdminError> {
        let answered = tokio::time::timeout(CALL_TIME, self.exchange(method, path, body)).await;
        answered.map_err(|_| AdminError::TimedOut(self.clone()))?
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, AdminError> {
        let broken = |source: Box<dyn std::error::Error + Send + Sync>| AdminError::Broken {
            address: self.clone(),
            source,
        };
        let (io, local) = self
            .connect()
            .await
            .map_err(|source| AdminError::Unreachable { address: self.clone(), source })?;
        let request = self.request(method, path, body).map_err(|error| broken(error.into()))?;
        let (mut send, connection) =
            http1::handshake(TokioIo::new(io)).await.map_err(|error| broken(error.into()))?;
        let asking = async {
            let response = send.send_request(request).await.map_err(|error| broken(error.into()))?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await.map_err(broken)?;
            Ok(Answer { status, body: body.to_bytes(), local })
        };
        tokio::pin!(asking);
        tokio::select! {
            answer = &mut asking => answer,
            // It may end with the answer's last byte.
            _ = connection => asking.await,
        }
    }

    async fn connect(&self) -> io::Result<(Box<dyn Io>, Option<IpAddr>)> {
        match self {
            Self::Tcp { host, port } => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let stream = TcpStream::connect((host, *port)).await?;
                let local = stream.local_addr()?.ip().to_canonical();
                Ok((Box::new(stream), Some(local)))
            }
            #[cfg(unix)]
            Self::Unix(path) => Ok((Box::new(tokio::net::UnixStream::connect(path).await?), None)),
            #[cfg(not(unix))]
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Caddy compares Host, and Origin where `enforce_origin` is set, with its own address; behind a
    /// socket it has none, and wants an empty Host.
    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder().method(method).uri(path);
        request = match self {
            Self::Tcp { host, port } => request
                .header(header::HOST, format!("{host}:{port}"))
                .header(header::ORIGIN, format!("http://{host}:{port}")),
            Self::Unix(_) => request.header(header::HOST, ""),
        };
        let body = match body {
            None => Bytes::new(),
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                body.to_string().into()
            }
        };
        request.header(header::CONNECTION, "close").body(Full::new(body))
    }
}
