//! The one way in which the gateway calls a URL that somebody else chose: keys of a token's issuer, say.
//!
//! A token holder chooses such URLs, and the gateway stands where they lead to more than a token holder may see. So
//! only public addresses are called, and those that the operator allows; the connection goes to the very address
//! that was looked at, whatever the name means a moment later; nothing is followed; time, bytes and the number of
//! calls are bounded. Proxies of the environment are not asked.

mod addresses;

use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use url::{Host, Position, Url};

pub use addresses::refused;

/// Bytes of a URL.
pub const MAX_URL_BYTES: usize = 2048;
/// For one address to accept a connection; the next is tried then.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;
/// Calls at once. Each may keep a thread busy with its name.
const CALLS_AT_ONCE: usize = 32;
/// Bytes of an answer's head.
const HEAD_BYTES: usize = 64 * 1024;

/// What is asked.
#[derive(Debug)]
pub struct Call<'a> {
    pub method: Method,
    /// As [`parse_url`] makes it.
    pub url: &'a Url,
    /// Beside Host, User-Agent, Connection and Content-Length.
    pub fields: HeaderMap,
    pub body: Bytes,
    /// From the name to the answer's last byte.
    pub time: Duration,
    /// Bytes of the answer's body.
    pub answer_bytes: usize,
}

impl<'a> Call<'a> {
    /// A GET without further fields.
    pub fn get(url: &'a Url, time: Duration, answer_bytes: usize) -> Self {
        Self { method: Method::GET, url, fields: HeaderMap::new(), body: Bytes::new(), time, answer_bytes }
    }
}

/// What was answered, whatever its status: a redirect is one, too.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: HeaderMap,
    pub body: Bytes,
}

/// Why there is no answer: the end of a sentence that begins with the URL.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    #[error("its host has no address: {0}")]
    Unresolved(io::Error),
    #[error(
        "it leads to {what} ({address}), which this gateway does not call; its operator can allow that with --outgoing-allow"
    )]
    Refused { address: IpAddr, what: &'static str },
    #[error("it is http, which is for this computer's own addresses only; use https")]
    Clear,
    #[error("nothing accepts connections there: {0}")]
    Unreachable(io::Error),
    #[error("its TLS is not valid: {0}")]
    Tls(io::Error),
    #[error("the gateway has no authorities to check it by: {0}")]
    Authorities(#[from] crate::tls::TlsError),
    #[error("the connection broke off: {0}")]
    Broken(Box<dyn StdError + Send + Sync>),
    #[error("its answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("there was no whole answer within {0:?}")]
    TimedOut(Duration),
}

/// Why a text is no URL that could be called: the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("give an https URL like https://id.example.com/keys, of at most {MAX_URL_BYTES} bytes")]
    NoUrl,
    #[error("a URL that is called holds no user and no password")]
    Userinfo,
}

/// A URL that could be called; whether it may be depends on what its host means at that time.
pub fn parse_url(text: &str) -> Result<Url, UrlError> {
    let url = (text.len() <= MAX_URL_BYTES).then(|| Url::parse(text).ok()).flatten();
    let url = url
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
        .ok_or(UrlError::NoUrl)?;
    let anonymous = url.username().is_empty() && url.password().is_none();
    if anonymous { Ok(url) } else { Err(UrlError::Userinfo) }
}

/// Makes the calls.
#[derive(Debug)]
pub struct Outgoing {
    allowed: Vec<IpNet>,
    /// Made when it is needed first: a gateway that calls nobody needs no authorities.
    tls: OnceLock<Arc<ClientConfig>>,
    places: Semaphore,
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

impl Outgoing {
    /// `allowed`: networks that may be called beside public addresses.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed, tls: OnceLock::new(), places: Semaphore::new(CALLS_AT_ONCE) }
    }

    /// Makes one call.
    ///
    /// # Errors
    /// [`OutgoingError`] when no whole answer came, or none was asked for.
    pub async fn call(&self, call: Call<'_>) -> Result<Answer, OutgoingError> {
        let time = call.time;
        let calling = async {
            // Closed by nobody; without a place the call would merely be one too many.
            let _place = self.places.acquire().await;
            let addresses = self.addresses(call.url).await?;
            self.exchange(call, &addresses).await
        };
        tokio::time::timeout(time, calling).await.map_err(|_| OutgoingError::TimedOut(time))?
    }

    /// Where the URL leads now, without what may not be called.
    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, OutgoingError> {
        let port = url.port_or_known_default().unwrap_or(443);
        let found: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(address)) => vec![(address, port).into()],
            Some(Host::Ipv6(address)) => vec![(address, port).into()],
            Some(Host::Domain(name)) => tokio::net::lookup_host((name, port))
                .await
                .map_err(OutgoingError::Unresolved)?
                .take(MAX_ADDRESSES)
                .collect(),
            None => Vec::new(),
        };
        self.permitted(found, url.scheme() == "https")
    }

    fn permitted(
        &self,
        mut found: Vec<SocketAddr>,
        encrypted: bool,
    ) -> Result<Vec<SocketAddr>, OutgoingError> {
        let Some(first) = found.first().map(SocketAddr::ip) else {
            return Err(OutgoingError::Unresolved(io::ErrorKind::NotFound.into()));
        };
        found.retain(|address| refused(address.ip(), &self.allowed).is_none());
        if found.is_empty() {
            let what = refused(first, &self.allowed).unwrap_or("a reserved address");
            return Err(OutgoingError::Refused { address: first, what });
        }
        if !encrypted {
            found.retain(|address| address.ip().to_canonical().is_loopback());
        }
        if found.is_empty() { Err(OutgoingError::Clear) } else { Ok(found) }
    }

    async fn exchange(&self, call: Call<'_>, addresses: &[SocketAddr]) -> Result<Answer, OutgoingError> {
        let request = request(&call).map_err(|error| OutgoingError::Broken(error.into()))?;
        let io = self.connect(call.url, addresses).await?;
        let broken = |error: hyper::Error| OutgoingError::Broken(error.into());
        let (mut send, connection) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES)
            .handshake(TokioIo::new(io))
            .await
            .map_err(broken)?;
        let asking = async {
            let response = send.send_request(request).await.map_err(broken)?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, call.answer_bytes).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    OutgoingError::TooLong(call.answer_bytes)
                } else {
                    OutgoingError::Broken(error)
                }
            })?;
            Ok(Answer { status: head.status.as_u16(), fields: head.headers, body: body.to_bytes() })
        };
        tokio::pin!(asking);
        tokio::select! {
            answer = &mut asking => answer,
            // It may end with the answer's last byte.
            _ = connection => asking.await,
        }
    }

    async fn connect(&self, url: &Url, addresses: &[SocketAddr]) -> Result<Box<dyn Io>, OutgoingError> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            match tokio::time::timeout(CONNECT_TIME, TcpStream::connect(address)).await {
                Ok(Ok(stream)) if url.scheme() == "http" => return Ok(Box::new(stream)),
                Ok(Ok(stream)) => {
                    let name = url.host_str().unwrap_or_default();
                    let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
                    let name = ServerName::try_from(name)
                        .map_err(|error| OutgoingError::Tls(io::Error::other(error)))?;
                    let tls = TlsConnector::from(self.tls()?).connect(name, stream).await;
                    return Ok(Box::new(tls.map_err(OutgoingError::Tls)?));
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(OutgoingError::Unreachable(last))
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, OutgoingError> {
        if let Some(tls) = self.tls.get() {
            return Ok(Arc::clone(tls));
        }
        let made = crate::tls::trusting(None)?;
        Ok(Arc::clone(self.tls.get_or_init(|| made)))
    }
}

fn request(call: &Call<'_>) -> Result<Request<Full<Bytes>>, http::Error> {
    let url = call.url;
    let authority = &url[Position::BeforeHost..Position::AfterPort];
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(header::HOST, authority)
        .body(Full::new(call.body.clone()))?;
    let fields = request.headers_mut();
    fields.extend(call.fields.clone());
    let agent = concat!("porthole-gateway/", env!("CARGO_PKG_VERSION"));
    fields.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(request)
}

#[cfg(test)]
mod tests;
