//! The conversation as JSON lines over a Unix socket.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::{Conversation, FromEngine, QUEUE, ToEngine};

/// Longest line, in bytes: a status of 1,000 mappings stays well below.
const LINE_BYTES: u64 = 4 * 1024 * 1024;

/// Lines written in one go when they have piled up.
const LINES_AT_ONCE: usize = 64;

/// The engine's socket; removed when dropped.
#[derive(Debug)]
pub struct Listener {
    inner: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Binds the socket. Only whoever holds the engine's lock may call this: it replaces what a killed
    /// engine left behind.
    pub fn bind(path: &Path) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            crate::paths::create_private(dir)?;
            let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::symlink_metadata(dir)?);
            if owner != rustix::process::getuid().as_raw() {
                return Err(io::Error::other(format!("{} belongs to another user", dir.display())));
            }
        }
        // Bound beside and then renamed, so that nobody can connect before the mode is set.
        let mut beside = path.as_os_str().to_owned();
        beside.push("~");
        let beside = PathBuf::from(beside);
        let _ = std::fs::remove_file(&beside);
        let inner = UnixListener::bind(&beside)?;
        std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&beside, path)?;
        Ok(Self { inner, path: path.to_owned() })
    }

    /// The next command, of this user (root's are let in too: root could read the files anyway).
    pub async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.inner.accept().await?;
            let uid = stream.peer_cred()?.uid();
            if uid == rustix::process::getuid().as_raw() || uid == 0 {
                return Ok(stream);
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Reaches the engine that listens at `path`.
pub async fn connect(path: &Path) -> io::Result<Conversation> {
    let stream = UnixStream::connect(path).await?;
    let (send, to_engine) = mpsc::channel::<ToEngine>(QUEUE);
    let (from_engine, receive) = mpsc::channel::<FromEngine>(QUEUE);
    tokio::spawn(carry(stream, to_engine, from_engine));
    Ok(Conversation { send, receive })
}

/// Carries messages between a socket and two channels until any of them ends.
pub async fn carry<Out, In>(stream: UnixStream, mut out: mpsc::Receiver<Out>, into: mpsc::Sender<In>)
where
    Out: Serialize + Send + 'static,
    In: DeserializeOwned + Send + 'static,
{
    let (read, mut write) = stream.into_split();
    let writing = async move {
        let mut batch = Vec::new();
        let mut text = Vec::new();
        while out.recv_many(&mut batch, LINES_AT_ONCE).await > 0 {
            text.clear();
            for message in batch.drain(..) {
                if serde_json::to_writer(&mut text, &message).is_err() {
                    return;
                }
                text.push(b'\n');
            }
            if write.write_all(&text).await.is_err() {
                return;
            }
        }
        let _ = write.shutdown().await;
    };
    let reading = async move {
        let mut read = BufReader::new(read);
        let mut line = Vec::new();
        while let Ok(true) = read_line(&mut read, &mut line).await {
            match serde_json::from_slice(&line) {
                Ok(message) => {
                    if into.send(message).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a message from another Porthole process was not understood");
                    return;
                }
            }
        }
    };
    tokio::pin!(writing);
    tokio::select! {
        () = &mut writing => {}
        () = reading => {}
    }
}

/// Reads one line without its end; false when there are no more.
async fn read_line(read: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    read.take(LINE_BYTES).read_until(b'\n', line).await?;
    match line.pop() {
        Some(b'\n') => Ok(true),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "a line too long or cut short")),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::Hello;

    #[tokio::test]
    async fn messages_cross_the_socket_in_order_and_its_end_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.sock");
        let listener = Listener::bind(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut command = connect(&path).await.unwrap();
        let stream = listener.accept().await.unwrap();
        let (to_command, out) = mpsc::channel::<FromEngine>(QUEUE);
        let (into, mut from_command) = mpsc::channel::<ToEngine>(QUEUE);
        tokio::spawn(carry(stream, out, into));
        let hello = ToEngine::Hello(Hello { protocol: 1, ..Hello::default() });
        command.send.send(hello.clone()).await.unwrap();
        command.send.send(ToEngine::Status).await.unwrap();
        assert_eq!(from_command.recv().await, Some(hello));
        assert_eq!(from_command.recv().await, Some(ToEngine::Status));
        to_command.send(FromEngine::Leaving).await.unwrap();
        drop(to_command);
        assert_eq!(command.receive.recv().await, Some(FromEngine::Leaving));
        assert_eq!(command.receive.recv().await, None);
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_left_by_a_killed_engine_is_replaced_and_garbage_ends_the_conversation() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("engine.sock");
        let dead = UnixListener::bind(&path).unwrap();
        drop(dead);
        let listener = Listener::bind(&path).unwrap();
        let mut garbage = UnixStream::connect(&path).await.unwrap();
        let (_to_command, out) = mpsc::channel::<FromEngine>(QUEUE);
        let (into, mut from_command) = mpsc::channel::<ToEngine>(QUEUE);
        tokio::spawn(carry(listener.accept().await.unwrap(), out, into));
        garbage.write_all(b"{\"type\":\"nonsense\"}\n").await.unwrap();
        assert_eq!(from_command.recv().await, None);
    }
}
