//! Where mappings are, for whoever leads visitors here.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Registry;
use crate::claims::Key;
use crate::router::Place;

/// A host of its own, and a path prefix on it (empty: all).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    pub host: String,
    pub path: String,
}

/// All of them at one moment.
#[derive(Debug, Clone, Default)]
pub struct Sites {
    /// Which state of the mappings this is; newer ones have greater numbers.
    pub generation: u64,
    pub live: BTreeSet<Site>,
    /// Claimed, and lost with its agent's link: it may soon be back.
    pub away: BTreeSet<Site>,
}

impl Registry {
    /// What is not at a host of its own (the gateway's paths, TCP ports) is not among them.
    pub fn sites(&self) -> Sites {
        let state = self.state();
        let live = state.links.values().flat_map(|held| &held.serving);
        let live = live.filter_map(|serving| site(serving.place.as_ref()?)).collect();
        let away = state.board.away(Timestamp::now()).filter(|(key, _)| !state.left.contains(*key));
        let away = away.filter_map(|(key, _)| match key {
            Key::Place(place) => site(place),
            Key::Tcp(_) => None,
        });
        Sites { generation: state.generation, live, away: away.collect() }
    }
}

fn site(place: &Place) -> Option<Site> {
    match place {
        Place::Host { host, path } => Some(Site { host: host.clone(), path: path.clone() }),
        Place::Own { .. } | Place::Pub { .. } => None,
    }
}
