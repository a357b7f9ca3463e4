//! `porthole exchanges pin | unpin | note | rm | clear`.

use jiff::Zoned;

use super::super::mappings::{failed, open};
use super::super::output::print_line;
use super::super::{Context, Failure};
use super::parse;
use crate::store::exchanges::Change;

/// Changes each of them.
pub(super) async fn each(context: &Context, ids: Vec<i64>, change: Change) -> Result<(), Failure> {
    let store = open(context).await?;
    for id in ids {
        store.change_exchange(id, change.clone()).await.map_err(failed)?;
    }
    Ok(())
}

/// Deletes each of them.
pub(super) async fn remove(context: &Context, ids: Vec<i64>) -> Result<(), Failure> {
    let store = open(context).await?;
    for id in ids {
        store.delete_exchange(id).await.map_err(failed)?;
    }
    Ok(())
}

/// Deletes what the filter finds. Everything only where that is said.
pub(super) async fn clear(
    context: &Context,
    filter: &[String],
    all: bool,
    pinned: bool,
) -> Result<(), Failure> {
    let filter = parse(filter)?;
    if filter.terms.is_empty() && !all {
        return Err(Failure::usage("filter", "say which, like status:5xx, or --all for every exchange"));
    }
    let deleted =
        open(context).await?.delete_exchanges(&filter, &Zoned::now(), pinned).await.map_err(failed)?;
    print_line(&format!("{deleted} deleted"));
    Ok(())
}
