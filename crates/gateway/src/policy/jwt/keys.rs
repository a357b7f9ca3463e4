//! Keys by which tokens are checked. Each has a kind, which tells for which algorithms it is: a public key is never a
//! secret, whatever a token says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::TokenProblem;

/// Keys of one set; issuers publish two or three, large ones a dozen.
pub const MAX_KEYS: usize = 32;
/// Bytes of an RSA key's modulus: 2048 bits at least (RFC 7518 §3.3), and no more than the library takes.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
/// Bytes of its exponent, which is 65537 nearly everywhere.
const RSA_EXPONENT_BYTES: std::ops::RangeInclusive<usize> = 1..=4;

const RSA: &str = "1.2.840.113549.1.1.1";
const EC: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
const ED25519: &str = "1.3.101.112";

/// Why there are no keys to work with: the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKeys {
    #[error("it is no public key of RSA (2048 to 4096 bits), P-256, P-384 or Ed25519 in PEM")]
    Pem,
    #[error("it is no set of keys (RFC 7517)")]
    NoSet,
    #[error("the set holds no key of RSA (2048 to 4096 bits), P-256, P-384 or Ed25519 for signatures")]
    NoneUsable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
    Secret,
}

impl Kind {
    fn is_for(self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
        match self {
            Self::Rsa => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
            Self::P256 => algorithm == ES256,
            Self::P384 => algorithm == ES384,
            Self::Ed25519 => algorithm == EdDSA,
            Self::Secret => matches!(algorithm, HS256 | HS384 | HS512),
        }
    }
}

#[derive(Clone)]
struct Key {
    id: Option<String>,
    kind: Kind,
    /// The only one that the issuer uses it for.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

/// Some keys. Shows how many.
#[derive(Clone)]
pub struct KeySet {
    keys: Vec<Key>,
    /// Configured, not published: then the name that a token gives its key means nothing.
    fixed: bool,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeySet({})", self.keys.len())
    }
}

impl KeySet {
    fn one((kind, key): (Kind, DecodingKey)) -> Self {
        Self { keys: vec![Key { id: None, kind, algorithm: None, key }], fixed: true }
    }

    pub fn secret(secret: &[u8]) -> Self {
        Self::one((Kind::Secret, DecodingKey::from_secret(secret)))
    }

    /// One public key in PEM (`BEGIN PUBLIC KEY`).
    pub fn public(pem: &str) -> Result<Self, NoKeys> {
        let (_, pem) = parse_x509_pem(pem.trim().as_bytes()).map_err(|_| NoKeys::Pem)?;
        if pem.label != "PUBLIC KEY" {
            return Err(NoKeys::Pem);
        }
        let (rest, info) = SubjectPublicKeyInfo::from_der(&pem.contents).map_err(|_| NoKeys::Pem)?;
        let key = if rest.is_empty() { of_info(&info) } else { None };
        key.map(Self::one).ok_or(NoKeys::Pem)
    }

    /// A set as issuers publish it. Keys for something else, of kinds that are not known here, or that are no keys
    /// are skipped (RFC 7517 §5), secrets among them: what is published is none.
    pub fn published(json: &[u8]) -> Result<Self, NoKeys> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(json).map_err(|_| NoKeys::NoSet)?;
        let read = |key: Value| serde_json::from_value::<Published>(key).ok()?.read();
        let keys: Vec<Key> = set.keys.into_iter().filter_map(read).take(MAX_KEYS).collect();
        if keys.is_empty() { Err(NoKeys::NoneUsable) } else { Ok(Self { keys, fixed: false }) }
    }

    pub(super) fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// The keys by which a token may be checked that names its key, and an algorithm.
    pub(super) fn candidates(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<&DecodingKey>, TokenProblem> {
        let named = |key: &&Key| self.fixed || id.is_none() || key.id.as_deref() == id;
        let mut named = self.keys.iter().filter(named).peekable();
        if named.peek().is_none() {
            return Err(TokenProblem::UnknownKey);
        }
        let fits =
            |key: &&Key| key.kind.is_for(algorithm) && key.algorithm.is_none_or(|only| only == algorithm);
        let fitting: Vec<&DecodingKey> = named.filter(fits).map(|key| &key.key).collect();
        if fitting.is_empty() { Err(TokenProblem::Algorithm) } else { Ok(fitting) }
    }
}

/// A key of a set (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
#[derive(Deserialize)]
struct Published {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Published {
    fn read(self) -> Option<Key> {
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_ref().is_none_or(|all| all.iter().any(|one| one == "verify"));
        if !signs {
            return None;
        }
        let bytes =
            |part: &Option<String>| URL_SAFE_NO_PAD.decode(part.as_deref()?.trim_end_matches('=')).ok();
        let (kind, key) = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => rsa(&bytes(&self.n)?, &bytes(&self.e)?)?,
            ("EC", Some(curve @ ("P-256" | "P-384"))) => {
                let kind = if curve == "P-256" { Kind::P256 } else { Kind::P384 };
                point(kind, &[&[4][..], &bytes(&self.x)?, &bytes(&self.y)?].concat())?
            }
            ("OKP", Some("Ed25519")) => ed25519(&bytes(&self.x)?)?,
            _ => return None,
        };
        // Of another algorithm it is for nothing that is known here.
        let algorithm = self.alg.map(|alg| alg.parse::<Algorithm>()).transpose().ok()?;
        Some(Key { id: self.kid, kind, algorithm, key })
    }
}

fn of_info(info: &SubjectPublicKeyInfo<'_>) -> Option<(Kind, DecodingKey)> {
    let bits = &*info.subject_public_key.data;
    match info.algorithm.algorithm.to_id_string().as_str() {
        RSA => match info.parsed() {
            Ok(PublicKey::RSA(key)) => rsa(key.modulus, key.exponent),
            _ => None,
        },
        EC => {
            let curve = info.algorithm.parameters.as_ref()?.as_oid().ok()?;
            match curve.to_id_string().as_str() {
                P256 => point(Kind::P256, bits),
                P384 => point(Kind::P384, bits),
                _ => None,
            }
        }
        ED25519 => ed25519(bits),
        _ => None,
    }
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<(Kind, DecodingKey)> {
    let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
    let fits = RSA_BYTES.contains(&modulus.len()) && RSA_EXPONENT_BYTES.contains(&exponent.len());
    fits.then(|| (Kind::Rsa, DecodingKey::from_rsa_raw_components(modulus, exponent)))
}

/// An uncompressed point; whether it lies on its curve shows when a signature is checked.
fn point(kind: Kind, bytes: &[u8]) -> Option<(Kind, DecodingKey)> {
    let length = if kind == Kind::P256 { 65 } else { 97 };
    (bytes.len() == length && bytes[0] == 4).then(|| (kind, DecodingKey::from_ec_der(bytes)))
}

/// The length is checked here: the library takes the first 32 bytes, and would not survive fewer.
fn ed25519(bytes: &[u8]) -> Option<(Kind, DecodingKey)> {
    (bytes.len() == 32).then(|| (Kind::Ed25519, DecodingKey::from_ed_der(bytes)))
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}
