//! The thread that answers the API, whichever door a request came in by.
//!
//! It is a thread of its own, so that whatever is asked here holds up no traffic.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::access::{Access, AccessError};
use super::guard::Through;
use super::http::Listener;
#[cfg(unix)]
use crate::door::socket;
use crate::engine::View;
use crate::paths::Paths;

/// Connections at once by one door; further ones wait to be accepted. A browser has six, each open page one more.
const MAX_CONNECTIONS: usize = 128;

/// For a request's head; also how long a connection may say nothing between two requests.
const HEAD_WAIT: Duration = Duration::from_secs(30);

/// Bytes of a request's head: long filters in a query are 4 KiB.
const HEAD_BYTES: usize = 64 * 1024;

/// How long answers may take once the engine leaves.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Between two tries to accept where the system has no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error("the system gives no thread: {0}")]
    Thread(#[from] io::Error),
    #[error("cannot answer this user's own programs at {path}: {source}")]
    Socket { path: PathBuf, source: io::Error },
}

/// An API that is served. Ends when dropped.
#[derive(Debug)]
pub struct Door {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// Serves the engine's API to this user's own programs, and with the page over HTTP where that was asked for.
pub fn serve(engine: View, paths: &Paths, mut page: Option<Listener>) -> Result<Door, ServeError> {
    let access = Arc::new(match &mut page {
        Some(page) => page.access(paths)?,
        None => Access::closed(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    let page = page.map(Listener::open).transpose()?;
    #[cfg(unix)]
    let own = {
        let path = paths.api_socket();
        socket::Listener::bind(&path).map_err(|source| ServeError::Socket { path, source })?
    };
    drop(inside);
    let stop = engine.leaving().child_token();
    let stopped = stop.clone();
    let thread = std::thread::Builder::new().name("api".into()).spawn(move || {
        runtime.block_on(async move {
            let router = super::router(engine, access);
            let over_http = async {
                if let Some(page) = page {
                    accept(async move || page.accept().await, &router, &stopped).await;
                }
            };
            #[cfg(unix)]
            let by_socket = accept(
                async move || own.accept().await.map(|stream| (stream, Through::Socket)),
                &router,
                &stopped,
            );
            #[cfg(not(unix))]
            let by_socket = async {};
            tokio::join!(over_http, by_socket);
        });
        // What a blocking thread has begun is not waited for.
        runtime.shutdown_background();
    })?;
    Ok(Door { stop, thread: Some(thread) })
}

impl Door {
    /// Ends event streams, lets other answers finish within a moment, and closes.
    pub async fn close(mut self) {
        self.stop.cancel();
        let Some(thread) = self.thread.take() else { return };
        let joined = tokio::task::spawn_blocking(move || thread.join());
        if tokio::time::timeout(2 * LAST_ANSWERS, joined).await.is_err() {
            tracing::debug!("the local page is still answering");
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Takes connections by one door until asked to stop.
async fn accept<S>(
    accepted: impl AsyncFn() -> io::Result<(S, Through)>,
    router: &Router,
    stop: &CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    let next = async {
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match accepted().await {
                Ok((stream, through)) => {
                    let connection = connection(stream, router.clone(), through, stop.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection to the local API could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = next => {}
        () = stop.cancelled() => {}
    }
    // Whoever comes after this engine may want the same address.
    drop(accepted);
    connections.close();
    let _ = tokio::time::timeout(LAST_ANSWERS, connections.wait()).await;
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    router: Router,
    through: Through,
    stop: CancellationToken,
) {
    let answer = service_fn(move |request: http::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(through.clone());
        router.clone().oneshot(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection to the local API ended early");
    }
}
