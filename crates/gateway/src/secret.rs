//! The gateway's secret: where it comes from, and what is derived from it.
//!
//! One configured secret (`--secret-file`, the variable, or one made in the data folder as `secret`)
//! and any number of rotated ones (`secrets/<time>.secret` in the data folder, written by `token
//! rotate`). The newest signs; all verify. To end what an old one signed, delete its file.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::config::{Layers, Source};

/// Shortest secret, in bytes after trimming: 256 bits, what HS256 wants of its key (RFC 7518 §3.2).
pub const MIN_SECRET_BYTES: usize = 32;
/// A bigger secret file is some other file.
const MAX_SECRET_BYTES: u64 = 64 * 1024;
/// Rotated secrets that are read; more of them are never needed at once.
pub const MAX_SECRETS: usize = 32;

/// Why there is no secret to work with: one sentence, exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error(
        "the secret {place} has {found} bytes; it must have at least {MIN_SECRET_BYTES}, for example the output of `openssl rand -hex 32`"
    )]
    TooShort { place: String, found: usize },
    #[error("the secret file {} can be read by others: run `chmod 600 {}`", .0.display(), .0.display())]
    Exposed(PathBuf),
    #[error("cannot read the secret {place}: {problem}")]
    Unreadable { place: String, problem: String },
    #[error("cannot write the secret file {}: {problem}; make its folder writable or name another with PORTHOLE_HOME", .file.display())]
    Unwritable { file: PathBuf, problem: String },
}

/// A text that is never shown.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// In a time that tells the length and nothing else, wherever it is compared.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl Secret {
    /// Takes the trimmed text.
    pub fn new(text: &str) -> Self {
        Self(text.trim().as_bytes().to_vec())
    }

    /// The value of a secret option: the text itself, or `file:PATH`, `env:VARIABLE`, `exec:COMMAND`.
    pub fn from_option(text: &str) -> Result<Self, SecretError> {
        let unreadable = |problem: String| SecretError::Unreadable { place: place_of(text), problem };
        if let Some(path) = text.strip_prefix("file:") {
            return read_file(Path::new(path));
        }
        if let Some(name) = text.strip_prefix("env:") {
            return std::env::var(name)
                .map(|value| Self::new(&value))
                .map_err(|_| unreadable("it is not set".to_owned()));
        }
        if let Some(command) = text.strip_prefix("exec:") {
            let output = std::process::Command::new("sh")
                .args(["-c", command])
                .stdin(std::process::Stdio::null())
                .stderr(std::process::Stdio::inherit())
                .output()
                .map_err(|error| unreadable(error.to_string()))?;
            if !output.status.success() {
                return Err(unreadable(format!("the command ended with {}", output.status)));
            }
            let value =
                String::from_utf8(output.stdout).map_err(|_| unreadable("it is not text".to_owned()))?;
            return Ok(Self::new(&value));
        }
        Ok(Self::new(text))
    }

    /// What an option that names a file says: its path, or `file:PATH`, `env:VARIABLE`, `exec:COMMAND`.
    pub fn from_file_option(text: &str, source: &Source) -> Result<Self, SecretError> {
        if ["file:", "env:", "exec:"].iter().any(|prefix| text.starts_with(prefix)) {
            return Self::from_option(text)?.long_enough(|| format!("from {source}"));
        }
        let path = Path::new(text);
        read_file(path)?.long_enough(|| format!("in {}", path.display()))
    }

    /// The one kept in `path`, made (mode 0600) where there is no such file. True: this call made it.
    pub fn kept_in(path: &Path) -> Result<(Self, bool), SecretError> {
        let fresh = !path.exists();
        if fresh {
            make_file(path)?;
        }
        let secret = read_file(path)?.long_enough(|| format!("in {}", path.display()))?;
        Ok((secret, fresh))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// A key for one purpose: HMAC-SHA-256 of the purpose under this secret.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        keyed_hash(&self.0, &[purpose.as_bytes()])
    }

    /// Names the secret without telling it: 8 hex digits.
    pub fn key_id(&self) -> String {
        hex(&self.derive("porthole-gateway key id v1")[..4])
    }

    fn long_enough(self, place: impl FnOnce() -> String) -> Result<Self, SecretError> {
        if self.0.len() < MIN_SECRET_BYTES {
            return Err(SecretError::TooShort { place: place(), found: self.0.len() });
        }
        Ok(self)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// HMAC-SHA-256 over `parts`, each with its length in front so that no two lists read alike.
pub fn keyed_hash(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn place_of(option: &str) -> String {
    match option.split_once(':') {
        Some(("file", path)) => format!("file {path}"),
        Some(("env", name)) => format!("in the variable {name}"),
        Some(("exec", _)) => "from the command after exec:".to_owned(),
        _ => "given".to_owned(),
    }
}

fn read_file(path: &Path) -> Result<Secret, SecretError> {
    let unreadable =
        |problem: String| SecretError::Unreadable { place: format!("file {}", path.display()), problem };
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !metadata.is_file() && !metadata.is_dir() {
        // A pipe or `/dev/fd/N`: its mode says nothing.
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        return Ok(Secret::new(&text));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(SecretError::Exposed(path.to_owned()));
        }
    }
    if metadata.len() > MAX_SECRET_BYTES {
        return Err(unreadable(format!("it has more than {MAX_SECRET_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    Ok(Secret::new(&text))
}

/// All secrets in force.
#[derive(Debug, Clone)]
pub struct Secrets {
    configured: Option<Secret>,
    data: PathBuf,
    /// Set when this start made the secret file.
    pub made: Option<PathBuf>,
}

impl Secrets {
    /// The configured secret, or the data folder's own, made (mode 0600) where there is none at all.
    pub fn find(layers: &Layers, data: &Path) -> Result<Self, SecretError> {
        let mut secrets = Self::look(layers, data)?;
        if secrets.configured.is_none() && secrets.all()?.is_empty() {
            secrets.made = Some(make_file(&data.join("secret"))?);
            secrets.all()?;
        }
        Ok(secrets)
    }

    /// The same without making one: there may be none.
    pub fn look(layers: &Layers, data: &Path) -> Result<Self, SecretError> {
        let mut secrets = Self { configured: None, data: data.to_owned(), made: None };
        let given = layers.get("secret-file").map(|given| (given, true));
        let given = match (given, layers.get("secret")) {
            // A flag goes before a variable, whichever of the two options it is.
            (Some(((_, file), _)), Some(secret)) if is_weaker(file, secret.1) => Some((secret, false)),
            (Some(file), _) => Some(file),
            (None, secret) => secret.map(|secret| (secret, false)),
        };
        secrets.configured = match given {
            Some(((text, source), true)) => Some(Secret::from_file_option(text, source)?),
            Some(((text, source), false)) => {
                Some(Secret::from_option(text)?.long_enough(|| format!("from {source}"))?)
            }
            None => None,
        };
        secrets.all()?;
        Ok(secrets)
    }

    /// One fixed secret and nothing of a data folder's; for tests and embedders.
    pub fn fixed(secret: Secret) -> Self {
        Self { configured: Some(secret), data: PathBuf::new(), made: None }
    }

    /// Every secret in force, the signing one first. Reads the data folder each time.
    pub fn all(&self) -> Result<Vec<Secret>, SecretError> {
        let mut all = Vec::new();
        if !self.data.as_os_str().is_empty() {
            for path in self.rotated_files()?.iter().rev().take(MAX_SECRETS) {
                all.push(read_file(path)?.long_enough(|| format!("in {}", path.display()))?);
            }
        }
        match &self.configured {
            Some(secret) => all.push(secret.clone()),
            None => {
                let own = self.data.join("secret");
                if own.exists() {
                    all.push(read_file(&own)?.long_enough(|| format!("in {}", own.display()))?);
                }
            }
        }
        Ok(all)
    }

    /// Adds a secret that signs from now on; the older ones go on verifying. Gives its file.
    pub fn rotate(&self) -> Result<PathBuf, SecretError> {
        let folder = self.data.join("secrets");
        let now = jiff::Timestamp::now().as_millisecond();
        make_file(&folder.join(format!("{now:015}.secret")))
    }

    /// Files of rotated secrets, oldest first.
    pub fn rotated_files(&self) -> Result<Vec<PathBuf>, SecretError> {
        let folder = self.data.join("secrets");
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(SecretError::Unreadable {
                    place: format!("folder {}", folder.display()),
                    problem: error.to_string(),
                });
            }
        };
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "secret"))
            .collect();
        files.sort();
        Ok(files)
    }
}

fn is_weaker(one: &Source, two: &Source) -> bool {
    let rank = |source: &Source| match source {
        Source::Flag(_) => 0,
        Source::Variable(_) => 1,
        Source::File { .. } => 2,
    };
    rank(one) > rank(two)
}

/// Writes 32 random bytes as hex into a new file that only its owner can read. A file that another
/// start made in the meantime is left as it is.
fn make_file(path: &Path) -> Result<PathBuf, SecretError> {
    let failed = |problem: String| SecretError::Unwritable { file: path.to_owned(), problem };
    let mut random = [0_u8; 32];
    getrandom::fill(&mut random).map_err(|error| failed(error.to_string()))?;
    let text = hex(&random);
    let folder = path.parent().unwrap_or(Path::new("."));
    crate::files::make_folder(folder).map_err(|error| failed(error.to_string()))?;
    // Written whole under another name, then linked in place: nobody reads half a secret, and of two
    // starts at once one wins.
    let mut draft = tempdraft(folder).map_err(|error| failed(error.to_string()))?;
    let written = draft.1.write_all(format!("{text}\n").as_bytes()).and_then(|()| draft.1.sync_all());
    let linked = written.and_then(|()| std::fs::hard_link(&draft.0, path));
    let _ = std::fs::remove_file(&draft.0);
    match linked {
        Ok(()) => Ok(path.to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(path.to_owned()),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn tempdraft(folder: &Path) -> std::io::Result<(PathBuf, std::fs::File)> {
    let path = folder.join(format!(".draft-{}-{}", std::process::id(), uuid::Uuid::new_v4()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path)?;
    Ok((path, file))
}
