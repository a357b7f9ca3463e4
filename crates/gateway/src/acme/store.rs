//! The files of automatic certificates: `acme/<directory>/` in the data folder, for their owner only and
//! replaced whole.
//!
//! `account.json` (who we are to the authority), `orders.json` ([`Ledger`]), and `certificates/NAME.pem`
//! with key and chain in one file, so that a start after a power loss finds a pair that fits (a wildcard's
//! begins with `_.`: not every system takes a star). Each
//! directory has a folder of its own: what a staging authority gave is not served once another is named.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use url::Url;

use super::certificates::Certificate;
use super::schedule::Ledger;
use crate::files;

/// Bytes of a certificate's file; a key and a chain of three have some six thousand.
const CERTIFICATE_BYTES: u64 = 256 * 1024;

/// Certificates at once: as many as there are links. At some 8 KiB each they are 80 MiB.
pub const CERTIFICATES: usize = crate::agents::MAX_LINKS;

/// Where all of it lies.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    pub fn new(data: &Path, directory: &Url) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let host: String = directory.host_str().unwrap_or_default().chars().map(plain).collect();
        let hash = Sha256::digest(directory.as_str().as_bytes());
        let hash = crate::secret::hex(&hash[..4]);
        Self { folder: data.join("acme").join(format!("{host}-{hash}")) }
    }

    fn certificates(&self) -> PathBuf {
        self.folder.join("certificates")
    }

    fn certificate(&self, name: &str) -> PathBuf {
        let name = name.strip_prefix("*.").map_or_else(|| name.to_owned(), |rest| format!("_.{rest}"));
        self.certificates().join(format!("{name}.pem"))
    }

    fn account(&self) -> PathBuf {
        self.folder.join("account.json")
    }

    fn ledger(&self) -> PathBuf {
        self.folder.join("orders.json")
    }

    /// Reads all certificates that can be used; says of the others why not. Blocking.
    pub fn load_certificates(&self) -> io::Result<HashMap<String, Certificate>> {
        let mut found = HashMap::new();
        let entries = match std::fs::read_dir(self.certificates()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".pem"));
            // Drafts that a power loss left begin with a dot.
            let Some(name) = name.filter(|name| !name.starts_with('.')) else { continue };
            let name = name.strip_prefix("_.").map_or_else(|| name.to_owned(), |rest| format!("*.{rest}"));
            let name = name.as_str();
            let read = || -> Result<Certificate, String> {
                let bytes = std::fs::metadata(&path).map_err(|error| error.to_string())?.len();
                if bytes > CERTIFICATE_BYTES {
                    return Err(format!("it has {bytes} bytes"));
                }
                let pem = std::fs::read(&path).map_err(|error| error.to_string())?;
                Certificate::from_pem(name, &pem).map_err(|error| error.to_string())
            };
            match read() {
                Ok(certificate) if found.len() < CERTIFICATES => {
                    found.insert(name.to_owned(), certificate);
                }
                Ok(_) => tracing::warn!(name, "more than {CERTIFICATES} certificates: this one is not used"),
                Err(problem) => {
                    tracing::warn!(file = %path.display(), problem, "a stored certificate is not used; another is ordered");
                }
            }
        }
        Ok(found)
    }

    /// Keeps key and chain. Blocking.
    pub fn save_certificate(&self, name: &str, pem: &str) -> io::Result<()> {
        files::replace(&self.certificate(name), pem.as_bytes())
    }

    /// Takes a certificate away, where it is kept. Blocking.
    pub fn remove_certificate(&self, name: &str) -> io::Result<()> {
        remove(&self.certificate(name))
    }

    /// The account as it was kept; none before there was one. Blocking.
    pub fn load_account(&self) -> io::Result<Option<instant_acme::AccountCredentials>> {
        files::read_json(&self.account())
    }

    /// Keeps the account with its key. Blocking.
    pub fn save_account(&self, account: &instant_acme::AccountCredentials) -> io::Result<()> {
        files::write_json(&self.account(), account)
    }

    /// Takes the account away. Blocking.
    pub fn remove_account(&self) -> io::Result<()> {
        remove(&self.account())
    }

    /// Blocking.
    pub fn load_ledger(&self) -> io::Result<Ledger> {
        files::read_json(&self.ledger())
    }

    /// Blocking.
    pub fn save_ledger(&self, ledger: &Ledger) -> io::Result<()> {
        files::write_json(&self.ledger(), ledger)
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(data: &Path, directory: &str) -> Store {
        Store::new(data, &Url::parse(directory).unwrap())
    }

    fn pem(name: &str) -> String {
        let pair = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        pair.signing_key.serialize_pem() + &pair.cert.pem()
    }

    #[test]
    fn certificates_come_back_under_their_names_and_broken_ones_are_left_out() {
        let data = tempfile::tempdir().unwrap();
        let store = store(data.path(), "https://ca.example/directory");
        assert!(store.load_certificates().unwrap().is_empty());
        store.save_certificate("shop.example.com", &pem("shop.example.com")).unwrap();
        store.save_certificate("*.example.com", &pem("*.example.com")).unwrap();
        store.save_certificate("blog.example.com", &pem("another.example.com")).unwrap();
        store.save_certificate("half.example.com", "-----BEGIN").unwrap();
        std::fs::write(store.certificates().join(".draft.pem"), pem("draft")).unwrap();
        let found = store.load_certificates().unwrap();
        let mut names: Vec<_> = found.keys().collect();
        names.sort();
        assert_eq!(names, ["*.example.com", "shop.example.com"]);
        store.remove_certificate("*.example.com").unwrap();
        store.remove_certificate("shop.example.com").unwrap();
        store.remove_certificate("shop.example.com").unwrap();
        assert!(store.load_certificates().unwrap().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let data = tempfile::tempdir().unwrap();
        let store = store(data.path(), "https://ca.example/directory");
        store.save_certificate("a.example", &pem("a.example")).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&store.certificate("a.example")), 0o600);
        assert_eq!(mode(&store.certificates()), 0o700);
    }

    #[test]
    fn each_directory_has_a_folder_of_its_own_and_none_leads_out() {
        let data = Path::new("/data");
        let one = store(data, "https://ca.example/directory").folder;
        let other = store(data, "https://ca.example/directory2").folder;
        assert_ne!(one, other);
        let odd = store(data, "https://[::1]:14000/../x").folder;
        assert_eq!(odd.parent(), Some(Path::new("/data/acme")));
    }
}
