//! A WebSocket that gives back what it gets.

use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::body::{self, Body};

/// Accepts the upgrade and echoes messages of any size until the other side closes.
pub fn echo(request: Request<Incoming>) -> Response<Body> {
    let Some(key) = request.headers().get("sec-websocket-key").map(|key| derive_accept_key(key.as_bytes()))
    else {
        let mut response = Response::new(body::full("a WebSocket was expected"));
        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        return response;
    };
    let protocol = request.headers().get("sec-websocket-protocol").cloned();
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let io = TokioIo::new(upgraded);
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        while let Some(Ok(message)) = socket.next().await {
            let echoed = message.is_text() || message.is_binary();
            if echoed && socket.send(message).await.is_err() {
                return;
            }
        }
    });
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let fields = response.headers_mut();
    fields.insert("connection", HeaderValue::from_static("Upgrade"));
    fields.insert("upgrade", HeaderValue::from_static("websocket"));
    fields.insert("sec-websocket-accept", HeaderValue::from_str(&key).expect("base64 is a valid value"));
    if let Some(protocol) = protocol {
        fields.insert("sec-websocket-protocol", protocol);
    }
    response
}
