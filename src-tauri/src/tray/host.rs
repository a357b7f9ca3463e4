//! The tray of a Linux desktop: a StatusNotifierItem with its menu, spoken over D-Bus without a toolkit.
//!
//! A toolkit would cost more memory than the engine. Who shows the icon may come and go: it registers anew.

use std::fmt;

use ksni::menu::{StandardItem, SubMenu};
use ksni::{Handle, MenuItem, OfflineReason, ToolTip, TrayMethods as _};
use tokio::sync::{mpsc, watch};

use super::icon::{self, State};
use super::menu::{self, Item};
use crate::action::{Action, Place};
use crate::picture::Picture;

/// Everything that the tray shows.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    state: State,
    headline: String,
    items: Vec<Item>,
}

impl Model {
    fn of(picture: &Picture) -> Self {
        Self { state: icon::state(picture), headline: menu::headline(picture), items: menu::menu(picture) }
    }
}

/// A tray that is there, though perhaps nobody shows it.
pub struct Tray {
    handle: Option<Handle<Shown>>,
    model: Model,
    /// Whether somebody shows it.
    shown: watch::Receiver<bool>,
}

/// Asked by the desktop.
#[derive(Debug)]
struct Shown {
    model: Model,
    actions: mpsc::Sender<Action>,
    looked: mpsc::Sender<()>,
    shown: watch::Sender<bool>,
}

impl Tray {
    /// Puts the icon where the desktop wants it. `looked` hears when somebody opens the menu.
    pub async fn start(picture: &Picture, actions: mpsc::Sender<Action>, looked: mpsc::Sender<()>) -> Self {
        let model = Model::of(picture);
        // Somebody who does not show it says so before `spawn` is done.
        let (shown, watching) = watch::channel(true);
        let item = Shown { model: model.clone(), actions, looked, shown: shown.clone() };
        let handle = match item.assume_sni_available(true).spawn().await {
            Ok(handle) => Some(handle),
            Err(error) => {
                tracing::warn!(%error, "there is no tray");
                shown.send_replace(false);
                None
            }
        };
        Self { handle, model, shown: watching }
    }

    /// Shows another picture. Nothing happens where it would look the same.
    pub async fn draw(&mut self, picture: &Picture) {
        let model = Model::of(picture);
        if model == self.model {
            return;
        }
        self.model.clone_from(&model);
        if let Some(handle) = &self.handle {
            handle.update(|shown| shown.model = model).await;
        }
    }

    pub fn shown(&self) -> watch::Receiver<bool> {
        self.shown.clone()
    }

    /// Takes the icon away.
    pub async fn end(self) {
        if let Some(handle) = self.handle {
            handle.shutdown().await;
        }
    }
}

impl fmt::Debug for Tray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tray").field("model", &self.model).finish_non_exhaustive()
    }
}

impl Shown {
    /// Whoever clicks faster than can be done what they ask for has clicked once.
    fn ask(&self, action: Action) {
        let _ = self.actions.try_send(action);
    }
}

impl ksni::Tray for Shown {
    fn id(&self) -> String {
        "porthole".into()
    }

    fn title(&self) -> String {
        "Porthole".into()
    }

    fn icon_pixmap(&self) -> Vec<ksni::Icon> {
        let side = |size: u32| i32::try_from(size).unwrap_or_default();
        icon::pixels(self.model.state)
            .into_iter()
            .map(|pixels| ksni::Icon {
                width: side(pixels.size),
                height: side(pixels.size),
                data: pixels.argb,
            })
            .collect()
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip { title: "Porthole".into(), description: self.model.headline.clone(), ..ToolTip::default() }
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        self.ask(Action::Show(Place::Last));
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        self.model.items.iter().map(item).collect()
    }

    fn menu_about_to_show(&mut self) {
        let _ = self.looked.try_send(());
    }

    fn watcher_online(&self) {
        self.shown.send_replace(true);
    }

    fn watcher_offline(&self, reason: OfflineReason) -> bool {
        tracing::debug!(?reason, "nobody shows the tray");
        self.shown.send_replace(false);
        true
    }
}

fn item(item: &Item) -> MenuItem<Shown> {
    match item {
        Item::Line => MenuItem::Separator,
        Item::Text(label) => {
            StandardItem { label: plain(label), enabled: false, ..StandardItem::default() }.into()
        }
        Item::Click(label, action) => {
            let action = action.clone();
            let activate = Box::new(move |shown: &mut Shown| shown.ask(action.clone()));
            StandardItem { label: plain(label), activate, ..StandardItem::default() }.into()
        }
        Item::Sub(label, items) => {
            let submenu = items.iter().map(self::item).collect();
            SubMenu { label: plain(label), submenu, ..SubMenu::default() }.into()
        }
    }
}

/// An underscore would mark a key.
fn plain(label: &str) -> String {
    label.replace('_', "__")
}
