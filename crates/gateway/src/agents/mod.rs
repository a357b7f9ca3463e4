//! The agents' links and what they serve.

mod conversation;
mod install;
pub mod plan;
mod server_names;
mod sites;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use porthole_link::Link;
use tokio::sync::{Notify, watch};

use crate::claims::{Board, Key, LinkId, Slot, store};
use crate::config::Config;
use crate::router::{Endpoint, Entry, Place, Router, Target};
use crate::tcp::Port;
use crate::tokens::Identity;

pub use conversation::accept_link;
pub use server_names::ServerNames;
pub use sites::{Site, Sites};
pub use view::{EndpointView, InUse, LinkView};

/// Links at once: some 64 KiB each when idle.
pub const MAX_LINKS: usize = 10_000;
/// Mappings of one agent.
pub const MAX_MAPPINGS: usize = 1_000;

/// Building the routes waits for this many times as long as the last building took.
const REBUILD_SHARE: u32 = 4;

/// How long an agent waits for its new names to be written before it is told that they are its own. A
/// disk slower than that is treated like one that takes nothing; the agent's own patience is 10 s.
const KEEP_WAIT: Duration = Duration::from_secs(5);

/// Every live link, the claims, and the routes made of them.
#[derive(Debug)]
pub struct Registry {
    routes: ArcSwap<Router>,
    server_names: ArcSwap<ServerNames>,
    state: Mutex<State>,
    /// Told when claims are to be written.
    changed: Notify,
    /// Told when a claim was made that an agent waits for.
    claimed: Notify,
    /// Claims that are on disk, of those that [`Board::made`] counts. None while nothing can be written
    /// (no folder, a full disk): names are kept in memory then, and nobody waits.
    kept: watch::Sender<Option<u64>>,
    /// The gateway's own host.
    own: Option<String>,
    /// The generation that the routes show.
    shown: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    board: Board,
    links: HashMap<LinkId, Held>,
    /// By subject and agent id.
    by_agent: HashMap<(Arc<str>, Arc<str>), LinkId>,
    ports: HashMap<u16, Arc<Port>>,
    /// Claims whose mapping was taken away, rather than lost with its link.
    left: HashSet<Key>,
    next: LinkId,
    /// Grows with each change; `published` is the one that the routes show.
    generation: u64,
    published: u64,
    /// When the routes were built last, and how long that took.
    built: Instant,
    cost: Duration,
}

/// One live link.
#[derive(Debug)]
struct Held {
    link: Link,
    identity: Identity,
    agent: Arc<str>,
    epoch: u64,
    session: String,
    version: String,
    draining: bool,
    serving: Vec<Serving>,
}

/// One mapping that is live.
#[derive(Debug, Clone)]
struct Serving {
    endpoint: Arc<Endpoint>,
    /// None for TCP.
    place: Option<Place>,
    /// The host in handshakes by which a TCP mapping's connections are known.
    server_name: Option<String>,
    /// The main slot first.
    slots: Vec<Slot>,
}

impl Registry {
    /// Begins with the claims in the data folder.
    pub fn load(config: &Config) -> io::Result<Self> {
        let nowhere = config.data.as_os_str().is_empty();
        let claims = if nowhere { Vec::new() } else { store::load(&config.data)? };
        let own = config.public.as_ref().map(|public| public.host.clone());
        let registry = Self {
            routes: ArcSwap::from_pointee(Router::build(own.as_deref(), [])),
            server_names: ArcSwap::default(),
            state: Mutex::new(State {
                board: Board::new(claims, config.claim_lapse),
                links: HashMap::new(),
                by_agent: HashMap::new(),
                ports: HashMap::new(),
                left: HashSet::new(),
                next: 1,
                generation: 1,
                published: 0,
                built: Instant::now(),
                cost: Duration::ZERO,
            }),
            changed: Notify::new(),
            claimed: Notify::new(),
            kept: watch::Sender::new((!nowhere).then_some(0)),
            own,
            shown: watch::Sender::new(0),
        };
        registry.publish_now();
        Ok(registry)
    }

    /// The routes as they are now. Do not hold the guard across an await: clone the endpoint's `Arc`.
    pub fn routes(&self) -> arc_swap::Guard<Arc<Router>> {
        self.routes.load()
    }

    /// What handshakes are for that this gateway does not end.
    pub fn server_names(&self) -> Arc<ServerNames> {
        self.server_names.load_full()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the state in the routes. Links that change the state in the same turn of the runtime share
    /// one rebuilding, and so do those that come while a large table would take more than a fifth of
    /// the time: after a gateway's return thousands of agents come at once.
    async fn publish(&self, generation: u64) {
        tokio::task::yield_now().await;
        let wait = {
            let state = self.state();
            (state.cost * REBUILD_SHARE).saturating_sub(state.built.elapsed())
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        if self.state().published < generation {
            self.publish_now();
        }
    }

    fn publish_now(&self) {
        let now = Timestamp::now();
        let begun = Instant::now();
        let mut state = self.state();
        let live = state.links.values().flat_map(|held| &held.serving).flat_map(|serving| {
            let target = || Target::Live(serving.endpoint.clone());
            let mapping = &serving.endpoint.mapping;
            let place = serving.place.as_ref();
            let main = place.map(|place| Entry {
                place: place.clone(),
                matches: if matches!(place, Place::Pub { .. }) {
                    Vec::new()
                } else {
                    mapping.matches.clone()
                },
                strip: mapping.strip_prefix,
                target: target(),
            });
            let extra = serving.slots.iter().skip(1).filter_map(move |slot| match &slot.key {
                Key::Place(place) => {
                    Some(Entry { place: place.clone(), matches: Vec::new(), strip: true, target: target() })
                }
                Key::Tcp(_) => None,
            });
            main.into_iter().chain(extra)
        });
        let away = state.board.away(now).filter_map(|(key, claim)| match key {
            Key::Place(place) => Some(Entry {
                place: place.clone(),
                matches: Vec::new(),
                strip: false,
                target: Target::Away { name: claim.label.clone() },
            }),
            Key::Tcp(_) => None,
        });
        let router = Router::build(self.own.as_deref(), live.chain(away));
        self.routes.store(Arc::new(router));
        let serving = state.links.values().flat_map(|held| &held.serving);
        let passed =
            serving.filter_map(|serving| Some((serving.server_name.clone()?, serving.endpoint.clone())));
        self.server_names.store(Arc::new(ServerNames::new(passed)));
        state.published = state.generation;
        self.shown.send_replace(state.generation);
        state.built = Instant::now();
        state.cost = begun.elapsed();
    }

    /// Takes a link and all it serves away, and the ports that nobody serves now.
    async fn remove(&self, id: LinkId) {
        let now = Timestamp::now();
        let generation = {
            let mut state = self.state();
            let Some(held) = state.links.remove(&id) else { return };
            for slot in held.serving.iter().flat_map(|serving| &serving.slots) {
                state.board.release(slot, id, now);
                if held.draining {
                    state.leave(slot, now);
                }
            }
            let agent = (held.identity.subject.clone(), held.agent.clone());
            if state.by_agent.get(&agent) == Some(&id) {
                state.by_agent.remove(&agent);
            }
            state.close_unserved_ports();
            state.generation += 1;
            state.generation
        };
        self.publish(generation).await;
        self.changed.notify_one();
    }

    /// Told each time that the routes are made anew.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shown.subscribe()
    }

    /// The host of each live mapping that has one of its own, and whose mapping it is. A host of several
    /// mappings comes as often.
    pub fn hosts(&self) -> Vec<(String, Arc<str>)> {
        let state = self.state();
        let serving = state.links.values().flat_map(|held| &held.serving);
        let host = |serving: &Serving| match &serving.place {
            Some(Place::Host { host, .. }) => Some((host.clone(), serving.endpoint.subject.clone())),
            Some(Place::Own { .. } | Place::Pub { .. }) | None => None,
        };
        serving.filter_map(host).collect()
    }

    /// Resolves when claims are to be written.
    pub async fn claims_changed(&self) {
        self.changed.notified().await;
    }

    /// From now on claims are kept for this long after their last use.
    pub fn keep_claims_for(&self, lapse: Duration) {
        self.state().board.set_lapse(lapse);
    }

    /// Forgets lapsed claims, and asks for the dates of the others to be written.
    pub fn upkeep(&self) {
        let forgotten = {
            let mut state = self.state();
            state.generation += 1;
            let now = Timestamp::now();
            let forgotten = state.board.forget_lapsed(now);
            let State { left, board, .. } = &mut *state;
            left.retain(|key| board.is_claimed(key, now));
            forgotten
        };
        if forgotten > 0 {
            tracing::info!(forgotten, "claims lapsed");
        }
        self.publish_now();
        self.changed.notify_one();
    }

    /// Resolves when an agent waits for a claim to be written.
    pub async fn claims_made(&self) {
        self.claimed.notified().await;
    }

    /// What `claims.json` is to hold now, and what to tell [`Self::claims_kept`] once it does.
    pub fn claims(&self) -> (Vec<(Key, crate::claims::Claim)>, u64) {
        let state = self.state();
        (state.board.snapshot(Timestamp::now()), state.board.made())
    }

    /// The claims counted are on disk; none: they cannot be written.
    pub fn claims_kept(&self, made: Option<u64>) {
        self.kept.send_replace(made);
    }

    /// Waits until the claims counted are on disk.
    async fn keep(&self, made: u64) {
        let is_kept = |kept: &Option<u64>| kept.is_none_or(|kept| kept >= made);
        let mut kept = self.kept.subscribe();
        if is_kept(&kept.borrow_and_update()) {
            return;
        }
        self.claimed.notify_one();
        if tokio::time::timeout(KEEP_WAIT, kept.wait_for(is_kept)).await.is_err() {
            tracing::warn!("claims.json takes longer than {KEEP_WAIT:?} to write; agents go on without");
        }
    }
}

impl State {
    /// Remembers that nobody serves `slot`, and that this was wanted.
    fn leave(&mut self, slot: &Slot, now: Timestamp) {
        if !self.board.is_live(&slot.key) && self.board.is_claimed(&slot.key, now) {
            self.left.insert(slot.key.clone());
        }
    }

    fn close_unserved_ports(&mut self) {
        let board = &self.board;
        self.ports.retain(|&port, listener| {
            let served = board.is_live(&Key::Tcp(port));
            if !served {
                listener.close();
            }
            served
        });
    }
}
