//! What a person asks for about newer versions, and what they are told.

use std::path::PathBuf;
use std::time::Duration;

use semver::Version;
use tokio::time::Instant;

use super::{How, Newer, ReleaseError, Update, UpdateError, Updater};
use crate::action::{Action, Place};
use crate::client::ClientError;
use crate::notify::Notice;
use crate::perform::Hands;
use crate::shapes::Status;

/// Between two looks that nobody asks for. A program that starts daily looks daily.
const EACH: Duration = Duration::from_secs(24 * 60 * 60);

/// Between two looks whether requests run.
const LOOK: Duration = Duration::from_millis(250);

/// How long requests are waited for before somebody has to ask again: a person who waits for longer has left.
const QUIET_WAIT: Duration = Duration::from_secs(10 * 60);

/// Why a newer version was not put in place.
#[derive(Debug, thiserror::Error)]
enum NotInstalled {
    #[error("{0} ({code})", code = .0.code())]
    Update(#[from] UpdateError),
    #[error("requests went on for {} minutes: pause what is exposed, or try again later", QUIET_WAIT.as_secs() / 60)]
    Busy,
}

impl Hands {
    /// Looks for a newer version. Where no person asked for it, only news are told.
    pub async fn look_for_updates(&self, asked: bool) {
        let Some(updater) = &self.updater else { return };
        let Some(before) = self.begin(|_| Some(Update::Looking)) else { return };
        match updater.look().await {
            Ok(Some(release)) => {
                let newer = Newer { how: updater.how(&release), version: release.version };
                let known = before == Update::Newer(newer.clone());
                if asked || !known {
                    self.notifier.show(found(&newer));
                }
                self.update_is(Update::Newer(newer));
            }
            Ok(None) => {
                self.update_is(Update::Current);
                if asked {
                    let text = concat!("Version ", env!("CARGO_PKG_VERSION"), " is the newest.");
                    self.notifier.show(Notice::new("Porthole is up to date", text));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "whether there is a newer version is not known");
                self.update_is(before);
                if asked {
                    let text = format!("{error} ({})", error.code());
                    self.notifier.show(Notice::new("Updates are not known", text));
                }
            }
        }
    }

    /// Looks once a day while the settings say so; for good.
    pub async fn look_daily(&self) {
        let mut pictures = self.picture.subscribe();
        loop {
            let wanted = |wanted: bool| {
                move |picture: &crate::picture::Picture| picture.settings().check_updates == wanted
            };
            // The sender is ours: it does not end.
            let _ = pictures.wait_for(wanted(true)).await;
            self.look_for_updates(false).await;
            let _ = tokio::time::timeout(EACH, pictures.wait_for(wanted(false))).await;
        }
    }

    /// Fetches the newest version, waits until no requests run, puts it in place, and starts it.
    pub async fn install_update(&self) {
        let Some(updater) = &self.updater else { return };
        let fetching = |update: &Update| match update {
            Update::Newer(newer) if newer.how == How::Install => Some(Update::Fetching(newer.clone())),
            _ => None,
        };
        let Some(before) = self.begin(fetching) else { return };
        match self.installed(updater).await {
            Ok(image) => drop(self.actions.send(Action::Restart(image)).await),
            Err(error) => {
                tracing::warn!(%error, "the newer version is not installed");
                self.update_is(before);
                let notice = Notice::new("Porthole is not updated", error.to_string());
                self.notifier.show(notice.opens(Place::Settings));
            }
        }
    }

    async fn installed(&self, updater: &Updater) -> Result<PathBuf, NotInstalled> {
        let release = updater.look().await?.ok_or(UpdateError::from(ReleaseError::NotForHere))?;
        let fetched = updater.fetch(&release).await?;
        self.quiet(&release.version).await?;
        Ok(fetched.install()?)
    }

    /// Waits until no requests run.
    async fn quiet(&self, version: &Version) -> Result<(), NotInstalled> {
        let until = Instant::now() + QUIET_WAIT;
        let mut told = 0;
        loop {
            let open = match self.client.get::<Status>("/status").await {
                Ok(status) => status.open,
                // Without an engine nothing runs.
                Err(ClientError::Unreachable(_)) => 0,
                Err(error) => {
                    tracing::debug!(%error, "whether requests run is not known");
                    told.max(1)
                }
            };
            if open == 0 {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(NotInstalled::Busy);
            }
            if told == 0 {
                let text = "It is installed when the requests that run now have ended.";
                self.notifier.show(Notice::new(format!("Porthole {version} waits"), text));
            }
            if told != open {
                told = open;
                self.update_is(Update::Waiting { version: version.clone(), open });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Opens the page where newer versions are had.
    pub fn open_update_page(&self) {
        if let Some(page) = self.updater.as_ref().and_then(|updater| updater.page()) {
            self.browse(page);
        }
    }

    /// Begins something, unless something was begun; what was known before.
    fn begin(&self, next: impl FnOnce(&Update) -> Option<Update>) -> Option<Update> {
        let mut before = None;
        self.picture.send_if_modified(|picture| {
            let rests = matches!(picture.update, Update::Idle | Update::Current | Update::Newer(_));
            let next = if rests { next(&picture.update) } else { None };
            before = next.map(|next| std::mem::replace(&mut picture.update, next));
            before.is_some()
        });
        before
    }

    fn update_is(&self, update: Update) {
        self.picture.send_modify(|picture| picture.update = update);
    }
}

fn found(newer: &Newer) -> Notice {
    let text = match newer.how {
        How::Install => "Install it from the tray’s menu, or in the settings.",
        How::Page | How::Told => {
            "Update it the way it was installed: with the system’s packages, or by hand."
        }
    };
    Notice::new(format!("Porthole {} is there", newer.version), text).opens(Place::Settings)
}
