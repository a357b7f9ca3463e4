//! The certificates at hand, and which of them a handshake gets.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::challenges::Challenges;
use crate::router::normalise_host;
use crate::tls::{Names, Reloading};

/// The protocol of a handshake that is a challenge. Source: RFC 8737 §6.2.
pub const ACME_TLS: &[u8] = b"acme-tls/1";

/// A certificate with its key, and how long it holds.
#[derive(Clone)]
pub struct Certificate {
    pub key: Arc<CertifiedKey>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

/// Why a text is no certificate that can be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("it holds no certificate and key in PEM")]
    Pem,
    #[error("its dates cannot be read")]
    Dates,
    #[error("its certificate and key cannot be used together: {0}")]
    Pair(#[from] rustls::Error),
    #[error("it was made for another name")]
    OtherName,
}

impl Certificate {
    /// Reads a key and the chain of a certificate for `name` from one PEM text.
    pub fn from_pem(name: &str, pem: &[u8]) -> Result<Self, CertificateError> {
        let chain = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| CertificateError::Pem)?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| CertificateError::Pem)?;
        let leaf = chain.first().ok_or(CertificateError::Pem)?;
        let (_, parsed) = x509_parser::parse_x509_certificate(leaf).map_err(|_| CertificateError::Dates)?;
        let moment = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_second(time.timestamp()).map_err(|_| CertificateError::Dates)
        };
        let not_before = moment(parsed.validity().not_before)?;
        let not_after = moment(parsed.validity().not_after)?;
        if !Names::of(leaf).hold(name) {
            return Err(CertificateError::OtherName);
        }
        let key = Arc::new(CertifiedKey::from_der(chain, key, &default_provider())?);
        Ok(Self { key, not_before, not_after })
    }
}

/// By name. Read at each handshake, changed a few times a day.
#[derive(Debug, Default)]
pub struct Certificates {
    by_name: ArcSwap<HashMap<String, Certificate>>,
}

impl Certificates {
    pub fn new(certificates: HashMap<String, Certificate>) -> Self {
        Self { by_name: ArcSwap::from_pointee(certificates) }
    }

    /// All of them, as they are now.
    pub fn all(&self) -> Arc<HashMap<String, Certificate>> {
        self.by_name.load_full()
    }

    /// Puts one in the place of what was there for this name.
    pub fn put(&self, name: &str, certificate: Certificate) {
        self.by_name.rcu(|before| {
            let mut after = HashMap::clone(before);
            after.insert(name.to_owned(), certificate.clone());
            after
        });
    }

    /// Forgets those that have expired; returns their names.
    pub fn forget_expired(&self, now: Timestamp) -> Vec<String> {
        let before = self.by_name.load();
        let expired = before.iter().filter(|(_, certificate)| certificate.not_after <= now);
        let expired: Vec<String> = expired.map(|(name, _)| name.clone()).collect();
        if !expired.is_empty() {
            self.by_name.rcu(|before| {
                let mut after = HashMap::clone(before);
                after.retain(|_, certificate| certificate.not_after > now);
                after
            });
        }
        expired
    }

    /// For a name: its own, or the wildcard's above it.
    fn get(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let by_name = self.by_name.load();
        let wildcard = || by_name.get(&format!("*.{}", name.split_once('.')?.1));
        by_name.get(name).or_else(wildcard).map(|certificate| Arc::clone(&certificate.key))
    }
}

/// Chooses by name: a challenge's for who speaks its protocol only, the files' where they cover it, else one
/// of [`Certificates`].
#[derive(Debug)]
pub struct Resolver {
    pub certificates: Arc<Certificates>,
    pub challenges: Arc<Challenges>,
    /// A certificate that somebody else looks after.
    pub files: Option<Arc<Reloading>>,
    /// The gateway's own host, for those who name none.
    pub own: Option<String>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(normalise_host).transpose().ok()?;
        if hello
            .alpn()
            .is_some_and(|mut offered| offered.next() == Some(ACME_TLS) && offered.next().is_none())
        {
            return self.challenges.answer_tls(name.as_deref()?);
        }
        let name = name.as_deref().or(self.own.as_deref())?;
        let from_files = self.files.as_ref().and_then(|files| files.key_for(name));
        from_files.or_else(|| self.certificates.get(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(names: &[&str]) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let pair = rcgen::generate_simple_self_signed(names).unwrap();
        pair.signing_key.serialize_pem() + &pair.cert.pem()
    }

    #[test]
    fn a_certificate_is_read_with_its_dates_and_only_for_its_own_name() {
        let text = pem(&["shop.example.com"]);
        let certificate = Certificate::from_pem("shop.example.com", text.as_bytes()).unwrap();
        assert!(certificate.not_before < certificate.not_after);
        let other = Certificate::from_pem("blog.example.com", text.as_bytes());
        assert!(matches!(other, Err(CertificateError::OtherName)));
    }

    #[test]
    fn half_a_pair_a_wrong_pair_and_nonsense_are_refused() {
        let (one, other) = (pem(&["a.example"]), pem(&["a.example"]));
        let certificate = one.split_inclusive("-----END PRIVATE KEY-----\n").nth(1).unwrap();
        let key = other.split_inclusive("-----END PRIVATE KEY-----\n").next().unwrap();
        let read = |text: &str| Certificate::from_pem("a.example", text.as_bytes());
        assert!(matches!(read(certificate), Err(CertificateError::Pem)));
        assert!(matches!(read(key), Err(CertificateError::Pem)));
        assert!(matches!(read(&format!("{key}{certificate}")), Err(CertificateError::Pair(_))));
        assert!(read("").is_err() && read("-----BEGIN CERTIFICATE-----\n").is_err());
    }

    #[test]
    fn a_wildcard_serves_who_has_none_of_his_own() {
        let read = |name: &str| Certificate::from_pem(name, pem(&[name]).as_bytes()).unwrap();
        let certificates = Certificates::default();
        certificates.put("*.a.example", read("*.a.example"));
        certificates.put("own.a.example", read("own.a.example"));
        let key = |name: &str| certificates.get(name).unwrap();
        assert!(Arc::ptr_eq(&key("x.a.example"), &key("y.a.example")));
        assert!(!Arc::ptr_eq(&key("x.a.example"), &key("own.a.example")));
        for name in ["a.example", "x.y.a.example", "example", ""] {
            assert!(certificates.get(name).is_none(), "{name}");
        }
    }

    #[test]
    fn what_has_expired_is_forgotten_and_the_rest_is_kept() {
        let certificates = Certificates::default();
        let certificate = Certificate::from_pem("a.example", pem(&["a.example"]).as_bytes()).unwrap();
        let now = Timestamp::now();
        let until = |seconds| Certificate {
            not_after: now + jiff::SignedDuration::from_secs(seconds),
            ..certificate.clone()
        };
        certificates.put("a.example", until(0));
        certificates.put("b.example", until(1));
        assert_eq!(certificates.forget_expired(now), ["a.example"]);
        assert!(certificates.get("a.example").is_none() && certificates.get("b.example").is_some());
        assert!(certificates.forget_expired(now).is_empty());
    }
}
