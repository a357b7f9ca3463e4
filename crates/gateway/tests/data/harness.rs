//! A gateway in this process, an agent whose answers a test writes, and visitors who send raw bytes.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use porthole_gateway::secret::{Secret, Secrets};
use porthole_gateway::{Config, Gateway, PublicBase, listener};
use porthole_http1::{Fields, ResponseHead, Version};
use porthole_link::driver::websocket_config;
use porthole_link::stream::Incoming;
use porthole_link::{
    Counted, Hello, Item, Link, LinkStream, Mapping, PROTOCOL, PROTOCOL_OLDEST, ResetCode, SendHalf,
    agent_handshake,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

const TOKEN: &str = "a shared client token for these tests";
/// Longer than any bound that a test runs into, and only reached by a broken one.
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it happens in time")
}

type Handler = Arc<dyn Fn(Incoming) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

pub struct World {
    pub gateway: Arc<Gateway>,
    pub addr: SocketAddr,
    pub link: Link,
    opened: Arc<AtomicUsize>,
    _data: tempfile::TempDir,
}

impl World {
    /// A gateway at `gate.test` with one mapping, `shop`, whose streams go to `handler`.
    pub async fn new<F, Fut>(handler: F) -> Self
    where
        F: Fn(Incoming) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::with(|_| {}, handler).await
    }

    pub async fn with<F, Fut>(set: impl FnOnce(&mut Config), handler: F) -> Self
    where
        F: Fn(Incoming) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::in_folder(
            data.path(),
            Secrets::fixed(Secret::new("a secret of at least 32 bytes for these tests")),
        );
        config.public =
            Some(PublicBase { scheme: "http".into(), host: "gate.test".into(), port: Some(8080) });
        config.client_token = Some(Secret::new(TOKEN));
        set(&mut config);
        let gateway = Gateway::start(config).unwrap();
        let listening = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listening.local_addr().unwrap();
        tokio::spawn(listener::run(Arc::clone(&gateway), listening, None));

        let opened = Arc::new(AtomicUsize::new(0));
        let handler: Handler = Arc::new(move |incoming| Box::pin(handler(incoming)));
        let io = TcpStream::connect(addr).await.unwrap();
        let mut io = Raw(io);
        if gateway.config.proxy_protocol {
            io.send("PROXY UNKNOWN\r\n").await;
        }
        let link = within(agent(io.0, addr, handler, Arc::clone(&opened))).await;
        Self { gateway, addr, link, opened, _data: data }
    }

    /// How many streams the gateway has opened.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// Waits until it has opened so many.
    pub async fn has_opened(&self, streams: usize) {
        within(async {
            while self.opened() < streams {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    pub async fn raw(&self) -> Raw {
        Raw(TcpStream::connect(self.addr).await.unwrap())
    }

    /// Sends `request` on a new connection and reads all that comes until its end.
    pub async fn say(&self, request: impl AsRef<[u8]>) -> String {
        let mut raw = self.raw().await;
        raw.send(request).await;
        raw.rest().await
    }
}

async fn agent(io: TcpStream, addr: SocketAddr, handler: Handler, opened: Arc<AtomicUsize>) -> Link {
    let mut request = format!("ws://{addr}/tunnel").into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", porthole_link::SUBPROTOCOL.parse().unwrap());
    let (socket, response) =
        tokio_tungstenite::client_async_with_config(request, Counted::new(io), Some(websocket_config()))
            .await
            .unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], porthole_link::SUBPROTOCOL);
    let mapping = Mapping { id: "m1".into(), number: 7, name: Some("shop".into()), ..Mapping::default() };
    let hello = Hello {
        protocol: PROTOCOL,
        protocol_oldest: PROTOCOL_OLDEST,
        agent_version: "test".into(),
        agent_id: "agent".into(),
        epoch: 1,
        revision: 1,
        mappings: vec![mapping],
    };
    let (link, welcome, mut control) = agent_handshake(socket, hello).await.unwrap();
    assert_eq!(welcome.results[0].public_url.as_deref(), Some("http://shop.gate.test:8080"));
    tokio::spawn(async move { while control.recv().await.is_some() {} });
    let accepting = link.clone();
    tokio::spawn(async move {
        while let Some(incoming) = accepting.accept().await {
            opened.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(handler(incoming));
        }
    });
    link
}

/// A visitor's bare socket.
pub struct Raw(pub TcpStream);

impl Raw {
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.0.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Reads until `end` was seen; returns all that was read.
    pub async fn until(&mut self, end: &str) -> String {
        let mut seen = Vec::new();
        within(async {
            while !seen.ends_with(end.as_bytes()) {
                let mut byte = [0];
                let read = self.0.read(&mut byte).await.unwrap();
                assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&seen));
                seen.push(byte[0]);
            }
        })
        .await;
        String::from_utf8(seen).unwrap()
    }

    /// Reads to the end of the connection, however it ends.
    pub async fn rest(&mut self) -> String {
        self.end().await.0
    }

    /// The same, and whether the end was an orderly one.
    pub async fn end(&mut self) -> (String, bool) {
        let mut seen = Vec::new();
        let clean = within(self.0.read_to_end(&mut seen)).await.is_ok();
        (String::from_utf8_lossy(&seen).into_owned(), clean)
    }
}

/// A request for `shop`; `fields` are whole lines with CRLF.
pub fn request(method: &str, target: &str, fields: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: shop.gate.test\r\n{fields}\r\n")
}

/// An answer's head as an agent sends it.
pub fn head(status: u16, pairs: &[(&str, &str)]) -> ResponseHead {
    ResponseHead {
        status,
        reason: Vec::new(),
        version: Version::Http11,
        fields: pairs.iter().copied().collect(),
    }
}

/// Answers at once with a body of known length, and reads what the visitor still sends.
pub async fn answer(stream: LinkStream, status: u16, body: &str) {
    let (mut send, mut recv) = stream.split();
    let length = body.len().to_string();
    let body = Bytes::copy_from_slice(body.as_bytes());
    let _ = send.send_head(&head(status, &[("Content-Length", &length)]), body, true);
    while matches!(recv.recv().await, Ok(Item::Data(_))) {}
}

/// A request's body, whole.
pub struct Taken {
    pub send: SendHalf,
    pub body: Vec<u8>,
    pub trailers: Option<Fields>,
    /// What the stream said instead of an end.
    pub reset: Option<ResetCode>,
}

/// Reads the body of a request to its end.
pub async fn take(incoming: Incoming) -> Taken {
    let Incoming { data, ended, stream, .. } = incoming;
    let (send, mut recv) = stream.split();
    let mut taken = Taken { send, body: data.to_vec(), trailers: None, reset: None };
    if ended {
        return taken;
    }
    loop {
        match recv.recv().await {
            Ok(Item::Data(data)) => taken.body.extend_from_slice(&data),
            Ok(Item::End(trailers)) => {
                taken.trailers = trailers;
                break;
            }
            Ok(other) => panic!("an agent got {other:?}"),
            Err(stopped) => {
                taken.reset = Some(stopped.0);
                break;
            }
        }
    }
    taken
}

/// Answers with what `say` makes of the request.
pub fn saying(
    say: impl Fn(&Incoming) -> String + Clone + Send + Sync + 'static,
) -> impl Fn(Incoming) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync + 'static {
    move |incoming| {
        let body = say(&incoming);
        Box::pin(async move { answer(incoming.stream, 200, &body).await })
    }
}
