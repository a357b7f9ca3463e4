//! What happens, live: a snapshot, then changes by id, as server-sent events.
//!
//! One task looks at the engine and tells everybody. Whoever reads too slowly misses some, and is told to
//! fetch everything again.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt as _};
use serde::Serialize;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use utoipa::ToSchema;

use super::mappings::{self, Mapping};
use super::stand_ins::StandInsEvent;
use super::status::Status;
use super::{Api, Problem};
use crate::app_settings::AppSettings;
use crate::engine::View;
use crate::events::LinkState;
use crate::settings::Settings;
use crate::store::connections::{ConnectionEntry, ConnectionSummary};
use crate::store::exchanges::Listed;

/// Events that a slow listener may be behind: five full batches of exchanges.
const QUEUE: usize = 1024;

/// Exchanges told one by one out of one batch; of more, only that there are: no list shows them by themselves,
/// and a page at 2,000 requests a second has better things to read.
const TOLD_AT_ONCE: usize = 200;

/// Lines of the link's log that are looked through for what is new: more do not come at once.
const LOG_LINES: usize = 20;

/// Listeners at once: each open page has one.
const MAX_LISTENERS: usize = 64;

/// A line between events, so that whoever is between does not take silence for an end.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// One event, written once for all listeners.
#[derive(Debug)]
struct Told {
    name: &'static str,
    data: String,
}

/// Where events come from.
#[derive(Debug, Clone)]
pub(super) struct Hub {
    sender: broadcast::Sender<Arc<Told>>,
    listeners: Arc<AtomicUsize>,
}

/// The first event: everything as it is.
#[derive(Debug, Serialize, ToSchema)]
struct Snapshot {
    status: Status,
    mappings: Vec<Mapping>,
    /// The newest exchange's id; 0 when there is none.
    last_exchange: i64,
}

/// A line of the link's log that is new or different, and what the log comes to with it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConnectionEvent<'a> {
    entry: &'a ConnectionEntry,
    summary: &'a ConnectionSummary,
}

impl Hub {
    /// Looks at the engine until it leaves.
    pub(super) fn start(engine: View) -> Self {
        let hub = Self { sender: broadcast::Sender::new(QUEUE), listeners: Arc::default() };
        tokio::spawn(watch(engine, hub.clone()));
        hub
    }

    fn tell(&self, name: &'static str, data: &impl Serialize) {
        // Text and numbers only: nothing in it can fail to be written.
        let told = Told { name, data: serde_json::to_string(data).unwrap_or_default() };
        // Nobody listens: nobody misses it.
        let _ = self.sender.send(Arc::new(told));
    }

    /// Somebody changed one by hand.
    pub(super) fn exchange_changed(&self, exchange: &Listed) {
        self.tell("exchange", exchange);
    }

    /// Other settings hold.
    pub(super) fn settings_changed(&self, settings: &Settings) {
        self.tell("settings", settings);
    }

    /// The desktop app is to behave differently.
    pub(super) fn app_changed(&self, settings: &AppSettings) {
        self.tell("app", settings);
    }

    /// Other answers stand in for a mapping.
    pub(super) fn stand_ins_changed(&self, changed: &StandInsEvent<'_>) {
        self.tell("stand-ins-changed", changed);
    }

    /// Exchanges changed in a way that is not told one by one.
    pub(super) fn exchanges_changed(&self) {
        self.tell("exchanges-changed", &json!({}));
    }
}

async fn watch(engine: View, hub: Hub) {
    let mut changes = engine.changes();
    let mut link = engine.link();
    let mut stored = engine.stored();
    let mut logged = engine.logged();
    let mut log = tell_log(&engine, &hub, None).await;
    let mut known = mappings::all(&engine);
    loop {
        tokio::select! {
            () = engine.leaving().cancelled() => return,
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                hub.tell("status", &Status::from(engine.outlook()));
                known = tell_mappings(&hub, known, mappings::all(&engine));
            }
            changed = link.changed() => {
                if changed.is_err() {
                    return;
                }
                let connected = matches!(*link.borrow_and_update(), LinkState::Connected { .. });
                hub.tell("status", &Status::from(engine.outlook()));
                if !connected || known.iter().any(Mapping::is_waiting) {
                    known = tell_mappings(&hub, known, mappings::all(&engine));
                }
            }
            changed = logged.changed() => {
                if changed.is_err() {
                    return;
                }
                log = tell_log(&engine, &hub, log).await;
            }
            batch = stored.recv() => match batch {
                Ok(ids) => tell_exchanges(&engine, &hub, &ids).await,
                Err(RecvError::Lagged(_)) => hub.exchanges_changed(),
                Err(RecvError::Closed) => return,
            },
        }
    }
}

fn tell_mappings(hub: &Hub, before: Vec<Mapping>, now: Vec<Mapping>) -> Vec<Mapping> {
    for mapping in now.iter().filter(|mapping| !before.contains(mapping)) {
        hub.tell("mapping", mapping);
    }
    for gone in before.iter().filter(|gone| !now.iter().any(|mapping| mapping.id == gone.id)) {
        hub.tell("mapping-gone", &json!({ "id": gone.id }));
    }
    now
}

/// The newest lines of the log as they are now; what is new since `before` is told, the oldest first.
async fn tell_log(
    engine: &View,
    hub: &Hub,
    before: Option<Vec<ConnectionEntry>>,
) -> Option<Vec<ConnectionEntry>> {
    let (summary, mut now) = match engine.connections().await {
        Ok(read) => read,
        Err(error) => {
            tracing::debug!(%error, "the link's log could not be read");
            return before;
        }
    };
    now.truncate(LOG_LINES);
    if let Some(before) = before {
        for entry in now.iter().rev().filter(|entry| !before.contains(entry)) {
            hub.tell("connection", &ConnectionEvent { entry, summary: &summary });
        }
    }
    Some(now)
}

async fn tell_exchanges(engine: &View, hub: &Hub, ids: &[i64]) {
    if hub.sender.receiver_count() == 0 {
        return;
    }
    if ids.len() > TOLD_AT_ONCE {
        return hub.exchanges_changed();
    }
    match engine.reader().exchanges_numbered(ids.to_vec()).await {
        Ok(summaries) => {
            for summary in summaries {
                hub.tell("exchange", &Listed::from(summary));
            }
        }
        Err(error) => {
            tracing::debug!(%error, "new exchanges could not be read");
            hub.exchanges_changed();
        }
    }
}

/// Counts a listener for as long as it stays.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(count: &Arc<AtomicUsize>) -> Option<Self> {
        if count.fetch_add(1, Ordering::Relaxed) < MAX_LISTENERS {
            return Some(Self(count.clone()));
        }
        count.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What happens: `snapshot`, then `status`, `mapping`, `mapping-gone`, `connection`, `exchange`,
/// `exchanges-changed`, `stand-ins-changed`, `settings` and `app` with what changed; after `lagged` or `exchanges-changed` fetch again.
#[utoipa::path(get, path = "/events", operation_id = "listenToEvents", tag = "events",
    responses((status = OK, body = Snapshot, content_type = "text/event-stream")))]
pub(super) async fn listen(
    State(api): State<Api>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = Place::take(&api.hub.listeners).ok_or_else(|| {
        Problem::busy(
            "too-many-listeners",
            format!("{MAX_LISTENERS} pages are open already: close some first"),
        )
    })?;
    // Listened first, looked at then: nothing falls between.
    let told = api.hub.sender.subscribe();
    let snapshot = Snapshot {
        last_exchange: api.engine.reader().last_exchange().await?,
        status: api.engine.outlook().into(),
        mappings: mappings::all(&api.engine),
    };
    let data = serde_json::to_string(&snapshot).unwrap_or_default();
    let first = stream::iter([Ok(Event::default().event("snapshot").data(data))]);
    let leaving = api.engine.leaving().clone();
    let rest = stream::unfold((told, leaving, place), async |(mut told, leaving, place)| {
        let told_now = tokio::select! {
            () = leaving.cancelled() => return None,
            told_now = told.recv() => told_now,
        };
        let event = match told_now {
            Ok(told) => Event::default().event(told.name).data(&told.data),
            Err(RecvError::Lagged(_)) => Event::default().event("lagged").data("{}"),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(event), (told, leaving, place)))
    });
    Ok(Sse::new(first.chain(rest)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
