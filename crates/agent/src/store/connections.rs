//! The log of the link: when it was there, when not, and why.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Store, StoreError};
use crate::inspect::recorded::beginning;

/// Entries kept; older ones make room. A year of a laptop that is closed twice a day.
pub const CONNECTION_ENTRIES: i64 = 1000;

/// Bytes kept of a reason's sentence.
const MESSAGE_BYTES: usize = 1024;

/// What happened to the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkEvent {
    Connected,
    Disconnected,
    /// A try led nowhere; the next one comes.
    Failed,
    /// Final: the gateway wants no more tries.
    Refused,
}

impl LinkEvent {
    fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }

    fn read(text: &str) -> Self {
        match text {
            "connected" => Self::Connected,
            "disconnected" => Self::Disconnected,
            "refused" => Self::Refused,
            _ => Self::Failed,
        }
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ConnectionEntry {
    pub id: i64,
    /// Unix time, microseconds.
    pub at_us: i64,
    pub event: LinkEvent,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// One sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    pub agent_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_version: Option<String>,
    /// Of a connection, as first measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Of a lost one: how long it was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasted_ms: Option<i64>,
    /// Of a connection: how long there was none since the one before it was lost. None of an engine's first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away_ms: Option<i64>,
    /// Tries that this stands for: the same failure over and over is one line.
    pub tries: i64,
}

/// A line to write.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewConnectionEntry {
    pub at_us: i64,
    pub code: Option<String>,
    pub message: Option<String>,
    pub gateway_version: Option<String>,
    pub lasted: Option<Duration>,
    pub away: Option<Duration>,
}

/// What the log comes to. Only times in which an engine ran count, its first connection not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct ConnectionSummary {
    /// Of the oldest entry; Unix time, microseconds.
    pub since_us: Option<i64>,
    /// Time with a link, of all time with a link or without one that was lost.
    pub uptime_ratio: Option<f64>,
    /// Tries that led to a link, of all tries.
    pub success_ratio: Option<f64>,
    /// From the loss of a link to the next one, in the middle of all times that this happened.
    pub median_reconnect_ms: Option<i64>,
}

const COLUMNS: &str = "id, at_us, event, code, message, agent_version, gateway_version, latency_us, lasted_ms, \
     away_ms, tries";

impl Store {
    /// Adds a line and gives its number. The same failure as last time is counted on its line.
    pub async fn log_connection(
        &self,
        event: LinkEvent,
        entry: NewConnectionEntry,
    ) -> Result<i64, StoreError> {
        self.call(move |connection| Ok(add(connection, event, entry)?)).await
    }

    /// The latency of a connection, which is known only a moment later.
    pub async fn log_latency(&self, id: i64, latency: Duration) -> Result<(), StoreError> {
        self.call(move |connection| {
            let latency = latency.as_micros() as i64;
            connection.execute("UPDATE connections SET latency_us = ?2 WHERE id = ?1", [id, latency])?;
            Ok(())
        })
        .await
    }

    /// The newest lines, newest first.
    pub async fn connections(&self, limit: u32) -> Result<Vec<ConnectionEntry>, StoreError> {
        self.call(move |connection| {
            let query = format!("SELECT {COLUMNS} FROM connections ORDER BY id DESC LIMIT ?1");
            let mut query = connection.prepare_cached(&query)?;
            Ok(query.query_map([limit], entry)?.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn add(connection: &mut Connection, event: LinkEvent, new: NewConnectionEntry) -> rusqlite::Result<i64> {
    let transaction = connection.transaction()?;
    let last = transaction
        .query_row("SELECT id, event, code FROM connections ORDER BY id DESC LIMIT 1", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
        })
        .optional()?;
    if let Some((id, before, code)) = last
        && event == LinkEvent::Failed
        && before == event.as_str()
        && code == new.code
    {
        transaction.execute("UPDATE connections SET tries = tries + 1 WHERE id = ?1", [id])?;
        transaction.commit()?;
        return Ok(id);
    }
    let message = new.message.as_deref().map(|message| beginning(message, MESSAGE_BYTES));
    let millis = |time: Option<Duration>| time.map(|time| time.as_millis() as i64);
    transaction.execute(
        "INSERT INTO connections (at_us, event, code, message, agent_version, gateway_version, lasted_ms,
         away_ms, tries) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1)",
        params![
            new.at_us,
            event.as_str(),
            new.code,
            message,
            env!("CARGO_PKG_VERSION"),
            new.gateway_version,
            millis(new.lasted),
            millis(new.away),
        ],
    )?;
    let id = transaction.last_insert_rowid();
    transaction.execute("DELETE FROM connections WHERE id <= ?1", [id - CONNECTION_ENTRIES])?;
    transaction.commit()?;
    Ok(id)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<ConnectionEntry> {
    Ok(ConnectionEntry {
        id: row.get(0)?,
        at_us: row.get(1)?,
        event: LinkEvent::read(row.get_ref(2)?.as_str()?),
        code: row.get(3)?,
        message: row.get(4)?,
        agent_version: row.get(5)?,
        gateway_version: row.get(6)?,
        latency_ms: row.get::<_, Option<i64>>(7)?.map(|us| us as f64 / 1000.0),
        lasted_ms: row.get(8)?,
        away_ms: row.get(9)?,
        tries: row.get(10)?,
    })
}

/// What entries (in any order) come to. `now` is the state of the link at this moment: how long it has been
/// there, or away since it was lost.
pub fn summary(entries: &[ConnectionEntry], now: CurrentLink) -> ConnectionSummary {
    let sum = |of: fn(&ConnectionEntry) -> Option<i64>| entries.iter().filter_map(of).sum::<i64>() as f64;
    let (mut up, mut away) = (sum(|entry| entry.lasted_ms), sum(|entry| entry.away_ms));
    match now {
        CurrentLink::Up(time) => up += time.as_millis() as f64,
        CurrentLink::Lost(time) => away += time.as_millis() as f64,
        CurrentLink::Never => {}
    }
    let tries = |wanted: fn(LinkEvent) -> bool| {
        entries.iter().filter(|entry| wanted(entry.event)).map(|entry| entry.tries).sum::<i64>() as f64
    };
    let made = tries(|event| event == LinkEvent::Connected);
    let in_vain = tries(|event| matches!(event, LinkEvent::Failed | LinkEvent::Refused));
    let ratio = |part: f64, rest: f64| (part + rest > 0.0).then(|| part / (part + rest));
    let mut reconnects: Vec<i64> = entries.iter().filter_map(|entry| entry.away_ms).collect();
    reconnects.sort_unstable();
    ConnectionSummary {
        since_us: entries.iter().map(|entry| entry.at_us).min(),
        uptime_ratio: ratio(up, away),
        success_ratio: ratio(made, in_vain),
        median_reconnect_ms: reconnects.get(reconnects.len() / 2).copied(),
    }
}

/// The link at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurrentLink {
    Up(Duration),
    Lost(Duration),
    /// There was none yet.
    Never,
}

#[cfg(test)]
mod tests {
    use super::super::Mend;
    use super::*;

    async fn store(dir: &tempfile::TempDir) -> Store {
        Store::open(&dir.path().join("porthole.db"), Mend::Never).await.unwrap().store
    }

    fn coded(code: &str) -> NewConnectionEntry {
        NewConnectionEntry { code: Some(code.into()), ..NewConnectionEntry::default() }
    }

    #[tokio::test]
    async fn the_same_failure_over_and_over_is_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir).await;
        for code in ["a", "a", "a", "b", "a"] {
            store.log_connection(LinkEvent::Failed, coded(code)).await.unwrap();
        }
        let first = store.log_connection(LinkEvent::Connected, NewConnectionEntry::default()).await.unwrap();
        store.log_connection(LinkEvent::Connected, NewConnectionEntry::default()).await.unwrap();
        store.log_latency(first, Duration::from_micros(1500)).await.unwrap();
        let entries = store.connections(10).await.unwrap();
        let told: Vec<_> = entries.iter().map(|entry| (entry.code.as_deref(), entry.tries)).collect();
        assert_eq!(told, [(None, 1), (None, 1), (Some("a"), 1), (Some("b"), 1), (Some("a"), 3)]);
        assert_eq!(entries[1].latency_ms, Some(1.5));
        assert_eq!(entries[1].agent_version, env!("CARGO_PKG_VERSION"));
    }

    #[tokio::test]
    async fn the_log_has_a_bound_and_so_has_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir).await;
        store.log_connection(LinkEvent::Failed, coded("first")).await.unwrap();
        let long = NewConnectionEntry { message: Some("ä".repeat(MESSAGE_BYTES)), ..coded("second") };
        store.log_connection(LinkEvent::Failed, long).await.unwrap();
        for _ in 0..CONNECTION_ENTRIES - 1 {
            store.log_connection(LinkEvent::Connected, NewConnectionEntry::default()).await.unwrap();
        }
        let entries = store.connections(u32::MAX).await.unwrap();
        assert_eq!(entries.len() as i64, CONNECTION_ENTRIES);
        let oldest = entries.last().unwrap();
        assert_eq!(oldest.code.as_deref(), Some("second"));
        assert_eq!(oldest.message.as_ref().unwrap().len(), MESSAGE_BYTES);
    }

    #[test]
    fn ratios_count_what_the_engine_was_there_for() {
        let line = |event, lasted_ms, away_ms, tries| ConnectionEntry {
            id: 0,
            at_us: 7,
            event,
            code: None,
            message: None,
            agent_version: String::new(),
            gateway_version: None,
            latency_ms: None,
            lasted_ms,
            away_ms,
            tries,
        };
        let entries = [
            line(LinkEvent::Connected, None, None, 1),
            line(LinkEvent::Disconnected, Some(6000), None, 1),
            line(LinkEvent::Failed, None, None, 3),
            line(LinkEvent::Connected, None, Some(3000), 1),
            line(LinkEvent::Disconnected, Some(2000), None, 1),
            line(LinkEvent::Connected, None, Some(500), 1),
            line(LinkEvent::Disconnected, Some(0), None, 1),
            line(LinkEvent::Connected, None, Some(400), 1),
        ];
        let told = summary(&entries, CurrentLink::Up(Duration::from_millis(100)));
        assert_eq!(told.uptime_ratio, Some(8100.0 / 12000.0));
        assert_eq!(told.success_ratio, Some(4.0 / 7.0));
        assert_eq!((told.median_reconnect_ms, told.since_us), (Some(500), Some(7)));
        assert_eq!(summary(&[], CurrentLink::Never), ConnectionSummary::default());
        let lost = summary(&entries[..2], CurrentLink::Lost(Duration::from_secs(2)));
        assert_eq!(lost.uptime_ratio, Some(0.75));
    }
}
