//! Where tokens are kept: the OS keychain, or a file of this user's where there is none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::paths::{Paths, write_private};
use crate::secrets::{Secret, SecretError, read_secret_file};

/// The name under which the keychain lists Porthole's entries; the account is the gateway's origin.
const SERVICE: &str = "porthole";

/// How long the keychain may take. One that asks its user to unlock it first is given up on.
const KEYCHAIN_WAIT: Duration = Duration::from_secs(3);

/// Where a token went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Keychain,
    /// There is no keychain, for this reason.
    File {
        path: PathBuf,
        why: String,
    },
}

/// Why tokens cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error(transparent)]
    File(#[from] SecretError),
    #[error("{0} is not a list of tokens: remove it and run `porthole login` again")]
    Format(PathBuf),
    #[error("the token cannot be kept in {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
}

#[derive(Default, Serialize, Deserialize)]
struct Credentials {
    #[serde(default)]
    tokens: BTreeMap<String, String>,
}

/// The token kept for a gateway.
pub async fn find(paths: &Paths, origin: &str) -> Result<Option<Secret>, CredentialsError> {
    if let Some(token) = read(&paths.credentials())?.tokens.remove(origin) {
        return Ok(Some(Secret::new(token)));
    }
    let account = origin.to_owned();
    Ok(in_keychain(move || keyring::Entry::new(SERVICE, &account)?.get_password())
        .await
        .inspect_err(|why| tracing::debug!(%why, "no token from the keychain"))
        .ok()
        .map(Secret::new))
}

/// Keeps a token, in the keychain if there is one.
pub async fn keep(paths: &Paths, origin: &str, token: &Secret) -> Result<Place, CredentialsError> {
    match keep_in_keychain(paths, origin, token).await? {
        Ok(()) => Ok(Place::Keychain),
        Err(why) => {
            keep_in_file(paths, origin, token)?;
            Ok(Place::File { path: paths.credentials(), why })
        }
    }
}

/// Keeps a token in the keychain and nowhere else. Inside: why there is no keychain, for people.
pub async fn keep_in_keychain(
    paths: &Paths,
    origin: &str,
    token: &Secret,
) -> Result<Result<(), String>, CredentialsError> {
    // Looked at first: a file that cannot be read would hide the keychain's token later.
    let kept = read(&paths.credentials())?;
    let (account, secret) = (origin.to_owned(), token.clone());
    let set =
        in_keychain(move || keyring::Entry::new(SERVICE, &account)?.set_password(secret.expose())).await;
    if set.is_ok() {
        without(paths, kept, origin)?;
    }
    Ok(set)
}

/// Keeps a token in a file of this user's.
pub fn keep_in_file(paths: &Paths, origin: &str, token: &Secret) -> Result<(), CredentialsError> {
    let path = paths.credentials();
    let mut credentials = read(&path)?;
    credentials.tokens.insert(origin.to_owned(), token.expose().to_owned());
    write(&path, &credentials)
}

/// Keeps no token for this gateway any more, wherever it was.
pub async fn forget(paths: &Paths, origin: &str) -> Result<(), CredentialsError> {
    without(paths, read(&paths.credentials())?, origin)?;
    let account = origin.to_owned();
    if let Err(why) = in_keychain(move || keyring::Entry::new(SERVICE, &account)?.delete_credential()).await {
        tracing::debug!(%why, "nothing was taken out of the keychain");
    }
    Ok(())
}

/// The file without this gateway's token.
fn without(paths: &Paths, mut kept: Credentials, origin: &str) -> Result<(), CredentialsError> {
    if kept.tokens.remove(origin).is_some() {
        write(&paths.credentials(), &kept)?;
    }
    Ok(())
}

/// Runs a keychain call on a thread of its own, for as long as anybody wants to wait. The error is for
/// people.
async fn in_keychain<T: Send + 'static>(
    call: impl FnOnce() -> keyring::Result<T> + Send + 'static,
) -> Result<T, String> {
    if !bus_is_there() {
        return Err("this session has no keychain".into());
    }
    let (answer, answered) = oneshot::channel();
    let spawned = std::thread::Builder::new().name("keychain".into()).spawn(move || {
        let _ = answer.send(call());
    });
    if spawned.is_err() {
        return Err("no thread for the keychain".into());
    }
    match tokio::time::timeout(KEYCHAIN_WAIT, answered).await {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(keyring::Error::NoEntry))) => Err("the keychain holds no such entry".into()),
        Ok(Ok(Err(error))) => Err(format!("the keychain does not work: {error}")),
        Ok(Err(_)) => Err("the keychain's code failed".into()),
        Err(_) => Err(format!("the keychain did not answer within {} s", KEYCHAIN_WAIT.as_secs())),
    }
}

/// Without a session bus there is no Secret Service, and asking for one takes long to fail.
fn bus_is_there() -> bool {
    #[cfg(all(unix, not(target_os = "macos")))]
    {
        if let Some(address) = std::env::var_os("DBUS_SESSION_BUS_ADDRESS") {
            return !address.is_empty() && address != "disabled:";
        }
        std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|dir| Path::new(&dir).join("bus").exists())
    }
    #[cfg(not(all(unix, not(target_os = "macos"))))]
    true
}

fn read(path: &Path) -> Result<Credentials, CredentialsError> {
    match read_secret_file(path) {
        Ok(text) => toml::from_str(&text).map_err(|_| CredentialsError::Format(path.to_owned())),
        Err(SecretError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(Credentials::default())
        }
        Err(error) => Err(error.into()),
    }
}

fn write(path: &Path, credentials: &Credentials) -> Result<(), CredentialsError> {
    let failed = |source| CredentialsError::Write { path: path.to_owned(), source };
    let text =
        toml::to_string(credentials).map_err(|error| failed(std::io::Error::other(error.to_string())))?;
    write_private(path, text.as_bytes()).map_err(failed)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_private_and_one_that_is_not_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("credentials.toml");
        let mut credentials = read(&path).unwrap_or_default();
        credentials.tokens.insert("https://a".into(), "t".into());
        write(&path, &credentials).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap().tokens["https://a"], "t");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read(&path), Err(CredentialsError::File(SecretError::OthersCanRead(_)))));
    }
}
