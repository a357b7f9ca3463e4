//! Keeps the picture true: events as they come, ports by looking.

use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::{mpsc, watch};

use crate::client::{Client, ClientError, Event};
use crate::notices::{Notices, first_visitor, is_wanted};
use crate::notify::{Notice, Notifier};
use crate::picture::{Picture, Presence};
use crate::shapes::{Exchange, Ports};

/// Between two tries to hear events of an engine that should be there.
const AGAIN: Duration = Duration::from_millis(200);

/// Between two looks at the ports of this computer while nobody opens the menu: a look takes some milliseconds.
const LOOK: Duration = Duration::from_secs(10);

/// Hears what happens, for good, and tells what is worth it.
pub async fn events(client: &Client, picture: &watch::Sender<Picture>, notifier: &Notifier) {
    let mut presence = picture.subscribe();
    let mut notices = Notices::default();
    loop {
        // The sender is ours: it does not end.
        let _ = presence.wait_for(|picture| picture.engine == Presence::Running).await;
        if let Err(error) = hear(client, picture, &mut notices, notifier).await {
            tracing::debug!(%error, "the engine's events broke off");
        }
        picture.send_modify(|picture| picture.status = None);
        tokio::time::sleep(AGAIN).await;
    }
}

async fn hear(
    client: &Client,
    picture: &watch::Sender<Picture>,
    notices: &mut Notices,
    notifier: &Notifier,
) -> Result<(), ClientError> {
    let mut events = client.events().await?;
    match client.get("/app").await {
        Ok(settings) => picture.send_modify(|picture| picture.app = Some(settings)),
        // The engine may be a command's of another version.
        Err(error) => tracing::warn!(%error, "the app's settings are not known: the defaults hold"),
    }
    let show = |notice: Notice| {
        if is_wanted(notice.kind, &picture.borrow().settings()) {
            notifier.show(notice);
        }
    };
    loop {
        let look = notices.look_at();
        let later = async {
            match look {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = events.next() => match event? {
                // A new snapshot tells all again.
                Some(event) if event.name == "lagged" => return Ok(()),
                Some(event) => {
                    picture.send_modify(|picture| {
                        if let Err(error) = picture.apply(&event) {
                            tracing::warn!(%error, "the tray shows less than there is");
                        }
                    });
                    visited(client, &event, notices, &show).await;
                }
                None => return Ok(()),
            },
            () = later => {}
        }
        let status = picture.borrow().status.clone();
        if let Some(status) = status {
            let told = [notices.choice(&status), notices.link(status.state, Instant::now())];
            told.into_iter().flatten().for_each(show);
        }
    }
}

/// Tells of a mapping's first visitor, and of services that are down.
async fn visited(client: &Client, event: &Event, notices: &mut Notices, show: &impl Fn(Notice)) {
    if event.name != "exchange" {
        return;
    }
    // One that cannot be read was logged when it was drawn.
    let Ok(exchange) = serde_json::from_str::<Exchange>(&event.data) else { return };
    if let Some(notice) = notices.service(&exchange) {
        show(notice);
    }
    let Some(mapping) = exchange.mapping.as_ref().filter(|_| notices.first_seen(&exchange)) else { return };
    // Since this program was started; the engine knows of earlier ones.
    let filter = crate::action::form_urlencoded(&crate::action::exchanges_of(mapping));
    match client.get::<Rows>(&format!("/exchanges?limit=2&filter={filter}")).await {
        Ok(Rows { exchanges }) if exchanges.len() <= 1 => show(first_visitor(mapping, &exchange)),
        Ok(_) => {}
        Err(error) => tracing::debug!(%error, "whether there were earlier visitors is not known"),
    }
}

/// A list of exchanges, to be counted.
#[derive(Debug, Deserialize)]
struct Rows {
    exchanges: Vec<serde::de::IgnoredAny>,
}

/// Looks what listens on this computer, at once when `looked` says that somebody opens the menu.
pub async fn ports(client: &Client, picture: &watch::Sender<Picture>, mut looked: mpsc::Receiver<()>) {
    let mut presence = picture.subscribe();
    loop {
        let _ = presence.wait_for(|picture| picture.status.is_some()).await;
        match client.get::<Ports>("/ports").await {
            Ok(Ports { ports }) => {
                picture.send_if_modified(|picture| picture.listening(ports));
            }
            Err(error) => tracing::debug!(%error, "the ports of this computer are not known"),
        }
        let _ = tokio::time::timeout(LOOK, looked.recv()).await;
    }
}
