//! Handshakes that ask for the other side's certificate.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::{TlsError, authorities, server_builder};

/// Whose certificates are believed. Who shows none may shake hands all the same, and is refused later, in
/// words; who shows another's may not.
pub struct Asking {
    verifier: Arc<dyn ClientCertVerifier>,
    /// Settings, and those that were made of them: sessions are resumed only within the latter.
    made: ArcSwapOption<(Arc<ServerConfig>, Arc<ServerConfig>)>,
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

impl Asking {
    /// Reads the authorities.
    ///
    /// # Errors
    /// [`TlsError::Authorities`] when the file cannot be read or holds none.
    pub fn load(file: &Path) -> Result<Self, TlsError> {
        let roots = Arc::new(authorities(file)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::new(default_provider()))
            .allow_unauthenticated()
            .build()
            .map_err(|error| TlsError::Authorities {
                place: file.display().to_string(),
                problem: error.to_string(),
            })?;
        Ok(Self { verifier, made: ArcSwapOption::empty() })
    }

    /// `plain` with the question.
    ///
    /// # Errors
    /// When the library has no protocol version that it may speak.
    pub fn of(&self, plain: &Arc<ServerConfig>) -> Result<Arc<ServerConfig>, TlsError> {
        if let Some(made) = &*self.made.load()
            && Arc::ptr_eq(&made.0, plain)
        {
            return Ok(Arc::clone(&made.1));
        }
        let builder = server_builder()?.with_client_cert_verifier(Arc::clone(&self.verifier));
        let mut config = builder.with_cert_resolver(Arc::clone(&plain.cert_resolver));
        config.alpn_protocols.clone_from(&plain.alpn_protocols);
        let config = Arc::new(config);
        self.made.store(Some(Arc::new((Arc::clone(plain), Arc::clone(&config)))));
        Ok(config)
    }
}
