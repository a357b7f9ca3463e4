//! What is announced, in the form that Tauri's tools write: a version, and for each kind of system a file with its
//! signature.

use std::collections::HashMap;

use semver::Version;
use serde::Deserialize;
use url::Url;

/// The newest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub version: Version,
    /// Its file for this system, if it has one.
    pub asset: Option<Asset>,
}

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Asset {
    pub url: Url,
    /// The text of minisign's signature file, in Base64.
    pub signature: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    #[error("the announcement of the newest version cannot be read: {0}")]
    Unreadable(String),
    #[error("the newest version has no file for this installation")]
    NotForHere,
}

#[derive(Debug, Deserialize)]
struct Announced {
    version: String,
    #[serde(default)]
    platforms: HashMap<String, serde_json::Value>,
}

impl Release {
    /// Reads an announcement.
    pub fn read(text: &[u8]) -> Result<Self, ReleaseError> {
        let unreadable = |error: &dyn std::error::Error| ReleaseError::Unreadable(error.to_string());
        let mut announced: Announced = serde_json::from_slice(text).map_err(|error| unreadable(&error))?;
        let version = announced.version.trim_start_matches('v');
        let version = Version::parse(version).map_err(|error| unreadable(&error))?;
        // What is for other systems is none of ours, and may be as it likes.
        let asset = announced.platforms.remove(&platform());
        let asset = asset.map(serde_json::from_value).transpose().map_err(|error| unreadable(&error))?;
        Ok(Self { version, asset })
    }
}

/// This system, as Tauri's tools call it.
fn platform() -> String {
    let system = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    format!("{system}-{}", std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_announcement_tells_the_version_and_this_systems_file() {
        let asset = json!({"url": "https://example.com/a", "signature": "abc"});
        let text = json!({"version": "v1.2.3", "notes": "x", "platforms": {platform(): asset, "odd": 7}});
        let release = Release::read(text.to_string().as_bytes()).unwrap();
        assert_eq!(release.version, Version::new(1, 2, 3));
        assert_eq!(release.asset.unwrap().signature, "abc");
        let elsewhere = json!({"version": "1.2.3", "platforms": {"odd": 7}}).to_string();
        assert_eq!(Release::read(elsewhere.as_bytes()).unwrap().asset, None);
    }

    #[test]
    fn what_is_no_announcement_is_said_to_be_none() {
        for text in ["", "<html>", "{}", r#"{"version": "new"}"#, r#"{"version": 2}"#] {
            assert!(matches!(Release::read(text.as_bytes()), Err(ReleaseError::Unreadable(_))), "{text}");
        }
        let odd = json!({"version": "1.2.3", "platforms": {platform(): {"url": "nowhere"}}}).to_string();
        assert!(Release::read(odd.as_bytes()).is_err());
    }
}
