//! What is worth a notification: decided from what happens. Rarely, and of each kind once until it is over.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use porthole_agent::app_settings::AppSettings;

use crate::action::Place;
use crate::notify::{Kind, Notice};
use crate::shapes::{Exchange, Link, Status};

/// A link that is back sooner was nobody's trouble.
const LOST_FOR: Duration = Duration::from_secs(10);

/// Mappings remembered; a person has a few.
const MAPPINGS: usize = 1000;

/// What was told already.
#[derive(Debug, Default)]
pub struct Notices {
    /// Mappings that have had a visitor.
    visited: HashSet<String>,
    /// Mappings whose service is known to be down.
    down: HashSet<String>,
    lost: Option<Lost>,
    was_connected: bool,
    /// Somebody was told that there is a choice to make.
    asked: bool,
}

/// A link that is gone.
#[derive(Debug, Clone, Copy)]
struct Lost {
    since: Instant,
    told: bool,
}

impl Notices {
    /// Somebody was there; true when that may be the mapping's first visitor, since nobody was seen so far.
    pub fn first_seen(&mut self, exchange: &Exchange) -> bool {
        if self.visited.len() >= MAPPINGS {
            self.visited.clear();
        }
        exchange.source == VISITOR && self.visited.insert(exchange.mapping_id.clone())
    }

    /// A request that ended: its service may be down, or up again.
    pub fn service(&mut self, exchange: &Exchange) -> Option<Notice> {
        if exchange.source != VISITOR || exchange.state == "open" {
            return None;
        }
        if exchange.error.as_deref() != Some("service-down") {
            self.down.remove(&exchange.mapping_id);
            return None;
        }
        if self.down.len() >= MAPPINGS {
            self.down.clear();
        }
        let name = exchange.mapping.as_deref().unwrap_or("The service");
        self.down.insert(exchange.mapping_id.clone()).then(|| {
            let why = "Requests come, but nothing listens on its port.";
            let notice = Notice::about(Kind::Service, format!("{name} does not answer"), why);
            notice.of(name).opens(Place::Exchange(exchange.id))
        })
    }

    /// How the link is now.
    pub fn link(&mut self, link: Link, now: Instant) -> Option<Notice> {
        match (link, self.lost) {
            (Link::Connected, lost) => {
                self.was_connected = true;
                self.lost = None;
                let told = lost.is_some_and(|lost| lost.told);
                told.then(|| word("Connected again", "The gateway is back; your addresses answer."))
            }
            // What was never there is not lost.
            (_, None) if self.was_connected => {
                self.lost = Some(Lost { since: now, told: false });
                None
            }
            (_, Some(lost)) if !lost.told && now.duration_since(lost.since) >= LOST_FOR => {
                self.lost = Some(Lost { told: true, ..lost });
                Some(word("Connection lost", "The gateway cannot be reached. Porthole keeps trying."))
            }
            _ => None,
        }
    }

    /// A choice that nobody but a person can make is asked for once, until there was a link.
    pub fn choice(&mut self, status: &Status) -> Option<Notice> {
        if status.state == Link::Connected {
            self.asked = false;
        }
        if !status.needs_choice() || std::mem::replace(&mut self.asked, true) {
            return None;
        }
        let text = status.message.as_deref().unwrap_or_default();
        Some(Notice::about(Kind::Link, "Porthole needs you to connect", text).opens(Place::Gateway))
    }

    /// When to ask again how the link is.
    pub fn look_at(&self) -> Option<Instant> {
        self.lost.filter(|lost| !lost.told).map(|lost| lost.since + LOST_FOR)
    }
}

/// The first visitor of a mapping, who came with this request.
pub fn first_visitor(mapping: &str, exchange: &Exchange) -> Notice {
    let what = format!("{} {}", exchange.method, exchange.path());
    let notice = Notice::about(Kind::Visitor, format!("First visitor on {mapping}"), what);
    notice.of(mapping).opens(Place::Exchange(exchange.id))
}

/// Whether somebody wants to be told of such things.
pub fn is_wanted(kind: Kind, settings: &AppSettings) -> bool {
    match kind {
        Kind::Visitor => settings.notify_visitor,
        Kind::Link => settings.notify_link,
        Kind::Service => settings.notify_service,
        Kind::Answer => true,
    }
}

/// About the link; the page tells when it was there and when not.
fn word(title: &str, text: &str) -> Notice {
    Notice::about(Kind::Link, title, text).opens(Place::Connection)
}

/// The source of what came through the gateway.
const VISITOR: &str = "visitor";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::picture::tests;

    fn exchange(id: i64, status: u16, error: Option<&str>) -> Exchange {
        let mut exchange: Exchange = serde_json::from_value(tests::exchange(id, status)).unwrap();
        exchange.error = error.map(str::to_owned);
        exchange
    }

    #[test]
    fn a_mapping_is_seen_for_the_first_time_once() {
        let mut notices = Notices::default();
        let mut replayed = exchange(1, 200, None);
        replayed.source = "replay".into();
        assert!(!notices.first_seen(&replayed));
        assert!(notices.first_seen(&exchange(2, 200, None)));
        assert!(!notices.first_seen(&exchange(3, 200, None)));
    }

    #[test]
    fn a_service_that_is_down_is_told_once_until_it_was_up_again() {
        let mut notices = Notices::default();
        let down = exchange(1, 502, Some("service-down"));
        assert_eq!(notices.service(&down).unwrap().title, "shop does not answer");
        assert_eq!(notices.service(&down), None);
        assert_eq!(notices.service(&exchange(2, 500, None)), None, "it answers, though badly");
        assert!(notices.service(&down).is_some());
    }

    #[test]
    fn a_choice_is_asked_for_once_until_there_was_a_link() {
        let mut notices = Notices::default();
        let status = |state, code: &str| Status { state, code: Some(code.into()), ..Status::default() };
        let missing = status(Link::Refused, "token-missing");
        assert!(
            notices
                .choice(&missing)
                .is_some_and(|notice| notice.click == Some(("Open", Action::Show(Place::Gateway))))
        );
        assert_eq!(notices.choice(&missing), None);
        assert_eq!(notices.choice(&status(Link::Refused, "replaced")), None);
        assert_eq!(notices.choice(&status(Link::Connected, "")), None);
        assert!(notices.choice(&missing).is_some());
    }

    #[test]
    fn each_kind_can_be_switched_off_by_itself_but_for_answers() {
        let on = AppSettings::default();
        let off =
            AppSettings { notify_visitor: false, notify_link: false, notify_service: false, ..on.clone() };
        for kind in [Kind::Visitor, Kind::Link, Kind::Service] {
            assert!(is_wanted(kind, &on) && !is_wanted(kind, &off), "{kind:?}");
        }
        let only_links = AppSettings { notify_link: true, ..off.clone() };
        assert!(is_wanted(Kind::Link, &only_links) && !is_wanted(Kind::Visitor, &only_links));
        assert!(is_wanted(Kind::Answer, &off));
    }

    #[test]
    fn a_link_is_lost_after_ten_seconds_and_its_return_is_told_only_then() {
        let mut notices = Notices::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(notices.link(Link::Waiting, at(0)), None);
        assert_eq!(notices.link(Link::Waiting, at(60)), None, "it was never there");
        assert_eq!(notices.link(Link::Connected, at(61)), None);
        assert_eq!(notices.link(Link::Connecting, at(70)), None);
        assert_eq!(notices.look_at(), Some(at(80)));
        assert_eq!(notices.link(Link::Connected, at(79)), None);
        assert_eq!(notices.link(Link::Waiting, at(90)), None);
        assert_eq!(notices.link(Link::Waiting, at(99)), None);
        assert_eq!(notices.link(Link::Waiting, at(100)).unwrap().title, "Connection lost");
        assert_eq!(notices.link(Link::Waiting, at(120)), None);
        assert_eq!(notices.look_at(), None);
        assert_eq!(notices.link(Link::Connected, at(130)).unwrap().title, "Connected again");
        assert_eq!(notices.link(Link::Connected, at(131)), None);
    }
}
