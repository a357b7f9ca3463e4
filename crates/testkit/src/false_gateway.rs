//! Something that an agent takes for its gateway, in the hands of a test.

use std::net::SocketAddr;

use porthole_link::control::{MappingResult, POLICIES, ToAgent, ToGateway, Welcome};
use porthole_link::{Hello, Mapping};
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

    /// The next agent with all of its mappings, told that they are live.
    ///
    /// # Panics
    /// When something else comes.
    pub async fn welcomed(&self) -> (BareLink, Vec<Mapping>) {
        let (mut link, hello) = self.hello().await;
        link.say(&welcome(&hello)).await;
        if !hello.mappings.is_empty() {
            return (link, hello.mappings);
        }
        // A command tells its mapping when it has one; the agent may be connected before.
        let message = link.control("mappings").await;
        let told: ToGateway = serde_json::from_value(message).expect("a set of mappings");
        let ToGateway::Mappings { revision, mappings } = told else { unreachable!("that was its type") };
        link.say(&ToAgent::Mapped { revision, results: live(&mappings) }).await;
        (link, mappings)
    }
}

/// What an honest gateway answers to `hello`.
pub fn welcome(hello: &Hello) -> ToAgent {
    ToAgent::Welcome(Welcome {
        protocol: hello.protocol,
        gateway_version: "0.0.0-false".into(),
        session_id: "session".into(),
        revision: hello.revision,
        results: live(&hello.mappings),
        policies: POLICIES.iter().map(|&name| name.into()).collect(),
    })
}

/// All of them are served.
pub fn live(mappings: &[Mapping]) -> Vec<MappingResult> {
    let live = |mapping: &Mapping| MappingResult {
        id: mapping.id.clone(),
        public_url: Some(format!("http://{}.example", mapping.id)),
        ..MappingResult::default()
    };
    mappings.iter().map(live).collect()
}
