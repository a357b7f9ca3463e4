//! The visitors' TLS: a certificate from files that are read again when they change, those of
//! [`crate::acme`], or both: the files for the names that they cover, the others for the rest.

mod asking;
mod hello;
mod names;
mod trust;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_util::sync::CancellationToken;

use crate::config::TlsFiles;

pub use asking::Asking;
pub use hello::Hello;
pub use names::Names;
pub use trust::{authorities, trusting};

/// How often the files are looked at.
const POLL: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read the TLS {what} {path}: {source}; check --tls-cert and --tls-key")]
    Read { what: &'static str, path: String, source: io::Error },
    #[error("the TLS {what} {path} holds no valid PEM {what}; point --tls-{what} at one")]
    Pem { what: &'static str, path: String },
    #[error(
        "the TLS certificate and key cannot be used together: {0}; give --tls-cert and --tls-key of one pair"
    )]
    Pair(#[from] rustls::Error),
    #[error("cannot use the certificate authorities in {place}: {problem}")]
    Authorities { place: String, problem: String },
}

/// Where handshakes have their settings from.
#[derive(Debug)]
pub enum Tls {
    Files(Arc<Reloading>),
    /// The settings stay; it is the certificates in them that change.
    Automatic(Arc<ServerConfig>),
}

impl Tls {
    /// For the next handshake.
    pub fn current(&self) -> Arc<ServerConfig> {
        match self {
            Self::Files(files) => files.current(),
            Self::Automatic(config) => Arc::clone(config),
        }
    }
}

/// What every listener's settings begin with.
pub(crate) fn server_builder() -> Result<rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>, TlsError>
{
    let provider = Arc::new(default_provider());
    Ok(ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?)
}

/// What visitors may speak, the best first.
pub(crate) fn alpn() -> Vec<Vec<u8>> {
    vec![b"h2".to_vec(), b"http/1.1".to_vec()]
}

/// A configuration that follows its files.
#[derive(Debug)]
pub struct Reloading {
    files: ArcSwap<TlsFiles>,
    current: ArcSwap<Loaded>,
}

/// What the files held when they were read.
#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    key: Arc<CertifiedKey>,
    names: Names,
}

/// A certificate with its key, read and not yet used.
#[derive(Debug)]
pub struct Pair {
    files: TlsFiles,
    loaded: Loaded,
}

/// What tells one state of the files from another.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl Reloading {
    /// Reads the pair.
    ///
    /// # Errors
    /// [`TlsError`] when a file cannot be read, holds no PEM, or the two do not fit.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let current = ArcSwap::from_pointee(read(&files)?);
        Ok(Self { files: ArcSwap::from_pointee(files), current })
    }

    /// Reads a pair that may be other files, for [`Self::take`].
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn look(&self, files: TlsFiles) -> Result<Pair, TlsError> {
        Ok(Pair { loaded: read(&files)?, files })
    }

    /// Uses a pair from the next handshake on, and follows its files.
    pub fn take(&self, pair: Pair) {
        self.files.store(Arc::new(pair.files));
        self.current.store(Arc::new(pair.loaded));
    }

    /// For the next handshake.
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// Whether the certificate was made for `host`, which is normalised.
    pub fn covers(&self, host: &str) -> bool {
        self.current.load().names.cover(host)
    }

    /// Certificate and key, where they are for `host`.
    pub fn key_for(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        let loaded = self.current.load();
        loaded.names.cover(host).then(|| Arc::clone(&loaded.key))
    }

    /// Looks at the files every [`POLL`] until `stop`; a pair that cannot be used leaves the old one.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut seen = stamp(&self.files.load());
        loop {
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => return,
            }
            let files = self.files.load_full();
            let now = stamp(&files);
            if now == seen {
                continue;
            }
            match read(&files) {
                Ok(loaded) => {
                    self.current.store(Arc::new(loaded));
                    seen = now;
                    tracing::info!(cert = %files.cert.display(), "the TLS certificate was read anew");
                }
                // Perhaps only one of the two is written yet: looked at again, said once a change.
                Err(error) => {
                    if stamp(&files) == now {
                        seen = now;
                    }
                    tracing::warn!(%error, "the changed TLS certificate is not used; the old one stays");
                }
            }
        }
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.cert, &files.key].map(|path| {
        let meta = fs::metadata(path).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    })
}

fn read(files: &TlsFiles) -> Result<Loaded, TlsError> {
    let name = |path: &Path| path.display().to_string();
    let bytes = |what, path: &Path| {
        fs::read(path).map_err(|source| TlsError::Read { what, path: name(path), source })
    };
    let cert_error = || TlsError::Pem { what: "cert", path: name(&files.cert) };
    let certs = CertificateDer::pem_slice_iter(&bytes("cert", &files.cert)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| cert_error())?;
    if certs.is_empty() {
        return Err(cert_error());
    }
    let key = PrivateKeyDer::from_pem_slice(&bytes("key", &files.key)?)
        .map_err(|_| TlsError::Pem { what: "key", path: name(&files.key) })?;
    let names = certs.first().map(Names::of).unwrap_or_default();
    let key = Arc::new(CertifiedKey::from_der(certs, key, &default_provider())?);
    let resolver = SingleCertAndKey::from(Arc::clone(&key));
    let mut config = server_builder()?.with_no_client_auth().with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = alpn();
    Ok(Loaded { config: Arc::new(config), key, names })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_pair(folder: &Path) -> TlsFiles {
        let pair = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let files = TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
        fs::write(&files.cert, pair.cert.pem()).unwrap();
        fs::write(&files.key, pair.signing_key.serialize_pem()).unwrap();
        files
    }

    #[test]
    fn a_pair_that_does_not_fit_or_is_missing_is_refused_with_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let files = write_pair(folder.path());
        assert!(Reloading::load(files.clone()).is_ok());
        let other = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        fs::write(&files.key, other.signing_key.serialize_pem()).unwrap();
        assert!(matches!(Reloading::load(files.clone()), Err(TlsError::Pair(_))));
        fs::write(&files.cert, "nothing").unwrap();
        assert!(matches!(Reloading::load(files.clone()), Err(TlsError::Pem { .. })));
        fs::remove_file(&files.cert).unwrap();
        let error = Reloading::load(files).unwrap_err().to_string();
        assert!(error.contains("cert.pem") && error.contains("--tls-cert"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_pair_is_used_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = write_pair(folder.path());
        let tls = Arc::new(Reloading::load(files.clone()).unwrap());
        let first = tls.current();
        let stop = CancellationToken::new();
        let following = tokio::spawn(Arc::clone(&tls).follow(stop.clone()));
        tokio::time::sleep(POLL / 2).await;
        fs::write(&files.cert, "broken").unwrap();
        tokio::time::sleep(POLL * 2).await;
        assert!(Arc::ptr_eq(&first, &tls.current()));
        write_pair(folder.path());
        tokio::time::sleep(POLL * 2).await;
        assert!(!Arc::ptr_eq(&first, &tls.current()));
        stop.cancel();
        following.await.unwrap();
    }
}
