//! The agent's database: mappings, remembered names, who this agent is; and what passed through.
//!
//! SQLite in WAL mode on a thread of its own; what a call has answered survives `kill -9` and power
//! loss (`synchronous=FULL`). [`exchanges`] are written by another thread, and read by one more
//! ([`Store::reader`]): a long search holds up no mapping.

pub mod connections;
pub mod exchanges;
mod mappings;
mod names;
mod open;
mod settings;
pub mod stand_ins;

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

pub use mappings::StoredMapping;
pub use names::Remembered;

/// Calls that wait for the store's thread. People and one engine make them, one at a time.
const QUEUE: usize = 64;

/// Why the store could not do it. Each is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the disk is full: free some space; nothing that was saved before is lost")]
    Full,
    #[error("the database is damaged: start `porthole up` or `porthole http`, which sets it aside")]
    Damaged,
    #[error("another program keeps the database busy: try again")]
    Busy,
    #[error("the database {0} was made by a newer Porthole: update this one")]
    Newer(String),
    #[error("no mapping is called “{0}”: `porthole mappings list` shows them")]
    NoMapping(String),
    #[error("more than one mapping is called “{0}”: use the id that `porthole mappings list` shows")]
    Ambiguous(String),
    #[error("a mapping with the id “{0}” exists already")]
    Exists(String),
    #[error(
        "the mapping {0} has this public address already: change it with `porthole mappings edit {0}`, or choose another name, host or path"
    )]
    SameAddress(String),
    #[error("no exchange has the number {0}: `porthole exchanges list` shows them")]
    NoExchange(i64),
    #[error("a note has at most {} KiB of text", exchanges::NOTE_BYTES / 1024)]
    LongNote,
    #[error("the database cannot be used: {0}")]
    Other(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi;
        let code = error.sqlite_error().map(|error| error.extended_code);
        match code.map(|code| code & 0xff) {
            Some(ffi::SQLITE_FULL) => Self::Full,
            // The shared-memory file could not grow: how a full disk shows itself in WAL mode.
            Some(ffi::SQLITE_IOERR) if code == Some(ffi::SQLITE_IOERR_SHMSIZE) => Self::Full,
            Some(ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB) => Self::Damaged,
            Some(ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED) => Self::Busy,
            _ => Self::Other(error.to_string()),
        }
    }
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A handle on the store's thread. Clones are the same store; the thread ends with the last one.
#[derive(Debug, Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
}

/// What opening found.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    /// Where a damaged database was put.
    pub set_aside: Option<PathBuf>,
    /// Set when the disk is full: the store then lives in memory, and what it is told is lost.
    pub in_memory: bool,
}

/// What to do about a database that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mend {
    /// Only say so: another process may have it open.
    Never,
    /// Set a damaged one aside and begin a new one. For whoever holds the engine's lock.
    SetAside,
    /// That, and go on in memory when the disk is full, because traffic matters more.
    CarryOn,
}

impl Store {
    /// Opens or creates the database and brings its tables up to date.
    pub async fn open(path: &Path, mend: Mend) -> Result<Opened, StoreError> {
        let path = path.to_owned();
        let (store, (set_aside, in_memory)) = Self::spawn("store", move || {
            let (connection, set_aside, in_memory) = open::open(&path, mend)?;
            Ok((connection, (set_aside, in_memory)))
        })
        .await?;
        Ok(Opened { store, set_aside, in_memory })
    }

    /// A further handle that only reads, on a thread of its own. The database must be there.
    pub async fn reader(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let (store, ()) = Self::spawn("store-reader", move || Ok((open::reader(&path)?, ()))).await?;
        Ok(store)
    }

    /// A thread with the connection that `open` gives.
    async fn spawn<T: Send + 'static>(
        name: &str,
        open: impl FnOnce() -> Result<(Connection, T), StoreError> + Send + 'static,
    ) -> Result<(Self, T), StoreError> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(QUEUE);
        let (told, opened) = oneshot::channel();
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                let mut connection = match open() {
                    Ok((connection, found)) => {
                        if told.send(Ok(found)).is_err() {
                            return;
                        }
                        connection
                    }
                    Err(error) => {
                        let _ = told.send(Err(error));
                        return;
                    }
                };
                while let Some(job) = waiting.blocking_recv() {
                    job(&mut connection);
                }
            })
            .map_err(|error| StoreError::Other(error.to_string()))?;
        let found = opened.await.map_err(|_| StoreError::Other("its thread ended early".into()))??;
        Ok((Self { jobs }, found))
    }

    /// Folds the write-ahead log into the database, so that the file alone is whole. For a clean exit;
    /// nothing is lost without it.
    pub async fn settle(&self) -> Result<(), StoreError> {
        self.call(|connection| Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?))
            .await
    }

    /// Runs `work` on the store's thread.
    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Other("its thread has ended".into());
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let _ = answer.send(work(connection));
        });
        self.jobs.send(job).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

#[cfg(test)]
mod tests;
