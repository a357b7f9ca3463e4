//! Does what was asked for, through the engine's API.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::{mpsc, watch};

use crate::action::{Action, Place};
use crate::client::{Client, ClientError};
use crate::clipboard::Clipboard;
use crate::notify::{Notice, Notifier};
use crate::picture::{Picture, Presence};
use crate::shapes::{MadePassword, Mapping, PasswordSwitched, Source, Standing};
use crate::update::Updater;
use porthole_agent::app::LOG_NAME;
use porthole_agent::log_file;
use porthole_agent::secrets::Secret;

/// How long the gateway may take to answer to a mapping before the click is told to have failed.
const LIVE_WAIT: Duration = Duration::from_secs(15);

/// Lines of the app's log that diagnostics tell the places of.
const LOG_LINES: usize = 30;

/// What every action works with.
#[derive(Debug, Clone)]
pub struct Hands {
    pub client: Client,
    pub picture: watch::Sender<Picture>,
    pub clipboard: Clipboard,
    pub notifier: Notifier,
    /// For what an action leads to.
    pub actions: mpsc::Sender<Action>,
    /// None: this app was built without a place to look for newer versions.
    pub updater: Option<Arc<Updater>>,
    /// The folder of logs and crash reports.
    pub logs: PathBuf,
}

/// Why something was not done, for a person.
#[derive(Debug, thiserror::Error)]
pub enum Undone {
    #[error(transparent)]
    Engine(#[from] ClientError),
    #[error("{0}")]
    Refused(String),
    #[error("the gateway has not answered yet: the address comes when it does")]
    Waiting,
}

impl Hands {
    /// One click on a port: a mapping is made or woken, its URL is on the clipboard, and that is told.
    pub async fn expose(&self, port: u16) {
        match self.exposed(port).await {
            Ok(mapping) => self.copied(&mapping),
            Err(error) => {
                let what = format!("Port {port} is not exposed");
                self.notifier.show(Notice::new(what, error.to_string()).opens(Place::Mappings));
            }
        }
    }

    async fn exposed(&self, port: u16) -> Result<Mapping, Undone> {
        let known = self.picture.borrow().ports.iter().find(|known| known.port == port).cloned();
        let leads = self.picture.borrow().leads_to(port).map(|mapping| mapping.id.clone());
        if let Some(id) = leads {
            self.switch(&id, true).await?;
            return self.live(&id).await;
        }
        let name = known.and_then(|port| port.project).and_then(|project| label(&project));
        let named = name.is_some();
        let added = self.add(port, name).await?;
        match self.live(&added.id).await {
            // A name that nobody asked for is free to change.
            Err(Undone::Refused(_)) if named => {
                self.remove(&added.id).await?;
                let added = self.add(port, None).await?;
                self.live(&added.id).await
            }
            live => live,
        }
    }

    async fn add(&self, port: u16, name: Option<String>) -> Result<Mapping, Undone> {
        let mapping = json!({ "target": port.to_string(), "name": name });
        match self.client.change(Method::POST, "/mappings", &mapping).await {
            Err(ClientError::Refused { .. }) if name.is_some() => {
                let mapping = json!({ "target": port.to_string() });
                Ok(self.client.change(Method::POST, "/mappings", &mapping).await?)
            }
            added => Ok(added?),
        }
    }

    /// Waits until the gateway has answered to a mapping.
    async fn live(&self, id: &str) -> Result<Mapping, Undone> {
        let mut pictures = self.picture.subscribe();
        let answered = pictures.wait_for(|picture| {
            let mapping = picture.mapping(id);
            mapping.is_some_and(|mapping| matches!(mapping.state, Standing::Live | Standing::Refused))
        });
        let Ok(Ok(picture)) = tokio::time::timeout(LIVE_WAIT, answered).await else {
            return Err(Undone::Waiting);
        };
        let mapping = picture.mapping(id).cloned().ok_or(Undone::Waiting)?;
        drop(picture);
        match mapping.state {
            Standing::Refused => Err(Undone::Refused(mapping.message.unwrap_or_default())),
            _ => Ok(mapping),
        }
    }

    /// Puts a mapping's URL on the clipboard, and says so.
    pub fn copy(&self, id: &str) {
        if let Some(mapping) = self.mapping(id) {
            self.copied(&mapping);
        }
    }

    fn copied(&self, mapping: &Mapping) {
        if let Some(url) = &mapping.public_url {
            self.clipboard.copy(url);
            self.notifier.show(Notice::new("Copied", url));
        }
    }

    /// Opens a mapping's URL in the browser.
    pub fn open(&self, id: &str) {
        if let Some(url) = self.mapping(id).and_then(|mapping| mapping.public_url) {
            self.browse(&url);
        }
    }

    fn mapping(&self, id: &str) -> Option<Mapping> {
        self.picture.borrow().mapping(id).cloned()
    }

    pub async fn switch(&self, id: &str, enabled: bool) -> Result<(), Undone> {
        let path = format!("/mappings/{id}");
        let _: Value = self.client.change(Method::PATCH, &path, &json!({ "enabled": enabled })).await?;
        Ok(())
    }

    pub async fn remove(&self, id: &str) -> Result<(), Undone> {
        Ok(self.client.order(Method::DELETE, &format!("/mappings/{id}")).await?)
    }

    /// Asks visitors for a password, or no longer. One that was made just now is on the clipboard, with its URL.
    pub async fn password(&self, id: &str, on: bool) -> Result<(), Undone> {
        let path = format!("/mappings/{id}/password");
        let PasswordSwitched { mapping, made } =
            self.client.change(Method::PUT, &path, &json!({ "on": on })).await?;
        let name = mapping.title();
        let text = match (on, &made) {
            (false, _) => "Everybody with the address gets in.",
            (true, None) => "Whoever had the password before gets in with it.",
            (true, Some(MadePassword { user, password })) => {
                let url = mapping.public_url.as_deref().unwrap_or_default();
                self.clipboard.copy(&format!("{url}\nUser: {user}\nPassword: {password}\n"));
                "Its address, user and password are on the clipboard."
            }
        };
        let title = format!("{name} asks for {} password", if on { "a" } else { "no" });
        self.notifier.show(Notice::new(title, text));
        Ok(())
    }

    /// Copies what somebody who helps wants to know; nothing in it is private.
    pub async fn diagnostics(&self) -> Result<(), Undone> {
        let mut text = self.client.text("/diagnostics").await?;
        text.push_str("app's log, where its last lines are from:\n");
        for line in log_file::last_lines(&self.logs, LOG_NAME, LOG_LINES) {
            text.extend(["- ", &line, "\n"]);
        }
        self.clipboard.copy(&text);
        let text = "They hold no names, addresses or secrets; paste them where somebody helps you.";
        self.notifier.show(Notice::new("Diagnostics copied", text));
        Ok(())
    }

    /// Switches all stored mappings off, and remembers which.
    pub async fn pause_all(&self) -> Result<(), Undone> {
        let running = |mapping: &&Mapping| mapping.enabled && mapping.source == Source::Stored;
        let ids: Vec<String> =
            self.picture.borrow().mappings.iter().filter(running).map(|mapping| mapping.id.clone()).collect();
        self.picture.send_modify(|picture| picture.paused.clone_from(&ids));
        for id in &ids {
            self.switch(id, false).await?;
        }
        Ok(())
    }

    pub async fn resume_all(&self) -> Result<(), Undone> {
        let ids = self.picture.borrow().paused.clone();
        for id in &ids {
            self.switch(id, true).await?;
        }
        self.picture.send_modify(|picture| picture.paused.clear());
        Ok(())
    }

    pub async fn reconnect(&self) -> Result<(), Undone> {
        Ok(self.client.order(Method::POST, "/reconnect").await?)
    }

    /// Offers what a link holds, in the window: nothing is done with it before somebody says so there.
    pub async fn follow(&self, link: &Secret) -> Result<(), Undone> {
        let mut pictures = self.picture.subscribe();
        let running = pictures.wait_for(|picture| picture.engine == Presence::Running);
        // Whether there is an engine is for the answer to tell.
        let _ = tokio::time::timeout(LIVE_WAIT, running).await;
        self.client.tell(Method::POST, "/gateway/offer", &json!({ "link": link.expose() })).await?;
        let _ = self.actions.send(Action::Show(Place::Gateway)).await;
        Ok(())
    }

    /// Has the desktop open a web address; anything else could start any program.
    pub fn browse(&self, url: &str) {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return;
        }
        self.desktop_opens(url);
    }

    /// Opens the folder of logs and crash reports.
    pub fn open_logs(&self) {
        self.desktop_opens(&self.logs);
    }

    fn desktop_opens(&self, what: impl AsRef<OsStr>) {
        let opened = Command::new("xdg-open").arg(what).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        match opened {
            Ok(mut child) => drop(tokio::spawn(async move { child.wait().await })),
            Err(error) => {
                self.notifier
                    .show(Notice::new("It was not opened", format!("xdg-open does not run: {error}")));
            }
        }
    }
}

/// A project's name as a label of a host name; none where nothing is left of it.
fn label(project: &str) -> Option<String> {
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let label: String = project.chars().map(word).collect();
    let label = label.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let label = label.get(..label.len().min(63))?.trim_end_matches('-').to_owned();
    (!label.is_empty()).then_some(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_name_becomes_a_label_of_a_host_name() {
        assert_eq!(label("My Shop!").as_deref(), Some("my-shop"));
        assert_eq!(label("@acme/shop_frontend").as_deref(), Some("acme-shop-frontend"));
        assert_eq!(label("…"), None);
        assert_eq!(label("ü1").as_deref(), Some("1"));
        assert_eq!(label(&"a".repeat(63)).map(|label| label.len()), Some(63));
        assert_eq!(label(&"a".repeat(64)).map(|label| label.len()), Some(63));
    }
}
