//! What is forgotten, and when: by age, by number, by size. What somebody pinned stays.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params};

use super::super::StoreError;
use super::bodies;
use super::keeper::Keeper;

/// Exchanges forgotten in one transaction: a few milliseconds' work.
pub(super) const STEP: usize = 200;
/// Transactions between two batches: new exchanges must not wait while many old ones go.
const STEPS: usize = 5;

/// How much is kept. Pinned exchanges count for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longer than a weekend and the holiday before it.
    pub age: Duration,
    /// What a list can still be searched in at once.
    pub count: i64,
    /// Bytes of bodies; heads and the index come on top.
    pub bytes: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { age: Duration::from_secs(7 * 24 * 60 * 60), count: 100_000, bytes: 1024 * 1024 * 1024 }
    }
}

/// What is kept now, pinned and open exchanges aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) count: i64,
    pub(super) bytes: i64,
}

impl Limits {
    /// What is left after forgetting: a hundredth below, so that not every batch has to forget something.
    fn goal(&self) -> Self {
        Self { count: self.count - self.count / 100, bytes: self.bytes - self.bytes / 100, ..self.clone() }
    }
}

impl Totals {
    fn exceed(self, limits: &Limits) -> bool {
        self.count > limits.count || self.bytes > limits.bytes
    }
}

impl Keeper {
    /// Forgets what is too old or too much, a bounded number at a time.
    pub(super) fn forget_old(&mut self, now_us: i64) -> Result<(), StoreError> {
        let oldest = now_us.saturating_sub(self.limits.age.as_micros().try_into().unwrap_or(i64::MAX));
        let goal = self.limits.goal();
        // Others pin and delete, too: before anything goes, it is counted anew.
        let counted = self.totals.filter(|totals| !totals.exceed(&self.limits));
        let mut totals = match counted {
            Some(totals) => totals,
            None => count(&self.connection)?,
        };
        let too_much = totals.exceed(&self.limits);
        for _ in 0..STEPS {
            let mut victims = too_old(&self.connection, oldest)?;
            if victims.is_empty() && too_much {
                victims = too_many(&self.connection, totals, &goal)?;
            }
            if !victims.is_empty() {
                forget(&mut self.connection, victims.iter().map(|(id, _)| *id))?;
            }
            for (_, bytes) in &victims {
                totals.count -= 1;
                totals.bytes -= bytes;
            }
            if victims.len() < STEP {
                break;
            }
        }
        self.totals = Some(totals);
        Ok(())
    }
}

fn count(connection: &Connection) -> rusqlite::Result<Totals> {
    connection.query_row(
        "SELECT count(*), coalesce(sum(request_kept + response_kept), 0) FROM exchanges
         WHERE pinned = 0 AND state <> 'open'",
        [],
        |row| Ok(Totals { count: row.get(0)?, bytes: row.get(1)? }),
    )
}

/// Numbers and kept bytes of exchanges past their age.
fn too_old(connection: &Connection, oldest_us: i64) -> rusqlite::Result<Vec<(i64, i64)>> {
    let mut query = connection.prepare_cached(
        "SELECT id, request_kept + response_kept FROM exchanges
         WHERE started_us < ?1 AND pinned = 0 AND state <> 'open' ORDER BY started_us LIMIT ?2",
    )?;
    query.query_map(params![oldest_us, STEP as i64], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// The oldest ones, as many as there are too many, and as few as leave little enough.
fn too_many(connection: &Connection, totals: Totals, limits: &Limits) -> rusqlite::Result<Vec<(i64, i64)>> {
    let (mut count, mut bytes) = (totals.count - limits.count, totals.bytes - limits.bytes);
    if count <= 0 && bytes <= 0 {
        return Ok(Vec::new());
    }
    let mut query = connection.prepare_cached(
        "SELECT id, request_kept + response_kept FROM exchanges
         WHERE pinned = 0 AND state <> 'open' ORDER BY id LIMIT ?1",
    )?;
    let mut victims = Vec::new();
    for row in query.query_map([STEP as i64], |row| Ok((row.get(0)?, row.get(1)?)))? {
        if count <= 0 && bytes <= 0 {
            break;
        }
        let (id, kept): (i64, i64) = row?;
        count -= 1;
        bytes -= kept;
        victims.push((id, kept));
    }
    Ok(victims)
}

/// Takes exchanges away with everything that belongs to them, all or none.
pub(super) fn forget(
    connection: &mut Connection,
    ids: impl Iterator<Item = i64> + Clone,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for statement in [
        bodies::DELETE,
        "DELETE FROM frames WHERE exchange_id = ?1",
        "DELETE FROM exchange_text WHERE rowid = ?1",
        "DELETE FROM exchanges WHERE id = ?1",
    ] {
        let mut statement = transaction.prepare_cached(statement)?;
        for id in ids.clone() {
            statement.execute([id])?;
        }
    }
    transaction.commit()
}
