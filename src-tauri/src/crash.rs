//! What is kept of an end that nobody wanted: a report on this computer, told once, sent nowhere.

use std::backtrace::Backtrace;
use std::io;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use porthole_agent::paths::{create_private, write_private};

/// Reports kept; the oldest goes first. More than the last few help nobody.
pub const KEPT: usize = 10;

/// Reports of one run of a program: what fails in a circle says the same again.
const OF_ONE_RUN: usize = 3;

/// Bytes of one report; a backtrace takes some ten thousand.
const REPORT_BYTES: usize = 256 * 1024;

const BEGINS: &str = "crash-";

/// The newest report that somebody was told of, by its name.
const TOLD_FILE: &str = "crashes-told";

/// Leaves a report of each panic of this process, a few at most, beside what is printed of it.
pub fn report_panics(folder: PathBuf, program: &'static str) {
    let before = std::panic::take_hook();
    let count = AtomicUsize::new(0);
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        if count.fetch_add(1, Ordering::Relaxed) < OF_ONE_RUN {
            // Where it cannot be written, it was printed.
            let _ = write(&folder, program, &panicked(panic, &Backtrace::force_capture()));
        }
    }));
}

fn panicked(panic: &PanicHookInfo<'_>, backtrace: &Backtrace) -> String {
    let thread = std::thread::current();
    format!("thread {}: {panic}\n\n{backtrace}", thread.name().unwrap_or("without a name"))
}

/// Leaves a report.
pub fn write(folder: &Path, program: &str, what: &str) -> io::Result<PathBuf> {
    create_private(folder)?;
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let path = folder.join(format!("{BEGINS}{at:017}-{program}.txt"));
    let text = format!(
        "{program} {} on {} {}\n{what}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    write_private(&path, &text.as_bytes()[..text.len().min(REPORT_BYTES)])?;
    let reports = reports(folder);
    for old in reports.iter().take(reports.len().saturating_sub(KEPT)) {
        std::fs::remove_file(folder.join(old))?;
    }
    Ok(path)
}

/// How many reports nobody was told of so far; from here on somebody was.
pub fn news(folder: &Path) -> usize {
    let reports = reports(folder);
    let told = std::fs::read_to_string(folder.join(TOLD_FILE)).unwrap_or_default();
    let news = reports.iter().filter(|report| report.as_str() > told.as_str()).count();
    if let Some(newest) = reports.last().filter(|_| news > 0)
        && let Err(error) = write_private(&folder.join(TOLD_FILE), newest.as_bytes())
    {
        tracing::warn!(%error, "that a report was told of is not remembered");
    }
    news
}

/// Their names, the oldest first.
fn reports(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut reports: Vec<String> = names.filter(|name| name.starts_with(BEGINS)).collect();
    reports.sort();
    reports
}

/// That this program runs: a file which outlives it only if it ends without having been asked to.
#[derive(Debug)]
pub struct Running(PathBuf);

impl Running {
    /// Begins. Where the one before ended badly, and this computer has not been started since, there is a report of
    /// it in `crashes`.
    pub fn begin(file: PathBuf, crashes: &Path, program: &str) -> Self {
        let boot = boot();
        if let Ok(before) = std::fs::read_to_string(&file)
            && before == boot
        {
            let what = "It ended without having been asked to: it was killed, or crashed.";
            if let Err(error) = write(crashes, program, what) {
                tracing::warn!(%error, "there is no report of the last end");
            }
        }
        if let Err(error) = write_private(&file, boot.as_bytes()) {
            tracing::warn!(%error, "an unwanted end of this program will not be noticed");
        }
        Self(file)
    }

    /// Ends, as it was asked to.
    pub fn end(self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(%error, "this end will be taken for an unwanted one");
        }
    }
}

/// Names this run of the computer; what a power cut ended did not crash.
fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_bounded_and_told_of_once() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(news(folder.path()), 0);
        let mut last = PathBuf::new();
        for number in 0..=KEPT {
            let path = write(folder.path(), "porthole-desktop", &format!("the {number}th")).unwrap();
            assert_ne!(path, last);
            last = path;
        }
        assert_eq!(news(folder.path()), KEPT, "one more than is kept was written");
        assert!(std::fs::read_to_string(last).unwrap().contains(&format!("the {KEPT}th")));
        assert_eq!(news(folder.path()), 0);
        write(folder.path(), "porthole-window", "x").unwrap();
        assert_eq!(news(folder.path()), 1);
    }

    #[test]
    fn a_panic_leaves_a_report_that_says_where() {
        let folder = tempfile::tempdir().unwrap();
        report_panics(folder.path().to_owned(), "porthole-desktop");
        let fails = || std::panic::catch_unwind(|| panic!("hunter2"));
        for _ in 0..=OF_ONE_RUN {
            assert!(fails().is_err());
        }
        drop(std::panic::take_hook());
        let found = reports(folder.path());
        assert_eq!(found.len(), OF_ONE_RUN);
        let text = std::fs::read_to_string(folder.path().join(&found[0])).unwrap();
        for part in ["porthole-desktop 0.", "hunter2", "crash.rs", "a_panic_leaves_a_report"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn an_end_that_was_not_asked_for_is_noticed_at_the_next_start_unless_the_computer_went_down() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("running");
        let begin = || Running::begin(file.clone(), folder.path(), "porthole-desktop");
        begin().end();
        begin();
        assert!(reports(folder.path()).is_empty());
        begin().end();
        assert_eq!(reports(folder.path()).len(), 1);
        std::fs::write(&file, "another run of this computer").unwrap();
        begin().end();
        assert_eq!(reports(folder.path()).len(), 1);
    }
}
