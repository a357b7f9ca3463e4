//! Agents in this process: the link's own end, and answers made up on the spot. Many fit in one test.

use std::net::SocketAddr;

use bytes::Bytes;
use porthole_http1::{Fields, ResponseHead, Version};
use porthole_link::driver::{LinkError, websocket_config};
use porthole_link::{
    Counted, Hello, Link, Mapping, PROTOCOL, PROTOCOL_OLDEST, SUBPROTOCOL, ToAgent, Welcome, agent_handshake,
};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self};

/// An agent that the gateway has welcomed.
#[derive(Debug)]
pub struct LightAgent {
    pub link: Link,
    pub welcome: Welcome,
    pub control: mpsc::Receiver<ToAgent>,
}

/// Why there is none.
#[derive(Debug)]
pub enum NoLink {
    /// No connection, or another answer than a WebSocket's.
    WebSocket(Box<tungstenite::Error>),
    Link(LinkError),
}

impl From<tungstenite::Error> for NoLink {
    fn from(error: tungstenite::Error) -> Self {
        Self::WebSocket(Box::new(error))
    }
}

/// How an agent introduces itself.
pub fn hello(agent_id: &str, epoch: u64, mappings: Vec<Mapping>) -> Hello {
    Hello {
        protocol: PROTOCOL,
        protocol_oldest: PROTOCOL_OLDEST,
        agent_version: "0.0.0-light".into(),
        agent_id: agent_id.into(),
        epoch,
        revision: 1,
        mappings,
    }
}

/// A mapping of the name `name`.
pub fn named(number: u32, name: &str) -> Mapping {
    Mapping { id: format!("m{number}"), number, name: Some(name.into()), ..Mapping::default() }
}

impl LightAgent {
    /// Tries once.
    ///
    /// # Errors
    /// [`NoLink`].
    pub async fn connect(gateway: SocketAddr, token: &str, hello: Hello) -> Result<Self, NoLink> {
        let mut request = format!("ws://localhost:{}/tunnel", gateway.port()).into_client_request()?;
        let bearer = format!("Bearer {token}").parse().expect("a token is a field's value");
        request.headers_mut().insert("authorization", bearer);
        request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse().expect("a value"));
        let socket = TcpStream::connect(gateway).await.map_err(tungstenite::Error::from)?;
        socket.set_nodelay(true).map_err(tungstenite::Error::from)?;
        let shaken = client_async_with_config(request, Counted::new(socket), Some(websocket_config()));
        let (link, welcome, control) = agent_handshake(shaken.await?.0, hello).await.map_err(NoLink::Link)?;
        Ok(Self { link, welcome, control })
    }

    /// Answers every exchange with 200 and these bytes, until the link is over.
    pub fn serve(&self, body: &'static str) {
        let link = self.link.clone();
        tokio::spawn(async move {
            while let Some(incoming) = link.accept().await {
                let (mut send, mut recv) = incoming.stream.split();
                // A link that is over needs no answer.
                let _ = send.send_head(&ok(body.len()), Bytes::from_static(body.as_bytes()), true);
                tokio::spawn(
                    async move { while let Ok(porthole_link::Item::Data(_)) = recv.recv().await {} },
                );
            }
        });
    }
}

/// Lets this process have as many open files as it may: a crowd takes two for each.
///
/// # Panics
/// When the system does not let it go up to its hard limit.
pub fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("up to the hard limit");
}

/// The head of an answer with that many bytes.
pub fn ok(length: usize) -> ResponseHead {
    let mut fields = Fields::new();
    fields.push("Content-Length", length.to_string());
    ResponseHead { status: 200, reason: b"OK".to_vec(), version: Version::Http11, fields }
}
