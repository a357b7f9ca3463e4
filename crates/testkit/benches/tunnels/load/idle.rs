//! Many visitors who have asked once and stay.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Job, PATIENCE, wire};

/// Prints `ready` when all are there, and holds them until standard input is closed.
pub async fn run(job: Job) -> Result<Value> {
    let request = wire::get(&job.host, &job.path, false);
    let mut held = Vec::with_capacity(job.connections);
    for number in 0..job.connections {
        let one = async {
            let mut socket = wire::connect(job.to).await?;
            wire::exchange(&mut socket, &request).await?;
            anyhow::Ok(socket)
        };
        let one = tokio::time::timeout(PATIENCE, one).await.context("no answer").and_then(|done| done);
        held.push(one.with_context(|| format!("connection {number}"))?);
    }
    hold().await?;
    Ok(json!({ "held": held.len() }))
}

/// Says that everything is there and waits until nobody needs it any more.
pub async fn hold() -> Result<()> {
    println!("ready");
    // On a thread of its own: whatever is held goes on living meanwhile.
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    Ok(())
}
