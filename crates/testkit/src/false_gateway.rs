//! Something that an agent takes for its gateway, in the hands of a test.

use std::net::SocketAddr;

use porthole_link::Hello;
use porthole_link::control::{MappingResult, ToAgent, Welcome};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use crate::bare_link::{BareLink, Heard, no_limits};
use crate::wait::within;

/// A port where agents connect.
#[derive(Debug)]
pub struct FalseGateway {
    pub address: SocketAddr,
    listener: TcpListener,
}

impl FalseGateway {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self { address: listener.local_addr().expect("a bound listener has an address"), listener }
    }

    /// What an agent is told to connect to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next connection, with nothing said on it.
    ///
    /// # Panics
    /// When none comes in time.
    pub async fn accept(&self) -> TcpStream {
        within("an agent's connection", self.next()).await
    }

    /// The same without a bound.
    pub async fn next(&self) -> TcpStream {
        let (socket, _) = self.listener.accept().await.expect("a listener accepts");
        socket.set_nodelay(true).expect("a fresh socket takes its options");
        socket
    }

    /// The next agent, its WebSocket accepted, with nothing read of the link.
    pub async fn websocket(&self) -> BareLink {
        let socket = self.accept().await;
        #[allow(clippy::result_large_err)]
        let agree = |request: &Request, mut response: Response| {
            if let Some(protocol) = request.headers().get("sec-websocket-protocol") {
                response.headers_mut().insert("sec-websocket-protocol", protocol.clone());
            }
            Ok(response)
        };
        let shaken = accept_hdr_async_with_config(socket, agree, Some(no_limits()));
        BareLink { socket: within("a WebSocket handshake", shaken).await.expect("a WebSocket handshake") }
    }

    /// The next agent and its hello.
    ///
    /// # Panics
    /// When something else comes.
    pub async fn hello(&self) -> (BareLink, Hello) {
        let mut link = self.websocket().await;
        match link.hear().await {
            Heard::Control(message) => {
                assert_eq!(message["type"], "hello");
                (link, serde_json::from_value(message).expect("a hello"))
            }
            other => panic!("an agent says hello first, not {other:?}"),
        }
    }

    /// The next agent, told that all of its mappings are live.
    pub async fn welcomed(&self) -> (BareLink, Hello) {
        let (mut link, hello) = self.hello().await;
        link.say(&welcome(&hello)).await;
        (link, hello)
    }
}

/// What an honest gateway answers to `hello`.
pub fn welcome(hello: &Hello) -> ToAgent {
    let live = |id: &String| MappingResult {
        id: id.clone(),
        public_url: Some(format!("http://{id}.example")),
        ..MappingResult::default()
    };
    ToAgent::Welcome(Welcome {
        protocol: hello.protocol,
        gateway_version: "0.0.0-false".into(),
        session_id: "session".into(),
        revision: hello.revision,
        results: hello.mappings.iter().map(|mapping| live(&mapping.id)).collect(),
    })
}
