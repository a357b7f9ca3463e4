//! What the tray draws: a picture of the engine, drawn from its events. It is nobody's memory: whoever loses it
//! asks for a new snapshot.

use porthole_agent::app_settings::AppSettings;
use serde::de::DeserializeOwned;

use crate::client::Event;
use crate::shapes::{Exchange, Gone, Mapping, Port, Snapshot, Status};
use crate::shortcut;
use crate::update::Update;
use crate::window::Facts;

/// The engine and what it serves, as far as it was told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Picture {
    pub engine: Presence,
    pub status: Option<Status>,
    pub mappings: Vec<Mapping>,
    pub ports: Vec<Port>,
    /// The newest request that ended badly.
    pub failed: Option<Exchange>,
    /// Mappings that “Pause all” switched off and “Resume all” switches on again.
    pub paused: Vec<String>,
    /// How the app is to behave; none: not known yet.
    pub app: Option<AppSettings>,
    /// What is known of newer versions.
    pub update: Update,
    /// Whether the key that opens the window is had.
    pub shortcut: shortcut::Standing,
}

/// Whether there is an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Presence {
    #[default]
    Starting,
    Running,
    /// There is none, for this reason in a sentence.
    Missing(String),
    /// It lets the last requests end.
    Leaving,
}

/// An event that could not be understood.
#[derive(Debug, thiserror::Error)]
#[error("the event {name} cannot be read: {source}")]
pub struct Misread {
    name: String,
    source: serde_json::Error,
}

impl Picture {
    /// Draws one event in.
    pub fn apply(&mut self, event: &Event) -> Result<(), Misread> {
        match event.name.as_str() {
            "snapshot" => {
                let Snapshot { status, mappings } = read(event)?;
                (self.status, self.mappings) = (Some(status), mappings);
            }
            "status" => self.status = Some(read(event)?),
            "mapping" => {
                let mapping: Mapping = read(event)?;
                match self.mappings.iter_mut().find(|known| known.id == mapping.id) {
                    Some(known) => *known = mapping,
                    None => self.mappings.push(mapping),
                }
            }
            "mapping-gone" => {
                let Gone { id } = read(event)?;
                self.mappings.retain(|mapping| mapping.id != id);
                self.paused.retain(|paused| *paused != id);
            }
            "app" => self.app = Some(read(event)?),
            "exchange" => {
                let exchange: Exchange = read(event)?;
                if exchange.has_failed() {
                    self.failed = Some(exchange);
                } else if self.failed.as_ref().is_some_and(|failed| failed.id == exchange.id) {
                    self.failed = None;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes what listens now; whether that is news. What was started last comes first: that is what somebody works
    /// on. The others keep their places, so that nobody clicks on what has just moved.
    pub fn listening(&mut self, mut ports: Vec<Port>) -> bool {
        let place =
            |port: &Port| self.ports.iter().position(|known| known.port == port.port).map_or(0, |at| at + 1);
        ports.sort_by_key(place);
        let news = ports != self.ports;
        self.ports = ports;
        news
    }

    /// The mapping that leads to a port of this computer, also where it is newer than the look at the ports.
    pub fn leads_to(&self, port: u16) -> Option<&Mapping> {
        let known =
            self.ports.iter().find(|known| known.port == port).and_then(|port| port.mapping_id.as_deref());
        known.and_then(|id| self.mapping(id)).or_else(|| {
            let local = ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{port}"));
            let leads = |mapping: &&Mapping| {
                let (_, target) = mapping.target.split_once("://").unwrap_or(("", &mapping.target));
                local.iter().any(|local| local == target)
            };
            self.mappings.iter().find(leads)
        })
    }

    /// How the app is to behave, as far as it is known.
    pub fn settings(&self) -> AppSettings {
        self.app.clone().unwrap_or_default()
    }

    /// What the window shows of the app itself.
    pub fn facts(&self) -> Facts {
        serde_json::json!({ "update": self.update, "shortcut": self.shortcut })
    }

    /// A mapping by its id.
    pub fn mapping(&self, id: &str) -> Option<&Mapping> {
        self.mappings.iter().find(|mapping| mapping.id == id)
    }
}

fn read<T: DeserializeOwned>(event: &Event) -> Result<T, Misread> {
    serde_json::from_str(&event.data).map_err(|source| Misread { name: event.name.clone(), source })
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(crate) fn mapping(id: &str, name: &str, state: &str) -> Value {
        let url = (state == "live").then(|| format!("https://{name}.example.com"));
        json!({"id": id, "name": name, "target": "http://127.0.0.1:3000", "enabled": state != "off",
               "source": "stored", "state": state, "public_url": url, "code": null, "message": null})
    }

    pub(crate) fn exchange(id: i64, status: u16) -> Value {
        json!({"id": id, "mapping_id": "a", "mapping": "shop", "source": "visitor", "method": "POST",
               "target": "/hook?key=1", "status": status, "error": null, "state": "done", "started_us": 1})
    }

    pub(crate) fn drawn(events: &[(&str, Value)]) -> Picture {
        let mut picture = Picture { engine: Presence::Running, ..Picture::default() };
        for (name, data) in events {
            let event = Event { name: (*name).to_owned(), data: data.to_string() };
            picture.apply(&event).unwrap();
        }
        picture
    }

    pub(crate) fn snapshot(state: &str, mappings: &[Value]) -> (&'static str, Value) {
        let status = json!({"gateway": "https://tunnel.example.com", "trial": false, "state": state,
                            "latency_ms": 22.6, "warnings": [], "uptime_ms": 1});
        ("snapshot", json!({"status": status, "mappings": mappings, "last_exchange": 0}))
    }

    #[test]
    fn changes_by_id_are_drawn_into_the_snapshot() {
        let picture = drawn(&[
            snapshot("connected", &[mapping("a", "shop", "connecting"), mapping("b", "blog", "live")]),
            ("mapping", mapping("a", "shop", "live")),
            ("mapping-gone", json!({"id": "b"})),
            ("mapping", mapping("c", "docs", "off")),
        ]);
        let titles: Vec<_> =
            picture.mappings.iter().map(|mapping| (mapping.title(), mapping.state)).collect();
        assert_eq!(titles, [("shop", crate::shapes::Standing::Live), ("docs", crate::shapes::Standing::Off)]);
    }

    #[test]
    fn the_last_failure_is_the_newest_bad_answer_to_a_visitor() {
        let mut replayed = exchange(3, 500);
        replayed["source"] = "replay".into();
        let picture = drawn(&[
            ("exchange", exchange(1, 502)),
            ("exchange", exchange(2, 200)),
            ("exchange", replayed),
            ("exchange", exchange(4, 404)),
        ]);
        assert_eq!(picture.failed.map(|failed| failed.id), Some(1));
    }

    #[test]
    fn a_port_that_was_opened_last_comes_first_and_the_others_stay_where_they_were() {
        let ports = |numbers: &[u16]| {
            let port =
                |port: &u16| Port { port: *port, process: None, project: None, kind: None, mapping_id: None };
            numbers.iter().map(port).collect::<Vec<_>>()
        };
        let mut picture = Picture::default();
        assert!(picture.listening(ports(&[22, 3000, 8080])));
        assert!(picture.listening(ports(&[22, 3000, 5173, 8080])));
        assert_eq!(picture.ports, ports(&[5173, 22, 3000, 8080]));
        assert!(!picture.listening(ports(&[22, 3000, 5173, 8080])));
        assert!(picture.listening(ports(&[22, 80, 8080])));
        assert_eq!(picture.ports, ports(&[80, 22, 8080]));
    }

    #[test]
    fn a_mapping_leads_to_a_port_also_before_the_ports_were_looked_at_again() {
        let picture = drawn(&[snapshot("connected", &[mapping("a", "shop", "live")])]);
        assert_eq!(picture.leads_to(3000).map(|mapping| mapping.id.as_str()), Some("a"));
        assert_eq!(picture.leads_to(300), None);
        assert_eq!(picture.leads_to(30000), None);
    }

    #[test]
    fn an_event_that_cannot_be_read_changes_nothing() {
        let mut picture = drawn(&[snapshot("connected", &[mapping("a", "shop", "live")])]);
        let before = picture.clone();
        let event = Event { name: "mapping".into(), data: "{}".into() };
        assert!(picture.apply(&event).is_err());
        assert_eq!(picture, before);
    }
}
