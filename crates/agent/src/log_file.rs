//! A log in files of bounded size, for a program that nobody watches. For its user alone, like everything else here.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::paths::create_private;

/// Bytes of one file: weeks of a quiet program, minutes of one that is asked for everything.
pub const FILE_BYTES: u64 = 1024 * 1024;

/// Bytes at a log's end in which its last lines are looked for.
const TAIL_BYTES: u64 = 64 * 1024;

/// A log. When its file is full, that takes the place of the one before it.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    length: u64,
}

impl LogFile {
    /// Goes on with the log of that name in that folder.
    pub fn open(folder: &Path, name: &str) -> io::Result<Self> {
        create_private(folder)?;
        let path = folder.join(name);
        let open = Mutex::new(open(&path)?);
        Ok(Self { path, open })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8]) -> io::Result<()> {
        let mut open_file = self.lock();
        if open_file.length > 0 && open_file.length + line.len() as u64 > FILE_BYTES {
            std::fs::rename(&self.path, before(&self.path))?;
            *open_file = open(&self.path)?;
        }
        open_file.length += line.len() as u64;
        open_file.file.write_all(line)
    }
}

/// The file that was full.
fn before(path: &Path) -> PathBuf {
    path.with_extension("old.log")
}

fn open(path: &Path) -> io::Result<Open> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    let length = file.metadata()?.len();
    Ok(Open { file, length })
}

/// Whole lines, with what steers a terminal made visible.
impl Write for &LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A log that cannot be written must not stop what it is about.
        let _ = self.add(crate::logging::one_line(line).as_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// When, how bad and where the last lines of a log were written. What they say is left out: they may name hosts,
/// mappings and files, and this is to be pasted anywhere.
pub fn last_lines(folder: &Path, name: &str, count: usize) -> Vec<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let tail = || -> io::Result<String> {
        let mut file = File::open(folder.join(name))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut tail = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut tail)?;
        Ok(String::from_utf8_lossy(&tail).into_owned())
    };
    let tail = tail().unwrap_or_default();
    let mut lines: Vec<String> = tail.lines().rev().filter_map(bare).take(count).collect();
    lines.reverse();
    lines
}

/// Time, level and module of a line; none of one that has them not, such as the first half of one that was cut.
fn bare(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (time, level, module) = (words.next()?, words.next()?, words.next()?.strip_suffix(':')?);
    let is_time =
        time.ends_with('Z') && time.bytes().all(|byte| byte.is_ascii_digit() || b"-:.TZ".contains(&byte));
    let is_level = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level);
    let is_module = module
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_:".contains(&byte));
    (is_time && is_level && is_module).then(|| format!("{time} {level} {module}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "porthole-desktop.log";

    #[test]
    fn a_log_takes_two_files_of_bounded_size_and_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let line = [b'x'; 1023].iter().chain(b"\n").copied().collect::<Vec<u8>>();
        let sizes = || {
            let size = |name: &str| std::fs::metadata(folder.path().join(name)).map_or(0, |meta| meta.len());
            (size(NAME), size("porthole-desktop.old.log"))
        };
        let full = FILE_BYTES / line.len() as u64;
        let log = LogFile::open(folder.path(), NAME).unwrap();
        for _ in 0..full {
            (&log).write_all(&line).unwrap();
        }
        assert_eq!(sizes(), (FILE_BYTES, 0), "exactly full");
        drop(log);
        let log = LogFile::open(folder.path(), NAME).unwrap();
        for _ in 0..=full {
            (&log).write_all(&line).unwrap();
        }
        assert_eq!(sizes(), (line.len() as u64, FILE_BYTES));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn the_last_lines_say_when_and_where_but_nothing_private() {
        let folder = tempfile::tempdir().unwrap();
        let text = "alf a line\n2026-11-21T22:09:05.1Z  WARN porthole_agent::uplink: no way to hunter2.example\n\
            2026-11-21T22:09:06.1Z  INFO porthole_desktop::app: hunter2\nhunter2 INFO hunter2: x\n";
        std::fs::write(folder.path().join(NAME), text).unwrap();
        let first = "2026-11-21T22:09:05.1Z WARN porthole_agent::uplink";
        let second = "2026-11-21T22:09:06.1Z INFO porthole_desktop::app";
        assert_eq!(last_lines(folder.path(), NAME, 5), [first, second]);
        assert_eq!(last_lines(folder.path(), NAME, 1), [second]);
        assert!(last_lines(folder.path(), "none", 1).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_log_is_its_users_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        let _log = LogFile::open(&logs, NAME).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&logs), mode(&logs.join(NAME))), (0o700, 0o600));
    }
}
