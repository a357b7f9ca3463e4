//! Single values: who this agent is, and what it was told once.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Store, StoreError};

impl Store {
    /// Starts a new epoch: this agent's id and a number higher than at any start before, both on disk
    /// when this returns. Call it before connecting.
    pub async fn begin_epoch(&self) -> Result<(String, u64), StoreError> {
        self.call(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let id = match get(&transaction, "agent_id")? {
                Some(id) => id,
                None => {
                    let id = uuid::Uuid::new_v4().to_string();
                    set(&transaction, "agent_id", &id)?;
                    id
                }
            };
            let last = get(&transaction, "epoch")?.and_then(|epoch| epoch.parse::<u64>().ok()).unwrap_or(0);
            let epoch = last.saturating_add(1);
            set(&transaction, "epoch", &epoch.to_string())?;
            transaction.commit()?;
            Ok((id, epoch))
        })
        .await
    }

    /// This agent's id and last epoch, for when the disk is too full to begin a new one.
    pub async fn last_epoch(&self) -> Result<Option<(String, u64)>, StoreError> {
        self.call(|connection| {
            let id = get(connection, "agent_id")?;
            let epoch = get(connection, "epoch")?.and_then(|epoch| epoch.parse().ok());
            Ok(id.zip(epoch))
        })
        .await
    }

    /// A value kept under a key, if it was ever set.
    pub async fn setting(&self, key: &'static str) -> Result<Option<String>, StoreError> {
        self.call(move |connection| get(connection, key)).await
    }

    /// A value kept as JSON. One that cannot be read is as if it had never been set.
    pub async fn json_setting<T: DeserializeOwned>(
        &self,
        key: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let Some(text) = self.setting(key).await? else { return Ok(None) };
        let read = serde_json::from_str(&text);
        Ok(read
            .inspect_err(
                |error| tracing::warn!(%error, "the setting {key} cannot be read: the default holds"),
            )
            .ok())
    }

    /// Keeps a value as JSON under a key.
    pub async fn set_json_setting(
        &self,
        key: &'static str,
        value: &impl Serialize,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_string(value).map_err(|error| StoreError::Other(error.to_string()))?;
        self.set_setting(key, text).await
    }

    /// Keeps a value under a key.
    pub async fn set_setting(&self, key: &'static str, value: String) -> Result<(), StoreError> {
        self.call(move |connection| set(connection, key, &value)).await
    }
}

fn get(connection: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    Ok(connection
        .query_row("SELECT value FROM settings WHERE key = ?1", [key], |row| row.get(0))
        .optional()?)
}

fn set(connection: &Connection, key: &str, value: &str) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO settings (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [key, value],
    )?;
    Ok(())
}
