//! Files that a connection to the gateway needs beside the operating system's.

use std::path::{Path, PathBuf};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsSetupError;
use crate::paths::others_can_read;

/// Bytes of a certificate with its chain, or of a key; they have some six thousand.
const PAIR_FILE_BYTES: u64 = 256 * 1024;

/// What is trusted, and what this agent shows of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// PEM certificates trusted beside the operating system's.
    pub ca_file: Option<PathBuf>,
    /// For gateways that ask agents for a certificate.
    pub client: Option<ClientFiles>,
}

/// A certificate with its chain and its key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// A chain, its own certificate first, and its key.
pub(super) type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl ClientFiles {
    /// Both or neither.
    ///
    /// # Errors
    /// A sentence where one is missing.
    pub fn of(cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<Self>, &'static str> {
        match (cert, key) {
            (Some(cert), Some(key)) => Ok(Some(Self { cert, key })),
            (None, None) => Ok(None),
            _ => Err("a client certificate and its key belong together: give both, or neither"),
        }
    }

    /// Reads both; a key that others can read is none.
    pub(super) fn read(&self) -> Result<Pair, TlsSetupError> {
        let shown = |path: &Path| path.display().to_string();
        let cert = read(&self.cert)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&cert).filter_map(Result::ok).collect();
        if chain.is_empty() {
            return Err(TlsSetupError::Client(shown(&self.cert), "it holds no PEM certificate"));
        }
        let key = read(&self.key)?;
        if others_can_read(&self.key).unwrap_or(false) {
            return Err(TlsSetupError::OpenKey(shown(&self.key)));
        }
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|_| TlsSetupError::Client(shown(&self.key), "it holds no PEM key without a password"))?;
        Ok((chain, key))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsSetupError> {
    let shown = || path.display().to_string();
    let failed = |source| TlsSetupError::ReadClient { path: shown(), source };
    if std::fs::metadata(path).map_err(failed)?.len() > PAIR_FILE_BYTES {
        return Err(TlsSetupError::Client(shown(), "it is larger than any certificate or key"));
    }
    std::fs::read(path).map_err(failed)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_that_others_can_read_and_halves_of_a_pair_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let made = rcgen::generate_simple_self_signed(["agent".to_owned()]).unwrap();
        std::fs::write(at("cert"), made.cert.pem()).unwrap();
        std::fs::write(at("key"), made.signing_key.serialize_pem()).unwrap();
        let mode = |mode| std::fs::set_permissions(at("key"), PermissionsExt::from_mode(mode)).unwrap();
        let files = ClientFiles::of(Some(at("cert")), Some(at("key"))).unwrap().unwrap();
        mode(0o640);
        let told = files.read().unwrap_err().to_string();
        assert!(told.contains("chmod 600"), "{told}");
        mode(0o600);
        assert!(files.read().is_ok());
        let swapped = ClientFiles { cert: at("key"), key: at("cert") };
        assert!(swapped.read().unwrap_err().to_string().contains("no PEM certificate"));
        assert!(ClientFiles::of(Some(at("cert")), None).is_err() && ClientFiles::of(None, None).is_ok());
    }
}
