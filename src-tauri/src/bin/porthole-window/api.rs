//! The page's way to the engine: one command for an answer that is whole, one for answers that go on.
//!
//! Not a custom URI scheme: that buffers streams to their end, and a Blob or FormData body crashes the program
//! inside WebKit.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use porthole_desktop::client::{BASE, Client, ClientError};
use porthole_desktop::window::Said;
use serde::Serialize;
use tauri::State;
use tauri::async_runtime::JoinHandle;
use tauri::ipc::{Channel, InvokeBody, Request as Call, Response};

use crate::orders;

/// Bytes of an answer: a body of 16 MiB is the most that is kept of one, as it was or decoded.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// How long an engine may take to be there: one that starts takes 50 ms, one that takes over a drain.
const ENGINE_WAIT: Duration = Duration::from_secs(10);

/// Between two tries to find it.
const LOOK: Duration = Duration::from_millis(20);

/// Streams at once: a page has one, and one more while it is loaded again.
const MAX_STREAMS: usize = 8;

/// The engine, and what is heard of it at the moment.
#[derive(Debug)]
pub struct Engine {
    client: Client,
    streams: Mutex<HashMap<u32, JoinHandle<()>>>,
}

impl Engine {
    pub fn new(client: Client) -> Self {
        Self { client, streams: Mutex::default() }
    }

    /// A panic elsewhere leaves a map behind that is whole.
    fn streams(&self) -> MutexGuard<'_, HashMap<u32, JoinHandle<()>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is no answer: a sentence, which the page shows.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("a call needs {0}")]
    Incomplete(&'static str),
    #[error("no such request: {0}")]
    Request(#[from] http::Error),
    #[error(transparent)]
    Engine(#[from] ClientError),
    #[error("the answer broke off: {0}")]
    Broken(String),
    #[error("{MAX_STREAMS} streams are open already")]
    Streams,
}

impl Serialize for CallError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

/// One request. Method and path come as headers of the call, the body as its body. The answer: four bytes with
/// the length of a JSON head (`{status, headers}`), the head, the body.
#[tauri::command]
pub async fn api(engine: State<'_, Engine>, call: Call<'_>) -> Result<Response, CallError> {
    let header = |name: &'static str| {
        let value = call.headers().get(name).and_then(|value| value.to_str().ok());
        value.ok_or(CallError::Incomplete(name))
    };
    let path = header("porthole-path")?;
    if !path.starts_with('/') {
        return Err(CallError::Incomplete("a path"));
    }
    let method: Method = header("porthole-method")?.parse().map_err(|_| CallError::Incomplete("a method"))?;
    let body = match call.body() {
        InvokeBody::Raw(bytes) => Bytes::copy_from_slice(bytes),
        InvokeBody::Json(_) => Bytes::new(),
    };
    let mut request = Request::builder().method(method).uri(format!("{BASE}{path}"));
    request = request.header(header::ACCEPT, "application/json");
    if !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let response = sent(&engine.client, request.body(Full::from(body))?).await?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| CallError::Broken(error.to_string()))?.to_bytes();
    Ok(Response::new(framed(&parts, &body)))
}

fn framed(parts: &http::response::Parts, body: &[u8]) -> Vec<u8> {
    let headers: HashMap<&str, &str> = parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let head = serde_json::json!({ "status": parts.status.as_u16(), "headers": headers }).to_string();
    let mut whole = Vec::with_capacity(4 + head.len() + body.len());
    whole.extend_from_slice(&(head.len() as u32).to_be_bytes());
    whole.extend_from_slice(head.as_bytes());
    whole.extend_from_slice(body);
    whole
}

/// Sends a request, and waits for an engine that is about to be there.
async fn sent(
    client: &Client,
    request: Request<Full<Bytes>>,
) -> Result<http::Response<hyper::body::Incoming>, ClientError> {
    let since = std::time::Instant::now();
    loop {
        match client.send(request.clone()).await {
            Err(ClientError::Unreachable(_)) if since.elapsed() < ENGINE_WAIT => {
                tokio::time::sleep(LOOK).await;
            }
            sent => return sent,
        }
    }
}

/// What a stream tells.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Told {
    Open,
    Event {
        name: String,
        data: String,
    },
    /// The engine ended it, or went away; the page begins another.
    Closed,
}

/// The engine's events, each whole, until `api_stop` with the same number.
#[tauri::command]
pub fn api_stream(engine: State<'_, Engine>, number: u32, channel: Channel<Told>) -> Result<(), CallError> {
    let client = engine.client.clone();
    let mut streams = engine.streams();
    streams.retain(|_, task| !task.inner().is_finished());
    if streams.len() >= MAX_STREAMS {
        return Err(CallError::Streams);
    }
    let task = tauri::async_runtime::spawn(async move {
        if let Ok(mut events) = client.events().await
            && channel.send(Told::Open).is_ok()
        {
            orders::say(&Said::Usable);
            while let Ok(Some(event)) = events.next().await {
                if channel.send(Told::Event { name: event.name, data: event.data }).is_err() {
                    return;
                }
            }
        }
        let _ = channel.send(Told::Closed);
    });
    if let Some(before) = streams.insert(number, task) {
        before.abort();
    }
    Ok(())
}

/// Ends a stream.
#[tauri::command]
pub fn api_stop(engine: State<'_, Engine>, number: u32) {
    if let Some(task) = engine.streams().remove(&number) {
        task.abort();
    }
}
