//! Client-side TLS: what is trusted, what is shown, and what a failure was.

mod files;

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use files::Pair;
pub use files::{ClientFiles, Files};

/// Bytes of a CA file; a system's whole bundle is a quarter of a mebibyte.
const CA_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Why TLS could not be set up at all.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    #[error("the CA file {path} cannot be read: {source}")]
    Read { path: String, source: io::Error },
    #[error("the CA file {0} holds no PEM certificate: give it the issuing authority's certificate")]
    NoCertificate(String),
    #[error("the client certificate's file {path} cannot be read: {source}")]
    ReadClient { path: String, source: io::Error },
    #[error("the client certificate's file {0} cannot be used: {1}")]
    Client(String, &'static str),
    #[error("the client certificate and its key cannot be used together: {0}")]
    Pair(rustls::Error),
    #[error("the client certificate's key {0} can be read by others: run `chmod 600 {0}`")]
    OpenKey(String),
    #[error("TLS cannot be used on this computer: {0}")]
    Unusable(#[from] rustls::Error),
}

impl TlsSetupError {
    /// Stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ReadClient { .. } | Self::Client(..) | Self::Pair(_) | Self::OpenKey(_) => {
                "client-certificate"
            }
            Self::Read { .. } | Self::NoCertificate(_) | Self::Unusable(_) => "ca-file",
        }
    }
}

/// Trusts the operating system's authorities, and those in `ca_file` beside them.
pub fn verifying(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsSetupError> {
    trusting(ca_file, None)
}

/// The same, with the certificate that the gateway may ask for.
pub fn to_gateway(files: &Files) -> Result<Arc<ClientConfig>, TlsSetupError> {
    let client = files.client.as_ref().map(ClientFiles::read).transpose()?;
    trusting(files.ca_file.as_deref(), client)
}

fn trusting(ca_file: Option<&Path>, client: Option<Pair>) -> Result<Arc<ClientConfig>, TlsSetupError> {
    let extra = ca_file.map(read_ca_file).transpose()?.unwrap_or_default();
    let provider = provider();
    let verifier: Arc<dyn ServerCertVerifier> =
        match rustls_platform_verifier::Verifier::new_with_extra_roots(extra.clone(), provider.clone()) {
            Ok(verifier) => Arc::new(Named { verifier, named: extra }),
            // A bare container has no authorities at all: that is a refusal of each certificate, told
            // when one is met, not a reason to fail before.
            Err(rustls::Error::General(_)) => Arc::new(NothingTrusted(provider.clone())),
            Err(error) => return Err(error.into()),
        };
    build(provider, verifier, client)
}

/// Takes any certificate; for mappings that say so. Signatures of the handshake are still checked.
pub fn unverified() -> Result<Arc<ClientConfig>, TlsSetupError> {
    let provider = provider();
    build(provider.clone(), Arc::new(AnyCertificate(provider)), None)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn build(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    client: Option<Pair>,
) -> Result<Arc<ClientConfig>, TlsSetupError> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match client {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(TlsSetupError::Pair)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read_ca_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let shown = path.display().to_string();
    let read = || -> io::Result<Vec<u8>> {
        let size = std::fs::metadata(path)?.len();
        if size > CA_FILE_BYTES {
            return Err(io::Error::other(format!("it is larger than {CA_FILE_BYTES} bytes")));
        }
        std::fs::read(path)
    };
    let pem = read().map_err(|source| TlsSetupError::Read { path: shown.clone(), source })?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    if certificates.is_empty() { Err(TlsSetupError::NoCertificate(shown)) } else { Ok(certificates) }
}

/// The certificate's fault inside an error of a TLS handshake, if that was it.
pub fn certificate_fault(error: &io::Error) -> Option<&CertificateError> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(fault) => Some(fault),
        _ => None,
    }
}

/// The fault in words that complete “the certificate was refused because …”.
pub fn certificate_words(fault: &CertificateError) -> String {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it was made for another name".into()
        }
        CertificateError::UnknownIssuer => "this computer does not trust who made it".into(),
        CertificateError::Revoked => "it was revoked".into(),
        // Most often a certificate authority's own, which is what `openssl req -x509` makes.
        CertificateError::Other(_) => "it is self-signed or not made for a server".into(),
        other => other.to_string(),
    }
}

/// True where the other end did not like the certificate that was shown to it, or that none was.
pub fn refuses_client(error: &io::Error) -> bool {
    use rustls::AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked,
        CertificateUnknown, DecryptError, UnknownCA, UnsupportedCertificate,
    };
    let error = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::AlertReceived(alert)) = error else { return false };
    matches!(
        alert,
        AccessDenied
            | BadCertificate
            | CertificateExpired
            | CertificateRequired
            | CertificateRevoked
            | CertificateUnknown
            | DecryptError
            | UnknownCA
            | UnsupportedCertificate
    )
}

/// True where the other end did not speak TLS at all (it answered in clear text, say).
pub fn not_tls(error: &io::Error) -> bool {
    matches!(
        error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()),
        Some(rustls::Error::InvalidMessage(_))
    )
}

/// Takes a certificate that the CA file itself holds, too, though it says of itself that it is an
/// authority's: that is what `openssl req -x509` makes, and whoever named it means it. Its dates were
/// looked at before that flag is, its name is looked at here.
#[derive(Debug)]
struct Named<V> {
    verifier: V,
    named: Vec<CertificateDer<'static>>,
}

impl<V: ServerCertVerifier> ServerCertVerifier for Named<V> {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict =
            self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(fault)))
                if is_authority(&fault) && self.named.iter().any(|named| named == end_entity) =>
            {
                let certificate = rustls::server::ParsedCertificate::try_from(end_entity)?;
                rustls::client::verify_server_name(&certificate, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Whether the fault is that an authority's certificate is shown as a server's, and no other.
fn is_authority(fault: &OtherError) -> bool {
    matches!(fault.0.downcast_ref::<webpki::Error>(), Some(webpki::Error::CaUsedAsEndEntity))
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

#[derive(Debug)]
struct NothingTrusted(Arc<CryptoProvider>);

macro_rules! checks_signatures {
    ($verifier:ty, $verdict:expr) => {
        impl ServerCertVerifier for $verifier {
            fn verify_server_cert(
                &self,
                _end_entity: &CertificateDer<'_>,
                _intermediates: &[CertificateDer<'_>],
                _server_name: &ServerName<'_>,
                _ocsp_response: &[u8],
                _now: UnixTime,
            ) -> Result<ServerCertVerified, rustls::Error> {
                $verdict
            }

            fn verify_tls12_signature(
                &self,
                message: &[u8],
                cert: &CertificateDer<'_>,
                dss: &DigitallySignedStruct,
            ) -> Result<HandshakeSignatureValid, rustls::Error> {
                let algorithms = &self.0.signature_verification_algorithms;
                rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
            }

            fn verify_tls13_signature(
                &self,
                message: &[u8],
                cert: &CertificateDer<'_>,
                dss: &DigitallySignedStruct,
            ) -> Result<HandshakeSignatureValid, rustls::Error> {
                let algorithms = &self.0.signature_verification_algorithms;
                rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
            }

            fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
                self.0.signature_verification_algorithms.supported_schemes()
            }
        }
    };
}

checks_signatures!(AnyCertificate, Ok(ServerCertVerified::assertion()));
checks_signatures!(NothingTrusted, Err(CertificateError::UnknownIssuer.into()));

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds this fault with every certificate.
    #[derive(Debug)]
    struct Finds(webpki::Error);

    impl ServerCertVerifier for Finds {
        fn verify_server_cert(
            &self,
            _end_entity: &CertificateDer<'_>,
            _intermediates: &[CertificateDer<'_>],
            _server_name: &ServerName<'_>,
            _ocsp_response: &[u8],
            _now: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            Err(CertificateError::Other(OtherError(Arc::new(self.0.clone()))).into())
        }

        fn verify_tls12_signature(
            &self,
            _message: &[u8],
            _cert: &CertificateDer<'_>,
            _dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Err(rustls::Error::DecryptError)
        }

        fn verify_tls13_signature(
            &self,
            _message: &[u8],
            _cert: &CertificateDer<'_>,
            _dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Err(rustls::Error::DecryptError)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            Vec::new()
        }
    }

    fn certificate(name: &str) -> CertificateDer<'static> {
        rcgen::generate_simple_self_signed([name.to_owned()]).unwrap().cert.der().clone()
    }

    #[test]
    fn a_named_certificate_is_forgiven_that_it_is_an_authoritys_and_nothing_else() {
        let (named, other) = (certificate("gateway.example"), certificate("gateway.example"));
        let passes = |fault: webpki::Error, shown: &CertificateDer<'_>, name: &'static str| {
            let verifier = Named { verifier: Finds(fault), named: vec![named.clone()] };
            let name = ServerName::try_from(name).unwrap();
            verifier.verify_server_cert(shown, &[], &name, &[], UnixTime::now()).is_ok()
        };
        assert!(passes(webpki::Error::CaUsedAsEndEntity, &named, "gateway.example"));
        assert!(!passes(webpki::Error::CaUsedAsEndEntity, &other, "gateway.example"), "not in the file");
        assert!(!passes(webpki::Error::CaUsedAsEndEntity, &named, "other.example"), "another name");
        for fault in [
            webpki::Error::UnsupportedCriticalExtension,
            webpki::Error::NameConstraintViolation,
            webpki::Error::MaximumSignatureChecksExceeded,
            webpki::Error::EndEntityUsedAsCa,
        ] {
            assert!(!passes(fault.clone(), &named, "gateway.example"), "{fault:?}");
        }
    }
}
