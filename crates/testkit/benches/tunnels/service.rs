//! The part of the local service that nginx is not: it reads uploads to their end before answering, and
//! echoes WebSocket messages.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// `service PORT`
pub async fn run(words: &[String]) -> Result<()> {
    let port: u16 = words.first().context("service needs a port")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        // Ends with its connection, however that ends.
        tokio::spawn(async move { serve(socket).await });
    }
}

async fn serve(mut socket: TcpStream) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut filled = 0;
    loop {
        let end = loop {
            if let Some(end) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            let read = socket.read(&mut buffer[filled..]).await?;
            if read == 0 {
                return Ok(());
            }
            filled += read;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if field("upgrade:").is_some() {
            return echo(socket).await;
        }
        // A body of unknown length is an upload that somebody on the way has turned into chunks.
        if field("transfer-encoding:").is_some() {
            bail!("chunked uploads are not read here");
        }
        let length: usize = field("content-length:").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut left = length.saturating_sub(filled - end);
        while left > 0 {
            let read = socket.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            left = left.saturating_sub(read);
        }
        filled = 0;
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await?;
    }
}

/// Sends back what comes, frame by frame; small frames only.
async fn echo(mut socket: TcpStream) -> Result<()> {
    socket
        .write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        )
        .await?;
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        let mut answer = Vec::with_capacity(filled);
        let mut at = 0;
        while filled - at >= 6 {
            let length = usize::from(buffer[at + 1] & 0x7f);
            if length > 125 || buffer[at + 1] & 0x80 == 0 {
                bail!("only small masked frames are echoed");
            }
            let Some(frame) = buffer[..filled].get(at..at + 6 + length) else { break };
            answer.extend([frame[0], length as u8]);
            let mask = [frame[2], frame[3], frame[4], frame[5]];
            answer.extend(frame[6..].iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
            at += 6 + length;
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
        if !answer.is_empty() {
            socket.write_all(&answer).await?;
        }
        let read = socket.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
    }
}
