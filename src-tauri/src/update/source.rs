//! Where newer versions are announced, and whose signature they carry. Both are set when the app is built.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::PublicKey;
use porthole_agent::dial::is_loopback;
use url::Url;

/// One place.
#[derive(Clone)]
pub struct Source {
    /// The announcement of the newest version.
    pub endpoint: Url,
    pub key: PublicKey,
    /// Where people find the packages.
    pub page: Option<Url>,
}

/// Why a build's place is none.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{0} is no address with https")]
    Address(String),
    #[error("PORTHOLE_UPDATE_KEY is no minisign public key")]
    Key,
    #[error("PORTHOLE_UPDATE_URL and PORTHOLE_UPDATE_KEY are set together, or not at all")]
    Half,
}

impl Source {
    /// This build's place; none where it was built without one.
    pub fn find() -> Option<Result<Self, SourceError>> {
        let endpoint = set("PORTHOLE_UPDATE_URL", option_env!("PORTHOLE_UPDATE_URL"));
        let key = set("PORTHOLE_UPDATE_KEY", option_env!("PORTHOLE_UPDATE_KEY"));
        let page = set("PORTHOLE_UPDATE_PAGE", option_env!("PORTHOLE_UPDATE_PAGE"));
        match (endpoint, key) {
            (None, None) => None,
            (Some(endpoint), Some(key)) => Some(Self::read(&endpoint, &key, page.as_deref())),
            _ => Some(Err(SourceError::Half)),
        }
    }

    fn read(endpoint: &str, key: &str, page: Option<&str>) -> Result<Self, SourceError> {
        Ok(Self { endpoint: address(endpoint)?, key: public_key(key)?, page: page.map(address).transpose()? })
    }

    /// It is on this computer, which needs no encryption and no proxy.
    pub fn is_local(&self) -> bool {
        self.endpoint.host_str().is_some_and(is_loopback)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("endpoint", &self.endpoint.as_str()).finish_non_exhaustive()
    }
}

/// What the build says. In a debug build the environment says it at each start, so that a test can be the place;
/// what is shipped looks nowhere but where it was built to.
fn set(name: &str, built: Option<&str>) -> Option<String> {
    let now = if cfg!(debug_assertions) { std::env::var(name).ok() } else { None };
    now.or_else(|| built.map(str::to_owned)).filter(|value| !value.is_empty())
}

fn address(text: &str) -> Result<Url, SourceError> {
    let refused = || SourceError::Address(text.to_owned());
    let url = Url::parse(text).map_err(|_| refused())?;
    let safe = match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(is_loopback),
        _ => false,
    };
    if safe { Ok(url) } else { Err(refused()) }
}

/// As `minisign -G` prints it, or as `tauri signer generate` does: the file with its comment, in Base64.
fn public_key(text: &str) -> Result<PublicKey, SourceError> {
    if let Ok(key) = PublicKey::from_base64(text.trim()) {
        return Ok(key);
    }
    let file = STANDARD.decode(text.trim()).map_err(|_| SourceError::Key)?;
    PublicKey::decode(&String::from_utf8_lossy(&file)).map_err(|_| SourceError::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_come_encrypted_or_from_this_computer() {
        assert!(address("https://example.com/latest.json").is_ok());
        assert!(address("http://127.0.0.1:8000/latest.json").is_ok());
        for unsafe_one in ["http://example.com/latest.json", "file:///etc/passwd", "example.com", ""] {
            assert!(address(unsafe_one).is_err(), "{unsafe_one}");
        }
    }

    #[test]
    fn a_key_is_taken_as_either_tool_prints_it() {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        let bare = pair.pk.to_base64();
        let file = STANDARD.encode(pair.pk.to_box().unwrap().to_string());
        assert_eq!(public_key(&bare).unwrap().untrusted_comment(), None);
        assert!(public_key(&file).unwrap().untrusted_comment().is_some());
        assert!(matches!(public_key("hunter2"), Err(SourceError::Key)));
        assert!(Source::read("https://a.example", &bare, Some("ftp://a.example")).is_err());
    }
}
