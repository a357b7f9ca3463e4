//! Opening the database: pragmas, migrations, and what is done with a damaged one.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{Mend, StoreError};

/// How long a call waits for another process's write.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// Between two tries to open a database that others are opening: they take a few milliseconds.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Databases up to this many bytes are checked whole when opened (about 20 ms); in larger ones damage
/// shows when it is read.
const CHECKED_BYTES: u64 = 16 * 1024 * 1024;

/// One entry a version of the tables; `user_version` counts them. Never edited, only added to.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE mappings (
        id TEXT PRIMARY KEY,
        name TEXT,
        external_host TEXT,
        external_path TEXT,
        external_port INTEGER,
        internal_host TEXT NOT NULL,
        internal_port INTEGER NOT NULL,
        protocol TEXT NOT NULL,
        allow_invalid_certs INTEGER NOT NULL,
        enabled INTEGER NOT NULL,
        strip_prefix INTEGER NOT NULL,
        host_header TEXT NOT NULL,
        timeout_ms INTEGER NOT NULL,
        inspect INTEGER NOT NULL,
        matches TEXT NOT NULL,
        policy TEXT NOT NULL,
        gateway TEXT,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    );
    CREATE TABLE remembered (
        gateway TEXT NOT NULL,
        target TEXT NOT NULL,
        mapping_id TEXT NOT NULL,
        name TEXT,
        remote_port INTEGER,
        used_at TEXT NOT NULL,
        PRIMARY KEY (gateway, target)
    ) WITHOUT ROWID;
",
    "
    -- Times are Unix µs, durations µs.
    CREATE TABLE exchanges (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        request_id TEXT NOT NULL,
        mapping_id TEXT NOT NULL,
        mapping TEXT,                   -- its name or host then
        source TEXT NOT NULL,           -- 'visitor' | 'replay' | 'import'
        original_id INTEGER,            -- of a replay
        kind TEXT NOT NULL,             -- 'http' | 'websocket' | 'sse' | 'upgrade' | 'tcp'
        started_us INTEGER NOT NULL,
        method TEXT NOT NULL, scheme TEXT NOT NULL, host TEXT NOT NULL,
        target TEXT NOT NULL,           -- as it came: path?query
        visitor TEXT,                   -- address
        status INTEGER,                 -- NULL: no answer
        error TEXT,                     -- code; NULL when answered
        state TEXT NOT NULL,            -- 'open' | 'done' | 'failed' | 'cancelled'
        request_type TEXT, response_type TEXT,  -- media type, lower case, without parameters
        connect_us INTEGER, first_byte_us INTEGER, total_us INTEGER, link_us INTEGER, gateway_us INTEGER,
        request_bytes INTEGER NOT NULL, response_bytes INTEGER NOT NULL,  -- of bodies, as they passed
        request_kept INTEGER NOT NULL, response_kept INTEGER NOT NULL,    -- of them, stored
        request_head BLOB NOT NULL, response_head BLOB,  -- raw, CRLF, with the empty line
        incomplete INTEGER NOT NULL,    -- the capture queue overflowed
        edited INTEGER NOT NULL, pinned INTEGER NOT NULL, note TEXT
    );
    CREATE INDEX exchanges_started ON exchanges (started_us);
    CREATE INDEX exchanges_open ON exchanges (id) WHERE state = 'open';
    CREATE TABLE bodies (
        exchange_id INTEGER NOT NULL, response INTEGER NOT NULL, seq INTEGER NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (exchange_id, response, seq)
    ) WITHOUT ROWID;
    CREATE TABLE frames (
        exchange_id INTEGER NOT NULL, seq INTEGER NOT NULL, at_us INTEGER NOT NULL,
        from_visitor INTEGER NOT NULL, opcode INTEGER NOT NULL, bytes INTEGER NOT NULL, payload BLOB NOT NULL,
        PRIMARY KEY (exchange_id, seq)
    ) WITHOUT ROWID;
    -- rowid = exchange id
    CREATE VIRTUAL TABLE exchange_text USING fts5(url, heads, bodies, content='', contentless_delete=1);
",
    "
    -- Which exchanges are replays of one.
    CREATE INDEX exchanges_replays ON exchanges (original_id) WHERE original_id IS NOT NULL;
",
    "
    -- Messages and events that passed, kept as rows of frames or not.
    ALTER TABLE exchanges ADD COLUMN frames INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE exchanges ADD COLUMN request_trailers BLOB;  -- raw lines; NULL: none
    ALTER TABLE exchanges ADD COLUMN response_trailers BLOB;
    ALTER TABLE frames ADD COLUMN compressed INTEGER NOT NULL DEFAULT 0;  -- as RFC 7692 marks it
    ALTER TABLE frames ADD COLUMN event TEXT;     -- of a server-sent event
    ALTER TABLE frames ADD COLUMN event_id TEXT;
",
    "
    CREATE TABLE connections (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at_us INTEGER NOT NULL,
        event TEXT NOT NULL,            -- 'connected' | 'disconnected' | 'failed' | 'refused'
        code TEXT, message TEXT,
        agent_version TEXT NOT NULL, gateway_version TEXT,
        latency_us INTEGER,
        lasted_ms INTEGER,              -- of a link that was lost
        away_ms INTEGER,                -- before a link that is there again
        tries INTEGER NOT NULL          -- that this line stands for
    );
",
    "
    -- All that a list shows and most filters ask for, without the heads: a filter that finds nothing reads a
    -- third of the pages.
    CREATE INDEX exchanges_listed ON exchanges (
        id, method, status, target, total_us, request_bytes, response_bytes, state, kind, source, request_type,
        response_type, host, mapping, mapping_id, request_id, original_id, started_us, scheme, visitor, error,
        connect_us, first_byte_us, link_us, gateway_us, request_kept, response_kept, incomplete, edited, pinned,
        note, frames
    );
",
    "
    ALTER TABLE exchanges ADD COLUMN sent_head BLOB;  -- as the service got it; NULL: as it came
    ALTER TABLE exchanges ADD COLUMN name TEXT;       -- a webhook's event, a GraphQL operation
    DROP INDEX exchanges_listed;
    CREATE INDEX exchanges_listed ON exchanges (
        id, method, status, target, total_us, request_bytes, response_bytes, state, kind, source, request_type,
        response_type, host, mapping, mapping_id, request_id, original_id, started_us, scheme, visitor, error,
        connect_us, first_byte_us, link_us, gateway_us, request_kept, response_kept, incomplete, edited, pinned,
        note, frames, name
    );
",
    "
    -- Parts of bodies by one number: exchange, 1 bit for the side (1: response), 23 bits for the place. A body
    -- of a kilobyte had a page of its own.
    CREATE TABLE bodies_by_key (key INTEGER PRIMARY KEY, data BLOB NOT NULL);
    INSERT INTO bodies_by_key SELECT (exchange_id << 24) | (response << 23) | seq, data FROM bodies;
    DROP TABLE bodies;
    ALTER TABLE bodies_by_key RENAME TO bodies;
",
    "
    -- Answers that stand in while a service is down: copies, since exchanges are forgotten.
    CREATE TABLE stand_ins (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        exchange_id INTEGER NOT NULL,   -- whose answer it is
        mapping_id TEXT NOT NULL,
        mapping TEXT,                   -- its name or host then
        method TEXT NOT NULL,
        path TEXT NOT NULL,             -- as it came, without the query
        status INTEGER NOT NULL,
        media_type TEXT,
        body_bytes INTEGER NOT NULL,
        made TEXT NOT NULL,
        head BLOB NOT NULL,             -- raw, as it is sent
        trailers BLOB NOT NULL,         -- raw lines
        UNIQUE (mapping_id, method, path)
    );
    CREATE INDEX stand_ins_exchange ON stand_ins (exchange_id);
    CREATE TABLE stand_in_bodies (
        stand_in_id INTEGER NOT NULL, seq INTEGER NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (stand_in_id, seq)
    ) WITHOUT ROWID;
",
    "
    ALTER TABLE mappings ADD COLUMN proxy_protocol TEXT;  -- 'v1' | 'v2'; NULL: none
",
];

/// The connection, where a damaged database went, and whether this one lives in memory only.
pub(super) fn open(path: &Path, mend: Mend) -> Result<(Connection, Option<PathBuf>, bool), StoreError> {
    match open_file(path) {
        Ok(connection) => Ok((connection, None, false)),
        Err(StoreError::Damaged) if mend != Mend::Never => {
            let aside = set_aside(path)?;
            Ok((open_file(path)?, Some(aside), false))
        }
        Err(error) if mend == Mend::CarryOn && (error == StoreError::Full || disk_is_full(path)) => {
            let mut connection = Connection::open_in_memory()?;
            migrate(&mut connection, path)?;
            if let Err(error) = copy_from(&connection, path) {
                tracing::warn!(%error, "what is stored cannot be read while the disk is full");
            }
            Ok((connection, None, true))
        }
        Err(error) if disk_is_full(path) => {
            tracing::debug!(%error, "taken for a full disk");
            Err(StoreError::Full)
        }
        Err(error) => Err(error),
    }
}

/// Copies what is stored into a database in memory. Opened as immutable, a file needs nothing written
/// beside it; what a killed engine left in the log is then not seen, but not lost either.
fn copy_from(memory: &Connection, path: &Path) -> rusqlite::Result<()> {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    memory.execute("ATTACH ?1 AS disk", [format!("file:{path}?immutable=1")])?;
    let copied = memory.execute_batch(
        "BEGIN;
         INSERT OR REPLACE INTO main.settings SELECT * FROM disk.settings;
         INSERT OR REPLACE INTO main.mappings SELECT * FROM disk.mappings;
         INSERT OR REPLACE INTO main.remembered SELECT * FROM disk.remembered;
         COMMIT;",
    );
    if copied.is_err() {
        let _ = memory.execute_batch("ROLLBACK");
    }
    memory.execute_batch("DETACH disk")?;
    copied
}

fn open_file(path: &Path) -> Result<Connection, StoreError> {
    patiently(|| try_open_file(path))
}

fn try_open_file(path: &Path) -> Result<Connection, StoreError> {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    if size > 0 && size <= CHECKED_BYTES {
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(StoreError::Damaged);
        }
    }
    migrate(&mut connection, path)?;
    keep_private(path);
    Ok(connection)
}

/// KiB of pages that the exchanges' writer keeps at hand: it adds at the end of everything, and comes back to
/// little. Half of what SQLite would keep, for the agent's memory.
const WRITER_CACHE_KIB: i64 = 1024;

/// A further connection to a database that [`open`] has seen to, for the exchanges' writer: what the last
/// moment before a power loss brought may be lost, nothing before, and nothing at a `kill -9`.
pub(super) fn beside(path: &Path) -> Result<Connection, StoreError> {
    patiently(|| try_open_beside(path))
}

fn try_open_beside(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    migrate(&mut connection, path)?;
    keep_private(path);
    Ok(connection)
}

/// A connection that only reads, beside whoever writes.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    Ok(connection)
}

/// Tries to open until [`BUSY_WAIT`] is over: where several open a new database at once, or one that a killed
/// engine left, SQLite tells all but one that it is busy without waiting.
fn patiently(open: impl Fn() -> Result<Connection, StoreError>) -> Result<Connection, StoreError> {
    let until = Instant::now() + BUSY_WAIT;
    loop {
        match open() {
            Err(StoreError::Busy) if Instant::now() < until => std::thread::sleep(BUSY_PAUSE),
            done => return done,
        }
    }
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let version = |connection: &Connection| -> rusqlite::Result<usize> {
        connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0)).map(|v| v as usize)
    };
    if version(connection)? == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again under the lock: another process may have been faster.
    let from = version(&transaction)?;
    if from > MIGRATIONS.len() {
        return Err(StoreError::Newer(path.display().to_string()));
    }
    for migration in &MIGRATIONS[from..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as u32)?;
    Ok(transaction.commit()?)
}

/// Moves the database and its companions out of the way; they are evidence, and perhaps mendable.
fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let name = |suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    let mut aside = name(&format!(".damaged-{time}"));
    let mut counter = 1;
    while aside.exists() && counter < 1000 {
        counter += 1;
        aside = name(&format!(".damaged-{time}-{counter}"));
    }
    std::fs::rename(path, &aside)
        .map_err(|error| StoreError::Other(format!("it is damaged and cannot be set aside: {error}")))?;
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::rename(name(suffix), format!("{}{suffix}", aside.display()));
    }
    Ok(aside)
}

/// Asks the folder itself, because SQLite tells some of a full disk's faces only as “I/O error”.
fn disk_is_full(path: &Path) -> bool {
    let Some(dir) = path.parent() else { return false };
    let probe = dir.join(format!(".space-{}", std::process::id()));
    let written = std::fs::write(&probe, vec![0; 64 * 1024]);
    let _ = std::fs::remove_file(&probe);
    written.is_err_and(|error| {
        matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
    })
}

/// Host names and hashes concern nobody else on this computer.
fn keep_private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let private = std::fs::Permissions::from_mode(0o600);
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::set_permissions(format!("{}{suffix}", path.display()), private.clone());
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_served_from_memory_while_the_disk_is_full() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a % strange ?#name.db");
        let disk = open_file(&path).unwrap();
        disk.execute("INSERT INTO settings VALUES ('agent_id', 'me')", []).unwrap();
        drop(disk);
        let mut memory = Connection::open_in_memory().unwrap();
        migrate(&mut memory, &path).unwrap();
        copy_from(&memory, &path).unwrap();
        let me: String = memory.query_row("SELECT value FROM settings", [], |row| row.get(0)).unwrap();
        assert_eq!(me, "me");
        assert!(copy_from(&memory, Path::new("/nowhere/porthole.db")).is_err());
    }

    #[test]
    fn bodies_stored_under_a_key_of_several_columns_are_there_under_their_number() {
        let mut connection = Connection::open_in_memory().unwrap();
        for migration in &MIGRATIONS[..7] {
            connection.execute_batch(migration).unwrap();
        }
        connection.pragma_update(None, "user_version", 7).unwrap();
        connection
            .execute_batch(
                "INSERT INTO bodies VALUES (5, 1, 1, 'd'), (5, 0, 0, 'ab'), (5, 1, 0, 'c'), (6, 1, 0, 'e')",
            )
            .unwrap();
        migrate(&mut connection, Path::new("porthole.db")).unwrap();
        let mut query = connection.prepare("SELECT key, data FROM bodies ORDER BY key").unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let rows: Vec<(i64, String)> = rows.collect::<Result<_, _>>().unwrap();
        let (fifth, answer) = (5 << 24, 1 << 23);
        let told =
            [(fifth, "ab"), (fifth + answer, "c"), (fifth + answer + 1, "d"), ((6 << 24) + answer, "e")];
        assert_eq!(rows, told.map(|(key, data)| (key, data.to_owned())));
    }

    #[test]
    fn whoever_opens_a_new_database_at_the_same_moment_waits_for_the_others() {
        for _ in 0..30 {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("porthole.db");
            let gate = std::sync::Barrier::new(6);
            std::thread::scope(|scope| {
                for writer in [false, true].repeat(3) {
                    let (path, gate) = (&path, &gate);
                    scope.spawn(move || {
                        gate.wait();
                        let opened = if writer { beside(path) } else { open_file(path) };
                        assert!(opened.is_ok(), "{opened:?}");
                    });
                }
            });
        }
    }
}
