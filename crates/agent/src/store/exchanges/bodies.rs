//! Where the parts of bodies lie: by one number each, so that a small body lies in a page with others. (Under a
//! key of several columns `SQLite` gives a kilobyte a page of its own: 2.3 times the file.)

use rusqlite::{Connection, params};

/// Bits of a key for the part's place in its body, and its side: more parts than a body has, and exchanges for
/// some thousand years.
const PART_BITS: u32 = 24;
const SIDE_BIT: i64 = 1 << (PART_BITS - 1);

/// Parts of a body of which nobody knows the exchange any more are not written.
pub(super) const INSERT: &str = "INSERT INTO bodies (key, data)
    SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM exchanges WHERE id = ?1 >> 24)";

/// Of an exchange by its number.
pub(super) const DELETE: &str = "DELETE FROM bodies WHERE key >= ?1 << 24 AND key < (?1 + 1) << 24";

/// Bytes stored of the exchange of an outer statement.
pub(super) fn kept(response: bool) -> String {
    let side = i64::from(response) * SIDE_BIT;
    format!(
        "(SELECT coalesce(sum(length(data)), 0) FROM bodies
          WHERE key >= (exchanges.id << {PART_BITS}) + {side}
            AND key < (exchanges.id << {PART_BITS}) + {side} + {SIDE_BIT})"
    )
}

/// Of the part that comes after `seq` others in its direction.
pub(super) fn key(id: i64, response: bool, seq: u32) -> i64 {
    (id << PART_BITS) | (i64::from(response) * SIDE_BIT) | i64::from(seq)
}

/// The first parts of a body, in order, until there are `enough` bytes.
pub(super) fn read(
    connection: &Connection,
    id: i64,
    response: bool,
    enough: usize,
) -> rusqlite::Result<Vec<u8>> {
    let mut query =
        connection.prepare_cached("SELECT data FROM bodies WHERE key >= ?1 AND key < ?2 ORDER BY key")?;
    let first = key(id, response, 0);
    let mut rows = query.query(params![first, first + SIDE_BIT])?;
    let mut body = Vec::new();
    while body.len() < enough
        && let Some(row) = rows.next()?
    {
        body.extend_from_slice(row.get_ref(0)?.as_blob()?);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_in_order_by_exchange_and_side() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE exchanges (id INTEGER PRIMARY KEY);
                 CREATE TABLE bodies (key INTEGER PRIMARY KEY, data BLOB NOT NULL);
                 INSERT INTO exchanges VALUES (1), (2), (3);",
            )
            .unwrap();
        let mut rows = 0;
        for (id, response, seq, data) in [
            (2, true, 1, "d"),
            (2, true, 0, "c"),
            (2, false, 0, "ab"),
            (1, true, 4_000_000, "before"),
            (3, false, 0, "after"),
            (4, false, 0, "of nobody"),
        ] {
            rows += connection.execute(INSERT, params![key(id, response, seq), data.as_bytes()]).unwrap();
        }
        assert_eq!(rows, 5);
        assert_eq!(read(&connection, 2, false, usize::MAX).unwrap(), b"ab");
        assert_eq!(read(&connection, 2, true, usize::MAX).unwrap(), b"cd");
        assert_eq!(read(&connection, 2, true, 1).unwrap(), b"c");
        let sums = format!("SELECT {}, {} FROM exchanges WHERE id = 2", kept(false), kept(true));
        let sums: (i64, i64) = connection.query_row(&sums, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(sums, (2, 2));
        assert_eq!(connection.execute(DELETE, [2]).unwrap(), 3);
        assert_eq!(read(&connection, 1, true, usize::MAX).unwrap(), b"before");
        assert_eq!(read(&connection, 3, false, usize::MAX).unwrap(), b"after");
    }
}
