//! Takes the header off a new connection, before TLS or anything else is read of it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::{HEADER_BYTES, Header, Malformed, parse};
use crate::forwarded::is_trusted;

/// How long a header may take. A proxy sends it at once; a lost packet or two cost it 3 s.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// Refusals are told this often and not each time: anyone on the internet can have one.
const SAY_AGAIN: Duration = Duration::from_secs(10);

/// The door that asks for a header, and only proxies pass through.
#[derive(Debug, Default)]
pub struct Entry {
    said: Mutex<Option<Instant>>,
}

/// Why a connection does not get past it.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("it is none of --trusted-proxies, and --proxy-protocol lets in nobody else")]
    Stranger,
    #[error(transparent)]
    Header(#[from] Malformed),
    #[error("no whole PROXY protocol header came within {HEADER_TIME:?}")]
    TooLate,
    #[error("it ended before its PROXY protocol header did")]
    Ended,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Entry {
    /// Who is behind `stream`, of which the header and no byte more has been read then. None: it may
    /// not enter, as none of the `trusted`, say.
    pub async fn admit(
        &self,
        stream: &mut TcpStream,
        peer: SocketAddr,
        trusted: &[IpNet],
    ) -> Option<SocketAddr> {
        if !is_trusted(peer.ip().to_canonical(), trusted) {
            self.tell(peer, &Refusal::Stranger);
            return None;
        }
        match header(stream).await {
            Ok(header) => Some(header.visitor.unwrap_or(peer)),
            Err(refusal) => {
                self.tell(peer, &refusal);
                None
            }
        }
    }

    fn tell(&self, peer: SocketAddr, refusal: &Refusal) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever only looks whether something listens breaks off.
        let is_quiet = matches!(refusal, Refusal::Ended | Refusal::Io(_))
            || said.is_some_and(|said| said.elapsed() <= SAY_AGAIN);
        if is_quiet {
            tracing::debug!(%peer, %refusal, "refused a connection");
        } else {
            *said = Some(Instant::now());
            tracing::warn!(%peer, %refusal, "refused a connection; others like it are told at level debug for {SAY_AGAIN:?}");
        }
    }
}

async fn header(stream: &mut TcpStream) -> Result<Header, Refusal> {
    tokio::time::timeout(HEADER_TIME, read(stream)).await.map_err(|_| Refusal::TooLate)?
}

/// Looks before it takes: what follows the header stays in the socket, for TLS or HTTP to read.
async fn read(stream: &mut TcpStream) -> Result<Header, Refusal> {
    let mut bytes = vec![0; HEADER_BYTES];
    let mut taken = 0;
    loop {
        let seen = stream.peek(&mut bytes[taken..]).await?;
        if seen == 0 {
            return Err(Refusal::Ended);
        }
        let header = parse(&bytes[..taken + seen])?;
        // All that came belongs to a header that is not whole: taken, or the next look would find it.
        let end = header.map_or(taken + seen, |header| header.length);
        stream.read_exact(&mut bytes[taken..end]).await?;
        taken = end;
        if let Some(header) = header {
            return Ok(header);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (theirs, peer) = listener.accept().await.unwrap();
        (ours, theirs, peer)
    }

    async fn admit(trusted: &str, stream: &mut TcpStream, peer: SocketAddr) -> Option<SocketAddr> {
        Entry::default().admit(stream, peer, &[trusted.parse().unwrap()]).await
    }

    #[tokio::test]
    async fn a_header_that_comes_byte_by_byte_is_taken_and_nothing_behind_it() {
        let header = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n";
        let (mut proxy, mut stream, peer) = pair().await;
        proxy.set_nodelay(true).unwrap();
        let admitting = admit("127.0.0.1/32", &mut stream, peer);
        let sending = async {
            for byte in header {
                proxy.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            proxy.write_all(b"GET").await.unwrap();
        };
        let (admitted, ()) = tokio::join!(admitting, sending);
        assert_eq!(admitted, Some("203.0.113.9:4711".parse().unwrap()));
        let mut rest = [0; 3];
        stream.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"GET");
    }

    #[tokio::test]
    async fn the_peer_counts_where_the_proxy_says_nobody() {
        let (mut proxy, mut stream, peer) = pair().await;
        proxy.write_all(b"PROXY UNKNOWN\r\n").await.unwrap();
        assert_eq!(admit("127.0.0.0/8", &mut stream, peer).await, Some(peer));
    }

    #[tokio::test]
    async fn a_stranger_is_not_listened_to() {
        let (mut stranger, mut stream, peer) = pair().await;
        stranger.write_all(b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n").await.unwrap();
        assert_eq!(admit("10.0.0.0/8", &mut stream, peer).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_header_is_waited_for_within_a_bound() {
        let (mut proxy, mut stream, peer) = pair().await;
        proxy.write_all(b"PROXY TCP4 ").await.unwrap();
        let begun = tokio::time::Instant::now();
        assert_eq!(admit("127.0.0.1/32", &mut stream, peer).await, None);
        assert_eq!(begun.elapsed().as_secs(), HEADER_TIME.as_secs());
        drop(proxy);
    }
}
