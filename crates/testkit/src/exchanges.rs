//! What an agent has kept of what came through, as its command line tells it.

use serde_json::Value;

use crate::agent::Home;
use crate::wait::until;

/// The newest first, as `exchanges list --json` tells them.
///
/// # Panics
/// When the command fails.
pub async fn listed(home: &Home) -> Vec<Value> {
    let listed = home.run(&["exchanges", "list", "--json"]).await;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    listed.stdout.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
}

/// The newest exchange of that target once it is as wanted.
pub async fn exchange(home: &Home, target: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    until(format!("{target} in the list"), async || {
        listed(home).await.into_iter().find(|row| row["target"] == target && wanted(row))
    })
    .await
}

/// The same once it has come to its end.
pub async fn ended(home: &Home, target: &str) -> Value {
    exchange(home, target, |row| row["state"] != "open").await
}

/// All of one, as `exchanges show --format json` tells it.
///
/// # Panics
/// When there is none with this number.
pub async fn shown(home: &Home, id: &Value) -> Value {
    let shown = home.run(&["exchanges", "show", &id.to_string(), "--format", "json"]).await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    serde_json::from_str(&shown.stdout).expect("one JSON object")
}
