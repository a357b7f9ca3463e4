//! The engine's local API, asked over the socket that only this user's programs can open.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

/// Bytes of an answer that is read whole: a thousand mappings are one MiB.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// For an answer that is read whole. Replays take as long as the service does; nothing here asks for one.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Below this path is the API.
pub const BASE: &str = "/api/v1";

/// Where the engine answers.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// Why there is no answer, or not the one that was hoped for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the engine is not there: {0}")]
    Unreachable(#[from] std::io::Error),
    #[error("the engine broke off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the engine's answer is not what was asked for: {0}")]
    Unreadable(String),
    #[error("the engine did not answer within {} s", ANSWER_WAIT.as_secs())]
    Late,
    /// Refused, with the API's code and sentence.
    #[error("{detail}")]
    Refused { status: StatusCode, code: String, detail: String },
}

/// What a refusal looks like.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
    detail: String,
}

impl Client {
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Sends one request as it is; its path begins with [`BASE`].
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError> {
        request.headers_mut().insert(header::HOST, header::HeaderValue::from_static("localhost"));
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection to the engine ended early");
            }
        });
        Ok(sender.send_request(request).await?)
    }

    /// Asks for something that is read whole.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        read(&self.ask(Method::GET, path, None::<&()>).await?)
    }

    /// Asks for text.
    pub async fn text(&self, path: &str) -> Result<String, ClientError> {
        let body = self.ask(Method::GET, path, None::<&()>).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Has something changed.
    pub async fn change<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        read(&self.ask(method, path, Some(body)).await?)
    }

    /// The same where the answer says nothing.
    pub async fn order(&self, method: Method, path: &str) -> Result<(), ClientError> {
        self.ask(method, path, None::<&()>).await.map(drop)
    }

    /// Tells it something to which the answer says nothing.
    pub async fn tell(&self, method: Method, path: &str, body: &impl Serialize) -> Result<(), ClientError> {
        self.ask(method, path, Some(body)).await.map(drop)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Bytes, ClientError> {
        let unreadable = |error: serde_json::Error| ClientError::Unreadable(error.to_string());
        let mut request = Request::builder().method(method).uri(format!("{BASE}{path}"));
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                serde_json::to_vec(body).map_err(unreadable)?
            }
            None => Vec::new(),
        };
        let request = request.body(Full::from(body)).map_err(|e| ClientError::Unreadable(e.to_string()))?;
        let answered = async {
            let response = self.send(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| ClientError::Unreadable(error.to_string()))?.to_bytes();
            if status.is_success() {
                return Ok(body);
            }
            let Problem { code, detail } = serde_json::from_slice(&body).unwrap_or_default();
            Err(ClientError::Refused { status, code, detail })
        };
        tokio::time::timeout(ANSWER_WAIT, answered).await.unwrap_or(Err(ClientError::Late))
    }

    /// What happens, from a snapshot on.
    pub async fn events(&self) -> Result<Events, ClientError> {
        let request = Request::get(format!("{BASE}/events")).body(Full::default());
        let request = request.map_err(|error| ClientError::Unreadable(error.to_string()))?;
        let response = self.send(request).await?;
        match response.status() {
            StatusCode::OK => Ok(Events { body: response.into_body(), read: Vec::new() }),
            status => Err(ClientError::Unreadable(format!("status {status}"))),
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Unreadable(error.to_string()))
}

/// One event by its name, with what it says as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub data: String,
}

/// Events as they come.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    read: Vec<u8>,
}

impl Events {
    /// The next one; none when the engine has ended them. Cancel safe.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.read.drain(..end + 2).collect();
                match parse(&String::from_utf8_lossy(&block)) {
                    Some(event) => return Ok(Some(event)),
                    None => continue,
                }
            }
            if self.read.len() > ANSWER_BYTES {
                return Err(ClientError::Unreadable("an event without end".into()));
            }
            match self.body.frame().await {
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.read.extend_from_slice(&data);
                    }
                }
                None => return Ok(None),
            }
        }
    }
}

/// One block of server-sent events; none where it is a comment that keeps the line alive.
fn parse(block: &str) -> Option<Event> {
    let mut event = Event { name: String::new(), data: String::new() };
    for line in block.lines() {
        match line.split_once(':').map(|(field, value)| (field, value.strip_prefix(' ').unwrap_or(value))) {
            Some(("event", name)) => name.clone_into(&mut event.name),
            Some(("data", data)) => {
                if !event.data.is_empty() {
                    event.data.push('\n');
                }
                event.data.push_str(data);
            }
            _ => {}
        }
    }
    (!event.name.is_empty()).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_an_event_with_its_lines_and_a_comment_is_none() {
        let event = |name: &str, data: &str| Some(Event { name: name.into(), data: data.into() });
        assert_eq!(parse("event: status\ndata: {\"a\":1}\n\n"), event("status", "{\"a\":1}"));
        assert_eq!(parse("event:x\ndata:1\ndata: 2\n\n"), event("x", "1\n2"));
        assert_eq!(parse(":\n\n"), None);
        assert_eq!(parse("data: no name\n\n"), None);
    }
}
