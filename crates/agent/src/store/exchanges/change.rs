//! What people change of stored exchanges: pinned, noted, deleted.

use jiff::Zoned;
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::super::{Store, StoreError};
use super::retention::{STEP, forget};
use crate::inspect::filter::Filter;

/// Bytes of a note: a page of text, so that a list of a hundred stays small.
pub const NOTE_BYTES: usize = 4 * 1024;

/// What is to be different; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// A pinned exchange is never forgotten for age or room.
    pub pinned: Option<bool>,
    /// `Some(None)` takes the note away.
    pub note: Option<Option<String>>,
}

impl Store {
    /// Changes one exchange.
    ///
    /// # Errors
    /// [`StoreError::NoExchange`], [`StoreError::LongNote`] beyond [`NOTE_BYTES`].
    pub async fn change_exchange(&self, id: i64, change: Change) -> Result<(), StoreError> {
        if change.note.iter().flatten().any(|note| note.len() > NOTE_BYTES) {
            return Err(StoreError::LongNote);
        }
        self.call(move |connection| change_one(connection, id, &change)).await
    }

    /// Deletes one exchange with everything that belongs to it, pinned or not.
    ///
    /// # Errors
    /// [`StoreError::NoExchange`].
    pub async fn delete_exchange(&self, id: i64) -> Result<(), StoreError> {
        self.call(move |connection| {
            let known = connection.prepare_cached("SELECT 1 FROM exchanges WHERE id = ?1")?.exists([id])?;
            if !known {
                return Err(StoreError::NoExchange(id));
            }
            Ok(forget(connection, std::iter::once(id))?)
        })
        .await
    }

    /// Deletes the exchanges for which the filter holds and says how many there were; pinned ones only where
    /// `pinned` says so. Ones that begin meanwhile stay.
    pub async fn delete_exchanges(
        &self,
        filter: &Filter,
        now: &Zoned,
        pinned: bool,
    ) -> Result<u64, StoreError> {
        let condition = filter.to_sql(now);
        let newest: i64 = self
            .call(|connection| {
                Ok(connection
                    .query_row("SELECT coalesce(max(id), 0) FROM exchanges", [], |row| row.get(0))?)
            })
            .await?;
        let mut deleted = 0;
        loop {
            let condition = condition.clone();
            // A step at a time: other calls get their turn between two.
            let step = self.call(move |connection| Ok(delete_some(connection, condition, newest, pinned)?));
            let step = step.await?;
            deleted += step as u64;
            if step < STEP {
                return Ok(deleted);
            }
        }
    }
}

fn change_one(connection: &mut Connection, id: i64, change: &Change) -> Result<(), StoreError> {
    let note = change.note.clone().flatten();
    let changed = connection.execute(
        "UPDATE exchanges SET pinned = coalesce(?2, pinned), note = iif(?3, ?4, note) WHERE id = ?1",
        params![id, change.pinned, change.note.is_some(), note],
    )?;
    if changed == 0 { Err(StoreError::NoExchange(id)) } else { Ok(()) }
}

fn delete_some(
    connection: &mut Connection,
    (condition, mut values): (String, Vec<Value>),
    newest: i64,
    pinned: bool,
) -> rusqlite::Result<usize> {
    values.extend([newest.into(), Value::from(pinned), Value::from(STEP as i64)]);
    let ids: Vec<i64> = {
        let mut query = connection.prepare_cached(&format!(
            "SELECT id FROM exchanges WHERE ({condition}) AND id <= ? AND (? OR pinned = 0) LIMIT ?"
        ))?;
        query.query_map(params_from_iter(values), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?
    };
    forget(connection, ids.iter().copied())?;
    Ok(ids.len())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{World, answer};
    use super::*;

    fn filter(text: &str) -> Filter {
        Filter::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_pin_and_a_note_stay_until_they_are_changed() {
        let mut world = World::new().await;
        let capture = world.begin("/");
        capture.end(None);
        world.settle().await;
        let (store, id) = (&world.store, capture.id());
        let note = |text: &str| Change { note: Some(Some(text.into())), ..Change::default() };
        store.change_exchange(id, note("look")).await.unwrap();
        store.change_exchange(id, Change { pinned: Some(true), note: None }).await.unwrap();
        let seen = async || {
            let summary = store.exchange(id).await.unwrap().summary;
            (summary.pinned, summary.note)
        };
        assert_eq!(seen().await, (true, Some("look".into())));
        store.change_exchange(id, Change { pinned: None, note: Some(None) }).await.unwrap();
        assert_eq!(seen().await, (true, None));
        store.change_exchange(id, note(&"x".repeat(NOTE_BYTES))).await.unwrap();
        let long = store.change_exchange(id, note(&"x".repeat(NOTE_BYTES + 1))).await;
        assert_eq!(long, Err(StoreError::LongNote));
        assert_eq!(store.change_exchange(99, Change::default()).await, Err(StoreError::NoExchange(99)));
    }

    #[tokio::test]
    async fn what_is_deleted_leaves_nothing_behind_and_pinned_ones_stay_unless_meant() {
        let mut world = World::new().await;
        // More than one step.
        let ids: Vec<i64> = (0..STEP + 10)
            .map(|number| {
                let capture = world.begin(if number < 5 { "/kept" } else { "/gone" });
                capture.answered(&answer(200));
                capture.end(None);
                capture.id()
            })
            .collect();
        world.settle().await;
        let (store, now) = (&world.store, Zoned::now());
        let pin = Change { pinned: Some(true), note: None };
        store.change_exchange(ids[9], pin).await.unwrap();
        let gone = STEP as u64 + 4;
        assert_eq!(store.delete_exchanges(&filter("path:/gone"), &now, false).await, Ok(gone));
        let left = world.rows(|_| true).await;
        assert_eq!(left.len(), 6, "{left:?}");
        store.delete_exchange(ids[0]).await.unwrap();
        assert_eq!(store.delete_exchange(ids[0]).await, Err(StoreError::NoExchange(ids[0])));
        assert_eq!(store.delete_exchanges(&Filter::default(), &now, true).await, Ok(5));
        let connection = world.sql();
        for table in ["exchanges", "bodies", "frames", "exchange_text"] {
            let count = format!("SELECT count(*) FROM {table}");
            let rows: i64 = connection.query_row(&count, [], |row| row.get(0)).unwrap();
            assert_eq!(rows, 0, "{table}");
        }
    }

    #[tokio::test]
    async fn an_exchange_deleted_while_it_runs_does_not_come_back() {
        let mut world = World::new().await;
        let capture = world.begin("/");
        world.rows(|rows| rows.len() == 1).await;
        world.store.delete_exchange(capture.id()).await.unwrap();
        capture.answered(&answer(200));
        capture.end(None);
        world.settle().await;
        assert!(world.rows(|_| true).await.is_empty());
    }
}
