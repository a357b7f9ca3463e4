//! The access log as a file of its own, or on standard output: JSON lines on their way there.
//!
//! Whoever ends an exchange puts its line into a bounded queue and goes on. One task writes what has
//! gathered, off the runtime's thread. A disk that takes nothing costs lines, which are counted, and never
//! a visitor's time.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::line::Line;
use crate::config::AccessLogTo;
use crate::files::{self, Kept};
use crate::server::Gateway;

/// Lines that wait to be written, below 4 KiB each: what 80,000 exchanges a second bring in one pause.
/// More are lost and counted.
const QUEUE_LINES: usize = 8_192;
/// Lines written at once.
const BATCH_LINES: usize = 2_048;
/// Between two writings: a line waits this long at most, and a flood wakes nobody for each of them.
const PAUSE: Duration = Duration::from_millis(100);
/// A file of 64 MiB holds some 150,000 exchanges; with the ones put aside that is 320 MiB.
const KEPT: Kept = Kept { bytes: 64 * 1024 * 1024, aside: 4 };
/// Losses that last are told this often, not for each line.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Lines on their way.
#[derive(Debug)]
pub struct AccessLog {
    to: AccessLogTo,
    queue: mpsc::Sender<Box<Line>>,
    waiting: Mutex<Option<mpsc::Receiver<Box<Line>>>>,
    /// Lines that were not written, since the start.
    lost: AtomicU64,
    /// When it was last said that lines are lost.
    said: Mutex<Option<Instant>>,
}

/// Whether lines can be written to `to`; makes the file where there is none.
pub fn check(to: &AccessLogTo) -> io::Result<()> {
    match to {
        AccessLogTo::Output => Ok(()),
        AccessLogTo::File(file) if is_special(file) => Ok(()),
        AccessLogTo::File(file) => files::append(file, &[], KEPT).map(drop),
    }
}

/// A pipe, say: to open it may wait for whoever reads it.
fn is_special(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

impl AccessLog {
    pub fn new(to: AccessLogTo) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_LINES);
        let waiting = Mutex::new(Some(waiting));
        Self { to, queue, waiting, lost: AtomicU64::new(0), said: Mutex::new(None) }
    }

    /// Has a line written soon. Never waits.
    pub(super) fn write(&self, line: Box<Line>) {
        if self.queue.try_send(line).is_err() {
            self.lose(1, "it is not written as fast as exchanges end");
        }
    }

    /// Lines that were not written, since the start.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn lose(&self, lines: u64, problem: &str) {
        let lost = self.lost.fetch_add(lines, Ordering::Relaxed) + lines;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|said| said.elapsed() > SAY_AGAIN) {
            *said = Some(Instant::now());
            drop(said);
            tracing::warn!(lost, problem, "lines are missing in the access log; traffic goes on");
        }
    }
}

/// Writes what comes, until the gateway's end and then what is left.
pub(crate) async fn keep(gateway: Arc<Gateway>) {
    let Some(log) = &gateway.access_log else { return };
    let Some(mut waiting) = log.waiting.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let mut lines = Vec::with_capacity(BATCH_LINES);
    loop {
        let over = tokio::select! {
            biased;
            _ = waiting.recv_many(&mut lines, BATCH_LINES) => false,
            () = gateway.links_end.cancelled() => true,
        };
        if over {
            return;
        }
        let count = lines.len() as u64;
        let to = log.to.clone();
        let batch = std::mem::take(&mut lines);
        let written = tokio::task::spawn_blocking(move || {
            let written = put(&to, &text(&batch));
            (batch, written)
        });
        match written.await {
            Ok((batch, written)) => {
                lines = batch;
                lines.clear();
                if let Err(error) = written {
                    log.lose(count, &error.to_string());
                }
            }
            Err(error) => log.lose(count, &error.to_string()),
        }
        let _ = tokio::time::timeout(PAUSE, gateway.links_end.cancelled()).await;
    }
}

fn text(lines: &[Box<Line>]) -> Vec<u8> {
    let mut text = Vec::with_capacity(lines.len() * 512);
    for line in lines {
        let begin = text.len();
        // Fails for nothing that the type can hold; half a line would spoil the next one.
        if serde_json::to_writer(&mut text, line).is_err() {
            text.truncate(begin);
            continue;
        }
        text.push(b'\n');
    }
    text
}

/// The file is opened anew each time: whoever moves it away finds another one at the next line.
fn put(to: &AccessLogTo, text: &[u8]) -> io::Result<()> {
    match to {
        AccessLogTo::Output => {
            let mut out = io::stdout().lock();
            out.write_all(text).and_then(|()| out.flush())
        }
        AccessLogTo::File(file) => files::append(file, text, KEPT).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::Asked;
    use super::*;
    use crate::config::Config;
    use crate::secret::{Secret, Secrets};

    fn line(id: usize) -> Box<Line> {
        Box::new(Line {
            time: jiff::Timestamp::now(),
            request_id: id.to_string(),
            visitor: [192, 0, 2, 1].into(),
            asked: Asked::default(),
            status: Some(200),
            code: None,
            outcome: "done",
            bytes_in: 0,
            bytes_out: 0,
            ms: 0.0,
            first_byte_ms: None,
            mapping_id: None,
            mapping: None,
            subject: None,
        })
    }

    async fn gateway(home: &Path, file: &Path) -> Arc<Gateway> {
        let secrets = Secrets::fixed(Secret::new("a secret of at least 32 bytes for a test"));
        let mut config = Config::in_folder(home, secrets);
        config.access_log = Some(AccessLogTo::File(file.to_owned()));
        Gateway::start(config).unwrap()
    }

    #[tokio::test]
    async fn all_lines_are_in_the_file_when_the_gateway_has_ended_and_a_moved_file_is_made_anew() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("access.jsonl");
        let gateway = gateway(home.path(), &file).await;
        let log = gateway.access_log.as_ref().unwrap();
        let lines = |file: &Path| std::fs::read_to_string(file).unwrap_or_default().lines().count();
        log.write(line(0));
        while lines(&file) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let moved = home.path().join("moved.jsonl");
        std::fs::rename(&file, &moved).unwrap();
        (1..4_000).for_each(|number| log.write(line(number)));
        gateway.drain().await;
        // The gateway waits for it, though not longer than a busy machine may need.
        while lines(&file) < 3_999 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!((lines(&moved), lines(&file), log.lost()), (1, 3_999, 0));
    }

    #[tokio::test]
    async fn lines_that_cannot_be_written_or_wait_too_long_are_counted_and_nobody_waits() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("no such folder/access.jsonl");
        assert!(check(&AccessLogTo::File(file.clone())).is_err());
        let gateway = gateway(home.path(), &file).await;
        let log = gateway.access_log.as_ref().unwrap();
        // The runtime has one thread, so that nobody takes a line off the queue meanwhile.
        (0..QUEUE_LINES + 7).for_each(|number| log.write(line(number)));
        assert_eq!(log.lost(), 7);
        while log.lost() < QUEUE_LINES as u64 + 7 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gateway.drain().await;
    }
}
