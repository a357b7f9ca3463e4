//! Who shows the tray: the watcher that items register with, and a hand that opens their menus.

#![allow(clippy::unused_self, clippy::used_underscore_binding, reason = "methods as the bus calls them")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use porthole_desktop::tray::icon::{self, State};
use porthole_testkit::wait::until;
use serde::{Deserialize, Serialize};
use zbus::message::Header;
use zbus::names::OwnedUniqueName;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Type, Value};

const ITEM: (&str, &str) = ("/StatusNotifierItem", "org.kde.StatusNotifierItem");
const MENU: &str = "com.canonical.dbusmenu";
const INVALID: &str = "org.freedesktop.DBus.Error.InvalidArgs";

/// A tray with the items that registered.
#[derive(Debug, Clone)]
pub struct Tray {
    bus: zbus::Connection,
    items: Items,
}

type Items = Arc<Mutex<Vec<OwnedUniqueName>>>;

/// One line of a menu.
#[derive(Debug, Clone)]
pub struct Line {
    pub id: i32,
    pub label: String,
    pub enabled: bool,
    pub inside: Vec<Line>,
}

#[derive(Debug, Serialize, Deserialize, Type, Value, OwnedValue)]
struct Node {
    id: i32,
    properties: HashMap<String, OwnedValue>,
    children: Vec<OwnedValue>,
}

impl Tray {
    pub async fn host(bus: &zbus::Connection) -> Self {
        let items = Items::default();
        bus.object_server().at("/StatusNotifierWatcher", Watcher(items.clone())).await.expect("a place");
        bus.request_name("org.kde.StatusNotifierWatcher").await.expect("a name on the bus");
        Self { bus: bus.clone(), items }
    }

    /// Waits until an item is there: the newest, if its program still runs.
    pub async fn item(&self) -> OwnedUniqueName {
        let last = || self.items.lock().unwrap_or_else(PoisonError::into_inner).last().cloned();
        until("an icon in the tray", async || {
            let last = last()?;
            self.has(last.as_str()).await.then_some(last)
        })
        .await
    }

    pub fn items(&self) -> usize {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until somebody has this name on the bus.
    pub async fn somebody_is(&self, name: &str) {
        until(name, async || self.has(name).await.then_some(())).await;
    }

    async fn has(&self, name: &str) -> bool {
        let bus = zbus::fdo::DBusProxy::new(&self.bus).await.expect("the bus itself");
        bus.name_has_owner(name.try_into().expect("a name")).await.expect("an answer of the bus")
    }

    /// The menu as it is now; none where its program ends meanwhile.
    async fn menu(&self) -> Option<Vec<Line>> {
        let item = self.item().await;
        let sni = self.proxy(&item, ITEM.0, ITEM.1).await;
        let path: OwnedObjectPath = sni.get_property("Menu").await.ok()?;
        let menu = self.proxy(&item, path.as_str(), MENU).await;
        let (_, root): (u32, Node) = menu.call("GetLayout", &(0i32, -1i32, Vec::<&str>::new())).await.ok()?;
        Some(line(root).inside)
    }

    /// Waits for a line that begins so, on the top level or, below one, inside it.
    pub async fn line(&self, path: &[&str]) -> Line {
        // Shown when the wait is in vain.
        let seen = Mutex::new(Vec::new());
        let look = async || {
            let menu = self.menu().await?;
            let labels = menu.iter().map(|line| line.label.clone()).collect();
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = labels;
            find(&menu, path)
        };
        until((path, &seen), look).await
    }

    /// Clicks a line, once it is there. A menu that was rebuilt meanwhile has other numbers, and is read anew.
    pub async fn click(&self, path: &[&str]) {
        let click = async || {
            let line = self.line(path).await;
            assert!(line.enabled, "{line:?} cannot be clicked");
            let item = self.item().await;
            let sni = self.proxy(&item, ITEM.0, ITEM.1).await;
            let menu: OwnedObjectPath = sni.get_property("Menu").await.expect("the item has a menu");
            let menu = self.proxy(&item, menu.as_str(), MENU).await;
            let event = (line.id, "clicked", Value::from(0i32), 0u32);
            match menu.call("Event", &event).await {
                Ok(()) => Some(()),
                Err(zbus::Error::MethodError(name, ..)) if name.as_str() == INVALID => None,
                Err(error) => panic!("the click does not arrive: {error}"),
            }
        };
        until(("a click on", path), click).await;
    }

    /// Waits until the icon shows a state.
    pub async fn shows(&self, state: State) {
        let wanted = icon::pixels(state).remove(0).argb;
        let item = self.item().await;
        let look = async || {
            let sni = self.proxy(&item, ITEM.0, ITEM.1).await;
            let pixmaps: Vec<(i32, i32, Vec<u8>)> = sni.get_property("IconPixmap").await.expect("an icon");
            pixmaps.first().is_some_and(|(_, _, argb)| *argb == wanted).then_some(())
        };
        until(format!("the icon of {state:?}"), look).await;
    }

    async fn proxy(&self, item: &OwnedUniqueName, path: &str, interface: &str) -> zbus::Proxy<'static> {
        let builder = zbus::proxy::Builder::<zbus::Proxy<'_>>::new(&self.bus)
            .destination(item.clone())
            .and_then(|builder| builder.path(path.to_owned()))
            .and_then(|builder| builder.interface(interface.to_owned()))
            .expect("names");
        builder.cache_properties(zbus::proxy::CacheProperties::No).build().await.expect("the item is there")
    }
}

fn find(lines: &[Line], path: &[&str]) -> Option<Line> {
    let (first, rest) = path.split_first()?;
    let line = lines.iter().find(|line| line.label.starts_with(first))?;
    if rest.is_empty() { Some(line.clone()) } else { find(&line.inside, rest) }
}

fn line(node: Node) -> Line {
    let text = |name: &str| node.properties.get(name).and_then(|value| String::try_from(value.clone()).ok());
    let enabled = node.properties.get("enabled").and_then(|value| bool::try_from(value).ok());
    Line {
        id: node.id,
        label: text("label").unwrap_or_default().replace("__", "_"),
        enabled: enabled.unwrap_or(true),
        inside: node.children.into_iter().filter_map(|child| Node::try_from(child).ok()).map(line).collect(),
    }
}

struct Watcher(Items);

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, _service: String, #[zbus(header)] header: Header<'_>) {
        if let Some(sender) = header.sender() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sender.to_owned().into());
        }
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}
