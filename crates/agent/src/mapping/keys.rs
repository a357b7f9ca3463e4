//! Keys with which programs come in, as people write them.

use std::fmt::Write as _;

use porthole_link::control::BearerKey;
use sha2::{Digest as _, Sha256};

use super::MappingError;
use crate::secrets::random_text;

/// Bytes of a key. What is shorter could be guessed; what is longer would not fit beside a request's other fields.
pub const MIN_KEY_BYTES: usize = 16;
pub const MAX_KEY_BYTES: usize = 1024;
/// Random bytes of a key that is made here: 256 bits, 43 characters.
const MADE_KEY_BYTES: usize = 32;
/// Stands before a hash that somebody has made already.
const HASHED: &str = "sha256:";

/// `NAME:KEY`, hashed here so that the key itself never leaves; `NAME:sha256:HEX` is such a hash.
pub fn parse_bearer_key(text: &str) -> Result<BearerKey, MappingError> {
    let (name, key) = text.trim().split_once(':').ok_or(MappingError::BearerKey)?;
    checked_bearer_key(name, key)
}

/// The key of that name, hashed, or as it is where it is a hash.
pub fn checked_bearer_key(name: &str, key: &str) -> Result<BearerKey, MappingError> {
    let hash = match key.strip_prefix(HASHED) {
        Some(hash) => hash.to_owned(),
        None if !(MIN_KEY_BYTES..=MAX_KEY_BYTES).contains(&key.len()) => {
            return Err(MappingError::BearerKeyLength);
        }
        None if !key.bytes().all(|byte| byte.is_ascii_graphic()) => return Err(MappingError::BearerKey),
        None => Sha256::digest(key).iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
    };
    let key = BearerKey { name: name.to_owned(), hash };
    key.check().map_err(MappingError::BearerKeyParts)?;
    Ok(key)
}

/// Whether a text names a key that is to be made. `file` and its like would be read as a way to a secret.
pub fn wants_bearer_key(text: &str) -> bool {
    let hash = "0".repeat(64);
    let name = text.trim().to_owned();
    !matches!(name.as_str(), "file" | "env" | "exec") && BearerKey { name, hash }.check().is_ok()
}

/// A random key.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn random_bearer_key() -> std::io::Result<String> {
    random_text(MADE_KEY_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leaves_only_as_a_hash() {
        let key = parse_bearer_key("ci:0123456789abcdef").unwrap();
        let hash = "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f";
        assert_eq!((key.name.as_str(), key.hash.as_str()), ("ci", hash));
        assert_eq!(parse_bearer_key(&format!("ci:sha256:{hash}")), Ok(key));
        assert!(parse_bearer_key(&format!("ci:{}", "x:".repeat(512))).is_ok());
        for short in ["ci:", "ci:0123456789abcde", &format!("ci:{}", "x".repeat(1025))] {
            assert_eq!(parse_bearer_key(short), Err(MappingError::BearerKeyLength), "{short}");
        }
        for bad in [
            "",
            "ci",
            "ci:0123456789 abcdef",
            "ci:0123456789abcdef\u{e9}",
            "c i:0123456789abcdef",
            ":0123456789abcdef",
        ] {
            assert!(parse_bearer_key(bad).is_err(), "{bad:?}");
        }
        assert!(parse_bearer_key("ci:sha256:00").is_err());
    }

    #[test]
    fn a_name_alone_asks_for_a_key_of_256_bits() {
        assert!(wants_bearer_key("ci") && !wants_bearer_key("ci:x"));
        assert!(!wants_bearer_key("") && !wants_bearer_key("exec"));
        let made = random_bearer_key().unwrap();
        assert!(made.len() == 43 && made != random_bearer_key().unwrap());
        assert!(checked_bearer_key("ci", &made).is_ok());
    }
}
