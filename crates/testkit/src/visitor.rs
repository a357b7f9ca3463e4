//! Anyone on the internet: well-behaved clients over HTTP/1.1, HTTP/2 and WebSocket, and raw sockets
//! for the others.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;

use crate::wait::within;

/// Bytes of an answer head that [`Raw::head`] accepts; a bound for a broken test, not for the product.
const RAW_HEAD_BYTES: usize = 256 * 1024;

/// One visitor of one host.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub address: SocketAddr,
    pub host: String,
    /// Which of this computer's addresses it comes from; none: the system chooses.
    from: Option<IpAddr>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub fields: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// The first field of that name, or nothing.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|value| value.to_str().unwrap_or("(not text)"))
    }

    /// The `porthole-error` field.
    pub fn error_code(&self) -> Option<&str> {
        self.field("porthole-error")
    }
}

/// Why no whole answer came.
pub type Broken = Box<dyn std::error::Error + Send + Sync>;

impl Visitor {
    pub fn new(address: SocketAddr, host: &str) -> Self {
        Self { address, host: host.to_owned(), from: None }
    }

    /// It comes from `ip`: all of 127.0.0.0/8 is this computer on Linux.
    pub fn from(mut self, ip: IpAddr) -> Self {
        self.from = Some(ip);
        self
    }

    /// A request for `path` with this visitor's `Host`.
    pub fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(path).header("Host", &self.host)
    }

    /// A GET on a connection of its own.
    ///
    /// # Panics
    /// When no whole answer comes.
    pub async fn get(&self, path: &str) -> Reply {
        let request = self.request("GET", path).body(Empty::<Bytes>::new()).expect("a valid request");
        self.fetch(request).await
    }

    /// The same, or why no whole answer came.
    pub async fn try_get(&self, path: &str) -> Result<Reply, Broken> {
        self.try_fetch(self.request("GET", path).body(Empty::<Bytes>::new())?).await
    }

    /// A POST of `body` on a connection of its own.
    ///
    /// # Panics
    /// When no whole answer comes.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        let request = self.request("POST", path).body(Full::new(body.into())).expect("a valid request");
        self.fetch(request).await
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Panics
    /// When no whole answer comes.
    pub async fn fetch<B>(&self, request: Request<B>) -> Reply
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Broken>,
    {
        let what = format!("{} {}", request.method(), request.uri());
        match within(&what, self.try_fetch(request)).await {
            Ok(reply) => reply,
            Err(error) => panic!("{what} failed: {error:?}"),
        }
    }

    /// Sends a request and reads the whole answer, or tells why there is none.
    pub async fn try_fetch<B>(&self, request: Request<B>) -> Result<Reply, Broken>
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Broken>,
    {
        collect(self.send(request).await?).await
    }

    /// Sends a request on a connection of its own; the body of the answer is still to be read.
    pub async fn send<B>(&self, request: Request<B>) -> Result<Response<Incoming>, Broken>
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Broken>,
    {
        let mut connection = self.http1().await?;
        Ok(connection.send_request(request).await?)
    }

    /// An HTTP/1.1 connection.
    pub async fn http1<B>(&self) -> Result<conn::http1::SendRequest<B>, Broken>
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Broken>,
    {
        let io = TokioIo::new(self.connect().await?);
        let (send, connection) = conn::http1::Builder::new().handshake(io).await?;
        tokio::spawn(connection.with_upgrades());
        Ok(send)
    }

    /// An HTTP/2 connection with prior knowledge. Requests name the host in their URI: see [`Self::uri`].
    pub async fn http2<B>(&self) -> Result<conn::http2::SendRequest<B>, Broken>
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Broken>,
    {
        let io = TokioIo::new(self.connect().await?);
        let (send, connection) = conn::http2::Builder::new(TokioExecutor::new()).handshake(io).await?;
        tokio::spawn(connection);
        Ok(send)
    }

    /// The absolute URI of `path`, for HTTP/2.
    pub fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }

    /// A WebSocket.
    ///
    /// # Panics
    /// When the handshake fails.
    pub async fn websocket(&self, path: &str) -> WebSocketStream<TcpStream> {
        use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
        let request = format!("ws://{}{path}", self.host);
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let socket = self.connect().await.expect("the gateway listens");
        let handshake = tokio_tungstenite::client_async_with_config(request, socket, Some(config));
        within("a WebSocket handshake", handshake).await.expect("a WebSocket handshake").0
    }

    /// A raw connection.
    ///
    /// # Panics
    /// When the gateway does not listen.
    pub async fn raw(&self) -> Raw {
        Raw { socket: self.connect().await.expect("the gateway listens"), read: Vec::new() }
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let socket = match self.from {
            None => TcpStream::connect(self.address).await?,
            Some(ip) => {
                let socket = if ip.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
                socket.bind((ip, 0).into())?;
                socket.connect(self.address).await?
            }
        };
        socket.set_nodelay(true)?;
        Ok(socket)
    }
}

/// Reads the rest of an answer.
pub async fn collect(response: Response<Incoming>) -> Result<Reply, Broken> {
    let (head, body) = response.into_parts();
    let whole = body.collect().await?;
    let trailers = whole.trailers().cloned();
    Ok(Reply { status: head.status.as_u16(), fields: head.headers, body: whole.to_bytes(), trailers })
}

/// A raw connection: bytes out, bytes in.
#[derive(Debug)]
pub struct Raw {
    pub socket: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the other side has gone.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.expect("the gateway reads");
    }

    /// Sends bytes; a gateway that has already answered and closed is no failure.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.socket.write_all(bytes.as_ref()).await
    }

    /// Reads one head, up to and with the empty line, as text.
    ///
    /// # Panics
    /// When the connection ends before, or nothing comes in time.
    pub async fn head(&mut self) -> String {
        within("a response head", async {
            loop {
                if let Some(end) = find(&self.read, b"\r\n\r\n") {
                    let head: Vec<u8> = self.read.drain(..end + 4).collect();
                    return String::from_utf8_lossy(&head).into_owned();
                }
                assert!(self.read.len() < RAW_HEAD_BYTES, "an endless head");
                let count = self.socket.read_buf(&mut self.read).await.expect("a response head");
                let so_far = String::from_utf8_lossy(&self.read);
                assert!(count > 0, "the connection ended before a head was whole: {so_far:?}");
            }
        })
        .await
    }

    /// Reads exactly that many body bytes.
    ///
    /// # Panics
    /// When the connection ends before, or nothing comes in time.
    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        within("body bytes", async {
            while self.read.len() < count {
                let read = self.socket.read_buf(&mut self.read).await.expect("body bytes");
                assert!(read > 0, "the connection ended {} bytes early", count - self.read.len());
            }
            self.read.drain(..count).collect()
        })
        .await
    }

    /// Reads to the end of the connection. The error tells of an end that was not clean (a reset).
    pub async fn rest(&mut self) -> (Vec<u8>, std::io::Result<()>) {
        within("the end of the connection", async {
            loop {
                match self.socket.read_buf(&mut self.read).await {
                    Ok(0) => return (std::mem::take(&mut self.read), Ok(())),
                    Ok(_) => {}
                    Err(error) => return (std::mem::take(&mut self.read), Err(error)),
                }
            }
        })
        .await
    }

    /// Reads to the end of the connection, as text, however it ends.
    pub async fn rest_text(&mut self) -> String {
        String::from_utf8_lossy(&self.rest().await.0).into_owned()
    }

    /// Sends a whole request and reads to the end of the connection.
    pub async fn exchange(&mut self, request: &str) -> String {
        // A refusal may close the connection before it has read everything.
        let _ = self.try_send(request).await;
        self.rest_text().await
    }
}

/// Where `needle` begins in `haystack`.
pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
