//! Exchanges as they are read: rows for lists, and single ones whole.

use jiff::Zoned;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use super::super::{Store, StoreError};
use super::bodies;
use crate::inspect::filter::Filter;

/// Rows that one list may ask for: what is kept at all, by default.
const LIST_ROWS: u32 = 100_000;

/// Replays that one exchange lists: more than a person makes of it.
const REPLAYS: u32 = 1000;

const COLUMNS: &str = "id, request_id, mapping_id, mapping, source, original_id, kind, started_us, method, \
     scheme, host, target, visitor, status, error, state, request_type, response_type, connect_us, \
     first_byte_us, total_us, link_us, gateway_us, request_bytes, response_bytes, request_kept, \
     response_kept, incomplete, edited, pinned, note, frames, name";

/// A row of a list. Times are Unix microseconds, durations microseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Summary {
    pub id: i64,
    pub request_id: String,
    pub mapping_id: String,
    /// Its name or host then.
    pub mapping: Option<String>,
    /// `visitor`, `replay`, `stand-in` or `import`.
    pub source: String,
    /// Of a replay, what was sent again; of a stand-in, whose answer it is.
    pub original_id: Option<i64>,
    /// `http`, `websocket`, `sse`, `upgrade` or `tcp`.
    pub kind: String,
    pub started_us: i64,
    pub method: String,
    pub scheme: String,
    pub host: String,
    /// As it came.
    pub target: String,
    pub visitor: Option<String>,
    pub status: Option<u16>,
    /// A code; none when it was answered whole.
    pub error: Option<String>,
    /// `open`, `done`, `failed` or `cancelled`.
    pub state: String,
    pub request_type: Option<String>,
    pub response_type: Option<String>,
    pub connect_us: Option<i64>,
    pub first_byte_us: Option<i64>,
    pub total_us: Option<i64>,
    /// Of the link, there and back, as last measured: on top of `total_us`.
    pub link_us: Option<i64>,
    /// From the request's head at the gateway until it went into the link: on top of `total_us`.
    pub gateway_us: Option<i64>,
    /// Of bodies, as they passed.
    pub request_bytes: i64,
    pub response_bytes: i64,
    /// Of them, stored: always the beginning.
    pub request_kept: i64,
    pub response_kept: i64,
    /// Something is missing because the disk could not keep up.
    pub incomplete: bool,
    pub edited: bool,
    pub pinned: bool,
    pub note: Option<String>,
    /// Messages or events that passed; the first ten thousand of them are kept.
    pub frames: i64,
    /// A webhook's event type or a GraphQL operation, where it is one.
    pub name: Option<String>,
}

impl Summary {
    /// As the visitor asked for it.
    pub fn url(&self) -> String {
        if self.target.starts_with('/') || self.target.is_empty() || self.target == "*" {
            format!("{}://{}{}", self.scheme, self.host, self.target)
        } else {
            self.target.clone()
        }
    }

    pub fn started(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.started_us).unwrap_or_default()
    }

    /// None while it is open.
    pub fn duration(&self) -> Option<std::time::Duration> {
        self.total_us.map(|us| std::time::Duration::from_micros(us.max(0) as u64))
    }
}

/// A row as programs get it. A contract: keys are added and never changed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Listed {
    #[serde(flatten)]
    pub summary: Summary,
    pub url: String,
    /// RFC 3339, UTC.
    pub started: String,
}

impl From<Summary> for Listed {
    fn from(summary: Summary) -> Self {
        Self { url: summary.url(), started: summary.started().to_string(), summary }
    }
}

/// What charts are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub started_us: i64,
    pub status: Option<u16>,
    pub failed: bool,
    /// None while it is open.
    pub total_us: Option<i64>,
}

/// One exchange without its bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    pub summary: Summary,
    /// Head and trailers, raw as in [`Half`].
    pub request: (Vec<u8>, Vec<u8>),
    /// None: no answer came.
    pub response: Option<(Vec<u8>, Vec<u8>)>,
    /// The request's head as the service got it; None: as it came.
    pub sent: Option<Vec<u8>>,
    /// Its replays, the oldest first; at most [`REPLAYS`].
    pub replays: Vec<i64>,
}

/// One exchange, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    pub summary: Summary,
    pub request: Half,
    /// None: no answer came.
    pub response: Option<Half>,
    /// The request's head as the service got it; None: as it came.
    pub sent: Option<Vec<u8>>,
}

/// A head with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Half {
    /// Raw: first line and fields in order, with the empty line. Empty for raw TCP.
    pub head: Vec<u8>,
    pub body: Body,
    /// Raw lines of the fields that came after the body.
    pub trailers: Vec<u8>,
}

/// What is stored of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    pub data: Vec<u8>,
    /// How long it was as it passed.
    pub bytes: u64,
}

impl Body {
    pub fn is_truncated(&self) -> bool {
        self.bytes > self.data.len() as u64
    }
}

impl Store {
    /// The newest exchanges for which the filter holds, newest first; `now` is what its times are counted from.
    pub async fn exchanges(
        &self,
        filter: &Filter,
        now: &Zoned,
        limit: u32,
    ) -> Result<Vec<Summary>, StoreError> {
        self.exchanges_before(filter, now, None, limit).await
    }

    /// The same, going on after the one numbered `before`.
    pub async fn exchanges_before(
        &self,
        filter: &Filter,
        now: &Zoned,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Summary>, StoreError> {
        let (mut condition, mut values) = filter.to_sql(now);
        if let Some(before) = before {
            condition = format!("({condition}) AND exchanges.id < ?");
            values.push(before.into());
        }
        self.call(move |connection| Ok(list(connection, (condition, values), limit)?)).await
    }

    /// The oldest for which the filter holds, oldest first, of those after the one numbered `after`.
    pub async fn exchanges_after(
        &self,
        filter: &Filter,
        now: &Zoned,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Summary>, StoreError> {
        let (condition, mut values) = filter.to_sql(now);
        values.extend([after.into(), limit.min(LIST_ROWS).into()]);
        self.call(move |connection| {
            let mut query = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM exchanges WHERE ({condition}) AND id > ? ORDER BY id LIMIT ?"
            ))?;
            Ok(query.query_map(params_from_iter(values), summary)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Those of these exchanges that are still there, in this order.
    pub async fn exchanges_numbered(&self, ids: Vec<i64>) -> Result<Vec<Summary>, StoreError> {
        self.call(move |connection| {
            let mut query =
                connection.prepare_cached(&format!("SELECT {COLUMNS} FROM exchanges WHERE id = ?1"))?;
            let found = ids.iter().map(|id| query.query_row([id], summary).optional());
            Ok(found.filter_map(Result::transpose).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The same, where all of them are wanted.
    ///
    /// # Errors
    /// [`StoreError::NoExchange`] for the first that is not there.
    pub async fn each_exchange_numbered(&self, ids: Vec<i64>) -> Result<Vec<Summary>, StoreError> {
        let found = self.exchanges_numbered(ids.clone()).await?;
        match ids.into_iter().find(|id| found.iter().all(|row| row.id != *id)) {
            Some(missing) => Err(StoreError::NoExchange(missing)),
            None => Ok(found),
        }
    }

    /// Of the newest [`LIST_ROWS`] exchanges since then, perhaps of one mapping only, what charts are made of;
    /// what was imported never came through.
    pub async fn samples_since(
        &self,
        since_us: i64,
        mapping_id: Option<String>,
    ) -> Result<Vec<Sample>, StoreError> {
        self.call(move |connection| {
            let mut query = connection.prepare_cached(
                "SELECT started_us, status, error IS NOT NULL, total_us FROM exchanges
                 WHERE started_us >= ?1 AND (?2 IS NULL OR mapping_id = ?2) AND source <> 'import' ORDER BY started_us DESC LIMIT ?3",
            )?;
            let sample = |row: &Row<'_>| {
                Ok(Sample {
                    started_us: row.get(0)?,
                    status: row.get(1)?,
                    failed: row.get(2)?,
                    total_us: row.get(3)?,
                })
            };
            let found = query.query_map(params![since_us, mapping_id, LIST_ROWS], sample)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// How many there are.
    pub async fn count_exchanges(&self) -> Result<i64, StoreError> {
        self.call(|connection| {
            Ok(connection.query_row("SELECT count(*) FROM exchanges", [], |row| row.get(0))?)
        })
        .await
    }

    /// The newest one's number; 0 when there is none.
    pub async fn last_exchange(&self) -> Result<i64, StoreError> {
        let newest = "SELECT coalesce(max(id), 0) FROM exchanges";
        self.call(move |connection| Ok(connection.query_row(newest, [], |row| row.get(0))?)).await
    }

    /// One exchange with its heads and replays.
    pub async fn exchange_heads(&self, id: i64) -> Result<Heads, StoreError> {
        self.call(move |connection| {
            let transaction = connection.transaction()?;
            let RawHeads { summary, request, response, trailers, sent } =
                heads(&transaction, id)?.ok_or(StoreError::NoExchange(id))?;
            let [of_request, of_response] = trailers;
            let response = response.map(|head| (head, of_response));
            let request = (request, of_request);
            let mut query = transaction.prepare_cached(
                "SELECT id FROM exchanges WHERE original_id = ?1 AND source = 'replay' ORDER BY id LIMIT ?2",
            )?;
            let replays = query.query_map(params![id, REPLAYS], |row| row.get(0))?;
            Ok(Heads { summary, request, response, sent, replays: replays.collect::<Result<_, _>>()? })
        })
        .await
    }

    /// One row of the list.
    pub async fn exchange_summary(&self, id: i64) -> Result<Summary, StoreError> {
        self.exchanges_numbered(vec![id]).await?.pop().ok_or(StoreError::NoExchange(id))
    }

    /// One exchange with heads and bodies.
    pub async fn exchange(&self, id: i64) -> Result<Exchange, StoreError> {
        self.call(move |connection| one(connection, id)?.ok_or(StoreError::NoExchange(id))).await
    }
}

/// `condition` is SQL over the columns, and what its `?` stand for.
pub(super) fn list(
    connection: &Connection,
    (condition, mut values): (String, Vec<Value>),
    limit: u32,
) -> rusqlite::Result<Vec<Summary>> {
    let mut query = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM exchanges WHERE {condition} ORDER BY id DESC LIMIT ?"
    ))?;
    values.push(limit.min(LIST_ROWS).into());
    query.query_map(params_from_iter(values), summary)?.collect()
}

pub(super) fn one(connection: &mut Connection, id: i64) -> rusqlite::Result<Option<Exchange>> {
    // One moment for all of it: an open exchange grows while it is read.
    let transaction = connection.transaction()?;
    let Some(RawHeads { summary, request, response, trailers, sent }) = heads(&transaction, id)? else {
        return Ok(None);
    };
    let (data, got) = (
        bodies::read(&transaction, id, false, usize::MAX)?,
        bodies::read(&transaction, id, true, usize::MAX)?,
    );
    let [of_request, of_response] = trailers;
    let bytes = summary.request_bytes.max(0) as u64;
    let request = Half { head: request, body: Body { data, bytes }, trailers: of_request };
    let bytes = summary.response_bytes.max(0) as u64;
    let response = response.map(|head| Half { head, body: Body { data: got, bytes }, trailers: of_response });
    Ok(Some(Exchange { summary, request, response, sent }))
}

/// A summary with what is stored raw.
struct RawHeads {
    summary: Summary,
    request: Vec<u8>,
    /// None: no answer came.
    response: Option<Vec<u8>>,
    /// Of request and response.
    trailers: [Vec<u8>; 2],
    sent: Option<Vec<u8>>,
}

fn heads(connection: &Connection, id: i64) -> rusqlite::Result<Option<RawHeads>> {
    let heads = format!(
        "SELECT {COLUMNS}, request_head, response_head, request_trailers, response_trailers, sent_head
         FROM exchanges WHERE id = ?1"
    );
    let raw = |row: &Row<'_>| {
        let trailers = |name| row.get::<_, Option<Vec<u8>>>(name).map(Option::unwrap_or_default);
        let summary = summary(row)?;
        let response: Option<Vec<u8>> = row.get("response_head")?;
        Ok(RawHeads {
            request: row.get("request_head")?,
            // Raw TCP has bytes but no heads.
            response: response.or_else(|| (summary.response_bytes > 0).then(Vec::new)),
            trailers: [trailers("request_trailers")?, trailers("response_trailers")?],
            sent: row.get("sent_head")?,
            summary,
        })
    };
    connection.query_row(&heads, [id], raw).optional()
}

fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    Ok(Summary {
        id: row.get(0)?,
        request_id: row.get(1)?,
        mapping_id: row.get(2)?,
        mapping: row.get(3)?,
        source: row.get(4)?,
        original_id: row.get(5)?,
        kind: row.get(6)?,
        started_us: row.get(7)?,
        method: row.get(8)?,
        scheme: row.get(9)?,
        host: row.get(10)?,
        target: row.get(11)?,
        visitor: row.get(12)?,
        status: row.get(13)?,
        error: row.get(14)?,
        state: row.get(15)?,
        request_type: row.get(16)?,
        response_type: row.get(17)?,
        connect_us: row.get(18)?,
        first_byte_us: row.get(19)?,
        total_us: row.get(20)?,
        link_us: row.get(21)?,
        gateway_us: row.get(22)?,
        request_bytes: row.get(23)?,
        response_bytes: row.get(24)?,
        request_kept: row.get(25)?,
        response_kept: row.get(26)?,
        incomplete: row.get(27)?,
        edited: row.get(28)?,
        pinned: row.get(29)?,
        note: row.get(30)?,
        frames: row.get(31)?,
        name: row.get(32)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::World;
    use super::*;

    #[tokio::test]
    async fn lists_are_read_without_the_heads() {
        let world = World::new().await;
        let connection = world.sql();
        for condition in ["1", "(upper(method) = 'PATCH') IS TRUE", "(total_us > 5) IS TRUE"] {
            let query = format!(
                "EXPLAIN QUERY PLAN SELECT {COLUMNS} FROM exchanges WHERE {condition} ORDER BY id DESC LIMIT 9"
            );
            let plan: String = connection.query_row(&query, [], |row| row.get(3)).unwrap();
            assert!(plan.contains("COVERING INDEX exchanges_listed"), "{condition}: {plan}");
        }
    }
}
