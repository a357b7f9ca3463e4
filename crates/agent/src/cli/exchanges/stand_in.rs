//! `porthole exchanges stand-in | stand-ins`: answers for a service that is down.

use serde_json::json;

use super::super::mappings::{failed, open};
use super::super::output::print_line;
use super::super::{Context, Failure};
use super::{known, size, store};
use crate::logging::{escape, mask_target};
use crate::stand_in::{self, StandIn, StandInError};

/// Has the exchange's answer stand in, or ends that.
pub(super) async fn change(context: &Context, id: i64, off: bool) -> Result<(), Failure> {
    let store = open(context).await?;
    if off {
        let removed = store.remove_stand_in(id).await.map_err(refused)?;
        print_line(&format!("{} is no longer answered when its service is down", asked(&removed)));
        return Ok(());
    }
    let known = known(context, &store).await?;
    let made = stand_in::stand_in(&store, id, &known).await.map_err(refused)?;
    print_line(&format!(
        "{} is answered with this ({}) while its service is down",
        asked(&made),
        made.status
    ));
    Ok(())
}

/// All of them.
pub(super) async fn list(context: &Context, json: bool) -> Result<(), Failure> {
    let stand_ins = store(context).await?.stand_ins(None).await.map_err(failed)?;
    if stand_ins.is_empty() && !json {
        print_line("Nothing stands in. `porthole exchanges stand-in ID` answers with an exchange's answer.");
    }
    for one in &stand_ins {
        print_line(&if json { json!(one).to_string() } else { line(one) });
    }
    Ok(())
}

fn line(one: &StandIn) -> String {
    let mapping = one.mapping.as_deref().unwrap_or(&one.mapping_id);
    let media_type = one.media_type.as_deref().unwrap_or_default();
    let told = format!(
        "#{}  {}  {}  {}  {}  {}",
        one.exchange_id,
        escape(mapping),
        asked(one),
        one.status,
        size(one.body_bytes),
        escape(media_type)
    );
    told.trim_end().to_owned()
}

fn asked(one: &StandIn) -> String {
    format!("{} {}", escape(&one.method), escape(&mask_target(&one.path)))
}

fn refused(error: StandInError) -> Failure {
    match error {
        StandInError::Store(error) => failed(error),
        error => Failure::usage("stand-in", error),
    }
}
