//! A gateway's end of a link in this process, the agent's uplink, and local services over raw sockets.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use porthole_agent::events::{Event, MappingSet, Served, events};
use porthole_agent::secrets::Secret;
use porthole_agent::uplink::{self, Uplink, UplinkConfig};
use porthole_http1::{Fields, RequestHead, ResponseHead, Version};
use porthole_link::control::{
    Mapping, MappingProtocol, MappingResult, POLICIES, ToAgent, ToGateway, Welcome,
};
use porthole_link::driver::websocket_config;
use porthole_link::{
    Counted, Item, Link, LinkStream, Open, RecvHalf, ResetCode, SUBPROTOCOL, SendHalf, StreamKind,
    gateway_handshake,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for something that must happen.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// A gateway's port; each link that arrives is welcomed.
pub struct Gateway {
    pub address: SocketAddr,
    listener: TcpListener,
}

/// One link as the gateway sees it.
pub struct GatewayLink {
    pub link: Link,
    pub control: mpsc::Receiver<ToGateway>,
    pub hello: porthole_link::Hello,
    pub authorization: String,
}

impl Gateway {
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { address: listener.local_addr().unwrap(), listener }
    }

    pub async fn accept(&self) -> GatewayLink {
        welcome(self.tcp().await).await
    }

    /// The next connection, before anything was said on it.
    pub async fn tcp(&self) -> TcpStream {
        let (stream, _) = soon("the agent connects", self.listener.accept()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }
}

/// The gateway's whole part in getting a link over `stream`.
pub async fn welcome<IO>(stream: IO) -> GatewayLink
where
    IO: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let mut authorization = String::new();
    #[allow(clippy::result_large_err)]
    let callback = |request: &Request, mut response: Response| {
        assert_eq!(request.uri().path(), "/tunnel");
        request.headers()["authorization"].to_str().unwrap().clone_into(&mut authorization);
        let protocol = request.headers()["sec-websocket-protocol"].clone();
        assert_eq!(protocol, SUBPROTOCOL);
        response.headers_mut().insert("sec-websocket-protocol", protocol);
        Ok(response)
    };
    let socket =
        accept_hdr_async_with_config(Counted::new(stream), callback, Some(websocket_config())).await.unwrap();
    let pending = gateway_handshake(socket).await.unwrap();
    let (hello, protocol) = (pending.hello.clone(), pending.protocol);
    let (link, control) = pending.start();
    link.send_control(&ToAgent::Welcome(Welcome {
        protocol,
        gateway_version: "test".into(),
        session_id: "session".into(),
        revision: hello.revision,
        results: hello.mappings.iter().map(live).collect(),
        policies: POLICIES.iter().map(|&name| name.into()).collect(),
    }));
    GatewayLink { link, control, hello, authorization }
}

pub fn live(mapping: &Mapping) -> MappingResult {
    MappingResult {
        id: mapping.id.clone(),
        public_url: Some(format!("http://{}.test", mapping.id)),
        ..MappingResult::default()
    }
}

/// An agent with one mapping, connected.
pub struct World {
    pub gateway: Gateway,
    pub link: GatewayLink,
    pub uplink: Uplink,
    pub events: broadcast::Receiver<Event>,
    pub mappings: watch::Sender<Arc<MappingSet>>,
}

pub fn served(target: &str) -> Served {
    let tcp = target.starts_with("tcp://");
    Served {
        wire: Mapping {
            id: "shop".into(),
            number: 1,
            protocol: if tcp { MappingProtocol::Tcp } else { MappingProtocol::Http },
            ..Mapping::default()
        },
        target: if tcp {
            porthole_agent::target::Target::parse_tcp(target).unwrap()
        } else {
            target.parse().unwrap()
        },
        proxy_protocol: None,
        host_header: porthole_agent::events::HostHeader::Preserve,
        allow_invalid_certs: false,
        timeout: Duration::from_secs(120),
        inspect: true,
    }
}

pub fn set(revision: u64, served: Vec<Served>) -> Arc<MappingSet> {
    Arc::new(MappingSet { revision, mappings: served.into_iter().map(Arc::new).collect() })
}

pub fn config(gateway: SocketAddr) -> UplinkConfig {
    UplinkConfig {
        gateway: format!("http://{gateway}").parse().unwrap(),
        token: Secret::new("a-token"),
        tls: porthole_agent::tls::Files::default(),
        agent_id: "agent".into(),
        epoch: 7,
        recorder: None,
        stand_ins: None,
    }
}

impl World {
    pub async fn to(target: impl Into<String>) -> Self {
        Self::serving(served(&target.into())).await
    }

    pub async fn serving(served: Served) -> Self {
        let gateway = Gateway::new().await;
        let (mappings, seen) = watch::channel(set(1, vec![served]));
        let sender = events();
        let events = sender.subscribe();
        let uplink = uplink::start(config(gateway.address), seen, sender);
        let link = gateway.accept().await;
        let mut world = Self { gateway, link, uplink, events, mappings };
        world.event(|event| matches!(event, Event::MappingLive { .. }).then_some(())).await;
        world
    }

    pub fn open(&self, kind: StreamKind, head: Option<RequestHead>, data: &[u8], end: bool) -> LinkStream {
        open(&self.link.link, 1, kind, head, data, end)
    }

    /// A request with nothing behind its head.
    pub fn get(&self, path: &str) -> Exchange {
        self.request(get(path), b"", true)
    }

    pub fn request(&self, head: RequestHead, data: &[u8], end: bool) -> Exchange {
        Exchange::from(self.open(StreamKind::Http, Some(head), data, end))
    }

    /// The next event that `pick` takes.
    pub async fn event<T>(&mut self, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        soon("an event", async {
            loop {
                if let Some(picked) = pick(self.events.recv().await.unwrap()) {
                    return picked;
                }
            }
        })
        .await
    }

    pub async fn summary(&mut self) -> Arc<porthole_agent::events::ExchangeSummary> {
        self.event(|event| match event {
            Event::Exchange(summary) => Some(summary),
            _ => None,
        })
        .await
    }
}

pub fn open(
    link: &Link,
    mapping: u32,
    kind: StreamKind,
    head: Option<RequestHead>,
    data: &[u8],
    end: bool,
) -> LinkStream {
    let visitor = "192.0.2.7:4711".parse().unwrap();
    let open = Open { kind, mapping, request_id: "r1".into(), visitor, gateway_us: None, head };
    link.open(open, Bytes::copy_from_slice(data), end).unwrap()
}

pub fn head(method: &str, path: &str, fields: &[(&str, &str)]) -> RequestHead {
    let fields: Fields = fields.iter().copied().collect();
    RequestHead { method: method.into(), target: path.into(), version: Version::Http11, fields }
}

pub fn get(path: &str) -> RequestHead {
    head("GET", path, &[("Host", "shop.example.com")])
}

/// The gateway's view of one exchange.
pub struct Exchange {
    pub send: SendHalf,
    pub recv: RecvHalf,
}

impl From<LinkStream> for Exchange {
    fn from(stream: LinkStream) -> Self {
        let (send, recv) = stream.split();
        Self { send, recv }
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub interim: Vec<u16>,
    pub head: ResponseHead,
    pub body: Vec<u8>,
    pub trailers: Option<Fields>,
}

impl Exchange {
    pub async fn item(&mut self) -> Result<Item, ResetCode> {
        soon("an item", self.recv.recv()).await.map_err(|stopped| stopped.0)
    }

    pub async fn head(&mut self) -> Result<ResponseHead, ResetCode> {
        match self.item().await? {
            Item::Head(head) => Ok(head),
            item => panic!("no head: {item:?}"),
        }
    }

    /// Reads to the end.
    pub async fn answer(&mut self) -> Result<Answer, ResetCode> {
        let mut interim = Vec::new();
        let head = loop {
            match self.item().await? {
                Item::Interim(head) => interim.push(head.status),
                Item::Head(head) => break head,
                item => panic!("no head: {item:?}"),
            }
        };
        let mut body = Vec::new();
        loop {
            match self.item().await? {
                Item::Data(data) => body.extend_from_slice(&data),
                Item::End(trailers) => return Ok(Answer { interim, head, body, trailers }),
                item => panic!("not of a body: {item:?}"),
            }
        }
    }
}

/// A local service: `serve` gets each connection.
pub async fn service<F, Fut>(serve: F) -> String
where
    F: Fn(Peer, usize) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(Peer { stream, seen: Vec::new() }, number));
        }
    });
    format!("http://{address}")
}

/// A port where nothing listens.
pub async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// One connection at a service.
pub struct Peer {
    pub stream: TcpStream,
    seen: Vec<u8>,
}

impl Peer {
    /// Reads through the next `text` and gives everything before and with it.
    pub async fn read_through(&mut self, text: &str) -> Option<String> {
        loop {
            if let Some(at) = self.seen.windows(text.len()).position(|window| window == text.as_bytes()) {
                let rest = self.seen.split_off(at + text.len());
                let taken = std::mem::replace(&mut self.seen, rest);
                return Some(String::from_utf8(taken).unwrap());
            }
            if self.stream.read_buf(&mut self.seen).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next request's head.
    pub async fn request(&mut self) -> Option<String> {
        self.read_through("\r\n\r\n").await
    }

    pub async fn write(&mut self, text: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(text.as_ref()).await;
    }

    /// Sends back what comes, until the other end closes.
    pub async fn echo(&mut self) {
        let (mut read, mut write) = self.stream.split();
        write.write_all(&std::mem::take(&mut self.seen)).await.unwrap();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    }

    /// Everything until the other end closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        let _ = self.stream.read_to_end(&mut self.seen).await;
        std::mem::take(&mut self.seen)
    }
}
