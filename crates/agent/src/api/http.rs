//! The door for browsers and programs on this computer: HTTP/1.1 on a loopback address, unless another was
//! asked for.
//!
//! It has a thread of its own, so that whatever is asked here holds up no traffic.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::str::FromStr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::access::{Access, AccessError, Login};
use super::guard::{Hosts, Through, authority};
use crate::engine::View;
use crate::paths::Paths;

/// Where the page is unless asked otherwise.
pub const DEFAULT_PORT: u16 = 4040;

/// Ports tried where the one asked for is taken: as many engines on one computer nobody has.
const PORTS_TRIED: u16 = 100;

/// Connections at once; further ones wait to be accepted. A browser has six, each open page one more.
const MAX_CONNECTIONS: usize = 128;

/// For a request's head; also how long a connection may say nothing between two requests.
const HEAD_WAIT: Duration = Duration::from_secs(30);

/// Bytes of a request's head: long filters in a query are 4 KiB.
const HEAD_BYTES: usize = 64 * 1024;

/// How long answers may take once the engine leaves.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Between two tries to accept where the system has no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where to listen, as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    pub host: String,
    pub port: u16,
}

/// Why the page cannot be where it was asked for. Each is one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("“{0}” is no address to listen on: write it as ADDRESS:PORT, like 127.0.0.1:4040")]
    Address(String),
    #[error("cannot find the address of {host}: {source}")]
    Resolve { host: String, source: io::Error },
    #[error(
        "{0} is reached from other computers: add --ui-user and --ui-password-file, or listen on 127.0.0.1"
    )]
    NeedsLogin(String),
    #[error("cannot listen on {address}: {source}")]
    Bind { address: String, source: io::Error },
}

/// Why what is bound cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error("the system gives no thread: {0}")]
    Thread(#[from] io::Error),
}

/// A bound address with the conditions under which it is served.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    hosts: Arc<Hosts>,
    login: Option<Login>,
    asked: Listen,
}

/// A page that is served. Ends when dropped.
#[derive(Debug)]
pub struct Door {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Default for Listen {
    fn default() -> Self {
        Self { host: "127.0.0.1".into(), port: DEFAULT_PORT }
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        let error = || ListenError::Address(crate::mapping::shown(text));
        let (host, port) = text.trim().rsplit_once(':').ok_or_else(error)?;
        let port = port.parse().map_err(|_| error())?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        let is_address = host.parse::<std::net::Ipv6Addr>().is_ok();
        let is_name = !host.is_empty() && bare.is_none() && !host.contains([':', '/', '@', ' ']);
        if is_address || is_name { Ok(Self { host: host.into(), port }) } else { Err(error()) }
    }
}

impl Listen {
    /// The addresses meant; refused where other computers could reach one and nobody is asked for a password.
    fn addresses(&self, login: bool) -> Result<Vec<SocketAddr>, ListenError> {
        let resolve = |source| ListenError::Resolve { host: self.host.clone(), source };
        let addresses: Vec<SocketAddr> =
            (self.host.as_str(), self.port).to_socket_addrs().map_err(resolve)?.collect();
        match addresses.iter().find(|address| !address.ip().is_loopback()) {
            Some(address) if !login => Err(ListenError::NeedsLogin(address.to_string())),
            _ => Ok(addresses),
        }
    }

    /// Fails where [`Listener::bind`] would fail whatever is free: before anything else is begun.
    pub fn check(&self, login: bool) -> Result<(), ListenError> {
        self.addresses(login).map(drop)
    }
}

impl Listener {
    /// Binds the address; on loopback the next free port when it is taken.
    pub fn bind(listen: &Listen, login: Option<Login>) -> Result<Self, ListenError> {
        let addresses = listen.addresses(login.is_some())?;
        let failed = |source| ListenError::Bind { address: authority(&listen.host, listen.port), source };
        let alone = addresses.iter().all(|address| address.ip().is_loopback()) && listen.port != 0;
        let tries = if alone { PORTS_TRIED } else { 1 };
        let mut ports = (listen.port..=u16::MAX).take(usize::from(tries));
        let listener = loop {
            let Some(port) = ports.next() else {
                return Err(failed(io::ErrorKind::AddrInUse.into()));
            };
            let on_port: Vec<SocketAddr> =
                addresses.iter().map(|address| SocketAddr::new(address.ip(), port)).collect();
            match TcpListener::bind(on_port.as_slice()) {
                Ok(listener) => break listener,
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && alone => {}
                Err(error) => return Err(failed(error)),
            }
        };
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let hosts = Arc::new(Hosts::new(&listen.host, address));
        Ok(Self { listener, address, hosts, login, asked: listen.clone() })
    }

    /// What a person opens.
    pub fn url(&self) -> String {
        let host = match self.asked.host.parse::<std::net::IpAddr>() {
            Ok(any) if any.is_unspecified() => "localhost",
            _ => &self.asked.host,
        };
        format!("http://{}", authority(host, self.address.port()))
    }

    /// Whether the port is another than the one asked for.
    pub fn moved(&self) -> bool {
        self.asked.port != 0 && self.asked.port != self.address.port()
    }

    /// Serves the engine's API and page from a thread of its own.
    pub fn serve(self, engine: View, paths: &Paths) -> Result<Door, ServeError> {
        let access = Arc::new(Access::open(&paths.data, self.address.port(), self.login)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(self.listener)?
        };
        let stop = engine.leaving().child_token();
        let (hosts, stopped) = (self.hosts, stop.clone());
        let thread = std::thread::Builder::new().name("api".into()).spawn(move || {
            runtime.block_on(async move {
                let router = super::router(engine, access);
                accept(listener, &router, &hosts, &stopped).await;
            });
            // What a blocking thread has begun is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Door { stop, thread: Some(thread) })
    }
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

async fn accept(
    listener: tokio::net::TcpListener,
    router: &Router,
    hosts: &Arc<Hosts>,
    stop: &CancellationToken,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    let next = async {
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let Ok(local) = stream.local_addr() else { continue };
                    let through = Through::Http { hosts: hosts.clone(), local, peer };
                    let connection = connection(stream, router.clone(), through, stop.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "a connection to the local page could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = next => {}
        () = stop.cancelled() => {}
    }
    drop(listener);
    connections.close();
    let _ = tokio::time::timeout(LAST_ANSWERS, connections.wait()).await;
}

async fn connection(stream: TcpStream, router: Router, through: Through, stop: CancellationToken) {
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
        tracing::trace!(%error, "a connection to the local page ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_has_a_host_and_a_port() {
        for (text, host, port) in [
            ("127.0.0.1:4040", "127.0.0.1", 4040),
            ("[::1]:0", "::1", 0),
            ("0.0.0.0:80", "0.0.0.0", 80),
            ("box.lan:4040", "box.lan", 4040),
        ] {
            assert_eq!(text.parse::<Listen>().unwrap(), Listen { host: host.into(), port }, "{text}");
        }
        for bad in
            ["", "4040", ":4040", "127.0.0.1", "127.0.0.1:", "::1", "[::1]", "[box]:1", "a b:1", "h:70000"]
        {
            assert!(bad.parse::<Listen>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_others_can_reach_needs_a_login() {
        let listen = |text: &str| text.parse::<Listen>().unwrap();
        for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            assert!(matches!(listen(open).check(false), Err(ListenError::NeedsLogin(_))), "{open}");
            assert!(listen(open).check(true).is_ok(), "{open}");
        }
        assert!(listen("127.0.0.1:0").check(false).is_ok());
        assert!(listen("[::1]:0").check(false).is_ok());
    }

    #[test]
    fn a_taken_port_leads_to_the_next_free_one() {
        let first = Listener::bind(&Listen { port: 0, ..Listen::default() }, None).unwrap();
        assert!(!first.moved());
        let taken = first.address.port();
        let second = Listener::bind(&Listen { port: taken, ..Listen::default() }, None).unwrap();
        assert!(second.moved() && second.address.port() > taken);
        assert_eq!(second.url(), format!("http://127.0.0.1:{}", second.address.port()));
    }
}
