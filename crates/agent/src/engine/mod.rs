//! The engine: the one part of a data folder that is connected. It owns the store, the set of mappings
//! and the uplink, and tells every attached command what concerns it.

mod choice;
mod client;
mod connections;
mod import;
mod replay;
mod set;
mod unkept;
mod view;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use choice::{Anew, ChooseError, Keep, Kind};
pub use view::{Noted, Outlook, Shown, Source, Standing, View};

use crate::api;
use crate::capture::{Paused, Recorder};
use crate::door::{self, Conversation, MappingStatus, StatusReport};
use crate::events::{Event, Events, LinkState, MappingSet};
use crate::forward::Carried;
use crate::gateway_choice::{Choice, ChosenBy};
use crate::gateway_url::GatewayUrl;
use crate::lock::EngineLock;
use crate::mapping::MappingSpec;
use crate::names::random_name;
use crate::paths::Paths;
use crate::secrets::Secret;
use crate::settings::Settings;
use crate::store::exchanges::{Limits, Stored, Writer};
use crate::store::{Store, StoreError, StoredMapping};
use crate::trial::TrialGateway;
use crate::uplink::failure::Failure;
use crate::uplink::{self, Reconnect, Uplink, UplinkConfig};

/// How long requests in flight may take once the engine was asked to leave.
pub const DRAIN: Duration = Duration::from_secs(30);

/// The same while other commands wait to take over: their mappings are away meanwhile.
pub const DRAIN_FOR_SUCCESSOR: Duration = Duration::from_secs(5);

/// Everything the engine must know before it starts.
#[derive(Debug)]
pub struct EngineConfig {
    pub paths: Paths,
    pub lock: EngineLock,
    pub store: Store,
    pub gateway: GatewayUrl,
    pub token: Secret,
    pub tls: crate::tls::Files,
    pub choice: Choice,
    /// Why there is no way to a gateway; nothing is tried then. The gateway's address may be a stand-in.
    pub missing: Option<Failure>,
    /// The gateway is a child of this engine.
    pub trial: Option<TrialGateway>,
    /// From the configuration file: read-only beside the stored ones.
    pub file_mappings: Vec<MappingSpec>,
    /// Told to the first command that attaches.
    pub warnings: Vec<Event>,
    /// Where the local API and its page are to be had over HTTP, if at all.
    pub page: Option<api::http::Listener>,
}

/// Why an engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot listen for further commands at {path}: {source}")]
    Socket { path: std::path::PathBuf, source: std::io::Error },
    #[error("cannot serve the local API: {0}")]
    Api(#[from] api::serve::ServeError),
}

/// A running engine. Ends with [`Engine::leave`].
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    uplink: Uplink,
    writer: Writer,
    trial: Option<TrialGateway>,
    api: api::serve::Door,
    tasks: TaskTracker,
    _lock: EngineLock,
}

/// What the engine's tasks share.
#[derive(Debug)]
struct Shared {
    gateway: GatewayUrl,
    subject: String,
    kind: Kind,
    /// Set once the engine is to start anew.
    anew: watch::Sender<Option<Anew>>,
    paths: Paths,
    tls: crate::tls::Files,
    /// What a name may look like, when the token restricts it: `alice-*`.
    name_pattern: Option<String>,
    store: Store,
    /// For long reads, on a thread of its own.
    reader: Store,
    recorder: Recorder,
    events: Events,
    link: watch::Receiver<LinkState>,
    carried: Carried,
    reconnect: Reconnect,
    stored: broadcast::Sender<Stored>,
    paused: watch::Receiver<Option<Paused>>,
    limits: watch::Sender<Limits>,
    settings: watch::Sender<Settings>,
    /// One archive is taken in at a time: each is in memory whole.
    importing: Semaphore,
    mappings: watch::Sender<Arc<MappingSet>>,
    /// Wakes whoever watches the status or the mappings.
    changed: watch::Sender<()>,
    /// The same for the link's log.
    logged: watch::Sender<()>,
    /// The page's address.
    inspector_url: Option<String>,
    file_mappings: Vec<MappingSpec>,
    since: Instant,
    leaving: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    choice: Choice,
    numbering: set::Numbering,
    stored: Vec<StoredMapping>,
    /// Commands that asked for the stored mappings; at most one.
    up: Option<u64>,
    /// Stored mappings that the API asked to serve, whether or not a command asked for all of them.
    asked: HashSet<String>,
    /// Mappings that end with their command.
    ephemeral: BTreeMap<u64, Vec<MappingSpec>>,
    answers: HashMap<String, Answer>,
    clients: usize,
    next_client: u64,
    warnings: Vec<Event>,
    /// Warnings that still hold.
    noted: VecDeque<Noted>,
    link_log: connections::LinkLog,
    link_notes: view::LinkNotes,
}

/// What the gateway said to a mapping.
#[derive(Debug, Clone)]
enum Answer {
    Live { public_url: String },
    Refused { code: String, message: String },
}

impl Engine {
    /// Begins a new epoch, starts connecting, and opens the door.
    pub async fn start(config: EngineConfig) -> Result<Self, EngineError> {
        let EngineConfig {
            paths,
            lock,
            store,
            gateway,
            token,
            tls,
            choice,
            missing,
            trial,
            file_mappings,
            mut warnings,
            page,
        } = config;
        let (agent_id, epoch) = match store.begin_epoch().await {
            Ok(begun) => begun,
            Err(StoreError::Full) => {
                warnings.push(warning("disk-full", StoreError::Full.to_string()));
                let known = store.last_epoch().await.unwrap_or_default();
                known.map_or_else(|| (uuid::Uuid::new_v4().to_string(), 1), |(id, epoch)| (id, epoch + 1))
            }
            Err(error) => return Err(error.into()),
        };
        let stored = store.mappings().await?;
        let recorder = Recorder::default();
        let settings = Settings::load(&store).await?;
        recorder.keep(settings.capture, settings.body_bytes as usize);
        let writer = Writer::start(&paths.database(), recorder.clone(), settings.limits()).await;
        let mut paused = recorder.paused();
        if let Some(paused) = &*paused.borrow_and_update() {
            warnings.push(unkept::paused(paused));
        }
        // Where the disk is too full to read the file, what is in memory is all there is.
        let reader = Store::reader(&paths.database()).await.unwrap_or_else(|_| store.clone());
        let (mappings, watching) = watch::channel(Arc::new(MappingSet::default()));
        let events = crate::events::events();
        let (supervisor, logged) = (events.subscribe(), events.subscribe());
        let subject = crate::secrets::token_subject(&token);
        let name_pattern = crate::secrets::token_name_pattern(&token);
        let kind = match (&trial, choice.by, &missing) {
            (Some(_), _, _) => Kind::Trial,
            (None, ChosenBy::Trial | ChosenBy::Nobody, Some(_)) => Kind::None,
            _ => Kind::Configured,
        };
        let uplink = match missing {
            Some(failure) => uplink::nowhere(failure),
            None => uplink::start(
                UplinkConfig {
                    gateway: gateway.clone(),
                    token,
                    tls: tls.clone(),
                    agent_id,
                    epoch,
                    recorder: Some(recorder.clone()),
                    stand_ins: Some(reader.clone()),
                },
                watching,
                events.clone(),
            ),
        };
        let shared = Arc::new(Shared {
            gateway,
            subject,
            kind,
            anew: watch::Sender::new(None),
            paths: paths.clone(),
            tls,
            name_pattern,
            store,
            reader,
            recorder,
            events,
            link: uplink.state(),
            carried: uplink.carried(),
            reconnect: uplink.reconnect(),
            stored: writer.stored(),
            limits: writer.limits(),
            settings: watch::Sender::new(settings),
            importing: Semaphore::new(1),
            paused: paused.clone(),
            mappings,
            changed: watch::Sender::new(()),
            logged: watch::Sender::new(()),
            inspector_url: page.as_ref().map(api::http::Listener::url),
            file_mappings,
            since: Instant::now(),
            leaving: CancellationToken::new(),
            state: Mutex::new(State { choice, stored, ..State::default() }),
        });
        for event in &warnings {
            shared.note(event);
        }
        shared.lock().warnings = warnings;
        let api = api::serve::serve(View(Arc::clone(&shared)), &paths, page)?;
        let tasks = TaskTracker::new();
        #[cfg(unix)]
        {
            let path = paths.socket();
            let listener =
                door::socket::Listener::bind(&path).map_err(|source| EngineError::Socket { path, source })?;
            tasks.spawn(listen(Arc::clone(&shared), listener, tasks.clone()));
        }
        #[cfg(not(unix))]
        let _ = paths;
        tasks.spawn(supervise(Arc::clone(&shared), supervisor));
        tasks.spawn(connections::log(Arc::clone(&shared), logged));
        tasks.spawn(unkept::warn(Arc::clone(&shared), paused));
        Ok(Self { shared, uplink, writer, trial, api, tasks, _lock: lock })
    }

    /// Attaches a command of this same process.
    pub fn attach(&self) -> Conversation {
        let (conversation, from_command, to_command) = door::pair();
        self.tasks.spawn(client::serve(Arc::clone(&self.shared), from_command, to_command));
        conversation
    }

    /// What happens from here on, to everybody's mappings.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.shared.events.subscribe()
    }

    /// When it is to start anew: with another gateway. Cancel safe.
    pub async fn anew(&self) -> Anew {
        let mut anew = self.shared.anew.subscribe();
        // The sender is ours: it does not end.
        let told = anew.wait_for(Option::is_some).await.ok().and_then(|anew| anew.clone());
        told.unwrap_or(Anew::Settings)
    }

    /// Closes the door, lets requests in flight finish within the deadline, and gives the lock back.
    /// Drop of the future cuts it short.
    pub async fn leave(self) {
        let others = self.shared.lock().clients > 1 || self.shared.anew.borrow().is_some();
        self.shared.leaving.cancel();
        self.tasks.close();
        self.uplink.drain(if others { DRAIN_FOR_SUCCESSOR } else { DRAIN }).await;
        if let Some(trial) = self.trial {
            trial.stop().await;
        }
        self.api.close().await;
        self.writer.close().await;
        // The tasks hold the listener and the store's handle; they end at once when asked.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.tasks.wait()).await;
        if let Err(error) = self.shared.store.settle().await {
            tracing::debug!(%error, "the database's log stays beside it until the next start");
        }
    }
}

/// Takes commands of other processes until the engine leaves.
#[cfg(unix)]
async fn listen(shared: Arc<Shared>, listener: door::socket::Listener, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = shared.leaving.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(stream) => {
                let (conversation, from_command, to_command) = door::pair();
                tasks.spawn(client::serve(Arc::clone(&shared), from_command, to_command));
                tasks.spawn(async move {
                    let Conversation { send, receive } = conversation;
                    door::socket::carry(stream, receive, send).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a further command could not attach");
                // Out of file handles, most likely: waiting a moment lets others give theirs back.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Keeps what the gateway said to each mapping, for commands that ask later.
async fn supervise(shared: Arc<Shared>, mut events: broadcast::Receiver<Event>) {
    loop {
        let event = tokio::select! {
            () = shared.leaving.cancelled() => return,
            event = events.recv() => event,
        };
        if let Ok(event) = &event {
            shared.note(event);
        }
        match event {
            Ok(Event::MappingLive { id, public_url }) => {
                shared.lock().answers.insert(id, Answer::Live { public_url });
            }
            Ok(Event::MappingRefused { id, code, message }) => {
                shared.lock().answers.insert(id, Answer::Refused { code, message });
            }
            Ok(Event::Disconnected { .. } | Event::Refused { .. }) => shared.lock().answers.clear(),
            // By far the most frequent, and nothing that a status tells.
            Ok(Event::Exchange(_)) => continue,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::debug!(missed, "events were missed; asking the gateway to tell all again");
                let mut state = shared.lock();
                let set = state.numbering.again();
                shared.mappings.send_replace(Arc::new(set));
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
        shared.changed.send_replace(());
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves plain values behind, all of them usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Recomputes the set and hands it to the uplink if it changed.
    fn publish(&self, state: &mut State) {
        let gateway = self.gateway_key();
        let State { numbering, stored, ephemeral, up, asked, answers, .. } = state;
        let standing = set::standing(stored, &self.file_mappings, &gateway)
            .filter(|spec| up.is_some() || asked.contains(&spec.id));
        if let Some(set) = numbering.replace(ephemeral.values().flatten().chain(standing)) {
            answers.retain(|id, _| numbering.contains(id));
            self.mappings.send_replace(Arc::new(set));
        }
        self.changed.send_replace(());
    }

    /// Reads the stored mappings again.
    async fn reload(&self) -> Result<(), StoreError> {
        let stored = self.store.mappings().await?;
        let mut state = self.lock();
        state.asked.retain(|id| stored.iter().any(|mapping| mapping.spec.id == *id));
        state.stored = stored;
        self.publish(&mut state);
        Ok(())
    }

    /// A random name that the token may claim.
    fn new_name(&self) -> String {
        match &self.name_pattern {
            Some(pattern) => pattern.replacen('*', &random_name(), 1),
            None => random_name(),
        }
    }

    /// There is no gateway but this computer's own, or none at all.
    fn is_own(&self) -> bool {
        self.kind != Kind::Configured
    }

    /// What remembered names are kept under: a trial gateway's port may change.
    fn gateway_key(&self) -> String {
        if self.is_own() { "trial".into() } else { self.gateway.origin() }
    }

    fn status(&self) -> StatusReport {
        let link = self.link.borrow().clone();
        let state = self.lock();
        let mut report = StatusReport {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            gateway: self.gateway.origin(),
            trial: self.is_own(),
            state: String::new(),
            session_id: None,
            gateway_version: None,
            latency_ms: None,
            message: None,
            uptime_ms: self.since.elapsed().as_millis() as u64,
            capture_paused: self.paused.borrow().as_ref().map(|paused| paused.message.clone()),
            last_disconnect: state.link_log.last().cloned(),
            mappings: Vec::new(),
        };
        let connected = matches!(link, LinkState::Connected { .. });
        report.state = match link {
            LinkState::Connecting => "connecting",
            LinkState::Connected { session_id, gateway_version, latency } => {
                report.session_id = Some(session_id);
                report.gateway_version = Some(gateway_version);
                report.latency_ms = latency.map(|latency| latency.as_secs_f64() * 1000.0);
                "connected"
            }
            LinkState::Waiting { message, .. } => {
                report.message = Some(message);
                "waiting"
            }
            LinkState::Refused { message, .. } => {
                report.message = Some(message);
                "refused"
            }
            LinkState::Closed => "closed",
        }
        .into();
        for served in state.numbering.served() {
            let (public_url, code, message) = match state.answers.get(&served.wire.id) {
                Some(Answer::Live { public_url }) if connected => (Some(public_url.clone()), None, None),
                Some(Answer::Refused { code, message }) => (None, Some(code.clone()), Some(message.clone())),
                _ => (None, None, None),
            };
            report.mappings.push(MappingStatus {
                id: served.wire.id.clone(),
                name: served.wire.name.clone(),
                protocol: served.wire.protocol,
                target: served.target.to_string(),
                public_url,
                code,
                message,
            });
        }
        report
    }
}

/// A warning that concerns no single mapping.
pub fn warning(code: &str, message: String) -> Event {
    Event::Warning { code: code.into(), message, mapping_id: None }
}
