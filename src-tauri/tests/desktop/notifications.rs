//! Who shows notifications: remembers them.

#![allow(clippy::unused_self, clippy::used_underscore_binding, reason = "methods as the bus calls them")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use porthole_testkit::wait::eventually;
use zbus::zvariant::OwnedValue;

/// What was shown, the oldest first: title and text.
#[derive(Debug, Clone, Default)]
pub struct Notifications(Arc<Mutex<Vec<(String, String)>>>);

impl Notifications {
    pub async fn host(bus: &zbus::Connection) -> Self {
        let shown = Self::default();
        let path = "/org/freedesktop/Notifications";
        bus.object_server().at(path, Daemon(shown.clone())).await.expect("a place on the bus");
        bus.request_name("org.freedesktop.Notifications").await.expect("a name on the bus");
        shown
    }

    pub fn all(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until one with this title is shown; its text.
    pub async fn wait(&self, title: &str) -> String {
        let find = || self.all().into_iter().find(|(shown, _)| shown == title).map(|(_, text)| text);
        eventually(format!("the notification “{title}”, beside {:?}", self.all()), || find().is_some()).await;
        find().unwrap_or_default()
    }
}

struct Daemon(Notifications);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Daemon {
    #[allow(clippy::too_many_arguments, reason = "the specification has so many")]
    fn notify(
        &self,
        _app: String,
        _replaces: u32,
        _icon: String,
        summary: String,
        body: String,
        _actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expire: i32,
    ) -> u32 {
        let mut all = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((summary, body));
        all.len() as u32
    }

    fn get_capabilities(&self) -> Vec<String> {
        vec!["body".into(), "body-markup".into(), "actions".into()]
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        ("test".into(), "porthole".into(), "1".into(), "1.2".into())
    }

    fn close_notification(&self, _id: u32) {}
}
