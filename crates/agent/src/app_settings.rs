//! How the desktop app behaves: a person's choice, in the store beside what is kept of exchanges, so that the
//! app's window and whoever has the engine see the same.

use serde::{Deserialize, Serialize};

use crate::shortcut::Shortcut;
use crate::store::{Store, StoreError};

/// Where the store keeps them, as JSON.
const KEY: &str = "app";

/// A person's choice, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppSettings {
    /// A notification when a mapping has its first visitor.
    pub notify_visitor: bool,
    /// When the link is lost for more than a moment, and when it is back.
    pub notify_link: bool,
    /// When requests come for a service that is down.
    pub notify_service: bool,
    /// The app starts, in the tray, when this user logs in.
    pub start_at_login: bool,
    /// Closing the window leaves the app in the tray; otherwise it quits.
    pub keep_in_tray: bool,
    /// The API and its page answer on a port of this computer as well; the window needs none.
    pub local_api: bool,
    /// The app looks for a newer version once a day. (Newer than the others: who leaves it out means no.)
    #[serde(default)]
    pub check_updates: bool,
    /// The keys that open the window from anywhere, like `Ctrl+Alt+P`; absent: none do. (As new.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        value_type = Option<String>,
        pattern = r"^(?:(?:Ctrl|Alt|Shift|Super)\+)*(?:Ctrl|Alt|Super)\+(?:Shift\+)?(?:[A-Z0-9]|F(?:[1-9]|1[0-2])|Space)$"
    )]
    pub shortcut: Option<Shortcut>,
}

impl Default for AppSettings {
    fn default() -> Self {
        Self {
            notify_visitor: true,
            notify_link: true,
            notify_service: true,
            start_at_login: false,
            keep_in_tray: true,
            local_api: false,
            check_updates: false,
            shortcut: None,
        }
    }
}

impl AppSettings {
    /// Those that were chosen last. What cannot be read is as if nobody had chosen.
    pub async fn load(store: &Store) -> Result<Self, StoreError> {
        store.json_setting(KEY).await.map(Option::unwrap_or_default)
    }

    /// Keeps them for the next start.
    pub async fn save(&self, store: &Store) -> Result<(), StoreError> {
        store.set_json_setting(KEY, self).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_chosen_is_there_again_and_nonsense_is_as_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::open(&dir.path().join("a.db"), crate::store::Mend::Never).await.unwrap();
        let store = opened.store;
        assert_eq!(AppSettings::load(&store).await, Ok(AppSettings::default()));
        let chosen = AppSettings { start_at_login: true, notify_link: false, ..AppSettings::default() };
        chosen.save(&store).await.unwrap();
        assert_eq!(AppSettings::load(&store).await, Ok(chosen));
        store.set_setting(KEY, "{\"start_at_login\":1}".into()).await.unwrap();
        assert_eq!(AppSettings::load(&store).await, Ok(AppSettings::default()));
    }
}
