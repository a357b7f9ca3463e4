//! The I/O around the state machine.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;

use crate::control::{Hello, Refused, ToAgent, ToGateway, Welcome};
use crate::frame::Open;
use crate::stream::{Incoming, LinkStream, OpenError};

/// A WebSocket over any byte stream, set up with [`websocket_config`].
pub type Socket<IO> = WebSocketStream<IO>;

/// Message and buffer bounds for both ends; pass it to tungstenite.
pub fn websocket_config() -> tokio_tungstenite::tungstenite::protocol::WebSocketConfig {
    todo!()
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

/// A handle on a live link. Clones are the same link.
#[derive(Debug, Clone)]
pub struct Link {}

impl Link {
    /// Gateway only: opens a stream with the first body bytes (≤ 16 KiB) and perhaps its end.
    pub fn open(&self, _open: Open, _data: Bytes, _end: bool) -> Result<LinkStream, OpenError> {
        todo!()
    }

    /// The agent's next stream (agent only; one caller). None when the link is over.
    pub async fn accept(&self) -> Option<Incoming> {
        todo!()
    }

    /// Sends a control message (serialised as JSON text). Bounded: false when 256 of them wait.
    pub fn send_control(&self, _message: &impl serde::Serialize) -> bool {
        todo!()
    }

    /// Asks for a sign of life: true when any byte arrives within `within`.
    pub async fn alive(&self, _within: Duration) -> bool {
        todo!()
    }

    /// The last measured round trip.
    pub fn latency(&self) -> Option<Duration> {
        todo!()
    }

    pub fn since(&self) -> Instant {
        todo!()
    }

    /// Streams open now.
    pub fn streams(&self) -> usize {
        todo!()
    }

    /// Opens no more streams (open → `Draining`); those in flight go on.
    pub fn drain(&self) {
        todo!()
    }

    /// Resolves when no stream is open.
    pub async fn idle(&self) {
        todo!()
    }

    /// Ends the link: sends what is queued (bounded by 1 s), then a WebSocket close. All streams end
    /// with `LinkLost`.
    pub fn close(&self) {
        todo!()
    }

    /// Resolves when the link is over, with the reason.
    pub async fn closed(&self) -> LinkError {
        todo!()
    }
}

/// The agent's end: sends `hello`, waits for the answer (10 s), starts the link's task on the current
/// runtime. Later control messages arrive on the receiver (bounded; pings are answered inside).
pub async fn agent_handshake<IO>(
    _socket: Socket<IO>,
    _hello: Hello,
) -> Result<(Link, Welcome, mpsc::Receiver<ToAgent>), LinkError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    todo!()
}

/// A hello that waits for the gateway's decision.
#[derive(Debug)]
pub struct Pending<IO> {
    pub hello: Hello,
    _socket: Socket<IO>,
}

/// The gateway's end: waits for the hello (10 s). A protocol version that does not fit is refused in
/// here, clearly to the agent, and comes back as an error.
pub async fn gateway_handshake<IO>(_socket: Socket<IO>) -> Result<Pending<IO>, LinkError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    todo!()
}

impl<IO> Pending<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// Starts the link. The `Link` works before the welcome is sent, so routes can be installed first:
    /// call `welcome` when they are.
    pub fn start(self) -> (Link, mpsc::Receiver<ToGateway>) {
        todo!()
    }

    /// Says why not (with a WebSocket close after it) and ends.
    pub async fn refuse(self, _refused: Refused) {
        todo!()
    }
}
