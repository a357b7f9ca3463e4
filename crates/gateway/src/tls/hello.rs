//! The first message of a handshake, read before anything is answered: whose it is decides what becomes of
//! the connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{Accept, LazyConfigAcceptor, StartHandshake};

use crate::router::normalise_host;

/// Bytes within which the whole message has come, in however many records and segments: a browser's has 1,800
/// with its post-quantum key, a resumed session and client certificates in it some thousand more. What one
/// read brings beyond them (4 KiB) is still taken.
pub const HELLO_BYTES: usize = 16 * 1024;

/// A connection whose client has said whom it wants, and that has been answered nothing.
#[derive(Debug)]
pub struct Hello<IO> {
    start: StartHandshake<Watched<IO>>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Hello<IO> {
    /// Reads until the message is whole.
    ///
    /// # Errors
    /// When it is none (the client is told by an alert), is longer than [`HELLO_BYTES`], or the connection ends.
    pub async fn read(io: IO) -> io::Result<Self> {
        let watched = Watched { io, seen: Vec::new() };
        let start = LazyConfigAcceptor::new(Acceptor::default(), watched).await?;
        Ok(Self { start })
    }

    /// The host that it names, normalised. None where it names none, or something that is no host.
    pub fn server_name(&self) -> Option<String> {
        let hello = self.start.client_hello();
        Some(normalise_host(hello.server_name()?).ok()?.into_owned())
    }

    /// The connection as if nobody had read from it, and the bytes that were.
    pub fn untouched(self) -> (IO, Bytes) {
        let Watched { io, seen } = self.start.io;
        (io, seen.into())
    }

    /// Goes on with the handshake.
    pub fn accept(self, config: Arc<ServerConfig>) -> Accept<IO> {
        StartHandshake::from_parts(self.start.accepted, self.start.io.io).into_stream(config)
    }
}

/// Keeps what is read.
#[derive(Debug)]
struct Watched<IO> {
    io: IO,
    seen: Vec<u8>,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Watched<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.seen.len() >= HELLO_BYTES {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the first message of the handshake is too long",
            )));
        }
        let before = buf.filled().len();
        std::task::ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        self.seen.extend_from_slice(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Watched<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// What a client of `host` says first, in records of at most `record` bytes.
    fn hello(host: &str, record: Option<usize>, protocols: usize) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config =
            builder.unwrap().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        config.max_fragment_size = record;
        config.alpn_protocols = (0..protocols).map(|_| vec![b'x'; 200]).collect();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// What is read of a connection that brings `pieces` and then nothing more.
    async fn read(pieces: &[&[u8]]) -> io::Result<Hello<tokio::io::DuplexStream>> {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let writing = async {
            for piece in pieces {
                client.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            client.shutdown().await.unwrap();
            // What is answered, an alert perhaps.
            let mut answer = Vec::new();
            let _ =
                tokio::time::timeout(std::time::Duration::from_millis(1), client.read_to_end(&mut answer))
                    .await;
        };
        tokio::join!(Hello::read(server), writing).0
    }

    #[tokio::test(start_paused = true)]
    async fn the_host_is_read_whole_and_the_bytes_are_kept_however_they_are_cut() {
        for record in [None, Some(40), Some(100)] {
            let bytes = hello("Secret.Example.com", record, 0);
            assert_eq!(bytes.windows(3).filter(|three| *three == [0x16, 3, 1]).count() > 1, record.is_some());
            for size in [1, 7, bytes.len()] {
                let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
                let hello = read(&pieces).await.unwrap();
                assert_eq!(hello.server_name().as_deref(), Some("secret.example.com"));
                assert_eq!(hello.untouched().1, bytes);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_follows_in_the_same_read_is_kept_too() {
        let bytes = [&hello("a.example", None, 0)[..], b"early"].concat();
        assert_eq!(read(&[&bytes]).await.unwrap().untouched().1, bytes);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_names_an_address_or_nothing_wants_no_host() {
        assert_eq!(read(&[&hello("127.0.0.1", None, 0)]).await.unwrap().server_name(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn no_hello_half_of_one_and_one_without_end_are_refused() {
        let whole = hello("a.example", None, 0);
        assert!(read(&[b"GET / HTTP/1.1\r\n\r\n"]).await.is_err());
        assert!(read(&[&whole[..whole.len() - 1]]).await.is_err());
        assert!(read(&[]).await.is_err());
        let long = hello("a.example", None, 70);
        assert!(long.len() < HELLO_BYTES && read(&[&long]).await.is_ok());
        let longer = hello("a.example", None, 110);
        assert!(longer.len() > HELLO_BYTES + 4096);
        assert!(read(&[&longer]).await.is_err());
    }
}
