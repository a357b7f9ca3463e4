//! What is kept of exchanges, and for how long: a person's choice, in the store.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::capture::BODY_BYTES;
use crate::store::exchanges::Limits;
use crate::store::{Store, StoreError};

/// Where the store keeps them, as JSON.
const KEY: &str = "inspector";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MIB: i64 = 1024 * 1024;

/// What may be chosen. A list is searched in milliseconds up to the number of exchanges, a body is held in
/// memory when it is looked at.
const KEEP_DAYS: (i64, i64) = (1, 3650);
const KEEP_EXCHANGES: (i64, i64) = (100, 1_000_000);
const KEEP_BYTES: (i64, i64) = (MIB, 1024 * 1024 * MIB);
const KEEP_BODY_BYTES: (i64, i64) = (0, 16 * MIB);

/// A person's choice, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Exchanges older than this are forgotten.
    #[schema(minimum = 1, maximum = 3650)]
    pub keep_days: i64,
    /// Beyond so many, the oldest are forgotten.
    #[schema(minimum = 100, maximum = 1_000_000)]
    pub keep_exchanges: i64,
    /// Beyond so many bytes of bodies, the oldest exchanges are forgotten.
    #[schema(minimum = 1_048_576, maximum = 1_099_511_627_776_i64)]
    pub keep_bytes: i64,
    /// Whether anything is kept at all.
    pub capture: bool,
    /// Bytes that are kept of each body.
    #[schema(minimum = 0, maximum = 16_777_216)]
    pub body_bytes: i64,
}

impl Default for Settings {
    fn default() -> Self {
        let Limits { age, count, bytes } = Limits::default();
        Self {
            keep_days: (age.as_secs() / DAY.as_secs()) as i64,
            keep_exchanges: count,
            keep_bytes: bytes,
            capture: true,
            body_bytes: BODY_BYTES as i64,
        }
    }
}

impl Settings {
    /// A sentence for each value that cannot be.
    pub fn problems(&self) -> BTreeMap<&'static str, String> {
        let each = [
            ("keep_days", self.keep_days, KEEP_DAYS),
            ("keep_exchanges", self.keep_exchanges, KEEP_EXCHANGES),
            ("keep_bytes", self.keep_bytes, KEEP_BYTES),
            ("body_bytes", self.body_bytes, KEEP_BODY_BYTES),
        ];
        let wrong = each.into_iter().filter(|(_, value, (least, most))| !(least..=most).contains(&value));
        wrong
            .map(|(name, value, (least, most))| {
                (name, format!("{value} cannot be: give a number from {least} to {most}"))
            })
            .collect()
    }

    /// What the writer keeps to.
    pub fn limits(&self) -> Limits {
        let days = u32::try_from(self.keep_days).unwrap_or(u32::MAX);
        Limits { age: DAY * days, count: self.keep_exchanges, bytes: self.keep_bytes }
    }

    /// Those that were chosen last. What cannot be read is as if nobody had chosen.
    pub async fn load(store: &Store) -> Result<Self, StoreError> {
        let read = store.json_setting::<Self>(KEY).await?;
        Ok(read.filter(|read| read.problems().is_empty()).unwrap_or_default())
    }

    /// Keeps them for the next start.
    pub async fn save(&self, store: &Store) -> Result<(), StoreError> {
        store.set_json_setting(KEY, self).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_is_kept_and_one_more_or_less_is_refused() {
        assert!(Settings::default().problems().is_empty());
        assert_eq!(Settings::default().limits(), Limits::default());
        type Field = fn(&mut Settings) -> &mut i64;
        let set: [(&str, Field, (i64, i64)); 4] = [
            ("keep_days", |settings| &mut settings.keep_days, KEEP_DAYS),
            ("keep_exchanges", |settings| &mut settings.keep_exchanges, KEEP_EXCHANGES),
            ("keep_bytes", |settings| &mut settings.keep_bytes, KEEP_BYTES),
            ("body_bytes", |settings| &mut settings.body_bytes, KEEP_BODY_BYTES),
        ];
        for (name, field, (least, most)) in set {
            let mut settings = Settings::default();
            for (value, fine) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
                *field(&mut settings) = value;
                let problems = settings.problems();
                assert_eq!(problems.is_empty(), fine, "{name} {value}");
                assert!(fine || problems.contains_key(name), "{problems:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_was_chosen_is_there_again_and_nonsense_is_as_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::open(&dir.path().join("a.db"), crate::store::Mend::Never).await.unwrap();
        let store = opened.store;
        assert_eq!(Settings::load(&store).await, Ok(Settings::default()));
        let chosen = Settings { keep_days: 30, capture: false, ..Settings::default() };
        chosen.save(&store).await.unwrap();
        assert_eq!(Settings::load(&store).await, Ok(chosen));
        store.set_setting(KEY, "{\"keep_days\":0}".into()).await.unwrap();
        assert_eq!(Settings::load(&store).await, Ok(Settings::default()));
    }
}
