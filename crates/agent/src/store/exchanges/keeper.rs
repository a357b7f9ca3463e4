//! The writer's connection: what it finds when it opens, and one batch.

use std::path::Path;

use rusqlite::{Connection, Statement, TransactionBehavior, params};

use super::super::{StoreError, open};
use super::retention::{Limits, Totals};
use super::text;
use crate::capture::{Piece, Told};

/// Statements kept ready: as many as there are here and in [`text`] and [`super::retention`], and some.
const STATEMENTS: usize = 32;

const INSERT: &str = "INSERT INTO exchanges (id, request_id, mapping_id, mapping, source, kind, started_us,
    method, scheme, host, target, visitor, status, error, state, request_type, response_type,
    connect_us, first_byte_us, total_us, request_bytes, response_bytes, request_kept, response_kept,
    request_head, response_head, incomplete, edited, pinned)
    VALUES (?1, ?2, ?3, ?4, 'visitor', ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
    ?20, ?21, ?22, ?23, ?24, ?25, ?26, 0, 0)";

/// What changes while an exchange runs. Nothing of a row that somebody deleted meanwhile.
const UPDATE: &str =
    "UPDATE exchanges SET kind = ?2, status = ?3, error = ?4, state = ?5, response_type = ?6,
    connect_us = ?7, first_byte_us = ?8, total_us = ?9, request_bytes = ?10, response_bytes = ?11,
    request_kept = ?12, response_kept = ?13, response_head = ?14, incomplete = ?15 WHERE id = ?1";

/// Parts of a body of which nobody knows the exchange any more are not written.
const PIECE: &str = "INSERT INTO bodies (exchange_id, response, seq, data)
    SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM exchanges WHERE id = ?1)";

/// One thing to write.
#[derive(Debug)]
pub(super) enum Write {
    Exchange(Box<Told>),
    Piece(i64, Piece),
}

impl Write {
    /// The exchange whose row it is.
    pub(super) fn exchange(&self) -> Option<i64> {
        match self {
            Self::Exchange(told) => Some(told.id),
            Self::Piece(..) => None,
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
        connection.execute(
            "UPDATE exchanges SET state = 'failed', error = 'engine-killed',
             request_kept = (SELECT coalesce(sum(length(data)), 0) FROM bodies
                             WHERE exchange_id = exchanges.id AND response = 0),
             response_kept = (SELECT coalesce(sum(length(data)), 0) FROM bodies
                              WHERE exchange_id = exchanges.id AND response = 1)
             WHERE state = 'open'",
            [],
        )?;
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
            let mut insert = transaction.prepare_cached(INSERT)?;
            let mut update = transaction.prepare_cached(UPDATE)?;
            let mut piece = transaction.prepare_cached(PIECE)?;
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
                        if there && (told.first || !told.is_open()) {
                            text::index(&transaction, told)?;
                        }
                        if there && !told.is_open() {
                            grown.count += 1;
                            grown.bytes += (told.request.kept + told.response.kept) as i64;
                        }
                    }
                    Write::Piece(id, part) => write_piece(&mut piece, *id, part)?,
                }
            }
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
    insert.execute(params![
        told.id,
        told.request_id,
        told.mapping_id,
        told.mapping,
        told.kind,
        told.started_us,
        told.method,
        told.scheme,
        told.host,
        told.target,
        told.visitor,
        told.status,
        told.error,
        told.state,
        told.request.media_type,
        told.response.media_type,
        told.connect_us,
        told.first_byte_us,
        told.total_us,
        told.request.bytes as i64,
        told.response.bytes as i64,
        told.request.kept as i64,
        told.response.kept as i64,
        told.request.head,
        told.response.head,
        told.incomplete,
    ])
}

fn update_row(update: &mut Statement<'_>, told: &Told) -> rusqlite::Result<usize> {
    update.execute(params![
        told.id,
        told.kind,
        told.status,
        told.error,
        told.state,
        told.response.media_type,
        told.connect_us,
        told.first_byte_us,
        told.total_us,
        told.request.bytes as i64,
        told.response.bytes as i64,
        told.request.kept as i64,
        told.response.kept as i64,
        told.response.head,
        told.incomplete,
    ])
}

fn write_piece(statement: &mut Statement<'_>, id: i64, piece: &Piece) -> rusqlite::Result<()> {
    statement.execute(params![id, piece.response, piece.seq, piece.data]).map(drop)
}
