//! Exchanges as they end, whoever captures them: read from the database, so that it goes on over the end of an
//! engine and the start of the next.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Zoned;

use super::super::Failure;
use super::super::mappings::failed;
use crate::inspect::filter::Filter;
use crate::store::Store;
use crate::store::exchanges::Summary;

/// Between two looks: as long as an exchange may wait before it is stored.
const LOOK: Duration = Duration::from_millis(250);

/// Rows of one look; more come with the next.
const ROWS: u32 = 1000;

/// Hands on what ends from now on, the oldest first, until the process is ended.
pub(super) async fn follow(
    store: &Store,
    filter: &Filter,
    mut tell: impl AsyncFnMut(Vec<Summary>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    // What is open now has not ended yet.
    let mut after = store.last_exchange().await.map_err(failed)?;
    let mut told = HashSet::new();
    loop {
        let rows = store.exchanges_after(filter, &Zoned::now(), after, ROWS).await.map_err(failed)?;
        let full = rows.len() == ROWS as usize;
        // Up to the first that is open, nothing new can come.
        let open = rows.iter().position(|row| row.state == "open").unwrap_or(rows.len());
        let next = rows[..open].last().map_or(after, |row| row.id);
        let ended = rows.into_iter().filter(|row| row.state != "open" && told.insert(row.id)).collect();
        tell(ended).await?;
        // Where a thousand go on behind one that stays open, those before it are let go.
        after = if full && next == after { told.iter().copied().max().unwrap_or(after) } else { next };
        told.retain(|id| *id > after);
        tokio::time::sleep(LOOK).await;
    }
}
