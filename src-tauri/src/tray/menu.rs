//! From the picture to the menu: a plain function. Only what can be done now is there.

use crate::action::{Action, Place};
use crate::picture::{Picture, Presence};
use crate::shapes::{Exchange, Link, Mapping, Port, Source, Standing, Status};
use crate::update::{How, Update};

/// Listening ports shown; more is a list for the window.
const PORTS: usize = 6;

/// Mappings shown, likewise.
const MAPPINGS: usize = 12;

/// Characters of a label: desktops make menus as wide as their longest line.
const LABEL_CHARS: usize = 60;

/// One line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Says something; cannot be clicked.
    Text(String),
    Click(String, Action),
    Sub(String, Vec<Item>),
    Line,
}

impl Item {
    fn click(label: impl AsRef<str>, action: Action) -> Self {
        Self::Click(short(label.as_ref()), action)
    }
}

/// The whole menu.
pub fn menu(picture: &Picture) -> Vec<Item> {
    let mut items = vec![Item::Text(short(&headline(picture)))];
    let status = picture.status.as_ref().filter(|_| picture.engine == Presence::Running);
    if let Some(status) = status {
        items.extend(status.warnings.first().map(|warning| Item::Text(short(&warning.message))));
        if status.needs_choice() {
            items.push(Item::click("Choose a gateway…", Action::Show(Place::Gateway)));
        } else if matches!(status.state, Link::Waiting | Link::Refused) {
            items.push(Item::click("Reconnect now", Action::Reconnect));
        }
        items.push(Item::Line);
        items.push(Item::click("Expose a port…", Action::Show(Place::Expose)));
        items.extend(listening(picture));
        items.extend(served(&picture.mappings));
        items.extend(picture.failed.as_ref().map(failure));
        items.extend(all(picture));
    }
    items.push(Item::Line);
    items.push(Item::click("Open Porthole", Action::Show(Place::Last)));
    if status.is_some() {
        items.push(Item::click("Settings…", Action::Show(Place::Settings)));
        items.push(Item::click("Copy diagnostics", Action::Diagnostics));
    }
    items.extend(update(&picture.update));
    if picture.engine != Presence::Leaving {
        items.push(Item::click("Quit", Action::Quit));
    }
    items
}

/// The first line: how the link is.
pub fn headline(picture: &Picture) -> String {
    match (&picture.engine, &picture.status) {
        (Presence::Missing(why), _) => format!("Not running: {why}"),
        (Presence::Leaving, _) => "Finishing the last requests…".into(),
        (Presence::Running, Some(status)) => link(status),
        (Presence::Starting | Presence::Running, _) => "Starting…".into(),
    }
}

fn link(status: &Status) -> String {
    let host = status.gateway.split_once("://").map_or(status.gateway.as_str(), |(_, host)| host);
    let gateway = if status.trial { "the trial gateway on this computer" } else { host };
    let because = |word: &str| match &status.message {
        Some(message) => format!("{word}: {message}"),
        None => word.to_owned(),
    };
    match status.state {
        Link::Connected => match status.latency_ms {
            Some(ms) if ms < 1.0 => format!("Connected to {gateway} · < 1 ms"),
            Some(ms) => format!("Connected to {gateway} · {ms:.0} ms"),
            None => format!("Connected to {gateway}"),
        },
        Link::Connecting => format!("Connecting to {gateway}…"),
        Link::Waiting => because("Offline"),
        Link::Refused => because("Refused"),
        Link::Closed => "Disconnected".into(),
    }
}

/// Ports of this computer that are not served yet.
fn listening(picture: &Picture) -> Vec<Item> {
    let free = |port: &&Port| {
        let mapping = picture.leads_to(port.port);
        mapping.is_none_or(|mapping| mapping.state == Standing::Off)
    };
    let ports: Vec<Item> = picture
        .ports
        .iter()
        .filter(free)
        .take(PORTS)
        .map(|port| Item::click(port_label(port), Action::Expose(port.port)))
        .collect();
    if ports.is_empty() {
        return Vec::new();
    }
    let mut items = vec![Item::Line, Item::Text("Listening now".into())];
    items.extend(ports);
    items
}

/// `3000 · next · my-shop`.
fn port_label(port: &Port) -> String {
    let what = port.kind.as_ref().or(port.process.as_ref());
    let parts = [what, port.project.as_ref().filter(|project| Some(*project) != what)];
    let words = parts.into_iter().flatten().map(|part| format!(" · {part}"));
    port.port.to_string() + &words.collect::<String>()
}

fn served(mappings: &[Mapping]) -> Vec<Item> {
    if mappings.is_empty() {
        return Vec::new();
    }
    let mut items = vec![Item::Line];
    items.extend(mappings.iter().take(MAPPINGS).map(mapping));
    if mappings.len() > MAPPINGS {
        let more = format!("{} more…", mappings.len() - MAPPINGS);
        items.push(Item::click(more, Action::Show(Place::Mappings)));
    }
    items
}

fn mapping(mapping: &Mapping) -> Item {
    let id = || mapping.id.clone();
    let mut items = Vec::new();
    let state = match mapping.state {
        Standing::Live => String::new(),
        Standing::Connecting => " (connecting)".into(),
        Standing::Refused => " (refused)".into(),
        Standing::Off if mapping.enabled => " (not served)".into(),
        Standing::Off => " (paused)".into(),
    };
    if let Some(message) = &mapping.message {
        items.push(Item::Text(short(message)));
    }
    if let Some(url) = &mapping.public_url {
        items.push(Item::Text(short(url)));
        items.push(Item::click("Copy URL", Action::CopyUrl(id())));
        if url.starts_with("http") {
            items.push(Item::click("Open in browser", Action::OpenUrl(id())));
            items.push(Item::click("QR code", Action::Show(Place::Qr(id()))));
        }
    }
    items.push(Item::click("Inspect", Action::Show(Place::ExchangesOf(mapping.title().to_owned()))));
    if mapping.source == Source::Stored {
        if !mapping.target.starts_with("tcp://") {
            let on = mapping.policy.basic_auth.is_empty();
            let label = if on { "Password on" } else { "Password off" };
            items.push(Item::click(label, Action::Password(id(), on)));
        }
        let switch =
            if mapping.enabled { ("Pause", Action::Pause(id())) } else { ("Resume", Action::Resume(id())) };
        items.push(Item::click(switch.0, switch.1));
        items.push(Item::Line);
        items.push(Item::click("Remove", Action::Remove(id())));
    }
    let target = mapping.target.trim_start_matches("http://");
    let name = mapping.title();
    let label = if name == mapping.target { target.to_owned() } else { format!("{name} → {target}") };
    Item::Sub(short(&format!("{label}{state}")), items)
}

fn failure(exchange: &Exchange) -> Item {
    let Exchange { method, mapping, status, error, .. } = exchange;
    let path = exchange.path();
    let why = status
        .map_or_else(|| error.as_deref().unwrap_or("failed").replace('-', " "), |status| status.to_string());
    let of = mapping.as_ref().map(|mapping| format!(" · {mapping}")).unwrap_or_default();
    Item::click(
        format!("Last failure: {method} {path} · {why}{of}"),
        Action::Show(Place::Exchange(exchange.id)),
    )
}

/// What can be done about newer versions, or is being done.
fn update(update: &Update) -> Option<Item> {
    let told = |text: String| Some(Item::Text(short(&text)));
    match update {
        Update::Unknown => None,
        Update::Idle | Update::Current => Some(Item::click("Check for updates…", Action::LookForUpdates)),
        Update::Looking => told("Looking for updates…".into()),
        Update::Newer(newer) => {
            let version = &newer.version;
            match newer.how {
                How::Install => {
                    let label = format!("Install Porthole {version} and restart");
                    Some(Item::click(label, Action::InstallUpdate))
                }
                How::Page => {
                    Some(Item::click(format!("Porthole {version} is there…"), Action::OpenUpdatePage))
                }
                How::Told => told(format!("Porthole {version} is there")),
            }
        }
        Update::Fetching(newer) => told(format!("Fetching Porthole {}…", newer.version)),
        Update::Waiting { version, open: 1 } => {
            told(format!("Porthole {version} waits for a request to end"))
        }
        Update::Waiting { version, open } => {
            told(format!("Porthole {version} waits for {open} requests to end"))
        }
    }
}

/// The switch for all at once.
fn all(picture: &Picture) -> Option<Item> {
    let running =
        picture.mappings.iter().filter(|mapping| mapping.enabled && mapping.source == Source::Stored);
    if running.count() > 0 {
        return Some(Item::click("Pause all", Action::PauseAll));
    }
    (!picture.paused.is_empty()).then(|| Item::click("Resume all", Action::ResumeAll))
}

/// One line of bounded length, whatever was put into a project's name or a path.
fn short(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() <= LABEL_CHARS {
        return text;
    }
    text.chars().take(LABEL_CHARS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::picture::tests::{drawn, exchange, mapping, snapshot};
    use crate::update::Newer;

    fn labels(items: &[Item]) -> Vec<&str> {
        items
            .iter()
            .map(|item| match item {
                Item::Text(label) | Item::Click(label, _) | Item::Sub(label, _) => label.as_str(),
                Item::Line => "—",
            })
            .collect()
    }

    fn port(number: u16, kind: &str, project: &str, mapping: Option<&str>) -> Port {
        let (kind, project) = (Some(kind.to_owned()), Some(project.to_owned()));
        Port {
            port: number,
            process: Some("node".into()),
            project,
            kind,
            mapping_id: mapping.map(str::to_owned),
        }
    }

    fn sub<'a>(items: &'a [Item], begins: &str) -> &'a [Item] {
        let found = items.iter().find_map(|item| match item {
            Item::Sub(label, inside) if label.starts_with(begins) => Some(inside),
            _ => None,
        });
        found.expect("a submenu")
    }

    #[test]
    fn the_menu_tells_state_ports_and_mappings_in_this_order() {
        let mut picture = drawn(&[snapshot("connected", &[mapping("a", "shop", "live")])]);
        picture.ports = vec![port(3000, "next", "my-shop", Some("a")), port(5173, "vite", "admin", None)];
        assert_eq!(
            labels(&menu(&picture)),
            [
                "Connected to tunnel.example.com · 23 ms",
                "—",
                "Expose a port…",
                "—",
                "Listening now",
                "5173 · vite · admin",
                "—",
                "shop → 127.0.0.1:3000",
                "Pause all",
                "—",
                "Open Porthole",
                "Settings…",
                "Copy diagnostics",
                "Quit"
            ]
        );
    }

    #[test]
    fn a_mapping_offers_only_what_applies_to_it_now() {
        let mappings = [mapping("a", "shop", "live"), mapping("b", "blog", "off")];
        let items = menu(&drawn(&[snapshot("connected", &mappings)]));
        let url = "https://shop.example.com";
        let live =
            [url, "Copy URL", "Open in browser", "QR code", "Inspect", "Password on", "Pause", "—", "Remove"];
        assert_eq!(labels(sub(&items, "shop")), live);
        assert_eq!(
            labels(sub(&items, "blog → 127.0.0.1:3000 (paused)")),
            ["Inspect", "Password on", "Resume", "—", "Remove"]
        );
        let mut of_a_file: Value = mapping("c", "docs", "live");
        of_a_file["source"] = "file".into();
        let items = menu(&drawn(&[snapshot("connected", &[of_a_file])]));
        assert!(!labels(sub(&items, "docs")).contains(&"Remove"));
        assert!(!labels(&items).contains(&"Pause all"), "nothing that could be paused");
        let mut protected: Value = mapping("d", "wiki", "live");
        protected["policy"] = json!({"basic_auth": [{"user": "me"}]});
        let mut raw: Value = mapping("e", "db", "live");
        raw["target"] = "tcp://127.0.0.1:5432".into();
        let items = menu(&drawn(&[snapshot("connected", &[protected, raw])]));
        assert!(labels(sub(&items, "wiki")).contains(&"Password off"));
        assert!(labels(sub(&items, "db")).iter().all(|label| !label.starts_with("Password")));
    }

    #[test]
    fn a_port_whose_mapping_is_paused_can_be_woken_with_one_click() {
        let mut picture = drawn(&[snapshot("connected", &[mapping("a", "shop", "off")])]);
        picture.ports = vec![port(3000, "next", "my-shop", Some("a"))];
        assert!(menu(&picture).contains(&Item::Click("3000 · next · my-shop".into(), Action::Expose(3000))));
    }

    #[test]
    fn no_more_ports_than_fit_and_one_fewer_than_that() {
        let mut picture = drawn(&[snapshot("connected", &[])]);
        for count in [PORTS - 1, PORTS, PORTS + 1] {
            picture.ports = (0..count as u16).map(|n| port(3000 + n, "vite", "x", None)).collect();
            let exposes = menu(&picture)
                .iter()
                .filter(|item| matches!(item, Item::Click(_, Action::Expose(_))))
                .count();
            assert_eq!(exposes, count.min(PORTS));
        }
    }

    #[test]
    fn the_last_failure_is_shown_without_its_query_and_opens_the_exchange() {
        let items = menu(&drawn(&[snapshot("connected", &[]), ("exchange", exchange(7, 502))]));
        let opens = Action::Show(Place::Exchange(7));
        assert!(
            items.contains(&Item::Click("Last failure: POST /hook · 502 · shop".into(), opens)),
            "{items:?}"
        );
    }

    #[test]
    fn without_an_engine_there_is_a_reason_the_window_and_the_way_out() {
        let picture = Picture { engine: Presence::Missing("the disk is gone".into()), ..Picture::default() };
        assert_eq!(labels(&menu(&picture)), ["Not running: the disk is gone", "—", "Open Porthole", "Quit"]);
    }

    #[test]
    fn a_gateway_that_is_very_near_is_not_said_to_be_nowhere() {
        for (ms, said) in [(0.2, "< 1 ms"), (0.99, "< 1 ms"), (1.0, "1 ms")] {
            let mut status = snapshot("connected", &[]);
            status.1["status"]["latency_ms"] = json!(ms);
            assert_eq!(headline(&drawn(&[status])), format!("Connected to tunnel.example.com · {said}"));
        }
    }

    #[test]
    fn offline_says_why_and_offers_to_try_now() {
        let mut status = snapshot("waiting", &[]);
        status.1["status"]["message"] = json!("no route to the gateway");
        let items = menu(&drawn(&[status]));
        assert_eq!(labels(&items)[..2], ["Offline: no route to the gateway", "Reconnect now"]);
    }

    #[test]
    fn without_a_gateway_or_a_token_it_offers_to_choose() {
        for (code, offers) in [
            ("no-gateway", "Choose a gateway…"),
            ("token-expired", "Choose a gateway…"),
            ("replaced", "Reconnect now"),
        ] {
            let mut status = snapshot("refused", &[]);
            status.1["status"]["code"] = json!(code);
            assert_eq!(labels(&menu(&drawn(&[status])))[..2], ["Refused", offers], "{code}");
        }
    }

    #[test]
    fn updates_are_offered_only_where_the_app_knows_where_to_look_and_one_at_a_time() {
        let of = |how| Newer { version: semver::Version::new(1, 2, 3), how };
        let click = |label: &str, action| Some(Item::Click(label.into(), action));
        let text = |label: &str| Some(Item::Text(label.into()));
        let waiting = |open| Update::Waiting { version: semver::Version::new(1, 2, 3), open };
        for (state, item) in [
            (Update::Unknown, None),
            (Update::Idle, click("Check for updates…", Action::LookForUpdates)),
            (Update::Current, click("Check for updates…", Action::LookForUpdates)),
            (Update::Looking, text("Looking for updates…")),
            (
                Update::Newer(of(How::Install)),
                click("Install Porthole 1.2.3 and restart", Action::InstallUpdate),
            ),
            (Update::Newer(of(How::Page)), click("Porthole 1.2.3 is there…", Action::OpenUpdatePage)),
            (Update::Newer(of(How::Told)), text("Porthole 1.2.3 is there")),
            (Update::Fetching(of(How::Install)), text("Fetching Porthole 1.2.3…")),
            (waiting(1), text("Porthole 1.2.3 waits for a request to end")),
            (waiting(2), text("Porthole 1.2.3 waits for 2 requests to end")),
        ] {
            assert_eq!(update(&state), item);
        }
    }

    #[test]
    fn labels_are_one_line_of_bounded_length() {
        let long = "x".repeat(LABEL_CHARS);
        assert_eq!(short(&long), long);
        assert_eq!(short(&(long.clone() + "y")).chars().count(), LABEL_CHARS);
        assert_eq!(short("a\nb\u{7}"), "a b ");
    }

    #[test]
    fn all_can_be_paused_and_those_that_were_resumed() {
        let mut picture = drawn(&[snapshot("connected", &[mapping("a", "shop", "off")])]);
        assert!(all(&picture).is_none());
        picture.paused = vec!["a".into()];
        assert_eq!(all(&picture), Some(Item::Click("Resume all".into(), Action::ResumeAll)));
    }
}
