//! Which hosts a certificate was made for.

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;

/// The DNS names of a certificate, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl Names {
    /// Those of its subject alternative names; a common name alone counts for nothing (RFC 9525 §2).
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else {
            return Self::default();
        };
        let Ok(Some(names)) = parsed.subject_alternative_name() else { return Self::default() };
        let dns = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        Self(dns.collect())
    }

    /// Whether one of them is `host` (normalised), or a wildcard for it: `*.` stands for one label
    /// (RFC 9525 §6.3).
    pub fn cover(&self, host: &str) -> bool {
        self.0.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => host
                .split_once('.')
                .is_some_and(|(label, rest)| !label.is_empty() && label != "*" && rest == parent),
            None => name == host,
        })
    }

    /// Whether it holds exactly this name, wildcards as they are written.
    pub fn hold(&self, name: &str) -> bool {
        self.0.iter().any(|held| held.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Names {
        let list: Vec<String> = list.iter().map(|name| (*name).to_owned()).collect();
        Names::of(rcgen::generate_simple_self_signed(list).unwrap().cert.der())
    }

    #[test]
    fn a_wildcard_covers_one_label_and_not_its_parent() {
        let names = names(&["Tunnel.example.com", "*.tunnel.example.com", "127.0.0.1"]);
        for host in ["tunnel.example.com", "shop.tunnel.example.com"] {
            assert!(names.cover(host), "{host}");
        }
        for host in ["a.shop.tunnel.example.com", "example.com", ".tunnel.example.com", "127.0.0.1", ""] {
            assert!(!names.cover(host), "{host}");
        }
        assert!(names.hold("*.tunnel.example.com") && !names.hold("shop.tunnel.example.com"));
    }

    #[test]
    fn what_is_no_certificate_covers_nothing() {
        assert_eq!(Names::of(&CertificateDer::from(vec![0x30, 0])), Names::default());
    }
}
