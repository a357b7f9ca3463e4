//! The task that owns a link's WebSocket.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Sleep, timeout};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};
use tracing::debug;

use super::bell::Bell;
use super::heartbeat::{Due, Heartbeat};
use super::{LinkError, Shared, Socket, State};
use crate::control::{ToAgent, ToGateway};
use crate::limits::{BATCH_BYTES, CLOSE, TURN_BYTES};

/// Messages read before others get a turn.
const READS_PER_TURN: usize = 16;
/// The same in bytes: an honest batch. A hostile peer's message full of the smallest frames is a turn of
/// its own: with four times as much others waited four times as long under floods.
const BYTES_PER_TURN: usize = BATCH_BYTES;

/// Bytes written before others get a turn, where the socket takes that much.
const WRITTEN_PER_TURN: usize = 2 * TURN_BYTES;

/// Where control messages for the link's owner go.
#[derive(Debug)]
pub(super) enum Inbox {
    Agent(mpsc::Sender<ToAgent>),
    Gateway(mpsc::Sender<ToGateway>),
}

/// Held by a link's task: ends the link when the task ends, also when it panics or is dropped (with
/// its runtime, perhaps before it ran), so that nobody waits for ever on a stream.
#[derive(Debug)]
pub(super) struct Tenure(Arc<Shared>);

impl Tenure {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// The first reason stays.
    fn end(&self, reason: LinkError) {
        {
            let mut state = self.0.lock();
            if state.over.is_some() {
                return;
            }
            state.over = Some(reason);
            state.control.clear();
        }
        self.0.with(crate::mux::Mux::lose);
        self.0.changed.notify_waiters();
        self.0.heard.notify_waiters();
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        self.end(LinkError::Io("the task that held it ended early".into()));
    }
}

/// Runs a link to its end.
pub(super) async fn run<IO>(socket: Socket<IO>, tenure: Tenure, inbox: Inbox)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let now = now();
    let heard = socket.get_ref().received();
    let bell = Arc::new(Bell::default());
    let mut driver = Driver {
        socket,
        on_arrival: Waker::from(bell.clone()),
        bell,
        shared: tenure.0.clone(),
        inbox,
        heartbeat: Heartbeat::new(now),
        sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
        start: now,
        heard,
        gathered: false,
        flushing: false,
        close_by: None,
    };
    let reason = std::future::poll_fn(|cx| driver.poll(cx)).await;
    debug!(%reason, "link over");
    let Driver { mut socket, shared, .. } = driver;
    if matches!(reason, LinkError::Silent(_)) {
        socket.get_ref().abandon();
    }
    let farewell = shared.lock().closing || matches!(reason, LinkError::Protocol(_) | LinkError::Closed);
    tenure.end(reason);
    if farewell {
        let _ = timeout(CLOSE, socket.close(None)).await;
    }
}

struct Driver<IO> {
    socket: Socket<IO>,
    /// Rung when there may be something to read.
    bell: Arc<Bell>,
    /// What rings it.
    on_arrival: Waker,
    shared: Arc<Shared>,
    inbox: Inbox,
    heartbeat: Heartbeat,
    sleep: Pin<Box<Sleep>>,
    start: Instant,
    /// Bytes received when it was last looked.
    heard: u64,
    /// Other tasks had a turn to add to the batch since output appeared.
    gathered: bool,
    flushing: bool,
    /// When a closing link stops waiting for what is queued.
    close_by: Option<Instant>,
}

impl<IO> Driver<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<LinkError> {
        match self.step(cx) {
            Ok(()) => Poll::Pending,
            Err(reason) => Poll::Ready(reason),
        }
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Result<(), LinkError> {
        self.read(cx)?;
        self.beat(cx)?;
        self.write(cx)
    }

    /// Takes in what has arrived. Looks only when the socket has called: most turns are for output, and
    /// tungstenite zero-fills its whole read buffer before each look.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<(), LinkError> {
        if !self.bell.answer(cx.waker()) {
            return Ok(());
        }
        let mut bytes = 0;
        for _ in 0..READS_PER_TURN {
            let mut arrival = Context::from_waker(&self.on_arrival);
            let Poll::Ready(next) = Pin::new(&mut self.socket).poll_next(&mut arrival) else { return Ok(()) };
            let message = match next {
                None | Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed)) => {
                    return Err(LinkError::Closed);
                }
                Some(Err(Error::Io(error))) => return Err(LinkError::Io(error.to_string())),
                Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                    return Err(LinkError::Io("it ended without a word".into()));
                }
                Some(Err(error)) => return Err(LinkError::Protocol(error.to_string())),
                Some(Ok(message)) => message,
            };
            bytes += message.len();
            match message {
                Message::Binary(batch) => {
                    let taken = self.shared.with(|mux| mux.receive(batch));
                    taken.map_err(|malformed| LinkError::Protocol(malformed.to_string()))?;
                }
                Message::Text(text) => self.control(text.as_str())?,
                _ => {}
            }
            if bytes >= BYTES_PER_TURN {
                break;
            }
        }
        // More may be there: have another turn after everybody else had one.
        self.on_arrival.wake_by_ref();
        Ok(())
    }

    /// Answers pings and hands other control messages to the owner.
    fn control(&mut self, text: &str) -> Result<(), LinkError> {
        let garbled = |error: serde_json::Error| LinkError::Protocol(format!("a control message: {error}"));
        let full = || LinkError::Protocol("control messages come faster than they are taken".into());
        match &self.inbox {
            Inbox::Agent(inbox) => match serde_json::from_str(text).map_err(garbled)? {
                ToAgent::Ping { at } => self.say(&ToGateway::Pong { at }),
                ToAgent::Pong { at } => self.pong(at),
                ToAgent::Drained => {
                    self.shared.lock().drained = true;
                    self.shared.changed.notify_waiters();
                }
                ToAgent::Unknown => {}
                message => {
                    if matches!(inbox.try_send(message), Err(mpsc::error::TrySendError::Full(_))) {
                        return Err(full());
                    }
                }
            },
            Inbox::Gateway(inbox) => match serde_json::from_str(text).map_err(garbled)? {
                ToGateway::Ping { at } => self.say(&ToAgent::Pong { at }),
                ToGateway::Pong { at } => self.pong(at),
                ToGateway::Unknown => {}
                message => {
                    if matches!(message, ToGateway::Draining { .. }) {
                        self.shared.with(crate::mux::Mux::drain);
                        self.say(&ToAgent::Drained);
                    }
                    if matches!(inbox.try_send(message), Err(mpsc::error::TrySendError::Full(_))) {
                        return Err(full());
                    }
                }
            },
        }
        Ok(())
    }

    fn pong(&self, at: u64) {
        let now = (now() - self.start).as_micros() as u64;
        self.shared.lock().latency = Some(Duration::from_micros(now.saturating_sub(at)));
    }

    /// Queues a message of the link's own; each answers one received or a heartbeat, and the peer's
    /// are bounded by what it can make us read while it does not.
    fn say(&self, message: &impl serde::Serialize) {
        if let Ok(text) = serde_json::to_string(message) {
            let mut state = self.shared.lock();
            if state.control.len() < 2 * super::CONTROL_QUEUE {
                let mark = state.mux.express_mark();
                state.control.push_back((mark, text));
            }
        }
    }

    /// Notes signs of life, pings when it is time, ends a silent link.
    fn beat(&mut self, cx: &mut Context<'_>) -> Result<(), LinkError> {
        let received = self.socket.get_ref().received();
        let heard = received != self.heard;
        if heard {
            self.heard = received;
            self.heartbeat.heard(now());
        }
        let (mut asked, closing) = {
            let mut state = self.shared.lock();
            state.heard = received;
            if !state.attention.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                state.attention = Some(cx.waker().clone());
            }
            (std::mem::take(&mut state.ping_now), state.closing)
        };
        if heard {
            self.shared.heard.notify_waiters();
        }
        loop {
            let now = now();
            if closing && now >= *self.close_by.get_or_insert(now + CLOSE) {
                return Err(LinkError::Closed);
            }
            match self.heartbeat.due(now) {
                Due::Dead(silent) => return Err(LinkError::Silent(silent)),
                Due::Nothing(next) if !asked => {
                    let next = self.close_by.map_or(next, |by| by.min(next));
                    let next = tokio::time::Instant::from_std(next);
                    if self.sleep.deadline() != next {
                        self.sleep.as_mut().reset(next);
                    }
                    if self.sleep.as_mut().poll(cx).is_pending() {
                        return Ok(());
                    }
                }
                Due::Nothing(_) | Due::Ping => {
                    let at = (now - self.start).as_micros() as u64;
                    match self.inbox {
                        Inbox::Agent(_) => self.say(&ToGateway::Ping { at }),
                        Inbox::Gateway(_) => self.say(&ToAgent::Ping { at }),
                    }
                    self.heartbeat.pinged(now);
                    asked = false;
                }
            }
        }
    }

    /// Sends what waits, one message at a time as the socket takes them.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), LinkError> {
        let mut written = 0;
        let broken = |error: Error| match error {
            Error::ConnectionClosed | Error::AlreadyClosed => LinkError::Closed,
            error => LinkError::Io(error.to_string()),
        };
        loop {
            // A socket that takes nothing wakes the task once it does.
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Err(broken(error)),
                Poll::Pending => return Ok(()),
            }
            let gathered = self.gathered;
            match self.shared.with_state(|state| next(state, gathered, cx)) {
                Next::Gather => {
                    // Others that are ready to run get to add to this batch: fewer, larger writes.
                    self.gathered = true;
                    cx.waker().wake_by_ref();
                    return Ok(());
                }
                Next::Send(message) => {
                    written += message.len();
                    Pin::new(&mut self.socket).start_send(message).map_err(broken)?;
                    self.flushing = true;
                    if written >= WRITTEN_PER_TURN {
                        cx.waker().wake_by_ref();
                        return Ok(());
                    }
                }
                Next::Nothing { closing } => {
                    self.gathered = false;
                    if self.flushing {
                        match Pin::new(&mut self.socket).poll_flush(cx) {
                            Poll::Ready(Ok(())) => self.flushing = false,
                            Poll::Ready(Err(error)) => return Err(broken(error)),
                            Poll::Pending => return Ok(()),
                        }
                    }
                    return if closing { Err(LinkError::Closed) } else { Ok(()) };
                }
            }
        }
    }
}

/// What the task does next for output.
enum Next {
    /// There is output, and nobody else had a turn since it appeared.
    Gather,
    Send(Message),
    /// The task is woken when there is output.
    Nothing {
        closing: bool,
    },
}

/// A control message leaves after the streams opened before it, since it may speak of them, and ahead
/// of everything else.
fn next(state: &mut State, gathered: bool, cx: &Context<'_>) -> Next {
    if !gathered && (state.mux.has_output() || !state.control.is_empty()) {
        return Next::Gather;
    }
    if let Some((mark, _)) = state.control.front()
        && state.mux.express_passed(*mark)
        && let Some((_, text)) = state.control.pop_front()
    {
        return Next::Send(Message::text(text));
    }
    if let Some(batch) = state.mux.next_batch() {
        return Next::Send(Message::Binary(batch));
    }
    state.driver = Some(cx.waker().clone());
    Next::Nothing { closing: state.closing }
}

/// Now, by the runtime's clock, which tests can turn.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
