//! Does what the app's settings say outside of it: starting at login.

use std::path::Path;

use http::Method;
use porthole_agent::app_settings::AppSettings;
use tokio::sync::watch;

use crate::autostart;
use crate::client::{Client, ClientError};
use crate::picture::Picture;

/// Follows the settings, for good.
pub async fn obey(client: &Client, picture: &watch::Sender<Picture>) {
    let Some(entry) = autostart::entry() else {
        tracing::info!("this user has no home folder: nothing starts at login");
        return std::future::pending().await;
    };
    let mut pictures = picture.subscribe();
    let mut known: Option<AppSettings> = None;
    loop {
        let news = |picture: &Picture| picture.app.is_some() && picture.app != known;
        let Ok(settings) = pictures.wait_for(news).await.map(|picture| picture.app.clone()) else { return };
        let first = known.is_none();
        known.clone_from(&settings);
        let Some(settings) = settings else { continue };
        match (first, settings.start_at_login) {
            (true, true) if !entry.exists() => {
                if let Err(error) = forget(client, settings).await {
                    tracing::warn!(%error, "the settings say that the app starts at login, which it does not");
                }
            }
            // Nobody asked for one so far; what is there was put there by somebody else.
            (true, false) => {}
            (_, start) => set(&entry, start),
        }
    }
}

/// Somebody took the entry away with the desktop's own settings: that holds.
async fn forget(client: &Client, settings: AppSettings) -> Result<(), ClientError> {
    let settings = AppSettings { start_at_login: false, ..settings };
    client.change::<AppSettings>(Method::PUT, "/app", &settings).await.map(drop)
}

fn set(entry: &Path, start: bool) {
    if let Err(error) = autostart::set(entry, start) {
        tracing::warn!(%error, "{} is not as the settings say", entry.display());
    }
}
