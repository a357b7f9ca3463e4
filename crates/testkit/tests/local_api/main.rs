//! The local API and its page, as programs, browsers and strangers see them.

mod doors;
mod events;
mod gateway;
mod import;
mod kept;
mod login;
mod mappings;
mod ports;
mod reading;
mod replay;
mod settings;
mod stand_ins;

use porthole_testkit::LocalPage;
use porthole_testkit::wait::until;
use serde_json::Value;

/// The exchange of that target once it has ended.
async fn ended(page: &LocalPage, target: &str) -> Value {
    until(format!("{target} in the list"), async || {
        let list = page.read("/exchanges").await;
        let rows = list["exchanges"].as_array().expect("rows").clone();
        rows.into_iter().find(|row| row["target"] == target && row["state"] != "open")
    })
    .await
}
