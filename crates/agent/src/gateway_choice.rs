//! Which gateway this computer uses, and who said so.

use crate::store::{Store, StoreError};

/// The setting that holds the default gateway, as `login` and the app keep it.
const KEY: &str = "gateway";

/// Its value where somebody chose the trial gateway of this computer; no gateway's URL looks like this.
const TRIAL: &str = "trial";

/// Who chose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChosenBy {
    /// An option or a variable.
    Option,
    /// The configuration file.
    File,
    /// `porthole login`, or the same in the app.
    Login,
    /// Somebody who wants to try it on this computer.
    Trial,
    /// Nobody yet.
    #[default]
    Nobody,
}

/// Why the choice cannot be changed while the engine runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fixed {
    #[error(
        "the gateway was given with --gateway or PORTHOLE_GATEWAY: start Porthole without it to choose another"
    )]
    Option,
    #[error("{0} names the gateway: change it there")]
    File(String),
    #[error(
        "this engine belongs to a command: run `porthole login https://your-gateway`, then start the command again"
    )]
    Command,
}

/// What the engine knows of the choice.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    pub by: ChosenBy,
    /// Set where it stays as it is.
    pub fixed: Option<Fixed>,
}

/// A choice that outlives the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    Trial,
    /// A gateway's URL, which may name a mapping's path.
    Gateway(String),
}

/// What was chosen last.
pub async fn load(store: &Store) -> Result<Option<Kept>, StoreError> {
    let kept = store.setting(KEY).await?;
    Ok(kept.map(|text| if text == TRIAL { Kept::Trial } else { Kept::Gateway(text) }))
}

/// Keeps a choice for the next start.
pub async fn save(store: &Store, choice: Kept) -> Result<(), StoreError> {
    let text = match choice {
        Kept::Trial => TRIAL.into(),
        Kept::Gateway(url) => url,
    };
    store.set_setting(KEY, text).await
}
