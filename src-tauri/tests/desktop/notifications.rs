//! Who shows notifications: remembers them, and clicks on them.

#![allow(clippy::unused_self, clippy::used_underscore_binding, reason = "methods as the bus calls them")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use porthole_testkit::wait::eventually;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::OwnedValue;

const PATH: &str = "/org/freedesktop/Notifications";

/// One that was shown.
#[derive(Debug, Clone)]
pub struct Notification {
    pub title: String,
    pub text: String,
    id: u32,
    /// Whether a click on it does something.
    can_be_clicked: bool,
}

/// What was shown, the oldest first.
#[derive(Debug, Clone)]
pub struct Notifications {
    bus: zbus::Connection,
    shown: Shown,
}

type Shown = Arc<Mutex<Vec<Notification>>>;

impl Notifications {
    pub async fn host(bus: &zbus::Connection) -> Self {
        let shown = Shown::default();
        bus.object_server().at(PATH, Daemon(shown.clone())).await.expect("a place on the bus");
        bus.request_name("org.freedesktop.Notifications").await.expect("a name on the bus");
        Self { bus: bus.clone(), shown }
    }

    pub fn all(&self) -> Vec<Notification> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until one whose title begins so is shown; its text.
    pub async fn wait(&self, title: &str) -> String {
        let what = format!("the notification “{title}”, beside {:?}", self.all());
        eventually(what, || self.find(title).is_some()).await;
        self.find(title).map(|found| found.text).unwrap_or_default()
    }

    /// Clicks on it.
    pub async fn click(&self, title: &str) {
        let found = self.find(title).unwrap_or_else(|| panic!("no {title} among {:?}", self.all()));
        assert!(found.can_be_clicked, "{found:?}");
        let emitter = SignalEmitter::new(&self.bus, PATH).expect("a place on the bus");
        Daemon::action_invoked(&emitter, found.id, "default").await.expect("the click is told");
    }

    fn find(&self, title: &str) -> Option<Notification> {
        self.all().into_iter().find(|shown| shown.title.starts_with(title))
    }
}

struct Daemon(Shown);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Daemon {
    #[allow(clippy::too_many_arguments, reason = "the specification has so many")]
    fn notify(
        &self,
        _app: String,
        replaces: u32,
        _icon: String,
        title: String,
        text: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expire: i32,
    ) -> u32 {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = if replaces == 0 { all.len() as u32 + 1 } else { replaces };
        let can_be_clicked = actions.first().is_some_and(|action| action == "default");
        all.push(Notification { title, text, id, can_be_clicked });
        id
    }

    fn get_capabilities(&self) -> Vec<String> {
        vec!["body".into(), "body-markup".into(), "actions".into()]
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        ("test".into(), "porthole".into(), "1".into(), "1.2".into())
    }

    fn close_notification(&self, _id: u32) {}

    #[zbus(signal)]
    async fn action_invoked(emitter: &SignalEmitter<'_>, id: u32, action: &str) -> zbus::Result<()>;
}
