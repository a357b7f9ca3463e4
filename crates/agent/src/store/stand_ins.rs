//! Answers that stand in while a local service is down: copies of their own, so that an exchange may be forgotten.

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use super::{Store, StoreError};
use crate::capture::CHUNK_BYTES;
use crate::stand_in::{Kept, MOST, MOST_OF_A_MAPPING, StandIn, StandInError};

const COLUMNS: &str = "exchange_id, mapping_id, mapping, method, path, status, media_type, body_bytes, made";

/// One that was asked for, with the beginning of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its row: another than before where somebody put another answer in its place.
    row: i64,
    pub exchange_id: i64,
    pub head: Vec<u8>,
    pub trailers: Vec<u8>,
    /// The first piece of the body; empty where there is none.
    pub first: Vec<u8>,
    pub body_bytes: u64,
}

impl Store {
    /// Keeps an answer to stand in, in the place of another one for the same requests.
    ///
    /// # Errors
    /// [`StandInError::TooManyOfMapping`] and [`StandInError::TooMany`].
    pub async fn add_stand_in(&self, kept: Kept) -> Result<StandIn, StandInError> {
        self.call(move |connection| Ok(add(connection, kept))).await?
    }

    /// Takes away what this exchange stands in for.
    ///
    /// # Errors
    /// [`StandInError::None`].
    pub async fn remove_stand_in(&self, exchange_id: i64) -> Result<StandIn, StandInError> {
        let removed = self.call(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let found = of_exchange(&transaction, exchange_id)?;
            remove_where(&transaction, "exchange_id", exchange_id)?;
            transaction.commit()?;
            Ok(found)
        });
        removed.await?.ok_or(StandInError::None(exchange_id))
    }

    /// All of them, or those of one mapping, in the order of their paths.
    pub async fn stand_ins(&self, mapping_id: Option<String>) -> Result<Vec<StandIn>, StoreError> {
        self.call(move |connection| {
            let mut query = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM stand_ins WHERE ?1 IS NULL OR mapping_id = ?1
                 ORDER BY mapping_id, path, method"
            ))?;
            Ok(query.query_map([mapping_id], read)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// What this exchange stands in for.
    pub async fn stand_in_of(&self, exchange_id: i64) -> Result<Option<StandIn>, StoreError> {
        self.call(move |connection| Ok(of_exchange(connection, exchange_id)?)).await
    }

    /// The answer to such a request, if one stands in.
    pub async fn stand_in_for(
        &self,
        mapping_id: String,
        method: String,
        path: String,
    ) -> Result<Option<Found>, StoreError> {
        self.call(move |connection| {
            let mut query = connection.prepare_cached(
                "SELECT id, exchange_id, head, trailers, body_bytes,
                     (SELECT data FROM stand_in_bodies WHERE stand_in_id = stand_ins.id AND seq = 0)
                 FROM stand_ins WHERE mapping_id = ?1 AND method = ?2 AND path = ?3",
            )?;
            let found = query.query_row([mapping_id, method, path], |row| {
                Ok(Found {
                    row: row.get(0)?,
                    exchange_id: row.get(1)?,
                    head: row.get(2)?,
                    trailers: row.get(3)?,
                    body_bytes: row.get::<_, i64>(4)?.max(0) as u64,
                    first: row.get::<_, Option<Vec<u8>>>(5)?.unwrap_or_default(),
                })
            });
            Ok(found.optional()?)
        })
        .await
    }

    /// A further piece of its body; none where it was removed meanwhile.
    pub async fn stand_in_piece(&self, found: &Found, seq: u32) -> Result<Option<Vec<u8>>, StoreError> {
        let row = found.row;
        self.call(move |connection| {
            let mut query = connection
                .prepare_cached("SELECT data FROM stand_in_bodies WHERE stand_in_id = ?1 AND seq = ?2")?;
            Ok(query.query_row(params![row, seq], |row| row.get(0)).optional()?)
        })
        .await
    }
}

fn add(connection: &mut Connection, kept: Kept) -> Result<StandIn, StandInError> {
    let Kept { shown, head, trailers, body } = kept;
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
    let added = (|| {
        // An exchange answers its own requests only; one answer stands for each.
        remove_where(&transaction, "exchange_id", shown.exchange_id)?;
        let other = transaction
            .query_row(
                "SELECT id FROM stand_ins WHERE mapping_id = ?1 AND method = ?2 AND path = ?3",
                params![shown.mapping_id, shown.method, shown.path],
                |row| row.get::<_, i64>(0),
            )
            .optional()?;
        if let Some(other) = other {
            remove_where(&transaction, "id", other)?;
        }
        let (of_mapping, all): (u32, u32) = transaction.query_row(
            "SELECT coalesce(sum(mapping_id = ?1), 0), count(*) FROM stand_ins",
            [&shown.mapping_id],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if of_mapping >= MOST_OF_A_MAPPING {
            return Ok(Err(StandInError::TooManyOfMapping));
        }
        if all >= MOST {
            return Ok(Err(StandInError::TooMany));
        }
        transaction.execute(
            &format!(
                "INSERT INTO stand_ins ({COLUMNS}, head, trailers)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
            ),
            params![
                shown.exchange_id,
                shown.mapping_id,
                shown.mapping,
                shown.method,
                shown.path,
                shown.status,
                shown.media_type,
                shown.body_bytes as i64,
                shown.made,
                head,
                trailers,
            ],
        )?;
        let row = transaction.last_insert_rowid();
        let mut piece = transaction
            .prepare_cached("INSERT INTO stand_in_bodies (stand_in_id, seq, data) VALUES (?1, ?2, ?3)")?;
        for (seq, data) in body.chunks(CHUNK_BYTES).enumerate() {
            piece.execute(params![row, seq as i64, data])?;
        }
        Ok::<_, rusqlite::Error>(Ok(()))
    })();
    added.map_err(StoreError::from)??;
    transaction.commit().map_err(StoreError::from)?;
    Ok(shown)
}

/// Takes away what stands in for a mapping that is no more.
pub(super) fn forget_mapping(connection: &Connection, mapping_id: &str) -> rusqlite::Result<()> {
    remove_where(connection, "mapping_id", mapping_id)
}

/// `column` is one of this file's own words.
fn remove_where(
    connection: &Connection,
    column: &'static str,
    value: impl rusqlite::ToSql,
) -> rusqlite::Result<()> {
    let bodies = format!(
        "DELETE FROM stand_in_bodies WHERE stand_in_id IN (SELECT id FROM stand_ins WHERE {column} = ?1)"
    );
    connection.execute(&bodies, [&value])?;
    connection.execute(&format!("DELETE FROM stand_ins WHERE {column} = ?1"), [&value])?;
    Ok(())
}

fn of_exchange(connection: &Connection, exchange_id: i64) -> rusqlite::Result<Option<StandIn>> {
    let mut query =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM stand_ins WHERE exchange_id = ?1"))?;
    query.query_row([exchange_id], read).optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<StandIn> {
    Ok(StandIn {
        exchange_id: row.get(0)?,
        mapping_id: row.get(1)?,
        mapping: row.get(2)?,
        method: row.get(3)?,
        path: row.get(4)?,
        status: row.get(5)?,
        media_type: row.get(6)?,
        body_bytes: row.get::<_, i64>(7)?.max(0) as u64,
        made: row.get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Mend, StoredMapping};

    async fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("porthole.db"), Mend::SetAside).await.unwrap().store;
        (dir, store)
    }

    fn kept(exchange_id: i64, path: &str, body: &[u8]) -> Kept {
        Kept {
            shown: StandIn {
                exchange_id,
                mapping_id: "m".into(),
                mapping: Some("shop".into()),
                method: "GET".into(),
                path: path.into(),
                status: 200,
                media_type: None,
                body_bytes: body.len() as u64,
                made: "2026-01-01T00:00:00Z".into(),
            },
            head: b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
            trailers: Vec::new(),
            body: body.to_vec(),
        }
    }

    async fn found(store: &Store, path: &str) -> Option<Found> {
        store.stand_in_for("m".into(), "GET".into(), path.into()).await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_found_by_mapping_method_and_path_and_comes_in_pieces() {
        let (_dir, store) = store().await;
        let body: Vec<u8> = (0..CHUNK_BYTES + 5).map(|byte| byte as u8).collect();
        let shown = store.add_stand_in(kept(1, "/a", &body)).await.unwrap();
        let one = found(&store, "/a").await.unwrap();
        assert_eq!((one.exchange_id, one.body_bytes), (1, body.len() as u64));
        let second = store.stand_in_piece(&one, 1).await.unwrap().unwrap();
        assert_eq!([one.first.as_slice(), &second].concat(), body);
        assert_eq!(store.stand_in_piece(&one, 2).await, Ok(None));
        for (mapping, method, path) in [("n", "GET", "/a"), ("m", "POST", "/a"), ("m", "GET", "/a/")] {
            let other = store.stand_in_for(mapping.into(), method.into(), path.into()).await;
            assert_eq!(other, Ok(None), "{mapping} {method} {path}");
        }
        assert_eq!(store.stand_in_of(1).await, Ok(Some(shown.clone())));
        assert_eq!(store.stand_ins(Some("m".into())).await, Ok(vec![shown]));
        assert_eq!(store.stand_ins(Some("n".into())).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn a_newer_answer_takes_the_place_of_the_older_and_removing_leaves_nothing() {
        let (_dir, store) = store().await;
        store.add_stand_in(kept(1, "/a", b"old")).await.unwrap();
        let old = found(&store, "/a").await.unwrap();
        store.add_stand_in(kept(2, "/a", &b"x".repeat(CHUNK_BYTES + 1))).await.unwrap();
        assert_eq!(found(&store, "/a").await.unwrap().exchange_id, 2);
        assert_eq!(
            store.stand_in_piece(&old, 0).await,
            Ok(None),
            "whoever reads the old one gets no mixture"
        );
        assert_eq!(store.remove_stand_in(1).await, Err(StandInError::None(1)));
        store.remove_stand_in(2).await.unwrap();
        let left = store.call(|connection| {
            let count = "SELECT (SELECT count(*) FROM stand_ins) + (SELECT count(*) FROM stand_in_bodies)";
            Ok(connection.query_row(count, [], |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(left.await, Ok(0));
    }

    #[tokio::test]
    async fn a_mapping_has_so_many_and_takes_them_with_it() {
        let (_dir, store) = store().await;
        let mut mapping = crate::mapping::MappingSpec::new("m".into(), "3000".parse().unwrap());
        mapping.name = Some("shop".into());
        store.add_mapping(StoredMapping::new(mapping, None)).await.unwrap();
        for number in 0..i64::from(MOST_OF_A_MAPPING) {
            store.add_stand_in(kept(number, &format!("/{number}"), b"x")).await.unwrap();
        }
        let one_more = store.add_stand_in(kept(5000, "/more", b"x")).await;
        assert_eq!(one_more, Err(StandInError::TooManyOfMapping));
        // In the place of one there is room.
        store.add_stand_in(kept(5000, "/0", b"y")).await.unwrap();
        let mut other = kept(6000, "/0", b"x");
        other.shown.mapping_id = "n".into();
        store.add_stand_in(other).await.unwrap();
        store.remove_mapping("shop".into()).await.unwrap();
        let left = store.stand_ins(None).await.unwrap();
        assert_eq!(left.iter().map(|one| one.exchange_id).collect::<Vec<_>>(), [6000]);
    }
}
