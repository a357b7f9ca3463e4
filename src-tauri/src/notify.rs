//! Notifications. Where nobody shows them nothing is missing but they.
//!
//! Of each kind there is one: what comes soon after another of its kind takes its place and tells both. A click
//! opens what it is about.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use notify_rust::{ActionResponse, Notification, NotificationHandle};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::action::{Action, Place};

/// Notices that wait for a slow daemon; beyond, the newest is dropped.
const WAITING: usize = 16;

/// What comes within this time after another of its kind is told together with it.
const TOGETHER: Duration = Duration::from_secs(60);

/// Names told in one notification; of more, only how many.
const NAMES: usize = 20;

/// Notifications that can still be clicked: each keeps a connection to the session bus.
const CLICKABLE: usize = 6;

/// For the daemon to take one.
const SHOW_WAIT: Duration = Duration::from_secs(5);

/// The action that a click on the notification itself is.
const CLICK: &str = "default";

/// What a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A mapping's first visitor.
    Visitor,
    /// The link, lost or back: the newer word takes the older one's place.
    Link,
    /// A service that is down.
    Service,
    /// An answer to what a person just did. Each stands alone.
    Answer,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub kind: Kind,
    pub title: String,
    pub text: String,
    /// The mapping that it is about, where those of several are told together.
    pub of: Option<String>,
    /// What a click does, and the word for it.
    pub click: Option<(&'static str, Action)>,
}

impl Notice {
    /// An answer to what a person did.
    pub fn new(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self::about(Kind::Answer, title, text)
    }

    pub fn about(kind: Kind, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind, title: title.into(), text: text.into(), of: None, click: None }
    }

    /// The same, about one of several mappings.
    pub fn of(self, mapping: &str) -> Self {
        Self { of: Some(mapping.to_owned()), ..self }
    }

    /// The same; a click opens this.
    pub fn opens(self, place: Place) -> Self {
        self.does("Open", Action::Show(place))
    }

    /// The same; a click does this.
    pub fn does(self, word: &'static str, action: Action) -> Self {
        Self { click: Some((word, action)), ..self }
    }
}

/// A way to the notifications.
#[derive(Debug, Clone)]
pub struct Notifier(mpsc::Sender<Notice>);

impl Notifier {
    /// Shows what it is given from here on; clicks become `actions`.
    pub fn start(actions: mpsc::Sender<Action>) -> Self {
        let (notices, waiting) = mpsc::channel(WAITING);
        tokio::spawn(serve(waiting, actions));
        Self(notices)
    }

    /// Shows it, soon.
    pub fn show(&self, notice: Notice) {
        if self.0.try_send(notice).is_err() {
            tracing::debug!("whoever shows notifications is too slow: one is not shown");
        }
    }
}

async fn serve(mut notices: mpsc::Receiver<Notice>, actions: mpsc::Sender<Action>) {
    let mut groups: HashMap<Kind, Group> = HashMap::new();
    let mut clickable: VecDeque<(u32, AbortOnDropHandle<()>)> = VecDeque::new();
    while let Some(notice) = notices.recv().await {
        let group = groups.entry(notice.kind).or_default();
        let Told { title, text, replaces } = group.add(&notice, Instant::now());
        let mut notification = Notification::new();
        notification.appname("Porthole").icon("porthole").summary(&title).body(&escaped(&text));
        if let Some(id) = replaces {
            notification.id(id);
        }
        if let Some((word, _)) = notice.click {
            notification.action(CLICK, word);
        }
        match tokio::time::timeout(SHOW_WAIT, notification.show_async()).await {
            Ok(Ok(handle)) => {
                let id = handle.id();
                group.shown = Some(id);
                clickable.retain(|(other, waits)| *other != id && !waits.is_finished());
                if let Some((_, action)) = notice.click {
                    if clickable.len() == CLICKABLE {
                        clickable.pop_front();
                    }
                    let clicked = tokio::spawn(clicked(handle, action, actions.clone()));
                    clickable.push_back((id, AbortOnDropHandle::new(clicked)));
                }
            }
            Ok(Err(error)) => tracing::debug!(%error, "a notification was not shown: {title}"),
            Err(_) => tracing::debug!("a notification was not shown in time: {title}"),
        }
    }
}

/// Waits for a click or the end of a notification.
async fn clicked(handle: NotificationHandle, action: Action, actions: mpsc::Sender<Action>) {
    let answer = |response: &ActionResponse<'_>| {
        if matches!(response, ActionResponse::Custom(CLICK)) {
            let _ = actions.try_send(action);
        }
    };
    handle.wait_for_action_async(answer).await;
}

/// What was told of one kind.
#[derive(Debug, Default)]
struct Group {
    /// The notification that the next one may take the place of.
    shown: Option<u32>,
    /// The mappings that it tells of.
    names: Vec<String>,
    last: Option<Instant>,
}

/// One notification as it is shown.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    title: String,
    text: String,
    replaces: Option<u32>,
}

impl Group {
    fn add(&mut self, notice: &Notice, now: Instant) -> Told {
        let soon = self.last.is_some_and(|last| now.duration_since(last) < TOGETHER);
        self.last = Some(now);
        if !soon {
            self.names.clear();
        }
        let replaces = match notice.kind {
            Kind::Answer => None,
            Kind::Link => self.shown,
            Kind::Visitor | Kind::Service => self.shown.filter(|_| soon),
        };
        if let Some(name) = notice.of.as_ref().filter(|name| !self.names.contains(name))
            && self.names.len() < NAMES
        {
            self.names.push(name.clone());
        }
        let title = match (notice.kind, self.names.len()) {
            (Kind::Visitor, count @ 2..) => format!("First visitors on {count} mappings"),
            (Kind::Service, count @ 2..) => format!("{count} services do not answer"),
            _ => notice.title.clone(),
        };
        let text = if self.names.len() > 1 { self.names.join(", ") } else { notice.text.clone() };
        Told { title, text, replaces }
    }
}

/// Desktops read a body as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_visitor_sends_is_no_markup() {
        assert_eq!(escaped("<a href=\"x\">&</a>"), "&lt;a href=\"x\"&gt;&amp;&lt;/a&gt;");
    }

    #[test]
    fn what_comes_soon_after_another_of_its_kind_is_told_with_it() {
        let mut group = Group::default();
        let start = Instant::now();
        let down = |name: &str| {
            Notice::about(Kind::Service, format!("{name} does not answer"), "Requests come.").of(name)
        };
        let first = group.add(&down("shop"), start);
        assert_eq!((first.title.as_str(), first.replaces), ("shop does not answer", None));
        group.shown = Some(7);
        let second = group.add(&down("blog"), start + TOGETHER / 2);
        assert_eq!(
            (second.title.as_str(), second.text.as_str(), second.replaces),
            ("2 services do not answer", "shop, blog", Some(7))
        );
        let same = group.add(&down("blog"), start + TOGETHER);
        assert_eq!(same.text, "shop, blog", "nobody is told of twice");
        let later = group.add(&down("docs"), start + 3 * TOGETHER);
        assert_eq!((later.title.as_str(), later.replaces), ("docs does not answer", None));
    }

    #[test]
    fn the_links_newest_word_stands_alone_and_answers_never_hide_each_other() {
        let mut group = Group { shown: Some(1), ..Group::default() };
        let start = Instant::now();
        assert_eq!(group.add(&Notice::about(Kind::Link, "Lost", ""), start).replaces, Some(1));
        let much_later = start + 10 * TOGETHER;
        assert_eq!(group.add(&Notice::about(Kind::Link, "Back", ""), much_later).replaces, Some(1));
        assert_eq!(group.add(&Notice::new("Copied", "x"), much_later).replaces, None);
    }
}
