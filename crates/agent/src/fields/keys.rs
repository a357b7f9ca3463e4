//! Keys onto a mapping's policy, and keys that are made.

use std::io;

use porthole_link::control::{BearerKey, Policy};

use super::{FieldsError, MappingFields, each};
use crate::mapping::{MappingError, parse_bearer_key, random_bearer_key, wants_bearer_key};
use crate::secrets::{Secret, resolve};

/// A key that is told once, to whoever asked for it.
#[derive(Debug)]
pub struct MadeKey {
    pub name: String,
    pub key: Secret,
}

impl MappingFields {
    /// Makes the keys of which only the name was given. For command lines: a file that is read again would have
    /// other keys each time.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn make_keys(&mut self) -> io::Result<Vec<MadeKey>> {
        let mut made = Vec::new();
        for text in self.bearer_key.iter_mut().filter(|text| wants_bearer_key(text)) {
            let (name, key) = (text.trim().to_owned(), random_bearer_key()?);
            *text = format!("{name}:{key}");
            made.push(MadeKey { name, key: Secret::new(key) });
        }
        Ok(made)
    }
}

pub(super) fn apply(fields: &MappingFields, policy: &mut Policy) -> Result<(), FieldsError> {
    if fields.bearer_key.is_empty() {
        return Ok(());
    }
    let keys = each(&fields.bearer_key, |text| {
        let secret = resolve(text).map_err(FieldsError::KeySecret)?;
        Ok::<_, FieldsError>(parse_bearer_key(secret.expose())?)
    })?;
    policy.bearer_keys = distinct(keys)?;
    Ok(())
}

/// # Errors
/// When two have one name, or there are too many.
fn distinct(keys: Vec<BearerKey>) -> Result<Vec<BearerKey>, MappingError> {
    if keys.len() > BearerKey::MAX_KEYS {
        return Err(MappingError::BearerKeyParts("a mapping has at most 100 of them"));
    }
    let twice =
        keys.iter().enumerate().any(|(at, key)| keys[..at].iter().any(|other| other.name == key.name));
    if twice { Err(MappingError::BearerKeyParts("another one has its name")) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(list: &[&str]) -> MappingFields {
        let bearer_key = list.iter().map(|&text| text.to_owned()).collect();
        MappingFields { bearer_key, ..Default::default() }
    }

    #[test]
    fn keys_are_made_for_names_alone_and_told_as_they_are_kept() {
        let mut fields = given(&["ci", "cd:0123456789abcdef"]);
        let made = fields.make_keys().unwrap();
        assert_eq!((made.len(), made[0].name.as_str()), (1, "ci"));
        assert!(!format!("{made:?}").contains(made[0].key.expose()));
        let mut policy = Policy::default();
        apply(&fields, &mut policy).unwrap();
        let told = parse_bearer_key(&format!("ci:{}", made[0].key.expose())).unwrap();
        assert_eq!(policy.bearer_keys[0], told);
        assert_eq!(policy.bearer_keys[1].name, "cd");
        apply(&MappingFields::default(), &mut policy).unwrap();
        assert_eq!(policy.bearer_keys.len(), 2);
        apply(&given(&[""]), &mut policy).unwrap();
        assert_eq!(policy, Policy::default());
    }

    #[test]
    fn keys_that_are_short_or_told_apart_by_nothing_are_refused() {
        let refused = |list: &[&str]| apply(&given(list), &mut Policy::default()).unwrap_err().to_string();
        assert!(refused(&["ci"]).contains("NAME:KEY"), "nothing is made where nobody is told");
        assert!(refused(&["ci:0123456789abcde"]).contains("16 to 1024"));
        assert!(refused(&["ci:0123456789abcdef", "ci:0123456789abcdeg"]).contains("name"));
    }
}
