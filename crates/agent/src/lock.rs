//! One engine per data folder, and one desktop app: a lock on a file, which the kernel gives back when its holder
//! dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;

use crate::paths::Paths;

/// Held as long as the engine runs.
#[derive(Debug)]
pub struct EngineLock {
    _file: File,
}

impl EngineLock {
    /// Takes the lock, or tells with `None` that another process has it.
    ///
    /// # Errors
    /// When the lock file cannot be made (a read-only or missing data folder).
    pub fn try_take(paths: &Paths) -> io::Result<Option<Self>> {
        Ok(try_take(&paths.lock())?.map(|file| Self { _file: file }))
    }
}

/// Takes the lock of a file for as long as the answer lives, or tells with `None` that another process has it.
///
/// # Errors
/// When the file cannot be made (a read-only or missing folder).
pub fn try_take(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    match file.try_lock() {
        Ok(()) => {
            // For people who look; nothing depends on it, so a full disk is no reason to stop.
            let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
            Ok(Some(file))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_is_told_and_the_lock_ends_with_its_holder() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let held = EngineLock::try_take(&paths).unwrap().unwrap();
        assert!(EngineLock::try_take(&paths).unwrap().is_none());
        drop(held);
        assert!(EngineLock::try_take(&paths).unwrap().is_some());
    }
}
