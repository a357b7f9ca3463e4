//! Keys with which programs come in: `Authorization: Bearer KEY`, or `X-API-Key: KEY`, which leaves the other field to
//! the service. Both go on to the service, as passwords do.

use std::net::IpAddr;
use std::time::Instant;

use porthole_http1::Fields;
use porthole_link::control::BearerKey;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::compile::shown;
use super::{Compiled, MAX_AUTHORIZATION_BYTES, Passwords, PolicyRefusal};
use crate::secret::keyed_hash;

/// SHA-256 of a key.
type KeyHash = [u8; 32];

/// The keys of one mapping.
#[derive(Clone, Default)]
pub(super) struct Keys(Vec<KeyHash>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

impl Keys {
    /// # Errors
    /// One sentence that names the key which is wrong.
    pub(super) fn new(keys: &[BearerKey]) -> Result<Self, String> {
        if keys.len() > BearerKey::MAX_KEYS {
            return Err(format!("A mapping may have at most {} keys.", BearerKey::MAX_KEYS));
        }
        let hash = |key: &BearerKey| {
            key.check().map_err(|wrong| format!("The key \"{}\" is not usable: {wrong}.", shown(&key.name)))
        };
        keys.iter().map(hash).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compared with each of them, so that the time tells nothing.
    fn knows(&self, key: &KeyHash) -> bool {
        let none = Choice::from(0);
        self.0.iter().fold(none, |found, known| found | known[..].ct_eq(&key[..])).into()
    }
}

/// What a visitor shows in place of a password: hashes of one or two texts, any of which may be a key.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownKeys(Vec<KeyHash>);

impl std::fmt::Debug for ShownKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ShownKeys({})", self.0.len())
    }
}

impl ShownKeys {
    /// None where nothing is shown.
    pub(super) fn of(fields: &Fields) -> Option<Self> {
        let own = fields.get("x-api-key").filter(|value| value.len() <= MAX_AUTHORIZATION_BYTES);
        let own = own.map(<[u8]>::trim_ascii).filter(|key| !key.is_empty());
        let bearer = fields.get("authorization").and_then(bearer);
        let bearer = bearer.filter(|key| key.len() <= MAX_AUTHORIZATION_BYTES);
        let shown: Vec<KeyHash> =
            [own, bearer].into_iter().flatten().map(|key| Sha256::digest(key).into()).collect();
        (!shown.is_empty()).then_some(Self(shown))
    }

    pub(super) fn are_known_to(&self, policy: &Compiled) -> bool {
        self.0.iter().any(|key| policy.keys.knows(key))
    }
}

/// Reads `Bearer KEY` (RFC 6750 §2.1).
pub(super) fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let text = authorization.trim_ascii();
    let (scheme, rest) = text.split_at_checked("bearer ".len())?;
    let key = rest.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !key.is_empty()).then_some(key)
}

impl Passwords {
    /// Ok: one of the policy's keys. Wrong ones count as wrong passwords do, by address and by mapping, and who
    /// guesses waits; a key that was right before is let in meanwhile.
    pub fn check_keys(
        &self,
        policy: &Compiled,
        shown: &ShownKeys,
        visitor: IpAddr,
        now: Instant,
    ) -> Result<(), PolicyRefusal> {
        let right = shown.0.iter().find(|key| policy.keys.knows(key));
        let right = right.map(|key| keyed_hash(&self.key, &[b"key", key]));
        if right.is_some_and(|mark| self.verified().contains(&mark)) {
            return Ok(());
        }
        // The first key's hash tells mappings apart.
        let mapping = policy.keys.0.first().map_or(&[][..], |key| &key[..]);
        let keys = keyed_hash(&self.key, &[b"keys", mapping]);
        self.admit(visitor, Some(keys), now)?;
        match right {
            Some(mark) => {
                self.found_right(visitor, Some(keys), mark);
                Ok(())
            }
            None => {
                self.found_wrong(visitor, Some(keys), now);
                Err(policy.challenge_again())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use porthole_link::control::{BasicAuth, Policy};

    use super::super::{Decision, PolicyRequest, decide};
    use super::*;

    const KEY: &str = "a-key-of-25-characters-or";

    fn key(name: &str, key: &str) -> BearerKey {
        BearerKey { name: name.into(), hash: crate::secret::hex(&Sha256::digest(key)) }
    }

    fn with_keys(keys: Vec<BearerKey>) -> Compiled {
        Compiled::new(&Policy { bearer_keys: keys, ..Policy::default() }, "shop").unwrap()
    }

    fn visitor(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    fn decided(policy: &Compiled, fields: &[(&str, &str)]) -> Decision {
        let fields: Fields = fields.iter().copied().collect();
        let now = Instant::now();
        decide(policy, &PolicyRequest { visitor: visitor(1), method: "GET", path: "/", fields: &fields, now })
    }

    fn status(policy: &Compiled, passwords: &Passwords, fields: &[(&str, &str)]) -> u16 {
        match decided(policy, fields) {
            Decision::NeedsKey(shown, _) => passwords
                .check_keys(policy, &shown, visitor(1), Instant::now())
                .map_or_else(|refusal| refusal.status, |()| 200),
            Decision::Refuse(refusal) => refusal.status(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_key_is_let_in_by_either_field_and_nothing_else_is() {
        let policy = with_keys(vec![key("old", "another-key-of-some-length"), key("ci", KEY)]);
        let ask = |name: &str, value: &str| status(&policy, &Passwords::default(), &[(name, value)]);
        for (name, value) in [
            ("Authorization", format!("Bearer {KEY}")),
            ("authorization", format!("bEARER   {KEY} ")),
            ("X-API-Key", KEY.to_owned()),
            ("x-api-key", format!(" {KEY}")),
        ] {
            assert_eq!(ask(name, &value), 200, "{name}: {value}");
        }
        let wrong = format!("Bearer {}", &KEY[..24]);
        let hash = format!("Bearer {}", crate::secret::hex(&Sha256::digest(KEY)));
        let long = format!("Bearer {}", KEY.repeat(200));
        for value in ["", "Bearer", "Bearer ", KEY, &format!("Basic {KEY}"), &wrong, &hash, &long] {
            assert_eq!(ask("Authorization", value), 401, "{value:?}");
        }
        assert_eq!(ask("X-API-Key", ""), 401);
        // A field for the service beside the one for us.
        let both = [("authorization", "Bearer the-services-own"), ("x-api-key", KEY)];
        assert_eq!(status(&policy, &Passwords::default(), &both), 200);
    }

    #[test]
    fn beside_passwords_either_will_do_and_both_are_asked_for() {
        let hash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA";
        let policy = Policy {
            basic_auth: vec![BasicAuth { user: "ann".into(), hash: hash.into() }],
            bearer_keys: vec![key("ci", KEY)],
            ..Policy::default()
        };
        let policy = Compiled::new(&policy, "sh\"op").unwrap();
        let basic = ("authorization", "Basic YW5uOng=");
        assert!(matches!(decided(&policy, &[basic]), Decision::NeedsPassword(..)));
        assert_eq!(status(&policy, &Passwords::default(), &[("x-api-key", KEY)]), 200);
        let asked = policy.challenge().www_authenticate;
        assert_eq!(asked, ["Basic realm=\"shop\", charset=\"UTF-8\"", "Bearer realm=\"shop\""]);
        assert_eq!(
            policy.challenge_again().www_authenticate[1],
            "Bearer realm=\"shop\", error=\"invalid_token\""
        );
    }

    #[test]
    fn who_guesses_waits_and_a_key_that_was_right_before_does_not() {
        let (policy, other) =
            (with_keys(vec![key("ci", KEY)]), with_keys(vec![key("ci", "the-others-own-key")]));
        let passwords = Passwords::default();
        let now = Instant::now();
        let ask = |policy: &Compiled, text: &str, from: u8| {
            let shown = ShownKeys(vec![Sha256::digest(text).into()]);
            passwords.check_keys(policy, &shown, visitor(from), now).map_err(|refusal| refusal.status)
        };
        assert_eq!(ask(&policy, KEY, 1), Ok(()));
        for _ in 0..10 {
            assert_eq!(ask(&policy, "wrong", 1), Err(401));
        }
        assert_eq!(ask(&policy, "wrong", 1), Err(429));
        assert_eq!(ask(&policy, KEY, 1), Ok(()), "known keys are not slowed");
        assert_eq!(ask(&other, "the-others-own-key", 1), Err(429), "others wait, with the right one, too");
        assert_eq!(ask(&other, "the-others-own-key", 2), Ok(()));
        for from in 2..=91 {
            assert_eq!(ask(&policy, "wrong", from), Err(401), "{from}");
        }
        assert_eq!(ask(&policy, "wrong", 92), Err(429), "many addresses are slowed together");
        assert_eq!(ask(&other, "wrong", 92), Err(401), "and not at another mapping");
    }

    #[test]
    fn keys_that_cannot_be_are_refused_with_their_name() {
        let policy = Policy { bearer_keys: vec![key("a b\r\n", KEY)], ..Policy::default() };
        let told = Compiled::new(&policy, "shop").unwrap_err();
        assert!(told.contains("\"a b\"") && !told.contains('\n'), "{told}");
        let many = |count| Policy { bearer_keys: vec![key("ci", KEY); count], ..Policy::default() };
        assert!(Compiled::new(&many(100), "shop").is_ok());
        assert!(Compiled::new(&many(101), "shop").unwrap_err().contains("100 keys"));
        assert!(!format!("{:?}", with_keys(vec![key("ci", KEY)])).contains(&key("", KEY).hash));
    }
}
