//! Accepts visitors (and agents, who begin as visitors) and gives each connection a task.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::acme::certificates;
use crate::proxy_protocol::Entry;
use crate::router::Endpoint;
use crate::server::Gateway;
use crate::tcp;
use crate::tls::{Asking, Hello, Tls};
use crate::visitor::{self, Protocol, Service};

/// Connections of a listener at once, links included. At ≤ 16 KiB for an idle one this is under 1 GiB; beyond it,
/// newcomers wait in the kernel's queue.
pub const CONNECTIONS: usize = 50_000;

/// How a connection begins that speaks TLS: with a record of a handshake (RFC 8446 §5.1).
const HANDSHAKE_RECORD: u8 = 0x16;

/// How long a TLS handshake may take; a browser's over a bad mobile network takes 2–3 s.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Pause after an accept that failed for want of descriptors or memory: the connections that are
/// there go on, and one of them ending is what helps.
const PAUSE: Duration = Duration::from_millis(50);

/// A shortage that lasts is logged this often, not at each pause.
const SAY_AGAIN: Duration = Duration::from_secs(10);

/// Serves visitors and agents; see [`accept`].
pub async fn run(gateway: Arc<Gateway>, listener: TcpListener, tls: Option<Arc<Tls>>) {
    accept(Service::new(gateway), listener, tls).await;
}

/// Answers certificate authorities in clear text and sends everybody else to https; see [`accept`].
pub async fn run_clear(gateway: Arc<Gateway>, listener: TcpListener) {
    accept(Service::to_https(gateway), listener, None).await;
}

/// Accepts on `listener` until the gateway closes: while it drains, too. Connection tasks are in
/// `gateway.tasks` (or `late`) and end with `gateway.cut` at the latest.
async fn accept(service: Arc<Service>, listener: TcpListener, tls: Option<Arc<Tls>>) {
    let gateway = &service.gateway;
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let config = &gateway.config;
    let entry = config.proxy_protocol.then(|| Arc::new(Entry::default()));
    let closing = gateway.closing.clone();
    let accepting = async {
        let mut said: Option<Instant> = None;
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => begin(&service, stream, peer, entry.as_ref(), tls.as_deref(), slot),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if said.is_none_or(|said| said.elapsed() > SAY_AGAIN) {
                        said = Some(Instant::now());
                        tracing::warn!(%error, "cannot accept connections just now; raise the limit of open files if this lasts");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = closing.cancelled() => {}
    }
}

/// The connection was gone before it was accepted; the listener is well.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | WouldBlock)
}

fn begin(
    service: &Arc<Service>,
    mut stream: TcpStream,
    mut peer: SocketAddr,
    entry: Option<&Arc<Entry>>,
    tls: Option<&Tls>,
    slot: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let config = tls.map(Tls::current);
    let entry = entry.map(Arc::clone);
    let service = Arc::clone(service);
    let gateway = &service.gateway;
    let is_late = gateway.draining.is_cancelled();
    let tasks = if is_late { gateway.late.clone() } else { gateway.tasks.clone() };
    tasks.spawn(async move {
        let cut = service.gateway.cut.clone();
        let serving = async {
            if let Some(entry) = entry {
                let trusted = service.gateway.settings.load_full();
                let admitted = Box::pin(entry.admit(&mut stream, peer, &trusted.trusted_proxies)).await;
                let Some(visitor) = admitted else { return };
                peer = visitor;
            }
            let passes = || !service.to_https && !service.gateway.registry.server_names().is_empty();
            match config {
                // Boxed: the kinds would otherwise share the largest one's size.
                Some(config) => Box::pin(serve_tls(service, config, stream, peer)).await,
                None if passes() => Box::pin(serve_sniffed(service, stream, peer)).await,
                None => visitor::serve(service, stream, peer, "http", Protocol::Sniffed).await,
            }
        };
        tokio::select! {
            () = serving => {}
            () = cut.cancelled() => {}
        }
        drop(slot);
    });
}

/// A handshake that has been looked at.
enum Begun {
    Ours(Box<TlsStream<TcpStream>>),
    /// The service behind the mapping ends it: the bytes read so far are its.
    Theirs(TcpStream, Bytes, Arc<Endpoint>),
}

async fn serve_tls(service: Arc<Service>, config: Arc<ServerConfig>, stream: TcpStream, peer: SocketAddr) {
    let gateway = &service.gateway;
    let names = gateway.registry.server_names();
    let handshake = async {
        if names.is_empty() && gateway.client_ca.is_none() {
            return Ok(Begun::Ours(Box::new(TlsAcceptor::from(config).accept(stream).await?)));
        }
        let hello = Hello::read(stream).await?;
        let host = hello.server_name();
        if let Some(endpoint) = host.as_deref().and_then(|host| names.passed(host)) {
            let (stream, first) = hello.untouched();
            return Ok(Begun::Theirs(stream, first, Arc::clone(endpoint)));
        }
        // Agents come to the gateway itself: no mapping's visitor is asked for what is for them.
        let agents = |_: &&Asking| host.is_none_or(|host| gateway.registry.routes().leads_home(&host));
        let config = match gateway.client_ca.as_ref().filter(agents) {
            Some(asking) => asking.of(&config).map_err(io::Error::other)?,
            None => config,
        };
        Ok(Begun::Ours(Box::new(hello.accept(config).await?)))
    };
    let stream = match in_time(handshake, peer).await {
        Some(Begun::Ours(stream)) => *stream,
        Some(Begun::Theirs(stream, first, endpoint)) => {
            return tcp::pass(gateway, stream, peer, &endpoint, first).await;
        }
        None => return,
    };
    let protocol = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        // A certificate authority has seen what it came for: there is nothing to say (RFC 8737 §3).
        Some(certificates::ACME_TLS) => return,
        _ => Protocol::Http1,
    };
    visitor::serve(service, stream, peer, "https", protocol).await;
}

/// Where we end no TLS, mappings may: a connection that begins with a handshake is for one of them.
async fn serve_sniffed(service: Arc<Service>, stream: TcpStream, peer: SocketAddr) {
    let mut first = [0];
    let begun = tokio::select! {
        begun = tokio::time::timeout(visitor::IDLE, stream.peek(&mut first)) => begun,
        () = service.gateway.last_call() => return,
    };
    if !matches!(begun, Ok(Ok(1..))) {
        return;
    }
    if first != [HANDSHAKE_RECORD] {
        return visitor::serve(service, stream, peer, "http", Protocol::Sniffed).await;
    }
    let Some(hello) = in_time(Hello::read(stream), peer).await else { return };
    let names = service.gateway.registry.server_names();
    let Some(endpoint) = hello.server_name().and_then(|host| names.passed(&host).cloned()) else {
        tracing::debug!(%peer, "a TLS handshake for no host that is known, where none is spoken");
        return;
    };
    let (stream, first) = hello.untouched();
    tcp::pass(&service.gateway, stream, peer, &endpoint, first).await;
}

/// What a handshake comes to within [`HANDSHAKE`].
async fn in_time<T>(handshake: impl Future<Output = io::Result<T>>, peer: SocketAddr) -> Option<T> {
    match tokio::time::timeout(HANDSHAKE, handshake).await {
        Ok(Ok(begun)) => Some(begun),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(%peer, "a TLS handshake took too long");
            None
        }
    }
}
