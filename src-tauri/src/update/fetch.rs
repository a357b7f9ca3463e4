//! Bytes from where newer versions are had, within bounds of size and time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Response};
use tokio::io::AsyncWriteExt as _;
use url::Url;

use super::Source;

/// Bytes of an announcement; one for ten systems, with notes, has some ten thousand.
const ANNOUNCEMENT_BYTES: usize = 256 * 1024;

/// For an announcement, from the name to its end.
const ANNOUNCEMENT_WAIT: Duration = Duration::from_secs(30);

/// Bytes of a program's file; an AppImage with WebKit has a hundred million.
const FILE_BYTES: u64 = 1024 * 1024 * 1024;

/// For a connection, and between two parts of a file: a line that is silent for longer is dead.
const SILENCE: Duration = Duration::from_secs(30);

/// Other places that one place may lead to; a shop of releases leads to its store, and that to a mirror.
const REDIRECTS: usize = 5;

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("nothing can be fetched from {host}: {}", innermost(source))]
    Unreachable { host: String, source: reqwest::Error },
    #[error("{host} answers with status {status}")]
    Status { host: String, status: u16 },
    #[error("{host} sends more than {bound} bytes")]
    TooLong { host: String, bound: u64 },
    #[error("encrypted connections cannot be made: {0}")]
    Tls(#[from] porthole_agent::tls::TlsSetupError),
    #[error("{} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

impl FetchError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::Tls(_) => "update-unreachable",
            Self::Status { .. } | Self::TooLong { .. } => "update-unreadable",
            Self::Write { .. } => "update-not-replaced",
        }
    }
}

/// The announcement.
pub async fn text(source: &Source) -> Result<Vec<u8>, FetchError> {
    let unreachable = unreachable(&source.endpoint);
    let request = client(source)?.get(source.endpoint.clone()).timeout(ANNOUNCEMENT_WAIT);
    let mut response = good(&source.endpoint, request.send().await.map_err(&unreachable)?)?;
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(&unreachable)? {
        if text.len() + chunk.len() > ANNOUNCEMENT_BYTES {
            return Err(too_long(&source.endpoint, ANNOUNCEMENT_BYTES as u64));
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

/// A file, into the file `to`; `hear` gets all bytes in turn. What was begun and not ended is taken away again.
pub async fn file(
    source: &Source,
    url: &Url,
    to: &Path,
    mut hear: impl FnMut(&[u8]),
) -> Result<(), FetchError> {
    let unreachable = unreachable(url);
    let request = client(source)?.get(url.clone());
    let mut response = good(url, request.send().await.map_err(&unreachable)?)?;
    let write = |error| FetchError::Write { path: to.to_owned(), source: error };
    let mut part = tokio::fs::File::create(to).await.map_err(write)?;
    let mut length = 0;
    while let Some(chunk) = response.chunk().await.map_err(&unreachable)? {
        length += chunk.len() as u64;
        if length > FILE_BYTES {
            return Err(too_long(url, FILE_BYTES));
        }
        hear(&chunk);
        part.write_all(&chunk).await.map_err(write)?;
    }
    part.sync_all().await.map_err(write)
}

fn client(source: &Source) -> Result<Client, FetchError> {
    let tls = porthole_agent::tls::verifying(None)?;
    let mut builder = Client::builder()
        .tls_backend_preconfigured((*tls).clone())
        .https_only(!source.is_local())
        .redirect(reqwest::redirect::Policy::limited(REDIRECTS))
        .connect_timeout(SILENCE)
        .read_timeout(SILENCE)
        .user_agent(concat!("porthole/", env!("CARGO_PKG_VERSION")));
    if source.is_local() {
        builder = builder.no_proxy();
    }
    builder.build().map_err(unreachable(&source.endpoint))
}

fn good(url: &Url, response: Response) -> Result<Response, FetchError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    Err(FetchError::Status { host: host(url), status: status.as_u16() })
}

fn unreachable(url: &Url) -> impl Fn(reqwest::Error) -> FetchError {
    let host = host(url);
    move |source| FetchError::Unreachable { host: host.clone(), source: source.without_url() }
}

fn too_long(url: &Url, bound: u64) -> FetchError {
    FetchError::TooLong { host: host(url), bound }
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// The sentence that says most: libraries wrap what happened in what they did.
fn innermost(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
