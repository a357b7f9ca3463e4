//! Programmable local services: what a developer has listening on a port.

pub mod body;
mod grpc;
mod recorder;
mod sample;
mod websocket;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub use body::Body;
pub use recorder::Received;
pub use websocket::echo as websocket_echo;

/// One request as the service got it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub fields: HeaderMap,
}

impl Seen {
    /// The first field of that name, or nothing.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A listening service. It stops, and its connections break off, when dropped.
#[derive(Debug)]
pub struct LocalService {
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
    record: Record,
}

/// What a service saw; shared with its handlers.
#[derive(Debug, Clone, Default)]
pub struct Record(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    requests: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    /// Handlers and bodies that ended before they were done, because the visitor had gone.
    cancelled: AtomicUsize,
}

impl Record {
    fn add(&self, request: &Request<Incoming>) {
        let seen = Seen {
            method: request.method().to_string(),
            target: request.uri().to_string(),
            fields: request.headers().clone(),
        };
        self.0.requests.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }

    /// Counts a cancellation when the guard is dropped without [`Unfinished::done`].
    pub fn unfinished(&self) -> Unfinished {
        Unfinished { record: self.clone(), done: false }
    }
}

/// Work that may be cut off.
#[derive(Debug)]
pub struct Unfinished {
    record: Record,
    done: bool,
}

impl Unfinished {
    pub fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.done {
            self.record.0.cancelled.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl LocalService {
    /// A service with a little of everything: see `sample.rs`.
    pub async fn sample() -> Self {
        Self::http(sample::answer).await
    }

    /// An HTTP/1.1 service.
    pub async fn http<H, F>(handler: H) -> Self
    where
        H: Fn(Request<Incoming>, Record) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::accept(Record::default(), move |socket, record| serve_http1(socket, record, handler.clone()))
            .await
    }

    /// An HTTP/1.1 service behind TLS with this configuration.
    pub async fn https<H, F>(config: Arc<rustls::ServerConfig>, handler: H) -> Self
    where
        H: Fn(Request<Incoming>, Record) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let acceptor = tokio_rustls::TlsAcceptor::from(config);
        Self::accept(Record::default(), move |socket, record| {
            let (acceptor, handler) = (acceptor.clone(), handler.clone());
            async move {
                // A client that does not like the certificate is what some tests are about.
                if let Ok(socket) = acceptor.accept(socket).await {
                    serve_http1(socket, record, handler).await;
                }
            }
        })
        .await
    }

    /// An HTTP/2 service on clear text (prior knowledge).
    pub async fn h2c<H, F>(handler: H) -> Self
    where
        H: Fn(Request<Incoming>, Record) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::accept(Record::default(), move |socket, record| {
            let handler = handler.clone();
            async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    record.add(&request);
                    let answer = handler(request, record.clone());
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(socket), service).await;
            }
        })
        .await
    }

    /// A gRPC-shaped service: see `grpc.rs`.
    pub async fn grpc() -> Self {
        Self::h2c(grpc::answer).await
    }

    /// A service of raw connections: one call of the handler each.
    pub async fn raw<H, F>(handler: H) -> Self
    where
        H: Fn(TcpStream) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::accept(Record::default(), move |socket, _| handler(socket)).await
    }

    /// A service that reads a request head and then sends these bytes and closes.
    pub async fn canned(answer: &'static [u8]) -> Self {
        Self::raw(move |mut socket| async move {
            use tokio::io::AsyncWriteExt;
            if read_head(&mut socket).await.is_some() {
                let _ = socket.write_all(answer).await;
                let _ = socket.shutdown().await;
            }
        })
        .await
    }

    async fn accept<H, F>(record: Record, handler: H) -> Self
    where
        H: Fn(TcpStream, Record) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let counters = record.clone();
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((socket, _)) = listener.accept().await else { return };
                let _ = socket.set_nodelay(true);
                counters.0.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(handler(socket, counters.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, accepting, record }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.record.0.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last request.
    ///
    /// # Panics
    /// When there was none.
    pub fn last(&self) -> Seen {
        self.seen().pop().expect("the service saw a request")
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.record.0.connections.load(Ordering::SeqCst)
    }

    /// Handlers and bodies cut off so far because the other side went away.
    pub fn cancelled(&self) -> usize {
        self.record.0.cancelled.load(Ordering::SeqCst)
    }
}

impl Drop for LocalService {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve_http1<IO, H, F>(socket: IO, record: Record, handler: H)
where
    IO: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>, Record) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        record.add(&request);
        let answer = handler(request, record.clone());
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    // The gateway adds fields of its own to a visitor's hundred.
    builder.preserve_header_case(true).half_close(false).max_headers(200);
    let _ = builder.serve_connection(TokioIo::new(socket), service).with_upgrades().await;
}

/// Reads a request head off a raw connection; what follows it stays unread as far as possible.
pub async fn read_head(socket: &mut TcpStream) -> Option<String> {
    use tokio::io::AsyncReadExt;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}
