//! As much HTTP/1.1 as a load generator needs.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::PATIENCE;

/// Room for the head and body of a small answer.
const SMALL: usize = 8 * 1024;

pub fn get(host: &str, path: &str, close: bool) -> Vec<u8> {
    let connection = if close { "Connection: close\r\n" } else { "" };
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n{connection}\r\n").into_bytes()
}

pub async fn connect(to: SocketAddr) -> Result<TcpStream> {
    let socket = tokio::time::timeout(PATIENCE, TcpStream::connect(to)).await.context("connecting")??;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// The head of an answer, and how much of the body came with it.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    pub status: u16,
    pub length: u64,
    pub body_read: u64,
}

/// Reads a head into `buffer`, which is as large as anything that may come with it.
pub async fn head(socket: &mut TcpStream, buffer: &mut [u8]) -> Result<Head> {
    let mut filled = 0;
    loop {
        let read = socket.read(&mut buffer[filled..]).await?;
        if read == 0 {
            bail!("closed after {filled} bytes of an answer");
        }
        // The end may lie across two reads.
        let from = filled.saturating_sub(3);
        filled += read;
        if let Some(end) = find(&buffer[from..filled], b"\r\n\r\n") {
            let end = from + end + 4;
            let (status, length) = parse(&buffer[..end])?;
            return Ok(Head { status, length, body_read: (filled - end) as u64 });
        }
        if filled == buffer.len() {
            bail!("an answer's head is longer than {filled} bytes");
        }
    }
}

fn parse(head: &[u8]) -> Result<(u16, u64)> {
    let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    let status = status.and_then(|digits| digits.parse().ok()).context("no status")?;
    for line in head.split(|byte| *byte == b'\n') {
        let (name, value) = line.split_at(line.len().min(15));
        if name.eq_ignore_ascii_case(b"content-length:") {
            let text = std::str::from_utf8(value)?.trim();
            return Ok((status, text.parse().context("content-length")?));
        }
    }
    bail!("an answer {status} without Content-Length")
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}

/// One small exchange on a connection that stays: no timer, it would cost more than the exchange does.
pub async fn exchange(socket: &mut TcpStream, request: &[u8]) -> Result<()> {
    // A request this small fits into an empty send buffer.
    socket.write_all(request).await?;
    let mut buffer = [0_u8; SMALL];
    let head = head(socket, &mut buffer).await?;
    if head.status != 200 {
        bail!("status {}", head.status);
    }
    let mut left = head.length.saturating_sub(head.body_read);
    while left > 0 {
        let read = socket.read(&mut buffer).await? as u64;
        if read == 0 {
            bail!("closed with {left} bytes of a body missing");
        }
        left = left.saturating_sub(read);
    }
    Ok(())
}
