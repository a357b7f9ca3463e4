//! Many light agents in one process, each with a mapping of its own.

use anyhow::{Context, Result, anyhow};
use futures_util::{StreamExt, TryStreamExt};
use porthole_testkit::light_agent::{LightAgent, hello, named};
use serde_json::{Value, json};

use super::{Job, PATIENCE, idle};

/// Greetings at once: a gateway keeps each claim on its disk before it says welcome, several together.
const AT_ONCE: usize = 32;

/// Prints `ready` when all are welcome, and holds them until standard input is closed.
pub async fn run(job: Job) -> Result<Value> {
    let job = &job;
    let greetings = futures_util::stream::iter(0..job.connections).map(|number| greet(job, number));
    let held: Vec<LightAgent> = greetings.buffer_unordered(AT_ONCE).try_collect().await?;
    idle::hold().await?;
    Ok(json!({ "held": held.len() }))
}

async fn greet(job: &Job, number: usize) -> Result<LightAgent> {
    // `host` tells one crowd from another.
    let name = format!("{}-{number}", job.host);
    let hello = hello(&format!("light-{name}"), 1, vec![named(1, &name)]);
    let welcome = tokio::time::timeout(PATIENCE, LightAgent::connect(job.to, &job.token, hello));
    let agent = welcome.await.context("no welcome")?.map_err(|error| anyhow!("link {number}: {error:?}"))?;
    if let Some(error) = agent.welcome.results.iter().find_map(|result| result.code.as_ref()) {
        return Err(anyhow!("link {number}: {error}"));
    }
    Ok(agent)
}
