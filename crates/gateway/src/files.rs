//! Files in the data folder: private, and replaced whole or only ever added to.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How much of a file that is added to is kept.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Bytes of the file before it is put aside.
    pub bytes: u64,
    /// Files put aside; older ones are dropped.
    pub aside: u32,
}

/// Makes a folder (and those above it) that only its owner can enter.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Replaces `path` by `bytes` in one step: a reader, or a start after a power loss, sees the old content
/// or the new, never half of it.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}-{}-{}", std::process::id(), uuid::Uuid::new_v4()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(&draft)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&draft, path))
        .and_then(|()| keep_name(folder));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}

/// Has the folder's own entries on disk, too: without that a power loss may bring the old file back.
fn keep_name(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Adds whole lines to a file, made with mode 0600 where there is none, putting it aside first where it is
/// full: as `NAME.1`, the newest. What could not be written whole is taken back. They are with the system
/// then; who wants them on disk syncs the file.
pub fn append(file: &Path, lines: &[u8], kept: Kept) -> io::Result<File> {
    let full = |found: std::fs::Metadata| found.is_file() && found.len() + lines.len() as u64 > kept.bytes;
    if std::fs::metadata(file).is_ok_and(full) {
        put_aside(file, kept.aside)?;
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(file)?;
    let before = opened.metadata()?;
    if let Err(error) = opened.write_all(lines) {
        if before.is_file() {
            // Half a line would spoil the next one. Where this fails, too, nothing better can be done.
            let _ = opened.set_len(before.len());
        }
        return Err(error);
    }
    Ok(opened)
}

fn put_aside(file: &Path, files: u32) -> io::Result<()> {
    let aside = |number: u32| PathBuf::from(format!("{}.{number}", file.display()));
    for number in (1..files).rev() {
        match std::fs::rename(aside(number), aside(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(file, aside(1))
}

/// Reads a JSON file; one that does not exist gives the default.
pub fn read_json<T: serde::de::DeserializeOwned + Default>(path: &Path) -> io::Result<T> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(error),
    }
}

/// Replaces a JSON file whole.
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(io::Error::from)?;
    bytes.push(b'\n');
    replace(path, &bytes)
}
