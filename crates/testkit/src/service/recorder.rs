//! A service that keeps every byte it is sent: what reached it and what did not.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{LocalService, Record};
use crate::visitor::find;

/// What [`LocalService::recording`] was sent, connection by connection, in the order of their beginning.
/// The agent looks once whether something listens: a connection without a byte is not told.
#[derive(Debug, Clone, Default)]
pub struct Received(Arc<Mutex<Vec<Vec<u8>>>>);

impl Received {
    /// The bytes of each connection that had any.
    pub fn connections(&self) -> Vec<Vec<u8>> {
        let connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        connections.iter().filter(|bytes| !bytes.is_empty()).cloned().collect()
    }

    /// Everything, as text, one connection after the other.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.connections().concat()).into_owned()
    }

    /// The whole requests, one after the other. What is left of a broken one is not among them.
    pub fn requests(&self) -> Vec<String> {
        let mut requests = Vec::new();
        for connection in self.connections() {
            let mut rest = &connection[..];
            while let Some(length) = whole_request(rest) {
                requests.push(String::from_utf8_lossy(&rest[..length]).into_owned());
                rest = &rest[length..];
            }
        }
        requests
    }

    /// The last whole request that has `part` in its request line.
    pub fn request(&self, part: &str) -> Option<String> {
        let named = |request: &String| request.lines().next().is_some_and(|line| line.contains(part));
        self.requests().into_iter().rev().find(named)
    }

    /// Forgets what came so far; connections go on.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().for_each(Vec::clear);
    }

    fn begin(&self) -> usize {
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        connections.push(Vec::new());
        connections.len() - 1
    }

    fn add(&self, connection: usize, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[connection].extend_from_slice(bytes);
    }
}

impl LocalService {
    /// A service that keeps every byte and gives each whole request the answer that `answer` makes of its
    /// head; one whose target begins with `/early` is answered before its body is there. After an answer
    /// with status 101 it only listens; one with `Connection: close` ends the connection.
    pub async fn recording<A>(answer: A) -> (Self, Received)
    where
        A: Fn(&str) -> String + Clone + Send + Sync + 'static,
    {
        let received = Received::default();
        let told = received.clone();
        let service = Self::accept(Record::default(), move |socket, _| {
            let (received, answer) = (told.clone(), answer.clone());
            async move {
                let number = received.begin();
                // An end of the connection is an end of the record, however it comes.
                let _ = serve(socket, &received, number, answer).await;
            }
        });
        (service.await, received)
    }
}

async fn serve(
    mut socket: TcpStream,
    received: &Received,
    number: usize,
    answer: impl Fn(&str) -> String,
) -> std::io::Result<()> {
    let mut input = Vec::new();
    let mut answered_early = false;
    let mut opaque = false;
    loop {
        let seen = input.len();
        if socket.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        received.add(number, &input[seen..]);
        while !opaque && let Some(end) = find(&input, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&input[..end + 4]).into_owned();
            let early = head.split(' ').nth(1).is_some_and(|target| target.starts_with("/early"));
            let whole = whole_request(&input);
            if !answered_early && (early || whole.is_some()) {
                answered_early = true;
                let answer = answer(&head);
                socket.write_all(answer.as_bytes()).await?;
                opaque = answer.starts_with("HTTP/1.1 101 ");
                if answer.contains("\r\nConnection: close\r\n") {
                    return socket.shutdown().await;
                }
            }
            let Some(whole) = whole else { break };
            input.drain(..whole);
            answered_early = false;
        }
    }
}

/// Bytes of the request at the front of `bytes`, if all of it is there. As lenient as a naive service:
/// what comes first of `Transfer-Encoding` and `Content-Length` counts.
fn whole_request(bytes: &[u8]) -> Option<usize> {
    let head = find(bytes, b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    for line in text.lines() {
        if let Some(length) = line.strip_prefix("content-length:") {
            let whole = head + length.trim().parse::<usize>().ok()?;
            return (bytes.len() >= whole).then_some(whole);
        }
        if line.starts_with("transfer-encoding:") {
            return whole_chunked(&bytes[head..]).map(|length| head + length);
        }
    }
    Some(head)
}

fn whole_chunked(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = find(&bytes[at..], b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[at..at + line]).ok()?, 16).ok()?;
        at += line + 2;
        if size == 0 {
            break;
        }
        at += size + 2;
        if bytes.len() < at {
            return None;
        }
    }
    // Trailers, and the empty line.
    loop {
        let line = find(&bytes[at..], b"\r\n")?;
        at += line + 2;
        if line == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_where_its_framing_says() {
        for (bytes, length) in [
            ("GET / HTTP/1.1\r\n\r\nGET", Some(18)),
            ("GET / HTTP/1.1\r\n", None),
            ("P / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabc", Some(37)),
            ("P / HTTP/1.1\r\nContent-Length: 2\r\n\r\na", None),
            ("P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n\r\nG", Some(62)),
            ("P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n", None),
        ] {
            assert_eq!(whole_request(bytes.as_bytes()), length, "{bytes:?}");
        }
    }
}
