//! The I/O around the state machine: one task per link owns the WebSocket; everybody else talks to
//! the shared state and wakes it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{self, WebSocketConfig};

use crate::control::{Refused, ToGateway};
use crate::frame::Open;
use crate::limits::{CONTROL_QUEUE, MESSAGE_BYTES};
use crate::mux::{Mux, Role};
use crate::stream::{Incoming, LinkStream, OpenError};
use crate::sync::{Mutex, MutexGuard, Notify};

mod bell;
mod counted;
mod handshake;
mod heartbeat;
mod task;
mod tcp;

pub use counted::Counted;
pub use handshake::{Pending, agent_handshake, gateway_handshake};
pub use heartbeat::Heartbeat;
pub use tcp::keep_queues_short;

/// A WebSocket over any byte stream, made with [`socket`], or of a [`Counted`] stream with
/// [`websocket_config`] by tungstenite's own handshake.
pub type Socket<IO> = WebSocketStream<Counted<IO>>;

/// A socket on which the WebSocket handshake is done: the agent's end is the client. `leftover` are
/// bytes read after the handshake's head.
pub async fn socket<IO>(io: IO, leftover: Vec<u8>, role: Role) -> Socket<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    socket_over(Counted::new(io), leftover, role).await
}

/// The same over a stream that is already counted.
pub async fn socket_over<IO>(io: Counted<IO>, leftover: Vec<u8>, role: Role) -> Socket<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let end = match role {
        Role::Gateway => protocol::Role::Server,
        Role::Agent => protocol::Role::Client,
    };
    WebSocketStream::from_partially_read(io, leftover, end, Some(websocket_config())).await
}

/// Bytes read from the socket at once, and most of what a link costs before its first bulk: tungstenite
/// 0.30 allocates as much with the link and zero-fills it before each read, also before one that finds
/// nothing.
///
/// Measured over loopback TCP, both ends on one busy thread (differences under 15 % are noise). Heap at
/// each end of a fresh link: 8 KiB 15 KiB, 16 KiB 23, 32 KiB 39, 64 KiB 71. CPU for a small exchange, 64
/// at a time: 8 KiB 5.2 µs, 16 KiB 5.8 (medians of 6), 32 KiB 6.8, 64 KiB 7.4 (of 2). Bulk in batches of
/// 64 KiB for the same CPU, as a multiple of 16 KiB: 4 KiB .75, 8 KiB 1, 32 KiB 1, 64 KiB .75.
const READ_BYTES: usize = 8 * 1024;

/// Message and buffer bounds for both ends; pass it to tungstenite.
///
/// Nothing is held back for a later flush (write buffer 0), since batches are gathered here.
pub fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MESSAGE_BYTES)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES))
}

/// Why a link ended or never came to be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LinkError {
    #[error("the connection broke: {0}")]
    Io(String),
    #[error("nothing was heard from the other end for {0:?}")]
    Silent(Duration),
    #[error("the other end broke the protocol: {0}")]
    Protocol(String),
    #[error("{}", .0.message)]
    Refused(Refused),
    #[error("the other end closed the link")]
    Closed,
}

/// What the link's task and its users share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    role: Role,
    since: Instant,
    /// Told when something was received.
    heard: Notify,
    /// Told when the link is over or the peer has agreed to a drain.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    mux: Mux,
    /// Control messages waiting to be sent, at most [`CONTROL_QUEUE`] of the owner's, each with the
    /// point in the express frames after which it may leave.
    control: VecDeque<(u64, String)>,
    /// The driver, when it waits for something to send.
    driver: Option<Waker>,
    /// The driver, whatever it waits for: a socket that takes nothing must not keep it from closing.
    attention: Option<Waker>,
    /// The owner asked for the end.
    closing: bool,
    over: Option<LinkError>,
    /// Bytes received, complete messages or not; a change is a sign of life.
    heard: u64,
    ping_now: bool,
    latency: Option<Duration>,
    /// Agent: the gateway was told that this end leaves, and has answered.
    drain_asked: bool,
    drained: bool,
}

std::thread_local! {
    /// Room for wakers between lock and wake, kept so that nothing is allocated for each call.
    static WOKEN: std::cell::Cell<Vec<Waker>> = const { std::cell::Cell::new(Vec::new()) };
}

impl Shared {
    fn new(role: Role) -> Arc<Self> {
        let state = State {
            mux: Mux::new(role),
            control: VecDeque::new(),
            driver: None,
            attention: None,
            closing: false,
            over: None,
            heard: 0,
            ping_now: false,
            latency: None,
            drain_asked: false,
            drained: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            role,
            since: Instant::now(),
            heard: Notify::new(),
            changed: Notify::new(),
        })
    }

    /// The state; a panic elsewhere while it was held leaves it as usable as it was.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes the state machine, then wakes whoever must run because of it, the lock let go.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut Mux) -> R) -> R {
        self.with_state(|state| change(&mut state.mux))
    }

    fn with_state<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        // Out of reach while a thread ends; handles dropped there still work.
        let mut woken = WOKEN.try_with(std::cell::Cell::take).unwrap_or_default();
        let result = {
            let mut state = self.lock();
            let result = change(&mut state);
            state.mux.wakers(&mut woken);
            if state.mux.take_output_flag() {
                woken.extend(state.driver.take());
            }
            result
        };
        for waker in woken.drain(..) {
            waker.wake();
        }
        let _ = WOKEN.try_with(|kept| kept.set(woken));
        result
    }

    /// Has the driver look at something that is not the state machine's output.
    fn nudge(&self, change: impl FnOnce(&mut State)) {
        let driver = {
            let mut state = self.lock();
            change(&mut state);
            state.attention.take()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Waits until `look` finds something in the state, looking again each time `signal` is given.
    /// A waiter that is dropped leaves nothing behind.
    async fn wait<R>(&self, signal: &Notify, mut look: impl FnMut(&State) -> Option<R>) -> R {
        loop {
            let mut signalled = pin!(signal.notified());
            signalled.as_mut().enable();
            if let Some(found) = look(&self.lock()) {
                return found;
            }
            signalled.await;
        }
    }
}

/// A handle on a live link. Clones are the same link; it goes on until it is closed or lost.
#[derive(Debug, Clone)]
pub struct Link {
    shared: Arc<Shared>,
}

impl Link {
    /// Gateway only: opens a stream with the first body bytes (≤ [`crate::limits::INLINE_BYTES`]) and
    /// perhaps its end.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, open: Open, data: Bytes, end: bool) -> Result<LinkStream, OpenError> {
        let id = self.shared.with(|mux| mux.open(&open, &data, end))?;
        Ok(LinkStream::new(self.shared.clone(), id))
    }

    /// The agent's next stream (agent only; one caller). None when the link is over.
    pub async fn accept(&self) -> Option<Incoming> {
        let accepted = poll_fn(|cx| self.shared.with(|mux| mux.poll_accept(cx))).await?;
        Some(Incoming {
            open: accepted.open,
            data: accepted.data,
            ended: accepted.ended,
            stream: LinkStream::new(self.shared.clone(), accepted.id),
        })
    }

    /// Sends a control message (serialised as JSON text), after the streams opened so far. False when
    /// the link is over, [`CONTROL_QUEUE`] messages wait or it is larger than [`MESSAGE_BYTES`].
    pub fn send_control(&self, message: &impl serde::Serialize) -> bool {
        let Ok(text) = serde_json::to_string(message) else { return false };
        let mut sent = false;
        self.shared.nudge(|state| {
            if state.over.is_none() && state.control.len() < CONTROL_QUEUE && text.len() <= MESSAGE_BYTES {
                let mark = state.mux.express_mark();
                state.control.push_back((mark, text));
                sent = true;
            }
        });
        sent
    }

    /// Asks for a sign of life: true when anything arrives within `within`.
    pub async fn alive(&self, within: Duration) -> bool {
        let mut heard = 0;
        self.shared.nudge(|state| {
            heard = state.heard;
            state.ping_now = true;
        });
        let changed = self.shared.wait(&self.shared.heard, |state| match &state.over {
            Some(_) => Some(false),
            None if state.heard != heard => Some(true),
            None => None,
        });
        tokio::time::timeout(within, changed).await.unwrap_or(false)
    }

    /// The last measured round trip.
    pub fn latency(&self) -> Option<Duration> {
        self.shared.lock().latency
    }

    /// When the link was made.
    pub fn since(&self) -> Instant {
        self.shared.since
    }

    /// Streams open now.
    pub fn streams(&self) -> usize {
        self.shared.lock().mux.streams()
    }

    /// Ends the opening of streams; those in flight go on. On the gateway's end [`Self::open`] says
    /// `Draining` from here on; on the agent's end the gateway is asked to stop, and [`Self::idle`]
    /// waits for its answer.
    pub fn drain(&self, deadline: Duration) {
        match self.shared.role {
            Role::Gateway => self.shared.with(Mux::drain),
            Role::Agent => {
                self.shared.lock().drain_asked = true;
                self.send_control(&ToGateway::Draining { deadline_ms: deadline.as_millis() as u64 });
            }
        }
    }

    /// Resolves when no stream is open (and, after an agent's [`Self::drain`], none will be), or the
    /// link is over.
    pub async fn idle(&self) {
        self.shared
            .wait(&self.shared.changed, |state| {
                (state.over.is_some() || !state.drain_asked || state.drained).then_some(())
            })
            .await;
        poll_fn(|cx| self.shared.with(|mux| mux.poll_idle(cx))).await;
    }

    /// Ends the link: sends what is queued (bounded by [`crate::limits::CLOSE`]), then a WebSocket
    /// close. Streams still open end with `LinkLost`.
    pub fn close(&self) {
        self.shared.nudge(|state| state.closing = true);
    }

    /// True once the link is over.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().over.is_some()
    }

    /// Resolves when the link is over, with the reason.
    pub async fn closed(&self) -> LinkError {
        self.shared.wait(&self.shared.changed, |state| state.over.clone()).await
    }
}
