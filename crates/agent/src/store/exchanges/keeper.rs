//! The writer's connection: what it finds when it opens, and one batch.

use std::path::Path;
use std::sync::LazyLock;

use rusqlite::types::{Null, ToSqlOutput};
use rusqlite::{Connection, Statement, ToSql as _, TransactionBehavior, params, params_from_iter};

use super::super::{StoreError, open};
use super::bodies;
use super::retention::{Limits, Totals};
use super::text::Texts;
use crate::capture::frames::Batch;
use crate::capture::{Piece, Source, Told};

/// Statements kept ready: as many as there are here and in [`text`] and [`super::retention`], and some.
const STATEMENTS: usize = 32;

/// What is known when an exchange begins, with [`fixed`].
const FIXED: [&str; 12] = [
    "id",
    "request_id",
    "mapping_id",
    "mapping",
    "edited",
    "started_us",
    "method",
    "scheme",
    "host",
    "target",
    "visitor",
    "request_head",
];

/// What changes while it runs, with [`changing`].
const CHANGING: [&str; 24] = [
    "kind",
    "status",
    "error",
    "state",
    "request_type",
    "response_type",
    "connect_us",
    "first_byte_us",
    "total_us",
    "request_bytes",
    "response_bytes",
    "request_kept",
    "response_kept",
    "response_head",
    "incomplete",
    "frames",
    "link_us",
    "gateway_us",
    "request_trailers",
    "response_trailers",
    "sent_head",
    "name",
    "source",
    "original_id",
];

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let columns = [&FIXED[..], &CHANGING].concat();
    let places = vec!["?"; columns.len()].join(", ");
    format!("INSERT INTO exchanges ({}, pinned) VALUES ({places}, 0)", columns.join(", "))
});

/// Nothing of a row that somebody deleted meanwhile.
static UPDATE: LazyLock<String> =
    LazyLock::new(|| format!("UPDATE exchanges SET {} = ? WHERE id = ?", CHANGING.join(" = ?, ")));

/// Messages of which nobody knows the exchange any more are not written.
const FRAME: &str = "INSERT INTO frames (exchange_id, seq, at_us, from_visitor, opcode, bytes, payload,
    compressed, event, event_id) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
    WHERE EXISTS (SELECT 1 FROM exchanges WHERE id = ?1)";

/// One thing to write.
#[derive(Debug)]
pub(super) enum Write {
    Exchange(Box<Told>),
    Piece(i64, Piece),
    Frames(i64, Batch),
}

impl Write {
    /// The exchange whose row it is.
    pub(super) fn exchange(&self) -> Option<i64> {
        match self {
            Self::Exchange(told) => Some(told.id),
            Self::Piece(..) | Self::Frames(..) => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) connection: Connection,
    pub(super) limits: Limits,
    /// None until they were counted.
    pub(super) totals: Option<Totals>,
    next_id: i64,
}

impl Keeper {
    /// Ends what a dead engine left open: only the holder of the engine's lock may do that.
    pub(super) fn open(path: &Path, limits: Limits) -> Result<Self, StoreError> {
        let connection = open::beside(path)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let (request_kept, response_kept) = (bodies::kept(false), bodies::kept(true));
        let ended = format!(
            "UPDATE exchanges SET state = 'failed', error = 'engine-killed', request_kept = {request_kept},
             response_kept = {response_kept} WHERE state = 'open'"
        );
        connection.execute(&ended, [])?;
        let next_id: i64 = connection.query_row(
            "SELECT 1 + max(coalesce((SELECT max(id) FROM exchanges), 0),
                            coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'exchanges'), 0))",
            [],
            |row| row.get(0),
        )?;
        Ok(Self { connection, limits, totals: None, next_id })
    }

    /// The first number that no exchange had.
    pub(super) fn next_id(&self) -> i64 {
        self.next_id
    }

    /// Writes all of it or nothing.
    pub(super) fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        let mut grown = Totals::default();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached(&INSERT)?;
            let mut update = transaction.prepare_cached(&UPDATE)?;
            let mut piece = transaction.prepare_cached(bodies::INSERT)?;
            let mut texts = Texts::default();
            let mut frame = transaction.prepare_cached(FRAME)?;
            for write in writes {
                match write {
                    Write::Exchange(told) => {
                        let there = if told.first {
                            insert_row(&mut insert, told)?;
                            true
                        } else {
                            update_row(&mut update, told)? > 0
                        };
                        for part in told.pieces.iter().filter(|_| there) {
                            write_piece(&mut piece, told.id, part)?;
                        }
                        if let Some(batch) = &told.frames {
                            write_frames(&mut frame, told.id, batch)?;
                        }
                        if there && (told.first || !told.is_open()) {
                            texts.add(&transaction, told)?;
                        }
                        if there && !told.is_open() {
                            grown.count += 1;
                            grown.bytes += (told.request.kept + told.response.kept) as i64;
                        }
                    }
                    Write::Piece(id, part) => write_piece(&mut piece, *id, part)?,
                    Write::Frames(id, batch) => write_frames(&mut frame, *id, batch)?,
                }
            }
            texts.write(&transaction)?;
        }
        transaction.commit()?;
        if let Some(totals) = &mut self.totals {
            totals.count += grown.count;
            totals.bytes += grown.bytes;
        }
        Ok(())
    }
}

fn insert_row(insert: &mut Statement<'_>, told: &Told) -> rusqlite::Result<usize> {
    insert.execute(params_from_iter(fixed(told)?.iter().chain(&changing(told)?)))
}

fn update_row(update: &mut Statement<'_>, told: &Told) -> rusqlite::Result<usize> {
    update.execute(params_from_iter(changing(told)?.iter().chain([&told.id.into()])))
}

fn fixed(told: &Told) -> rusqlite::Result<[ToSqlOutput<'_>; FIXED.len()]> {
    Ok([
        told.id.into(),
        told.request_id.to_sql()?,
        told.mapping_id.to_sql()?,
        told.mapping.to_sql()?,
        matches!(&told.source, Source::Replay(replaying) if replaying.edited).into(),
        told.started_us.into(),
        told.method.to_sql()?,
        told.scheme.to_sql()?,
        told.host.to_sql()?,
        told.target.to_sql()?,
        told.visitor.to_sql()?,
        told.request.head.to_sql()?,
    ])
}

fn changing(told: &Told) -> rusqlite::Result<[ToSqlOutput<'_>; CHANGING.len()]> {
    // That another answer stood in is known once nothing took a connection.
    let (source, original_id) = match &told.source {
        Source::Visitor => ("visitor", None),
        Source::Replay(replaying) => ("replay", Some(replaying.original_id)),
        Source::StandIn(original_id) => ("stand-in", Some(*original_id)),
        Source::Import => ("import", None),
    };
    Ok([
        told.kind.to_sql()?,
        told.status.to_sql()?,
        told.error.to_sql()?,
        told.state.to_sql()?,
        told.request.media_type.to_sql()?,
        told.response.media_type.to_sql()?,
        told.connect_us.to_sql()?,
        told.first_byte_us.to_sql()?,
        told.total_us.to_sql()?,
        (told.request.bytes as i64).into(),
        (told.response.bytes as i64).into(),
        (told.request.kept as i64).into(),
        (told.response.kept as i64).into(),
        told.response.head.to_sql()?,
        told.incomplete.into(),
        (told.frames_seen as i64).into(),
        told.link_us.to_sql()?,
        told.gateway_us.to_sql()?,
        told.request.trailers.to_sql()?,
        told.response.trailers.to_sql()?,
        told.sent_head.to_sql()?,
        told.name.to_sql()?,
        source.to_sql()?,
        original_id.map_or(Null.into(), Into::into),
    ])
}

fn write_piece(statement: &mut Statement<'_>, id: i64, piece: &Piece) -> rusqlite::Result<()> {
    statement.execute(params![bodies::key(id, piece.response, piece.seq), piece.data]).map(drop)
}

fn write_frames(statement: &mut Statement<'_>, id: i64, batch: &Batch) -> rusqlite::Result<()> {
    for row in &batch.rows {
        let frame = &row.frame;
        statement.execute(params![
            id,
            row.seq as i64,
            row.at_us,
            row.from_visitor,
            frame.opcode,
            frame.bytes as i64,
            frame.payload,
            frame.compressed,
            frame.event,
            frame.event_id,
        ])?;
    }
    Ok(())
}
