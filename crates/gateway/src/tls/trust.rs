//! Whom the gateway believes when it calls out.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use super::TlsError;

/// Bytes of a CA file; a system's whole bundle is a quarter of a mebibyte.
const CA_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Settings of a client that trusts the authorities in `ca_file`, or the system's where none is named.
///
/// # Errors
/// [`TlsError::Authorities`] when the file cannot be read or holds none, or the system has none.
pub fn trusting(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let config = match ca_file {
        Some(file) => builder.with_root_certificates(authorities(file)?).with_no_client_auth(),
        None => {
            let verifier = Verifier::new(provider).map_err(|error| TlsError::Authorities {
                place: "the system's store".to_owned(),
                problem: format!("{error}; install the package ca-certificates"),
            })?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
        }
    };
    Ok(Arc::new(config))
}

/// The certificates in a file of authorities.
pub fn authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    let failed = |problem: String| TlsError::Authorities { place: file.display().to_string(), problem };
    let bytes = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?.len();
    if bytes > CA_FILE_BYTES {
        return Err(failed(format!("it has {bytes} bytes, more than the {CA_FILE_BYTES} allowed")));
    }
    let pem = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| failed("it is no valid PEM".to_owned()))?;
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() { Err(failed("it holds no certificate in PEM".to_owned())) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_authority_is_named_in_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let told = |file: &Path| trusting(Some(file)).unwrap_err().to_string();
        assert!(told(&file).contains("ca.pem"));
        std::fs::write(&file, "nothing").unwrap();
        assert!(told(&file).contains("holds no certificate"), "{}", told(&file));
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
        assert!(told(&file).contains("ca.pem"));
        let pair = rcgen::generate_simple_self_signed(vec!["ca.example".into()]).unwrap();
        std::fs::write(&file, pair.cert.pem()).unwrap();
        assert!(trusting(Some(&file)).is_ok());
    }
}
