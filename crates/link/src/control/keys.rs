//! Keys with which programs come in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whoever comes with this key.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BearerKey {
    /// Tells keys apart: 1 to 64 letters, digits, dots, dashes and underscores.
    pub name: String,
    /// SHA-256 of the key in lower-case hex; the key itself never leaves the agent. A plain hash will do for a text
    /// that is long and random, which a password is not.
    pub hash: String,
}

impl fmt::Debug for BearerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerKey").field("name", &self.name).field("hash", &"***").finish()
    }
}

impl BearerKey {
    /// Keys of one mapping: looked through for each request that comes with one.
    pub const MAX_KEYS: usize = 100;
    pub const MAX_NAME_BYTES: usize = 64;

    /// The hash as bytes.
    ///
    /// # Errors
    /// What is wrong with the name or the hash, as the end of a sentence.
    pub fn check(&self) -> Result<[u8; 32], &'static str> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !(1..=Self::MAX_NAME_BYTES).contains(&self.name.len()) || !self.name.bytes().all(plain) {
            return Err("its name has 1 to 64 letters, digits, dots, dashes and underscores");
        }
        digest(&self.hash).ok_or("its hash is SHA-256 in 64 lower-case hex digits")
    }
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let hex: &[u8; 64] = hex.as_bytes().try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_plain_name_and_a_hash_and_shows_neither_key_nor_hash() {
        let of = |name: &str, hash: &str| BearerKey { name: name.into(), hash: hash.into() };
        let hash = "00ff".repeat(16);
        let key = of("ci-1.x_Y", &hash);
        assert_eq!(key.check().map(|bytes| (bytes[0], bytes[31])), Ok((0, 255)));
        assert!(!format!("{key:?}").contains("00ff"));
        assert!(of(&"x".repeat(64), &hash).check().is_ok());
        for name in ["", "a b", "a:b", "a\r\n", "é", &"x".repeat(65)] {
            assert!(of(name, &hash).check().is_err(), "{name:?}");
        }
        for hash in ["", "00", &"00FF".repeat(16), &"0g".repeat(32), &"é".repeat(32), &"0".repeat(65)] {
            assert!(of("ci", hash).check().is_err(), "{hash:?}");
        }
    }
}
