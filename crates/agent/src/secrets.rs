//! Secrets: a type that never prints itself, and where a secret option may point to.

use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A token or password. Prints as `***`; compare and use it through [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text; surrounding white space is not part of it.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().trim().to_owned())
    }

    /// The secret itself, for the one place that sends or stores it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How long an `exec:` command may take.
const EXEC_WAIT: Duration = Duration::from_secs(10);

/// Longest secret read from a file or a command, in bytes. A token is under 2 KiB.
const SECRET_BYTES: u64 = 64 * 1024;

/// Why a secret could not be had. The secret itself is in none of these.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read the secret file {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("the secret file {0} can be read by other users: run `chmod 600 {0}`")]
    OthersCanRead(PathBuf),
    #[error("the variable {0} named by `env:` is not set")]
    NoVariable(String),
    #[error("the command given with `exec:` failed ({0}): run it by hand to see why")]
    Exec(String),
    #[error("the secret is empty: check {0}")]
    Empty(&'static str),
}

/// A secret option's value: the secret itself, or `file:PATH`, `env:NAME`, `exec:COMMAND`.
pub fn resolve(option: &str) -> Result<Secret, SecretError> {
    let (text, place) = if let Some(path) = option.strip_prefix("file:") {
        (read_secret_file(Path::new(path))?, "the file")
    } else if let Some(name) = option.strip_prefix("env:") {
        (std::env::var(name).map_err(|_| SecretError::NoVariable(name.to_owned()))?, "the variable")
    } else if let Some(command) = option.strip_prefix("exec:") {
        (run(command)?, "what the command prints")
    } else {
        (option.to_owned(), "the option")
    };
    let secret = Secret::new(text);
    if secret.expose().is_empty() { Err(SecretError::Empty(place)) } else { Ok(secret) }
}

/// Reads a file that must belong to this user alone.
pub fn read_secret_file(path: &Path) -> Result<String, SecretError> {
    let read = |source| SecretError::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(read)?;
    // Pipes and process substitutions (`file:/dev/fd/63`) are private by nature.
    if file.metadata().map_err(read)?.is_file() && crate::paths::others_can_read(path).map_err(read)? {
        return Err(SecretError::OthersCanRead(path.to_owned()));
    }
    let mut text = String::new();
    file.take(SECRET_BYTES).read_to_string(&mut text).map_err(read)?;
    Ok(text)
}

fn run(command: &str) -> Result<String, SecretError> {
    let failed = |error: io::Error| SecretError::Exec(error.to_string());
    let mut shell = if cfg!(windows) {
        let mut shell = Command::new("cmd");
        shell.arg("/C");
        shell
    } else {
        let mut shell = Command::new("sh");
        shell.arg("-c");
        shell
    };
    let mut child = shell.arg(command).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let stdout = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.map(|out| out.take(SECRET_BYTES).read_to_string(&mut text)).transpose().map(|_| text)
    });
    let deadline = Instant::now() + EXEC_WAIT;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err(SecretError::Exec(format!("no answer in {} s", EXEC_WAIT.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    if !status.success() {
        return Err(SecretError::Exec(status.to_string()));
    }
    reader.join().map_err(|_| SecretError::Exec("its output could not be read".into()))?.map_err(failed)
}

/// A short name for some bytes that does not give them away: 16 hex digits of their SHA-256.
pub fn fingerprint(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(bytes);
    let mut start = [0; 8];
    start.copy_from_slice(&digest[..8]);
    format!("{:016x}", u64::from_be_bytes(start))
}

/// Whom a token speaks for, read without verifying it (the gateway does that): the `sub` of a JWT, or
/// a fingerprint of anything else.
pub fn token_subject(token: &Secret) -> String {
    claims(token)
        .and_then(|claims| claims.get("sub")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| format!("key {}", fingerprint(token.expose().as_bytes())))
}

/// What a single-label name may look like, when the token's `hosts` restrict it: `alice-*`. None when
/// any name will do, or when it cannot be told from the token alone.
pub fn token_name_pattern(token: &Secret) -> Option<String> {
    let claims = claims(token)?;
    let hosts: Vec<String> = match claims.get("hosts")? {
        serde_json::Value::String(list) => list.split(',').map(|host| host.trim().to_owned()).collect(),
        serde_json::Value::Array(list) => {
            list.iter().filter_map(|host| host.as_str().map(str::to_owned)).collect()
        }
        _ => return None,
    };
    let label = |host: &String| {
        !host.is_empty()
            && !host.contains('.')
            && crate::mapping::parse_name(&host.replacen('*', "x", 1)).is_ok()
    };
    hosts.into_iter().find(label)
}

fn claims(token: &Secret) -> Option<serde_json::Value> {
    use base64::Engine as _;
    let payload = token.expose().split('.').nth(1)?;
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&json).ok()
}

/// `bytes` random bytes as URL-safe text.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn random_text(bytes: usize) -> io::Result<String> {
    use base64::Engine as _;
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(buffer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = Secret::new(" hunter2\n");
        assert_eq!(secret.expose(), "hunter2");
        assert!(!format!("{secret:?} {secret}").contains("hunter2"));
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "hunter2\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let option = format!("file:{}", path.display());
        let error = resolve(&option).unwrap_err().to_string();
        assert!(error.contains("chmod 600") && !error.contains("hunter2"), "{error}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(resolve(&option).unwrap().expose(), "hunter2");
    }

    #[cfg(unix)]
    #[test]
    fn a_command_may_give_the_secret() {
        assert_eq!(resolve("exec:echo hunter2").unwrap().expose(), "hunter2");
        assert!(matches!(resolve("exec:exit 3"), Err(SecretError::Exec(_))));
        assert!(matches!(resolve("exec:true"), Err(SecretError::Empty(_))));
        assert!(matches!(resolve("env:PORTHOLE_NO_SUCH_VARIABLE"), Err(SecretError::NoVariable(_))));
    }

    #[test]
    fn a_tokens_subject_is_read_without_its_key() {
        use base64::Engine as _;
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(br#"{"sub":"alice"}"#);
        assert_eq!(token_subject(&Secret::new(format!("x.{payload}.y"))), "alice");
        assert!(token_subject(&Secret::new("plain")).starts_with("key "));
    }
}
