//! Visitor connections, whichever HTTP they speak.

mod body;
mod h1;
mod h2;
mod io;
mod meter;
mod pump;
mod requests;
mod upgrade;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::server::Gateway;
use crate::status;

pub use io::VisitorIo;
use io::{Conn, Prefixed};

/// How an HTTP/2 connection begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a connection may be silent before its first byte and between requests: nginx's default, so
/// that proxies in front with theirs (usually 60 s) close first.
pub const IDLE: Duration = Duration::from_secs(75);

/// How long a connection that has begun may take to show which HTTP it speaks, as long as a head may.
const SNIFF_TIME: Duration = Duration::from_secs(15);

/// What every visitor connection needs.
#[derive(Debug)]
pub struct Service {
    pub gateway: Arc<Gateway>,
    /// The gateway's own pages.
    pub(crate) own: axum::Router,
    /// Nothing is served here: visitors are sent to https.
    pub(crate) to_https: bool,
}

impl Service {
    pub fn new(gateway: Arc<Gateway>) -> Arc<Self> {
        let own = status::public_router(&gateway);
        Arc::new(Self { gateway, own, to_https: false })
    }

    /// For visitors in clear text where TLS is spoken elsewhere.
    pub fn to_https(gateway: Arc<Gateway>) -> Arc<Self> {
        let own = axum::Router::new();
        Arc::new(Self { gateway, own, to_https: true })
    }
}

/// What is known of the protocol before the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// ALPN said HTTP/2.
    Http2,
    /// Anything but HTTP/2.
    Http1,
    /// The first bytes tell.
    Sniffed,
}

/// Serves one visitor connection to its end. `scheme` is what the visitor speaks: `http` or `https`.
pub async fn serve<IO: VisitorIo>(
    service: Arc<Service>,
    io: IO,
    peer: SocketAddr,
    scheme: &'static str,
    protocol: Protocol,
) {
    match protocol {
        Protocol::Http1 => h1::serve(service, io, BytesMut::new(), peer, scheme).await,
        Protocol::Http2 => {
            let name = io.server_name().map(Arc::from);
            let io = Prefixed::new(Bytes::new(), io, Arc::clone(&service.gateway.counters.traffic));
            Box::pin(h2::serve(service, io, peer, scheme, name)).await;
        }
        Protocol::Sniffed => {
            let traffic = &service.gateway.counters.traffic;
            let mut conn = Conn::new(io, BytesMut::new(), Arc::clone(traffic));
            let first = tokio::select! {
                biased;
                first = tokio::time::timeout(IDLE, conn.fill()) => first,
                () = service.gateway.last_call() => return,
            };
            if !matches!(first, Ok(Ok(1..))) {
                return;
            }
            let sniffed = tokio::time::timeout(SNIFF_TIME, sniff(&mut conn)).await;
            match sniffed {
                Ok(Ok(true)) => {
                    let io = Prefixed::new(conn.input.freeze(), conn.io, Arc::clone(traffic));
                    // Boxed: its state is large, and most connections are not HTTP/2.
                    Box::pin(h2::serve(service, io, peer, scheme, None)).await;
                }
                Ok(Ok(false)) => h1::serve(service, conn.io, conn.input, peer, scheme).await,
                // No slower than a head that shows at once that it is HTTP/1's.
                Err(_) => h1::too_late(service, conn.io, conn.input, peer, scheme).await,
                Ok(Err(_)) => {}
            }
        }
    }
}

/// Reads until it is clear whether the connection begins with the HTTP/2 preface.
async fn sniff<IO: VisitorIo>(conn: &mut Conn<IO>) -> std::io::Result<bool> {
    loop {
        let len = conn.input.len().min(PREFACE.len());
        if conn.input[..len] != PREFACE[..len] {
            return Ok(false);
        }
        if len == PREFACE.len() {
            return Ok(true);
        }
        if conn.fill().await? == 0 {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::config::Config;
    use crate::secret::{Secret, Secrets};

    #[tokio::test]
    async fn a_visitors_task_leaves_room_for_its_buffers_in_16_kib() {
        let data = tempfile::tempdir().unwrap();
        let secrets = Secrets::fixed(Secret::new("a secret of at least 32 bytes for a test"));
        let gateway = Gateway::start(Config::in_folder(data.path(), secrets)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let stream = TcpStream::connect(addr).await.unwrap();
        let serving = serve(Service::new(gateway), stream, addr, "http", Protocol::Sniffed);
        let bytes = size_of_val(&serving);
        // 4 KiB are read into and up to 4 KiB of output kept.
        assert!(bytes <= 8 * 1024, "{bytes} bytes");
    }
}
