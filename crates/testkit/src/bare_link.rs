//! One end of a link in the hands of a test: it says what it likes, when it likes, and answers nothing by
//! itself (WebSocket pings apart).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use porthole_link::SUBPROTOCOL;
use porthole_link::frame::{self, Frame};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::wait::within;

/// How often [`BareLink::alive_while`] pings: well within the 10 s after which a silent end is dead.
const PING: Duration = Duration::from_secs(1);

/// What the other end sent.
#[derive(Debug)]
pub enum Heard {
    Control(Value),
    Frames(Vec<Frame>),
    /// The connection is over, for this reason.
    Over(String),
}

/// A WebSocket on which anything can be said.
#[derive(Debug)]
pub struct BareLink {
    pub socket: WebSocketStream<TcpStream>,
}

/// No limits of this end's own.
pub fn no_limits() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(None).max_frame_size(None)
}

impl BareLink {
    /// An agent's end that has shown this token and said nothing yet.
    ///
    /// # Errors
    /// The gateway's answer where it is no 101.
    pub async fn agent(gateway: SocketAddr, token: &str) -> Result<Self, Error> {
        let mut request = format!("ws://localhost:{}/tunnel", gateway.port()).into_client_request()?;
        let bearer = format!("Bearer {token}").parse().expect("a token is a field's value");
        request.headers_mut().insert("authorization", bearer);
        request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse().expect("a value"));
        let socket = TcpStream::connect(gateway).await?;
        socket.set_nodelay(true)?;
        let shaken = tokio_tungstenite::client_async_with_config(request, socket, Some(no_limits()));
        Ok(Self { socket: within("a WebSocket handshake", shaken).await?.0 })
    }

    /// Sends a control message. False once the connection is over.
    pub async fn say(&mut self, message: &impl serde::Serialize) -> bool {
        self.say_text(serde_json::to_string(message).expect("JSON")).await
    }

    /// Sends a text as it is.
    pub async fn say_text(&mut self, text: impl Into<String>) -> bool {
        self.send(Message::text(text.into())).await
    }

    /// Sends what `write` makes as one binary message.
    pub async fn frames(&mut self, write: impl FnOnce(&mut BytesMut)) -> bool {
        let mut batch = BytesMut::new();
        write(&mut batch);
        self.send(Message::Binary(batch.freeze())).await
    }

    /// Sends any message. False once the connection is over.
    pub async fn send(&mut self, message: Message) -> bool {
        within("room for a message", self.socket.send(message)).await.is_ok()
    }

    /// The next thing the other end sends.
    ///
    /// # Panics
    /// When nothing comes in time.
    pub async fn hear(&mut self) -> Heard {
        within("the other end of a link", self.next()).await
    }

    /// The same without a bound.
    pub async fn next(&mut self) -> Heard {
        loop {
            match self.socket.next().await {
                None => return Heard::Over("the end".into()),
                Some(Ok(Message::Close(frame))) => return Heard::Over(format!("closed: {frame:?}")),
                Some(Err(error)) => return Heard::Over(error.to_string()),
                Some(Ok(Message::Text(text))) => {
                    return Heard::Control(serde_json::from_str(&text).expect("control messages are JSON"));
                }
                Some(Ok(Message::Binary(batch))) => return Heard::Frames(cut(batch)),
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next control message of that type; everything before it is skipped.
    ///
    /// # Panics
    /// When the connection ends before.
    pub async fn control(&mut self, kind: &str) -> Value {
        loop {
            match self.hear().await {
                Heard::Control(message) if message["type"] == kind => return message,
                Heard::Over(why) => panic!("no `{kind}` came: {why}"),
                Heard::Control(_) | Heard::Frames(_) => {}
            }
        }
    }

    /// The next frame that `wanted` accepts; everything before it is skipped.
    ///
    /// # Panics
    /// When the connection ends before.
    pub async fn frame(&mut self, wanted: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            match self.hear().await {
                Heard::Frames(frames) => {
                    if let Some(found) = frames.into_iter().find(&wanted) {
                        return found;
                    }
                }
                Heard::Over(why) => panic!("the frame did not come: {why}"),
                Heard::Control(_) => {}
            }
        }
    }

    /// Does `work` and reads nothing meanwhile; pings keep the other end from taking this one for dead.
    pub async fn alive_while<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(PING) => {
                    self.say_text(r#"{"type":"ping","at":1}"#).await;
                }
            }
        }
    }

    /// Reads until the connection is over; says why, after what the other end said last.
    ///
    /// # Panics
    /// When it is not over in time.
    pub async fn over(&mut self) -> String {
        within("the end of a link", async {
            loop {
                if let Heard::Over(why) = self.next().await {
                    return why;
                }
            }
        })
        .await
    }
}

/// The frames of a batch.
///
/// # Panics
/// When they do not follow the format.
pub fn cut(mut batch: Bytes) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(frame) = frame::take(&mut batch).expect("well-formed frames") {
        frames.push(frame);
    }
    frames
}
