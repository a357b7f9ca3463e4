//! What an unnamed command got last time for the same target, so that its URL stays the same.

use rusqlite::{OptionalExtension as _, params};

use super::{Store, StoreError};
use crate::mapping::MappingSpec;
use crate::target::Target;

/// Targets remembered; the one used longest ago makes room.
const REMEMBERED: u32 = 500;

/// What a target's mapping was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    pub mapping_id: String,
    pub name: Option<String>,
    pub remote_port: Option<u16>,
}

impl Store {
    /// What was remembered for this target at this gateway.
    pub async fn remembered(
        &self,
        gateway: String,
        target: String,
    ) -> Result<Option<Remembered>, StoreError> {
        self.call(move |connection| {
            Ok(connection
                .query_row(
                    "SELECT mapping_id, name, remote_port FROM remembered WHERE gateway = ?1 AND target = ?2",
                    [gateway, target],
                    |row| {
                        Ok(Remembered {
                            mapping_id: row.get(0)?,
                            name: row.get(1)?,
                            remote_port: row.get(2)?,
                        })
                    },
                )
                .optional()?)
        })
        .await
    }

    /// Where the mapping with this id led when a command last asked for it.
    pub async fn remembered_target(&self, mapping_id: String) -> Result<Option<String>, StoreError> {
        self.call(move |connection| {
            Ok(connection
                .query_row(
                    "SELECT target FROM remembered WHERE mapping_id = ?1 ORDER BY used_at DESC LIMIT 1",
                    [mapping_id],
                    |row| row.get(0),
                )
                .optional()?)
        })
        .await
    }

    /// Where the mapping with this id leads, going by the mappings there are; of a command's own mapping, which ended
    /// with it, where it led is known still.
    pub async fn target_of(
        &self,
        mapping_id: &str,
        known: &[MappingSpec],
    ) -> Result<Option<Target>, StoreError> {
        if let Some(spec) = known.iter().find(|spec| spec.id == mapping_id) {
            return Ok(Some(spec.target.clone()));
        }
        let remembered = self.remembered_target(mapping_id.to_owned()).await?;
        Ok(remembered.and_then(|target| target.parse().ok()))
    }

    /// Remembers it for the next time.
    pub async fn remember(
        &self,
        gateway: String,
        target: String,
        what: Remembered,
    ) -> Result<(), StoreError> {
        self.call(move |connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT OR REPLACE INTO remembered (gateway, target, mapping_id, name, remote_port, used_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    gateway,
                    target,
                    what.mapping_id,
                    what.name,
                    what.remote_port,
                    jiff::Timestamp::now().to_string()
                ],
            )?;
            transaction.execute(
                "DELETE FROM remembered WHERE (gateway, target) IN (SELECT gateway, target FROM remembered
                 ORDER BY used_at DESC LIMIT -1 OFFSET ?1)",
                [REMEMBERED],
            )?;
            Ok(transaction.commit()?)
        })
        .await
    }
}
