//! Where this computer keeps Porthole's files.

use std::io;
use std::path::{Path, PathBuf};

/// Longest socket path that every Unix takes (macOS: 104 bytes with the NUL).
#[cfg(unix)]
const SOCKET_PATH_BYTES: usize = 100;

/// The three folders. `PORTHOLE_HOME` puts all of them in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    pub config: PathBuf,
    pub data: PathBuf,
    pub logs: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum PathsError {
    #[error("this user has no home folder: set PORTHOLE_HOME to a folder for Porthole's files")]
    NoHome,
    #[error("cannot create the folder {path}: {source}; make it writable or set PORTHOLE_HOME to another")]
    Create { path: PathBuf, source: io::Error },
}

impl Paths {
    /// The folders of this user, `PORTHOLE_HOME` first. Nothing is created.
    pub fn find() -> Result<Self, PathsError> {
        if let Some(home) = std::env::var_os("PORTHOLE_HOME").filter(|home| !home.is_empty()) {
            let home = PathBuf::from(home);
            return Ok(Self::under(&std::path::absolute(&home).unwrap_or(home)));
        }
        let dirs = directories::ProjectDirs::from("", "", "porthole").ok_or(PathsError::NoHome)?;
        let data = dirs.data_local_dir().to_path_buf();
        let logs = dirs.state_dir().map_or_else(|| data.join("logs"), |state| state.join("logs"));
        Ok(Self { config: dirs.config_dir().to_path_buf(), data, logs })
    }

    /// Everything under one folder.
    pub fn under(home: &Path) -> Self {
        Self { config: home.to_path_buf(), data: home.to_path_buf(), logs: home.join("logs") }
    }

    /// Creates the data folder, for this user only.
    pub fn create_data(&self) -> Result<(), PathsError> {
        create_private(&self.data).map_err(|source| PathsError::Create { path: self.data.clone(), source })
    }

    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    pub fn database(&self) -> PathBuf {
        self.data.join("porthole.db")
    }

    /// Tokens, where there is no keychain.
    pub fn credentials(&self) -> PathBuf {
        self.data.join("credentials.toml")
    }

    /// Held by the one engine of this data folder.
    pub fn lock(&self) -> PathBuf {
        self.data.join("engine.lock")
    }

    /// Held by the one desktop app of this data folder.
    pub fn app_lock(&self) -> PathBuf {
        self.data.join("app.lock")
    }

    /// There while the desktop app runs, and after it only if it ended badly.
    pub fn app_running(&self) -> PathBuf {
        self.data.join("app.running")
    }

    /// The trial gateway's own home.
    pub fn trial(&self) -> PathBuf {
        self.data.join("trial")
    }

    /// Where the engine listens for further commands.
    #[cfg(unix)]
    pub fn socket(&self) -> PathBuf {
        self.socket_named("engine.sock", ".sock")
    }

    /// Where the engine answers its local API to this user's own programs.
    #[cfg(unix)]
    pub fn api_socket(&self) -> PathBuf {
        self.socket_named("api.sock", "-api.sock")
    }

    /// Where the desktop app listens for its further starts.
    #[cfg(unix)]
    pub fn app_socket(&self) -> PathBuf {
        self.socket_named("app.sock", "-app.sock")
    }

    /// A socket in the data folder. A folder too deep for a socket's path gets one in the runtime folder, named
    /// after the data folder and `ending`.
    #[cfg(unix)]
    fn socket_named(&self, name: &str, ending: &str) -> PathBuf {
        use std::os::unix::ffi::OsStrExt as _;
        let beside = self.data.join(name);
        if beside.as_os_str().len() <= SOCKET_PATH_BYTES {
            return beside;
        }
        let runtime = std::env::var_os("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|dir| dir.is_dir() && dir.as_os_str().len() < 40)
            .unwrap_or_else(|| PathBuf::from("/tmp"));
        let name = crate::secrets::fingerprint(self.data.as_os_str().as_bytes());
        runtime.join(format!("porthole-{}", rustix::process::getuid().as_raw())).join(name + ending)
    }
}

/// Creates a folder and its parents; the folder itself is readable by this user only.
pub fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a file that only this user can read, whole or not at all: a crash leaves the old one.
pub fn write_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(contents)?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&beside, path)).inspect_err(|_| {
        let _ = std::fs::remove_file(&beside);
    })
}

/// True when the group or others may read the file.
#[cfg(unix)]
pub fn others_can_read(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

/// Access lists are not read here: Windows profiles are private by default.
#[cfg(not(unix))]
pub fn others_can_read(path: &Path) -> io::Result<bool> {
    std::fs::metadata(path).map(|_| false)
}
