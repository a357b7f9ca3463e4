//! Connections to one local service: made, kept for a while, checked before use.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use porthole_http1::{Limits, ResponseReader};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Pools;
use super::h2::Shared;
use super::outcome::ForwardError;
use super::service_tls::ServiceTls;
use crate::dial;
use crate::target::{Scheme, Target};
use crate::tls::{certificate_fault, certificate_words, not_tls};

/// From the first SYN to a connection that can carry a request, TLS included.
pub const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Connections kept without work for one target: the link's own bound on streams is far higher, but a
/// service seldom answers more at once, and each costs a file descriptor at both ends.
pub const IDLE_CONNECTIONS: usize = 64;
/// A connection unused for longer is closed. Services close theirs after 5 s (Node) to 75 s (nginx).
pub const IDLE_TIME: Duration = Duration::from_secs(60);
/// A request that must not be sent twice uses only a connection that worked this recently. Services
/// close idle connections after 5 s (Node) or later: one of them doing so just then is the one failure
/// that could not be told from a request that was lost half-way.
pub const SURELY_KEPT: Duration = Duration::from_secs(3);
/// Bytes of room for one read to begin with; also what an idle connection may keep.
pub const READ_BYTES: usize = 16 * 1024;

/// The bytes' way to a service.
#[derive(Debug)]
pub enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// One HTTP/1 connection with everything that is reused from exchange to exchange.
#[derive(Debug)]
pub struct Connection {
    pub wire: Wire,
    pub reader: ResponseReader,
    /// Bytes read and not yet understood.
    pub input: BytesMut,
    /// Bytes to write; cleared by whoever fills it.
    pub output: Vec<u8>,
    /// The answer's deadline: extending it costs no lock, making a new timer would.
    pub timer: Pin<Box<Sleep>>,
    idle_since: Instant,
}

impl Connection {
    fn new(wire: Wire) -> Self {
        Self {
            wire,
            reader: ResponseReader::new(Limits::default()),
            input: BytesMut::with_capacity(READ_BYTES),
            output: Vec::with_capacity(1024),
            timer: Box::pin(tokio::time::sleep(Duration::from_secs(3600))),
            idle_since: Instant::now(),
        }
    }

    /// True while the service has neither closed the connection nor sent what nobody asked for.
    /// Costs no system call unless the socket was reported readable.
    fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        match &mut self.wire {
            Wire::Plain(stream) => match stream.poll_read_ready(&mut cx) {
                Poll::Pending => true,
                Poll::Ready(Err(_)) => false,
                Poll::Ready(Ok(())) => {
                    let read = stream.try_read(&mut [0]);
                    matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
                }
            },
            // Session tickets make the socket readable with nothing for us: only TLS itself can tell.
            Wire::Tls(stream) => {
                let mut byte = [0];
                Pin::new(stream).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
            }
        }
    }
}

/// The connections to one target.
#[derive(Debug)]
pub struct Pool {
    target: Target,
    allow_invalid_certs: bool,
    tls: Arc<ServiceTls>,
    /// All pools of the agent, this one among them.
    beside: Weak<Pools>,
    /// The freshest last: it is the least likely to be closed by the service.
    idle: Mutex<Vec<Connection>>,
    /// The address that worked last, tried first.
    preferred: Mutex<Option<SocketAddr>>,
    /// The one HTTP/2 connection of an `h2c` target.
    pub h2: Shared,
}

impl Pool {
    pub fn new(target: Target, allow_invalid_certs: bool, tls: Arc<ServiceTls>, beside: Weak<Pools>) -> Self {
        Self {
            target,
            allow_invalid_certs,
            tls,
            beside,
            idle: Mutex::default(),
            preferred: Mutex::default(),
            h2: Shared::default(),
        }
    }

    /// A kept connection that looks alive; for a request that may be sent again if it was not.
    pub fn take(&self) -> Option<Connection> {
        self.take_used_within(IDLE_TIME)
    }

    /// The same for a request that must not be sent twice. See [`SURELY_KEPT`].
    pub fn take_fresh(&self) -> Option<Connection> {
        self.take_used_within(SURELY_KEPT)
    }

    fn take_used_within(&self, time: Duration) -> Option<Connection> {
        let mut idle = lock(&self.idle);
        // The last is the freshest: where that one is too old, all are.
        while idle.last()?.idle_since.elapsed() < time {
            let mut connection = idle.pop()?;
            if connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection that both sides are done with.
    pub fn put(&self, mut connection: Connection) {
        if connection.input.capacity() > READ_BYTES {
            connection.input = BytesMut::new();
        }
        if connection.output.capacity() > READ_BYTES {
            connection.output = Vec::new();
        }
        connection.idle_since = Instant::now();
        let mut idle = lock(&self.idle);
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(connection);
        }
    }

    /// Closes what was idle for too long or was closed by the service.
    pub fn sweep(&self) {
        lock(&self.idle)
            .retain_mut(|connection| connection.idle_since.elapsed() < IDLE_TIME && connection.is_quiet());
    }

    /// A new HTTP/1 connection, within [`CONNECT_TIME`].
    pub async fn connect(&self) -> Result<Connection, ForwardError> {
        let wire = tokio::time::timeout(CONNECT_TIME, async {
            let stream = self.connect_tcp().await?;
            if self.target.scheme == Scheme::Https {
                Ok(Wire::Tls(Box::new(self.start_tls(stream).await?)))
            } else {
                Ok(Wire::Plain(stream))
            }
        });
        match wire.await {
            Ok(wire) => wire.map(Connection::new),
            Err(_) => Err(ForwardError::ConnectTimeout),
        }
    }

    /// A new TCP connection, within [`CONNECT_TIME`], to the address that worked last or any other.
    /// Where this computer has no room for one, a kept connection of another target makes it.
    pub async fn connect_tcp(&self) -> Result<TcpStream, ForwardError> {
        match self.try_connect_tcp().await {
            Err(ForwardError::Busy) if self.make_room() => self.try_connect_tcp().await,
            other => other,
        }
    }

    /// Closes an idle connection of any target; false when there is none.
    fn make_room(&self) -> bool {
        let Some(pools) = self.beside.upgrade() else { return false };
        let pools: Vec<_> = lock(&pools).values().cloned().collect();
        pools.iter().any(|pool| {
            let mut idle = lock(&pool.idle);
            // The oldest, which is the least likely to be used again.
            let found = !idle.is_empty();
            idle.drain(..usize::from(found));
            found
        })
    }

    async fn try_connect_tcp(&self) -> Result<TcpStream, ForwardError> {
        let preferred = *lock(&self.preferred);
        if let Some(address) = preferred {
            match dial::connect(&[address], CONNECT_TIME).await {
                Ok(stream) => return Ok(stream),
                // The service may have come back on the other family.
                Err(dial::DialError::Connect(_)) => *lock(&self.preferred) = None,
                Err(error) => return Err(error.into()),
            }
        }
        let addresses = dial::resolve(&self.target.host, self.target.port).await?;
        let stream = dial::connect(&addresses, CONNECT_TIME).await?;
        if addresses.len() > 1 {
            *lock(&self.preferred) = stream.peer_addr().ok();
        }
        Ok(stream)
    }

    async fn start_tls(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, ForwardError> {
        let config = self.tls.config(self.allow_invalid_certs).await.map_err(ForwardError::Certificate)?;
        let name = ServerName::try_from(self.target.host.clone())
            .map_err(|_| ForwardError::Certificate("its host is no name a certificate can hold".into()))?;
        TlsConnector::from(config).connect(name, stream).await.map_err(|error| {
            match certificate_fault(&error) {
                Some(fault) => ForwardError::Certificate(certificate_words(fault)),
                None if not_tls(&error) => {
                    ForwardError::BadAnswer("it does not speak TLS: write its target with http://".into())
                }
                None => ForwardError::BadAnswer(format!("TLS failed: {error}")),
            }
        })
    }
}

/// Nothing that holds these locks can panic half-way: what a poisoned one guards is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
