//! TCP mappings: a listener for each port, and a stream on the link for each connection.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::{Bytes, BytesMut};
use porthole_link::{Item, Open, ResetCode, StreamKind};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::allowance::{Receiving, Sending, paced};
use crate::router::Endpoint;
use crate::server::Gateway;

/// Connections of one TCP mapping at once; more wait in the kernel's queue until one ends.
pub const CONNECTIONS_PER_PORT: usize = 1_000;
/// Bytes read from a visitor at a time; given back while nothing comes.
const READ_BYTES: usize = 16 * 1024;
/// Pause after an accept that failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// A shortage that lasts is logged this often, not at each pause.
const SAY_AGAIN: Duration = Duration::from_secs(10);

/// One port that is listened on, for whichever endpoint has it now.
#[derive(Debug)]
pub struct Port {
    port: u16,
    target: ArcSwapOption<Endpoint>,
    slot: Mutex<Slot>,
}

#[derive(Debug)]
struct Slot {
    /// Taken out to close at once: the next mapping may bind the port in the same turn.
    listener: Option<TcpListener>,
    accepting: Option<Waker>,
}

impl Port {
    /// Listens on `port` of the gateway's address.
    pub fn open(gateway: &Arc<Gateway>, port: u16) -> io::Result<Arc<Self>> {
        let address = SocketAddr::new(gateway.config.listen.ip(), port);
        let socket =
            socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(1024)?;
        let listener = TcpListener::from_std(socket.into())?;
        let slot = Mutex::new(Slot { listener: Some(listener), accepting: None });
        let opened = Arc::new(Self { port, target: ArcSwapOption::empty(), slot });
        gateway.links.spawn(opened.clone().accept_all(gateway.clone()));
        Ok(opened)
    }

    /// New connections go to `endpoint` from now on.
    pub fn serve(&self, endpoint: Arc<Endpoint>) {
        self.target.store(Some(endpoint));
    }

    /// Stops listening now; connections that are open go on.
    pub fn close(&self) {
        self.target.store(None);
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.listener = None;
        if let Some(waker) = slot.accepting.take() {
            waker.wake();
        }
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Option<io::Result<(TcpStream, SocketAddr)>>> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(listener) = &slot.listener else { return Poll::Ready(None) };
        match listener.poll_accept(cx) {
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
            Poll::Pending => {
                slot.accepting = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    async fn accept_all(self: Arc<Self>, gateway: Arc<Gateway>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_PER_PORT));
        let mut said: Option<Instant> = None;
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = std::future::poll_fn(|cx| self.poll_accept(cx)) => accepted,
                () = gateway.draining.cancelled() => None,
            };
            match accepted {
                None => {
                    self.close();
                    return;
                }
                Some(Err(error)) => {
                    if said.is_none_or(|said| said.elapsed() > SAY_AGAIN) {
                        said = Some(Instant::now());
                        tracing::warn!(port = self.port, %error, "cannot accept TCP connections just now; raise the limit of open files if this lasts");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                Some(Ok((stream, visitor))) => {
                    let Some(endpoint) = self.target.load_full() else { continue };
                    let cut = gateway.cut.clone();
                    let counters = gateway.clone();
                    gateway.tasks.spawn(async move {
                        counters.counters.tcp_connection();
                        tokio::select! {
                            () = carry(stream, visitor, &endpoint, Bytes::new()) => {}
                            () = cut.cancelled() => {}
                        }
                        drop(place);
                    });
                }
            }
        }
    }
}

/// Carries a connection that came to another listener, of which `first` was read already.
pub async fn pass(
    gateway: &Gateway,
    stream: TcpStream,
    visitor: SocketAddr,
    endpoint: &Endpoint,
    first: Bytes,
) {
    gateway.counters.tcp_connection();
    carry(stream, visitor, endpoint, first).await;
}

/// Carries one connection both ways until both halves are over, or one breaks.
async fn carry(stream: TcpStream, visitor: SocketAddr, endpoint: &Endpoint, first: Bytes) {
    if !endpoint.policy.admits(visitor.ip()) {
        tracing::info!(mapping = endpoint.label(), %visitor, "refused a TCP connection by its address");
        abort(&stream);
        return;
    }
    if let Err(exceeded) = endpoint.policy.count(visitor.ip(), Instant::now()) {
        tracing::info!(mapping = endpoint.label(), %visitor, limit = exceeded.policy(), "refused a TCP connection by a rate limit");
        abort(&stream);
        return;
    }
    let Ok(_place) = endpoint.policy.enter() else {
        tracing::info!(mapping = endpoint.label(), %visitor, "refused a TCP connection: as many as may be are open");
        abort(&stream);
        return;
    };
    let share = endpoint.allowance.as_ref().map(|allowance| allowance.enter(true)).transpose();
    let _share = match share {
        Ok(share) => share,
        Err(full) => {
            tracing::info!(mapping = endpoint.label(), %visitor, limit = full.limit, "refused a TCP connection: its token has as many as it may have");
            abort(&stream);
            return;
        }
    };
    let _ = stream.set_nodelay(true);
    let request_id = uuid::Uuid::new_v4().simple().to_string();
    let open = Open {
        kind: StreamKind::Tcp,
        mapping: endpoint.mapping.number,
        request_id: request_id.clone(),
        visitor,
        gateway_us: None,
        head: None,
    };
    let link = match endpoint.link.open(open, Bytes::new(), false) {
        Ok(link) => link,
        Err(error) => {
            tracing::info!(mapping = endpoint.label(), %visitor, %request_id, %error, "no stream for a TCP connection");
            abort(&stream);
            return;
        }
    };
    tracing::debug!(mapping = endpoint.label(), %visitor, %request_id, "a TCP connection begins");
    let (mut send, mut recv) = paced(link, endpoint.bucket(), 0);
    let (mut from_visitor, mut to_visitor) = stream.into_split();
    let both = async {
        let up = async {
            if !first.is_empty() {
                send.send(first).await.map_err(|stopped| stopped.0)?;
            }
            upload(&mut from_visitor, &mut send).await
        };
        tokio::try_join!(up, download(&mut recv, &mut to_visitor))
    };
    let outcome = both.await;
    if let Err(code) = outcome {
        send.reset(code);
        abort(to_visitor.as_ref());
    }
    tracing::debug!(mapping = endpoint.label(), %request_id, ?outcome, "a TCP connection is over");
}

async fn upload(from: &mut OwnedReadHalf, to: &mut Sending) -> Result<(), ResetCode> {
    loop {
        // Room is taken only when something has come: an idle connection costs no buffer.
        tokio::select! {
            ready = from.readable() => ready.map_err(|_| ResetCode::Cancelled)?,
            code = to.stopped() => return Err(code),
        }
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        match from.try_read_buf(&mut buffer) {
            Ok(0) => return to.end(None).map_err(|stopped| stopped.0),
            Ok(_) => to.send(buffer.freeze()).await.map_err(|stopped| stopped.0)?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(ResetCode::Cancelled),
        }
    }
}

async fn download(from: &mut Receiving, to: &mut OwnedWriteHalf) -> Result<(), ResetCode> {
    loop {
        match from.recv().await.map_err(|stopped| stopped.0)? {
            Item::Data(data) => to.write_all(&data).await.map_err(|_| ResetCode::Cancelled)?,
            Item::End(_) => return to.shutdown().await.map_err(|_| ResetCode::Cancelled),
            Item::Interim(_) | Item::Head(_) => return Err(ResetCode::Protocol),
        }
    }
}

/// Has the visitor see a reset and not a clean end.
fn abort(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
