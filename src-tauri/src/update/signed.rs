//! Whether a file is ours: minisign signatures, made over the file and over a comment that names it.
//!
//! The announcement itself is not signed. Whoever could change it could offer an old file, with its true signature,
//! as a new version: so the name in the signed comment has to hold the version that is announced.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::Signature;
use semver::Version;

#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    #[error("its signature cannot be read")]
    Unreadable,
    #[error("its signature is not ours")]
    Wrong(#[from] minisign_verify::Error),
    #[error("its signature is that of another version")]
    OtherVersion,
}

/// Reads a signature, which has to be that of this version.
pub fn signature(text: &str, version: &Version) -> Result<Signature, SignatureError> {
    let file = STANDARD.decode(text.trim()).map_err(|_| SignatureError::Unreadable)?;
    let file = String::from_utf8(file).map_err(|_| SignatureError::Unreadable)?;
    let signature = Signature::decode(&file).map_err(|_| SignatureError::Unreadable)?;
    let name = signature.trusted_comment().split_whitespace().find_map(|word| word.strip_prefix("file:"));
    if name.is_some_and(|name| names(name, &version.to_string())) {
        Ok(signature)
    } else {
        Err(SignatureError::OtherVersion)
    }
}

/// Whether a file's name holds a version, and not one that only begins or ends like it.
fn names(file: &str, version: &str) -> bool {
    file.match_indices(version).any(|(at, _)| {
        let before = file[..at].chars().next_back();
        let mut after = file[at + version.len()..].chars();
        let goes_on = match after.next() {
            Some('.') => after.next().is_some_and(|c| c.is_ascii_digit()),
            Some(c) => c.is_ascii_digit(),
            None => false,
        };
        !before.is_some_and(|c| c.is_ascii_digit() || c == '.') && !goes_on
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_of_a_version_that_its_name_holds_whole() {
        for file in ["Porthole_1.2.3_amd64.AppImage", "porthole-1.2.3.AppImage", "v1.2.3"] {
            assert!(names(file, "1.2.3"), "{file}");
        }
        for file in
            ["Porthole_11.2.3_amd64", "Porthole_1.2.30_amd64", "Porthole_1.2.3.4", "0.1.2.3", "Porthole"]
        {
            assert!(!names(file, "1.2.3"), "{file}");
        }
    }

    #[test]
    fn a_signature_without_a_name_or_with_another_versions_is_refused() {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        let signed = |comment: &str| {
            let signature = minisign::sign(Some(&pair.pk), &pair.sk, &b"x"[..], Some(comment), None).unwrap();
            STANDARD.encode(signature.to_string())
        };
        let wanted = Version::new(1, 2, 3);
        assert!(signature(&signed("timestamp:1\tfile:Porthole_1.2.3_amd64.AppImage"), &wanted).is_ok());
        for comment in ["timestamp:1\tfile:Porthole_1.2.2_amd64.AppImage", "1.2.3"] {
            let refused = signature(&signed(comment), &wanted);
            assert!(matches!(refused, Err(SignatureError::OtherVersion)), "{comment}");
        }
        assert!(matches!(signature("hunter2", &wanted), Err(SignatureError::Unreadable)));
    }
}
