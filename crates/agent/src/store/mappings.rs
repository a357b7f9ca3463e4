//! Mappings as rows.

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use super::{Store, StoreError, stand_ins};
use crate::mapping::MappingSpec;
use crate::target::Target;

const COLUMNS: &str = "id, name, external_host, external_path, external_port, internal_host, internal_port, \
     protocol, allow_invalid_certs, enabled, strip_prefix, host_header, timeout_ms, inspect, matches, policy, \
     gateway, created_at, updated_at, proxy_protocol";

/// A mapping with what only the store knows about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMapping {
    pub spec: MappingSpec,
    pub enabled: bool,
    /// The origin of the gateway it is meant for; none: whichever the engine uses.
    pub gateway: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
    pub updated_at: String,
}

impl StoredMapping {
    /// A new, enabled one.
    pub fn new(spec: MappingSpec, gateway: Option<String>) -> Self {
        let now = jiff::Timestamp::now().to_string();
        Self { spec, enabled: true, gateway, created_at: now.clone(), updated_at: now }
    }
}

impl Store {
    /// Every mapping, in the order of their making.
    pub async fn mappings(&self) -> Result<Vec<StoredMapping>, StoreError> {
        self.call(|connection| {
            let mut query =
                connection.prepare(&format!("SELECT {COLUMNS} FROM mappings ORDER BY created_at, id"))?;
            let rows = query.query_map([], read)?.collect::<Result<Vec<_>, _>>()?;
            Ok(rows)
        })
        .await
    }

    /// The mapping with this id, or else the only one with this name or host.
    pub async fn mapping(&self, key: String) -> Result<StoredMapping, StoreError> {
        self.call(move |connection| find(connection, &key)).await
    }

    /// Adds a mapping; the id must be new.
    pub async fn add_mapping(&self, mapping: StoredMapping) -> Result<(), StoreError> {
        self.call(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let exists: bool = transaction.query_row(
                "SELECT EXISTS (SELECT 1 FROM mappings WHERE id = ?1)",
                [&mapping.spec.id],
                |row| row.get(0),
            )?;
            if exists {
                return Err(StoreError::Exists(mapping.spec.id));
            }
            if mapping.enabled {
                alone(&transaction, &mapping)?;
            }
            write(&transaction, &mapping)?;
            Ok(transaction.commit()?)
        })
        .await
    }

    /// Adds a mapping or replaces the one with its id, keeping when it was made.
    pub async fn save_mapping(&self, mut mapping: StoredMapping) -> Result<(), StoreError> {
        self.call(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let made: Option<String> = transaction
                .query_row("SELECT created_at FROM mappings WHERE id = ?1", [&mapping.spec.id], |row| {
                    row.get(0)
                })
                .optional()?;
            if let Some(made) = made {
                mapping.created_at = made;
            }
            mapping.updated_at = jiff::Timestamp::now().to_string();
            if mapping.enabled {
                alone(&transaction, &mapping)?;
            }
            write(&transaction, &mapping)?;
            Ok(transaction.commit()?)
        })
        .await
    }

    /// Removes a mapping and returns what it was.
    pub async fn remove_mapping(&self, key: String) -> Result<StoredMapping, StoreError> {
        self.call(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mapping = find(&transaction, &key)?;
            transaction.execute("DELETE FROM mappings WHERE id = ?1", [&mapping.spec.id])?;
            stand_ins::forget_mapping(&transaction, &mapping.spec.id)?;
            transaction.commit()?;
            Ok(mapping)
        })
        .await
    }
}

fn find(connection: &Connection, key: &str) -> Result<StoredMapping, StoreError> {
    let by_id = connection
        .query_row(&format!("SELECT {COLUMNS} FROM mappings WHERE id = ?1"), [key], read)
        .optional()?;
    if let Some(mapping) = by_id {
        return Ok(mapping);
    }
    let mut query = connection.prepare(&format!(
        "SELECT {COLUMNS} FROM mappings WHERE name = ?1 OR external_host = ?1 OR external_path = ?1 LIMIT 2"
    ))?;
    let mut rows = query.query_map([key], read)?.collect::<Result<Vec<_>, _>>()?;
    match (rows.pop(), rows.len()) {
        (Some(mapping), 0) => Ok(mapping),
        (Some(_), _) => Err(StoreError::Ambiguous(crate::mapping::shown(key))),
        (None, _) => Err(StoreError::NoMapping(crate::mapping::shown(key))),
    }
}

/// Fails when another enabled mapping asks the same gateway for the same requests: only one of them
/// could be served.
fn alone(connection: &Connection, mapping: &StoredMapping) -> Result<(), StoreError> {
    let mut query = connection.prepare(&format!("SELECT {COLUMNS} FROM mappings WHERE id <> ?1"))?;
    for other in query.query_map([&mapping.spec.id], read)? {
        let other = other?;
        if !other.enabled {
            continue;
        }
        let gateways_meet = match (&mapping.gateway, &other.gateway) {
            (Some(one), Some(another)) => one == another,
            _ => true,
        };
        if gateways_meet && mapping.spec.same_address(&other.spec) {
            return Err(StoreError::SameAddress(other.spec.id));
        }
    }
    Ok(())
}

fn write(connection: &Connection, mapping: &StoredMapping) -> Result<(), StoreError> {
    let json = |error: serde_json::Error| StoreError::Other(error.to_string());
    let spec = &mapping.spec;
    connection.execute(
        &format!(
            "INSERT OR REPLACE INTO mappings ({COLUMNS})
             VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20)"
        ),
        params![
            spec.id,
            spec.name,
            spec.host,
            spec.path,
            spec.remote_port,
            spec.target.host,
            spec.target.port,
            spec.target.scheme.as_str(),
            spec.allow_invalid_certs,
            mapping.enabled,
            spec.strip_prefix,
            spec.host_header.to_string(),
            spec.timeout_ms as i64,
            spec.inspect,
            serde_json::to_string(&spec.matches).map_err(json)?,
            serde_json::to_string(&spec.policy).map_err(json)?,
            mapping.gateway,
            mapping.created_at,
            mapping.updated_at,
            spec.proxy_protocol.map(|version| version.to_string()),
        ],
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredMapping> {
    fn text<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
    where
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        row.get::<_, String>(column)?.parse().map_err(|error| unreadable(column, error))
    }
    fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
        serde_json::from_str(&row.get::<_, String>(column)?).map_err(|error| unreadable(column, error))
    }
    fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    }
    Ok(StoredMapping {
        spec: MappingSpec {
            id: row.get(0)?,
            name: row.get(1)?,
            host: row.get(2)?,
            path: row.get(3)?,
            remote_port: row.get(4)?,
            proxy_protocol: match row.get::<_, Option<String>>(19)? {
                Some(version) => Some(version.parse().map_err(|error| unreadable(19, error))?),
                None => None,
            },
            target: Target { host: row.get(5)?, port: row.get(6)?, scheme: text(row, 7)? },
            allow_invalid_certs: row.get(8)?,
            strip_prefix: row.get(10)?,
            host_header: text(row, 11)?,
            timeout_ms: row.get::<_, i64>(12)?.max(1) as u64,
            inspect: row.get(13)?,
            matches: json(row, 14)?,
            policy: json(row, 15)?,
        },
        enabled: row.get(9)?,
        gateway: row.get(16)?,
        created_at: row.get(17)?,
        updated_at: row.get(18)?,
    })
}
