//! Exchanges as one HTTP archive (HAR 1.2).

use jiff::Zoned;

use super::super::{Store, StoreError};
use super::Summary;
use crate::inspect::filter::Filter;
use crate::inspect::har;

/// Bytes of bodies in one archive, which is made in memory: a hundred of the largest exchanges.
const ARCHIVE_BYTES: usize = 512 * 1024 * 1024;

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("the archive would hold more than {} MiB: narrow it with a filter", ARCHIVE_BYTES / 1024 / 1024)]
    TooLarge,
    #[error("exchange {0} is a raw TCP connection: there is no request in it")]
    NoRequest(i64),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the archive could not be written: {0}")]
    Write(#[from] serde_json::Error),
    #[error("the archive could not be written: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

impl Store {
    /// The newest exchanges for which the filter holds, the oldest first; raw TCP has no place in an archive.
    /// `redact` masks credentials, cookies and secrets in queries.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn archive(
        &self,
        filter: &Filter,
        now: &Zoned,
        limit: u32,
        redact: bool,
    ) -> Result<String, ArchiveError> {
        let mut rows = self.exchanges(filter, now, limit).await?;
        rows.reverse();
        self.archive_of(&rows, redact).await
    }

    /// One exchange alone.
    ///
    /// # Errors
    /// [`ArchiveError`], also of raw TCP.
    pub async fn archive_one(&self, id: i64, redact: bool) -> Result<String, ArchiveError> {
        let row = self.exchange_summary(id).await?;
        if row.kind == "tcp" {
            return Err(ArchiveError::NoRequest(id));
        }
        self.archive_of(&[row], redact).await
    }

    /// These, in their order; raw TCP has no place in an archive.
    ///
    /// # Errors
    /// [`ArchiveError`], also where one is not there.
    pub async fn archive_these(&self, ids: Vec<i64>, redact: bool) -> Result<String, ArchiveError> {
        let rows = self.each_exchange_numbered(ids).await?;
        self.archive_of(&rows, redact).await
    }

    async fn archive_of(&self, rows: &[Summary], redact: bool) -> Result<String, ArchiveError> {
        let (mut exchanges, mut bytes) = (Vec::new(), 0);
        for row in rows.iter().filter(|row| row.kind != "tcp") {
            let exchange = match self.exchange(row.id).await {
                // Forgotten since it was listed.
                Err(StoreError::NoExchange(_)) => continue,
                exchange => exchange?,
            };
            let exchange = if redact { exchange.redacted() } else { exchange }.recorded();
            bytes +=
                exchange.request.body.len() + exchange.response.as_ref().map_or(0, |half| half.body.len());
            if bytes > ARCHIVE_BYTES {
                return Err(ArchiveError::TooLarge);
            }
            exchanges.push(exchange);
        }
        // Large ones take seconds: whoever shares the caller's thread does not wait for them.
        Ok(tokio::task::spawn_blocking(move || har::export(&exchanges)).await??)
    }
}
