//! TCP mappings: a port of the gateway for each, its connections carried as streams.
//!
//! [`Ports`] holds the listening sockets. A port is first bound (so that an agent is told at once when
//! it cannot be had), then served by [`Ports::serve`], which is given the live endpoints after each
//! change; a port whose endpoint is taken over stays open, one without an endpoint is closed.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::{Bytes, BytesMut};
use porthole_link::{Item, Open, RecvHalf, ResetCode, SendHalf, StreamKind};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::access;
use crate::router::Endpoint;
use crate::server::Gateway;

/// Connections of one mapping at once; newcomers wait in the kernel's queue. Half of the streams that a
/// link's budget carries, so that one TCP mapping cannot starve an agent's others.
pub const CONNECTIONS_PER_PORT: usize = 1_000;

/// Bytes read from a visitor at a time. Given back before waiting, so an idle connection holds none.
const READ_BYTES: usize = 32 * 1024;

/// Pause after an accept that failed for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(50);

/// The gateway's TCP ports that mappings hold.
#[derive(Debug)]
pub struct Ports {
    ip: IpAddr,
    open: Mutex<HashMap<u16, Held>>,
}

#[derive(Debug)]
struct Held {
    /// None once it is served.
    bound: Option<TcpListener>,
    endpoint: Arc<ArcSwapOption<Endpoint>>,
    stop: CancellationToken,
}

impl Ports {
    /// Ports are opened on `ip`, the address that visitors reach the gateway at.
    pub fn new(ip: IpAddr) -> Self {
        Self { ip, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u16, Held>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that this gateway holds `port`; one that a mapping holds already is fine.
    /// Must be called on a runtime. Held until the next [`Self::serve`] that does not name it.
    ///
    /// # Errors
    /// The system's reason, e.g. that another program listens there.
    pub fn bind(&self, port: u16) -> io::Result<()> {
        let mut open = self.open();
        if open.contains_key(&port) {
            return Ok(());
        }
        let listener = std::net::TcpListener::bind((self.ip, port))?;
        listener.set_nonblocking(true)?;
        let bound = Some(TcpListener::from_std(listener)?);
        open.insert(port, Held { bound, endpoint: Arc::default(), stop: CancellationToken::new() });
        Ok(())
    }

    /// Ports that mappings hold now.
    pub fn count(&self) -> usize {
        self.open().len()
    }

    /// Serves exactly `live`: connections on each port go to its endpoint from now on. Ports that were
    /// not bound before are left out.
    pub fn serve(&self, gateway: &Arc<Gateway>, live: &HashMap<u16, Arc<Endpoint>>) {
        let mut open = self.open();
        open.retain(|port, held| {
            let keep = live.contains_key(port);
            if !keep {
                held.endpoint.store(None);
                held.stop.cancel();
            }
            keep
        });
        for (port, endpoint) in live {
            let Some(held) = open.get_mut(port) else { continue };
            held.endpoint.store(Some(endpoint.clone()));
            if let Some(listener) = held.bound.take() {
                let accepting = accept(gateway.clone(), listener, held.endpoint.clone(), held.stop.clone());
                gateway.tasks.spawn(accepting);
            }
        }
    }
}

async fn accept(
    gateway: Arc<Gateway>,
    listener: TcpListener,
    endpoint: Arc<ArcSwapOption<Endpoint>>,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_PER_PORT));
    let accepting = async {
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, visitor)) => {
                    let Some(endpoint) = endpoint.load_full() else { continue };
                    let cut = gateway.cut.clone();
                    gateway.tasks.spawn(async move {
                        tokio::select! {
                            () = connection(stream, visitor, &endpoint) => {}
                            () = cut.cancelled() => {}
                        }
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot accept a TCP connection just now");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop.cancelled() => {}
        () = gateway.draining.cancelled() => {}
    }
}

/// One visitor's connection from its acceptance to its end.
async fn connection(stream: TcpStream, visitor: SocketAddr, endpoint: &Endpoint) {
    let request_id = uuid::Uuid::new_v4().simple().to_string();
    let begun = std::time::Instant::now();
    if !endpoint.policy.admits(visitor.ip()) {
        tracing::info!(target: access::TARGET, %request_id, mapping = endpoint.label(), visitor = %visitor.ip(),
            outcome = "ip-denied", "tcp");
        return;
    }
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let open = Open {
        kind: StreamKind::Tcp,
        mapping: endpoint.mapping.number,
        request_id: request_id.clone(),
        visitor,
        head: None,
    };
    let outcome = match endpoint.link.open(open, Bytes::new(), false) {
        Ok(link) => {
            let (send, recv) = link.split();
            carry(stream, send, recv).await
        }
        Err(error) => {
            abort(&stream);
            Outcome { end: error.to_string(), ..Outcome::default() }
        }
    };
    tracing::info!(target: access::TARGET, %request_id, mapping = endpoint.label(), visitor = %visitor.ip(),
        bytes_in = outcome.bytes_in, bytes_out = outcome.bytes_out,
        ms = begun.elapsed().as_millis() as u64, outcome = %outcome.end, "tcp");
}

#[derive(Debug, Default)]
struct Outcome {
    bytes_in: u64,
    bytes_out: u64,
    end: String,
}

/// Copies both ways until both directions are finished; a side that breaks off breaks the other.
async fn carry(stream: TcpStream, mut send: SendHalf, mut recv: RecvHalf) -> Outcome {
    let (mut read, mut write) = stream.into_split();
    let (mut bytes_in, mut bytes_out) = (0, 0);
    let both = async {
        tokio::try_join!(
            upward(&mut read, &mut send, &mut bytes_in),
            downward(&mut recv, &mut write, &mut bytes_out)
        )
    };
    let end = match both.await {
        Ok(_) => "done".to_owned(),
        Err(broken) => {
            send.reset(ResetCode::Cancelled);
            if let Ok(stream) = read.reunite(write) {
                abort(&stream);
            }
            broken
        }
    };
    Outcome { bytes_in, bytes_out, end }
}

/// Closing with unsent data discarded tells the visitor that this was no clean end.
fn abort(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "cannot set SO_LINGER");
    }
}

async fn upward(read: &mut OwnedReadHalf, send: &mut SendHalf, bytes: &mut u64) -> Result<(), String> {
    loop {
        let ready = tokio::select! {
            ready = read.readable() => ready,
            code = send.stopped() => return Err(format!("the agent ended it: {code:?}")),
        };
        ready.map_err(|error| error.to_string())?;
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        match read.try_read_buf(&mut buffer) {
            Ok(0) => return send.end(None).map_err(|stopped| stopped.to_string()),
            Ok(n) => {
                *bytes += n as u64;
                send.send(buffer.freeze()).await.map_err(|stopped| stopped.to_string())?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

async fn downward(recv: &mut RecvHalf, write: &mut OwnedWriteHalf, bytes: &mut u64) -> Result<(), String> {
    loop {
        match recv.recv().await.map_err(|stopped| stopped.to_string())? {
            Item::Data(data) => {
                write.write_all(&data).await.map_err(|error| error.to_string())?;
                *bytes += data.len() as u64;
            }
            Item::End(_) => {
                // The visitor may have closed its reading side already.
                let _ = write.shutdown().await;
                return Ok(());
            }
            Item::Head(_) | Item::Interim(_) => return Err("the agent sent a head on a TCP stream".to_owned()),
        }
    }
}
