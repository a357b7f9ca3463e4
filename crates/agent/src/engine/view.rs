//! The engine as its local API sees it: what there is, and the few things that may be asked for.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::{Answer, Shared, StoredMapping, unkept};
use crate::capture::Paused;
use crate::door::StatusReport;
use crate::events::{Event, LinkState};
use crate::import::{ImportError, Report};
use crate::mapping::MappingSpec;
use crate::replay::{Ask, ReplayError};
use crate::settings::Settings;
use crate::stand_in::{self, StandIn, StandInError};
use crate::store::connections::{self, CONNECTION_ENTRIES, ConnectionEntry, ConnectionSummary};
use crate::store::exchanges::Stored;
use crate::store::{Store, StoreError};
use crate::target::Target;

/// Warnings remembered for whoever looks later; the oldest goes first. More is no list that anybody reads.
const WARNINGS: usize = 50;

/// A handle on a running engine. Clones are the same engine.
#[derive(Debug, Clone)]
pub struct View(pub(super) Arc<Shared>);

/// Where a mapping was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Stored,
    File,
    /// It ends with its command.
    Command,
}

/// How a mapping is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Live {
        public_url: String,
    },
    /// The gateway has not answered yet, or there is no link.
    Connecting,
    Refused {
        code: String,
        message: String,
    },
    /// Switched off, meant for another gateway, or nobody asked to serve what is stored.
    Off,
}

/// One mapping, wherever it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What only the store knows is made up for the others.
    pub mapping: StoredMapping,
    pub source: Source,
    pub standing: Standing,
}

/// What a link's state does not tell by itself.
#[derive(Debug, Clone, Default)]
pub(super) struct LinkNotes {
    retry_at: Option<Instant>,
    connected_since_us: Option<i64>,
}

/// The engine in one look.
#[derive(Debug, Clone)]
pub struct Outlook {
    pub report: StatusReport,
    /// Where the page is over HTTP, if it is.
    pub page_url: Option<String>,
    /// Why there is no link, as a code.
    pub code: Option<String>,
    pub retry_at: Option<Instant>,
    pub connected_since_us: Option<i64>,
    /// Requests that run, and conversations.
    pub open: usize,
    /// Why nothing is captured.
    pub paused: Option<Paused>,
    pub warnings: Vec<Noted>,
}

/// A warning that still holds, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    pub code: String,
    pub message: String,
    pub mapping_id: Option<String>,
}

impl View {
    /// For changes: calls are answered in turn with the engine's own.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// For lists and searches: they hold up nobody but each other.
    pub fn reader(&self) -> &Store {
        &self.0.reader
    }

    /// Which exchanges were stored, batch by batch.
    pub fn stored(&self) -> broadcast::Receiver<Stored> {
        self.0.stored.subscribe()
    }

    /// Wakes whenever the status or a mapping may have changed.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// Wakes whenever a line of the link's log is new or different.
    pub fn logged(&self) -> watch::Receiver<()> {
        self.0.logged.subscribe()
    }

    pub fn link(&self) -> watch::Receiver<LinkState> {
        self.0.link.clone()
    }

    pub fn leaving(&self) -> &CancellationToken {
        &self.0.leaving
    }

    /// Gives up the present connection, if any, and tries at once.
    pub fn reconnect(&self) {
        self.0.reconnect.now();
    }

    /// Sends one exchange again; the number of the new one, once it has ended and is stored.
    pub async fn replay(&self, id: i64, ask: &Ask) -> Result<i64, ReplayError> {
        self.0.replay(id, ask).await
    }

    /// Has the answer of this exchange stand in while its mapping's service is down.
    pub async fn stand_in(&self, id: i64) -> Result<StandIn, StandInError> {
        stand_in::stand_in(&self.0.store, id, &self.0.known()).await
    }

    /// Where the mapping with this id leads, or led when a command last asked for it.
    pub async fn target_of(&self, mapping_id: &str) -> Result<Option<Target>, StoreError> {
        self.reader().target_of(mapping_id, &self.0.known()).await
    }

    /// Takes in an archive.
    pub async fn import(&self, archive: Vec<u8>) -> Result<Report, ImportError> {
        self.0.import(archive).await
    }

    /// The log of the link, the newest line first, and what it comes to.
    pub async fn connections(&self) -> Result<(ConnectionSummary, Vec<ConnectionEntry>), StoreError> {
        let entries = self.reader().connections(CONNECTION_ENTRIES as u32).await?;
        let now = self.0.lock().link_log.now(Instant::now());
        Ok((connections::summary(&entries, now), entries))
    }

    pub fn outlook(&self) -> Outlook {
        let report = self.0.status();
        let code = match &*self.0.link.borrow() {
            LinkState::Waiting { code, .. } | LinkState::Refused { code, .. } => Some(code.clone()),
            _ => None,
        };
        let off = || Paused { message: "capture is switched off in the settings".into() };
        let capture = self.0.settings.borrow().capture;
        let paused = self.0.paused.borrow().clone().or_else(|| (!capture).then(off));
        let state = self.0.lock();
        let served = |noted: &&Noted| noted.mapping_id.as_ref().is_none_or(|id| state.numbering.contains(id));
        Outlook {
            report,
            page_url: self.0.inspector_url.clone(),
            code,
            retry_at: state.link_notes.retry_at,
            connected_since_us: state.link_notes.connected_since_us,
            open: self.0.carried.now(),
            paused,
            warnings: state.noted.iter().filter(served).cloned().collect(),
        }
    }

    /// Every mapping: the stored ones, then the file's, then those of commands.
    pub fn mappings(&self) -> Vec<Shown> {
        let connected = matches!(&*self.0.link.borrow(), LinkState::Connected { .. });
        let state = self.0.lock();
        let standing = |spec: &MappingSpec| {
            if !state.numbering.contains(&spec.id) {
                return Standing::Off;
            }
            match state.answers.get(&spec.id) {
                Some(Answer::Live { public_url }) if connected => {
                    Standing::Live { public_url: public_url.clone() }
                }
                Some(Answer::Refused { code, message }) => {
                    Standing::Refused { code: code.clone(), message: message.clone() }
                }
                _ => Standing::Connecting,
            }
        };
        let unstored = |spec: &MappingSpec| StoredMapping {
            spec: spec.clone(),
            enabled: true,
            gateway: None,
            created_at: String::new(),
            updated_at: String::new(),
        };
        let stored = state.stored.iter().map(|mapping| (mapping.clone(), Source::Stored));
        let file = self.0.file_mappings.iter().map(|spec| (unstored(spec), Source::File));
        let commands = state
            .ephemeral
            .values()
            .flatten()
            .filter(|spec| !state.stored.iter().any(|stored| stored.spec.id == spec.id))
            .map(|spec| (unstored(spec), Source::Command));
        stored
            .chain(file)
            .chain(commands)
            .map(|(mapping, source)| Shown { standing: standing(&mapping.spec), mapping, source })
            .collect()
    }

    /// What is kept of exchanges.
    pub fn settings(&self) -> Settings {
        self.0.settings.borrow().clone()
    }

    /// Keeps to other settings from now on; exchanges that run end under the old ones.
    pub fn apply(&self, settings: Settings) {
        self.0.recorder.keep(settings.capture, settings.body_bytes as usize);
        self.0.limits.send_replace(settings.limits());
        self.0.recorder.nudge();
        self.0.settings.send_replace(settings);
        self.0.changed.send_replace(());
    }

    /// The origin of the gateway that a new mapping is meant for; none: whichever there is.
    pub fn gateway(&self) -> Option<String> {
        (!self.0.is_own()).then(|| self.0.gateway.origin())
    }

    /// Gives a mapping that asks for no public address one of its own.
    pub fn give_address(&self, spec: &mut MappingSpec) {
        spec.give_address(self.0.gateway.mapping_path.as_deref(), || self.0.new_name());
    }

    /// From here on this stored mapping is served while it is enabled, also where nobody asked for all of them.
    /// Takes effect with [`View::reload`].
    pub fn ask_for(&self, id: &str) {
        self.0.lock().asked.insert(id.to_owned());
    }

    /// Reads the stored mappings again, and serves the changes.
    pub async fn reload(&self) -> Result<(), StoreError> {
        self.0.reload().await
    }
}

impl Shared {
    /// Keeps of an event what a later look needs.
    pub(super) fn note(&self, event: &Event) {
        let mut state = self.lock();
        match event {
            Event::Connected { .. } => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let connected_since_us = Some(now.as_micros() as i64);
                state.link_notes = LinkNotes { retry_at: None, connected_since_us };
            }
            Event::Disconnected { retry_in, .. } => {
                let retry_at = retry_in.map(|wait| Instant::now() + wait);
                state.link_notes = LinkNotes { retry_at, connected_since_us: None };
            }
            Event::Refused { .. } => state.link_notes = LinkNotes::default(),
            Event::Warning { code, message, mapping_id } => {
                if let Some(over) = unkept::ends(code) {
                    state.noted.retain(|noted| noted.code != over);
                    return;
                }
                let same = |noted: &Noted| noted.code == *code && noted.mapping_id == *mapping_id;
                state.noted.retain(|noted| !same(noted));
                if state.noted.len() == WARNINGS {
                    state.noted.pop_front();
                }
                state.noted.push_back(Noted {
                    code: code.clone(),
                    message: message.clone(),
                    mapping_id: mapping_id.clone(),
                });
            }
            _ => {}
        }
    }
}
