//! The settings of automatic certificates.

use std::path::PathBuf;

use url::Url;

use super::ConfigError;
use super::parse::{Read, existing_file};

/// The directory that is asked when nothing says otherwise.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Bytes of an e-mail address. Source: RFC 5321 §4.5.3.1.3.
const EMAIL_BYTES: usize = 254;

/// What `--acme-email` and the options beside it say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeSettings {
    /// Whom the authority writes to.
    pub email: String,
    /// The authority's directory (RFC 8555 §7.1.1).
    pub directory: Url,
    /// Authorities that vouch for the directory's own certificate. None: the system's.
    pub ca_file: Option<PathBuf>,
    pub challenge: ChallengeKind,
    /// The program that answers DNS-01 for the gateway's own host and for a wildcard below it.
    pub dns_hook: Option<PathBuf>,
}

/// How the authority is shown that a name leads here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChallengeKind {
    /// RFC 8737: in the TLS handshake, at port 443 of the name.
    #[default]
    TlsAlpn01,
    /// RFC 8555 §8.3: over clear HTTP, at port 80 of the name.
    Http01,
}

pub(super) fn settings(read: &Read<'_>) -> Result<Option<AcmeSettings>, ConfigError> {
    let email = read.parsed("acme-email", email)?;
    let directory = read.parsed("acme-directory", directory)?;
    let ca_file = read.parsed("acme-ca-file", existing_file)?;
    let challenge = read.parsed("acme-challenge", challenge)?;
    let dns_hook = read.parsed("acme-dns-hook", program)?;
    let Some(email) = email else {
        let given = [
            ("acme-directory", directory.is_some()),
            ("acme-ca-file", ca_file.is_some()),
            ("acme-challenge", challenge.is_some()),
            ("acme-dns-hook", dns_hook.is_some()),
        ];
        return match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(ConfigError::WithoutEmail { option }),
            None => Ok(None),
        };
    };
    let directory = match directory {
        Some(directory) => directory,
        None => self::directory(LETS_ENCRYPT)
            .map_err(|problem| ConfigError::Value { source_name: LETS_ENCRYPT.to_owned(), problem })?,
    };
    let challenge = challenge.unwrap_or_default();
    Ok(Some(AcmeSettings { email, directory, ca_file, challenge, dns_hook }))
}

/// One address, as RFC 8555 §7.3 wants it: no list and no header fields behind it.
fn email(text: &str) -> Result<String, String> {
    let (name, host) = text.split_once('@').unwrap_or_default();
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '@' | ',' | '?' | '<' | '>' | ':');
    let good = text.len() <= EMAIL_BYTES
        && !name.is_empty()
        && name.chars().all(plain)
        && crate::router::normalise_host(host).is_ok()
        && host.chars().all(plain);
    if good { Ok(text.to_owned()) } else { Err("give one e-mail address, like admin@example.com".to_owned()) }
}

fn directory(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.has_host());
    url.ok_or_else(|| format!("give the https URL of an ACME directory, like {LETS_ENCRYPT}"))
}

/// A file that may be run, by its whole path: what runs shall not depend on where the gateway was started.
fn program(text: &str) -> Result<PathBuf, String> {
    let file = existing_file(text)?;
    let meta = std::fs::metadata(&file).map_err(|error| format!("cannot read this file: {error}"))?;
    #[cfg(unix)]
    let runs = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let runs = true;
    if !meta.is_file() || !runs {
        return Err("this is no program; name a file that may be executed".to_owned());
    }
    std::path::absolute(file).map_err(|error| error.to_string())
}

fn challenge(text: &str) -> Result<ChallengeKind, String> {
    match text {
        "tls-alpn-01" => Ok(ChallengeKind::TlsAlpn01),
        "http-01" => Ok(ChallengeKind::Http01),
        _ => Err("give tls-alpn-01 or http-01".to_owned()),
    }
}
