//! One app for each data folder: the first holds a lock and listens, a further start tells it what it was started
//! for and ends.

use std::fmt;
use std::fs::File;
use std::io;
use std::time::Duration;

use porthole_agent::door::socket;
use porthole_agent::lock;
use porthole_agent::paths::Paths;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

/// Bytes of what a further start says.
const MESSAGE_BYTES: u64 = 64 * 1024;

/// For a message, or for the first start to begin listening: both take milliseconds.
const WAIT: Duration = Duration::from_secs(5);

/// Between two looks at a first start that does not listen yet.
const LOOK: Duration = Duration::from_millis(20);

/// What a further start wants of the first.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// It was started to be seen.
    pub show: bool,
    /// It was started for this link, which holds a secret.
    pub link: Option<String>,
}

impl fmt::Debug for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = self.link.as_ref().map(|_| "***");
        f.debug_struct("Wish").field("show", &self.show).field("link", &link).finish()
    }
}

/// Who this start is.
#[derive(Debug)]
pub enum Start {
    First(First),
    /// The wish was handed over.
    Further,
}

/// The first: holds its place as long as this lives.
#[derive(Debug)]
pub struct First {
    _lock: File,
    listener: socket::Listener,
}

/// Takes the place of the first, or tells the one who has it.
pub async fn claim(paths: &Paths, wish: &Wish) -> io::Result<Start> {
    let claimed = async {
        loop {
            if let Some(lock) = lock::try_take(&paths.app_lock())? {
                return Ok(Start::First(First {
                    _lock: lock,
                    listener: socket::Listener::bind(&paths.app_socket())?,
                }));
            }
            // Between its lock and its socket there is a moment, and another where it leaves.
            if hand_over(paths, wish).await.is_ok() {
                return Ok(Start::Further);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(WAIT, claimed).await.unwrap_or_else(|_| {
        Err(io::Error::other(format!(
            "another Porthole holds {} but does not answer",
            paths.app_lock().display()
        )))
    })
}

async fn hand_over(paths: &Paths, wish: &Wish) -> io::Result<()> {
    let mut stream = UnixStream::connect(paths.app_socket()).await?;
    let mut line = serde_json::to_vec(wish)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.shutdown().await?;
    // It closes once it has read.
    stream.read_to_end(&mut Vec::new()).await.map(drop)
}

impl First {
    /// What the next further start wants. Cancel safe: one that is interrupted tries again.
    pub async fn wish(&self) -> Wish {
        loop {
            match self.next().await {
                Ok(wish) => return wish,
                Err(error) => {
                    tracing::debug!(%error, "a further start was not understood");
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }

    async fn next(&self) -> io::Result<Wish> {
        let stream = self.listener.accept().await?;
        let mut line = String::new();
        let mut reader = BufReader::new(stream).take(MESSAGE_BYTES);
        let read = tokio::time::timeout(WAIT, reader.read_line(&mut line)).await;
        read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(serde_json::from_str(&line)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_further_start_hands_its_wish_to_the_first_and_the_place_is_free_after_it() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let quiet = Wish::default();
        let Start::First(first) = claim(&paths, &quiet).await.unwrap() else {
            panic!("nobody else is there")
        };
        let wish = Wish { show: true, link: Some("porthole://connect?token=hunter2".into()) };
        assert!(!format!("{wish:?}").contains("hunter2"));
        let (further, heard) = tokio::join!(claim(&paths, &wish), first.wish());
        assert!(matches!(further.unwrap(), Start::Further));
        assert_eq!(heard, wish);
        drop(first);
        assert!(matches!(claim(&paths, &quiet).await.unwrap(), Start::First(_)));
    }

    #[tokio::test]
    async fn of_several_starts_at_once_one_is_the_first() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let wish = Wish { show: true, link: None };
        let start = async || match claim(&paths, &wish).await.unwrap() {
            Start::First(first) => {
                for _ in 0..2 {
                    first.wish().await;
                }
                true
            }
            Start::Further => false,
        };
        let (a, b, c) = tokio::join!(start(), start(), start());
        assert_eq!([a, b, c].into_iter().filter(|first| *first).count(), 1);
    }
}
