//! Keys with which programs come in: as they are shown, and as somebody writes them.

use porthole_link::control;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::mapping;

/// Whoever has a key, which stays where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct BearerKey {
    name: String,
}

/// A key: visitors send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BearerKeyInput {
    name: String,
    /// 16 to 1024 bytes, long and random. Absent: as it was.
    #[serde(default)]
    key: Option<String>,
}

impl std::fmt::Debug for BearerKeyInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BearerKeyInput").field("name", &self.name).finish_non_exhaustive()
    }
}

impl From<control::BearerKey> for BearerKey {
    fn from(key: control::BearerKey) -> Self {
        Self { name: key.name }
    }
}

/// The keys that are meant, over those that were there.
///
/// # Errors
/// A sentence about the first that is wrong.
pub(super) fn read(
    given: Vec<BearerKeyInput>,
    kept: &[control::BearerKey],
) -> Result<Vec<control::BearerKey>, String> {
    if given.len() > control::BearerKey::MAX_KEYS {
        return Err(format!("a mapping has at most {} keys", control::BearerKey::MAX_KEYS));
    }
    let mut keys: Vec<control::BearerKey> = Vec::with_capacity(given.len());
    for BearerKeyInput { name, key } in given {
        let shown = mapping::shown(&name);
        if keys.iter().any(|known| known.name == name) {
            return Err(format!("the key “{shown}” is there twice"));
        }
        let before = kept.iter().find(|kept| kept.name == name);
        keys.push(match (key.filter(|key| !key.is_empty()), before) {
            (None, Some(before)) => before.clone(),
            (None, None) => return Err(format!("the key “{shown}” needs a text of 16 characters or more")),
            (Some(key), _) => {
                mapping::checked_bearer_key(&name, &key).map_err(|error| format!("“{shown}”: {error}"))?
            }
        });
    }
    Ok(keys)
}

/// A key that is to stay as it was, and was not there.
pub(super) fn missing(given: &[BearerKeyInput], kept: &[control::BearerKey]) -> Option<String> {
    let known = |name: &str| kept.iter().any(|kept| kept.name == name);
    let missing = given.iter().find(|given| given.key.is_none() && !known(&given.name))?;
    Some(format!("there is no key “{}” to keep: write one", mapping::shown(&missing.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: &str, key: Option<&str>) -> BearerKeyInput {
        BearerKeyInput { name: name.into(), key: key.map(str::to_owned) }
    }

    #[test]
    fn a_key_that_is_not_given_stays_and_one_that_is_leaves_as_a_hash() {
        let first = read(vec![given("ci", Some("0123456789abcdef"))], &[]).unwrap();
        assert_eq!(first[0].hash.len(), 64);
        assert_eq!(read(vec![given("ci", None)], &first).unwrap(), first);
        assert!(!format!("{:?}", given("ci", Some("hunter2"))).contains("hunter2"));
        assert_eq!(missing(&[given("ci", None)], &first), None);
        assert!(missing(&[given("cd", None)], &first).is_some_and(|told| told.contains("“cd”")));
        for bad in [
            vec![given("ci", None)],
            vec![given("ci", Some("short"))],
            vec![given("c i", Some("0123456789abcdef"))],
            vec![given("ci", Some("0123456789abcdef")); 2],
            (0..101).map(|n| given(&format!("k{n}"), Some("0123456789abcdef"))).collect(),
        ] {
            assert!(read(bad, &[]).is_err());
        }
    }
}
