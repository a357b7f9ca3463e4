//! One try to get a link: address, proxy, TLS, WebSocket, hello.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::header::{AUTHORIZATION, DATE, LOCATION, RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use porthole_link::control::{Hello, ToAgent, Welcome};
use porthole_link::driver::websocket_config;
use porthole_link::{Counted, Link, SUBPROTOCOL, agent_handshake};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{self, handshake::client::Request};

use super::UplinkConfig;
use super::failure::{Answer, ConnectError};
use super::proxy;
use crate::{dial, tls};

/// From the first SYN (to the gateway or the proxy before it) to a TCP connection.
const DIAL_TIME: Duration = Duration::from_secs(10);
/// For everything before the hello: a proxy's answer, TLS, the WebSocket handshake.
const OPENING_TIME: Duration = Duration::from_secs(20);
/// Bytes of an error body that are read as JSON.
const ANSWER_BYTES: usize = 16 * 1024;

/// A link that the gateway welcomed.
#[derive(Debug)]
pub struct Established {
    pub link: Link,
    pub welcome: Welcome,
    pub control: mpsc::Receiver<ToAgent>,
    /// This computer's address on the connection.
    pub local: Option<IpAddr>,
}

/// What is made once and used by each try.
#[derive(Debug, Default)]
pub struct Trust(Option<Arc<ClientConfig>>);

impl Trust {
    /// Reads the system's authorities when first needed; off the runtime, it takes a while.
    async fn config(&mut self, config: &UplinkConfig) -> Result<Arc<ClientConfig>, ConnectError> {
        if let Some(made) = &self.0 {
            return Ok(made.clone());
        }
        let files = config.tls.clone();
        let made = tokio::task::spawn_blocking(move || tls::to_gateway(&files))
            .await
            .map_err(|error| ConnectError::Tls(std::io::Error::other(error)))??;
        self.0 = Some(made.clone());
        Ok(made)
    }
}

/// Whoever makes one try: over the network, or in tests as the test has it.
pub trait Dial: Send + 'static {
    fn dial(
        &mut self,
        config: &UplinkConfig,
        hello: Hello,
    ) -> impl Future<Output = Result<Established, ConnectError>> + Send;
}

impl Dial for Trust {
    async fn dial(&mut self, config: &UplinkConfig, hello: Hello) -> Result<Established, ConnectError> {
        connect(config, self, hello).await
    }
}

/// Tries once.
async fn connect(
    config: &UplinkConfig,
    trust: &mut Trust,
    hello: Hello,
) -> Result<Established, ConnectError> {
    let request = request(config)?;
    let opening = tokio::time::timeout(OPENING_TIME, async {
        let stream = dial_gateway(config).await?;
        let local = stream.local_addr().ok().map(|address| address.ip());
        if !config.gateway.secure {
            return Ok((Opened::Plain(Box::new(websocket(request, stream).await?)), local));
        }
        let settings = trust.config(config).await?;
        let name = ServerName::try_from(config.gateway.host.clone())
            .map_err(|error| ConnectError::Tls(std::io::Error::other(error)))?;
        let stream = TlsConnector::from(settings).connect(name, stream).await.map_err(|error| {
            // What is trusted may change while we try: an administrator installs the missing authority.
            trust.0 = None;
            if tls::refuses_client(&error) {
                return ConnectError::ClientCertificate(error);
            }
            ConnectError::Tls(error)
        })?;
        Ok((Opened::Tls(Box::new(websocket(request, stream).await?)), local))
    });
    let opened: Result<_, ConnectError> = opening.await.unwrap_or(Err(ConnectError::Timeout));
    let (opened, local) = opened?;
    let (link, welcome, control) = match opened {
        Opened::Plain(socket) => agent_handshake(*socket, hello).await?,
        Opened::Tls(socket) => agent_handshake(*socket, hello).await?,
    };
    Ok(Established { link, welcome, control, local })
}

enum Opened {
    Plain(Box<porthole_link::Socket<TcpStream>>),
    Tls(Box<porthole_link::Socket<tokio_rustls::client::TlsStream<TcpStream>>>),
}

async fn dial_gateway(config: &UplinkConfig) -> Result<TcpStream, ConnectError> {
    let gateway = &config.gateway;
    let stream = match proxy::choose(|name| std::env::var(name).ok(), gateway)? {
        Some(proxy) => {
            tracing::debug!(%proxy, "reaching the gateway through a proxy");
            proxy.connect(gateway, DIAL_TIME).await?
        }
        None => {
            let addresses = dial::resolve(&gateway.host, gateway.port).await.map_err(ConnectError::Dial)?;
            dial::connect_persistently(&addresses, DIAL_TIME).await.map_err(ConnectError::Dial)?
        }
    };
    porthole_link::keep_queues_short(&stream);
    Ok(stream)
}

fn request(config: &UplinkConfig) -> Result<Request, ConnectError> {
    let bad = |error: tungstenite::Error| ConnectError::WebSocket(error.to_string());
    let mut request = config.gateway.tunnel().into_client_request().map_err(bad)?;
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", config.token.expose()))
        .map_err(|_| ConnectError::TokenText)?;
    bearer.set_sensitive(true);
    let fields = request.headers_mut();
    fields.insert(AUTHORIZATION, bearer);
    fields.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    fields.insert(USER_AGENT, HeaderValue::from_static(concat!("porthole/", env!("CARGO_PKG_VERSION"))));
    Ok(request)
}

async fn websocket<IO>(request: Request, stream: IO) -> Result<porthole_link::Socket<IO>, ConnectError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    match client_async_with_config(request, Counted::new(stream), Some(websocket_config())).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => {
            Err(ConnectError::Answer(Box::new(read_answer(&response))))
        }
        // By TLS 1.3 it is looked at when our side of the handshake is long over.
        Err(tungstenite::Error::Io(error)) if tls::refuses_client(&error) => {
            Err(ConnectError::ClientCertificate(error))
        }
        // What the simplest web servers answer with.
        Err(tungstenite::Error::Protocol(ProtocolError::WrongHttpVersion)) => {
            Err(ConnectError::WebSocket("it speaks HTTP/1.0".into()))
        }
        Err(error) => Err(ConnectError::WebSocket(error.to_string())),
    }
}

fn read_answer(response: &http::Response<Option<Vec<u8>>>) -> Answer {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Problem {
        code: Option<String>,
        message: Option<String>,
    }
    let field = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let body = response.body().as_deref().unwrap_or_default();
    let body = &body[..body.len().min(ANSWER_BYTES)];
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    let code = field("porthole-error").or(problem.code.clone().filter(|code| code.starts_with("token-")));
    Answer {
        status: response.status().as_u16(),
        location: field(LOCATION.as_str()),
        date: field(DATE.as_str()),
        retry_after: field(RETRY_AFTER.as_str()),
        message: problem.message.filter(|_| code.is_some()),
        code,
    }
}
