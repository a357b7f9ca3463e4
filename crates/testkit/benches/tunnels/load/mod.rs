//! The load generator: one thread, a few hundred lines, so that it is cheap beside what it measures.
//!
//! Our own and not wrk, because one program has to do all of it the same way: kept and fresh
//! connections, a constant rate timed from when a request was *due* (no coordinated omission), bulk both
//! ways, stalled readers, WebSocket echo, thousands of idle connections. It prints one line of JSON.

mod bulk;
mod closed;
mod idle;
mod links;
mod rate;
mod websocket;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// What to do, as `key=value` words.
#[derive(Debug, Clone)]
pub struct Job {
    pub to: SocketAddr,
    pub host: String,
    pub path: String,
    pub connections: usize,
    pub stalled: usize,
    pub rate: u32,
    pub bytes: u64,
    pub token: String,
    pub warm: Duration,
    pub time: Duration,
}

/// A request or transfer that takes longer counts as failed.
const PATIENCE: Duration = Duration::from_secs(20);

impl Job {
    fn parse(words: &[String]) -> Result<Self> {
        let mut job = Self {
            to: SocketAddr::from(([127, 0, 0, 1], 0)),
            host: String::new(),
            path: "/".to_owned(),
            connections: 1,
            stalled: 0,
            rate: 0,
            bytes: 0,
            token: String::new(),
            warm: Duration::ZERO,
            time: Duration::from_secs(1),
        };
        for word in words {
            let (key, value) = word.split_once('=').with_context(|| format!("`{word}` is no key=value"))?;
            let millis = || value.parse().map(Duration::from_millis);
            match key {
                "to" => job.to = value.parse()?,
                "host" => value.clone_into(&mut job.host),
                "path" => value.clone_into(&mut job.path),
                "connections" => job.connections = value.parse()?,
                "stalled" => job.stalled = value.parse()?,
                "rate" => job.rate = value.parse()?,
                "bytes" => job.bytes = value.parse()?,
                "token" => value.clone_into(&mut job.token),
                "warm" => job.warm = millis()?,
                "time" => job.time = millis()?,
                _ => bail!("the load generator knows no `{key}`"),
            }
        }
        Ok(job)
    }
}

pub async fn run(words: &[String]) -> Result<()> {
    let (kind, rest) = words.split_first().context("load needs a kind")?;
    let job = Job::parse(rest)?;
    let local = tokio::task::LocalSet::new();
    let work = async {
        match kind.as_str() {
            "kept" => closed::run(job, closed::Connections::Kept).await,
            "fresh" => closed::run(job, closed::Connections::Fresh).await,
            "rate" => rate::run(job).await,
            "download" => bulk::download(job).await,
            "upload" => bulk::upload(job).await,
            "flows" => bulk::flows(job).await,
            "websocket" => websocket::run(job).await,
            "idle" => idle::run(job).await,
            "links" => links::run(job).await,
            other => bail!("the load generator has no kind `{other}`"),
        }
    };
    let result = local.run_until(work).await?;
    println!("{result}");
    Ok(())
}

/// Latencies in µs and what went wrong, gathered by all tasks of one thread.
#[derive(Debug, Default)]
pub struct Tally {
    pub micros: Vec<u32>,
    /// Answers in all, those while warming up too: what processor time is divided by.
    pub answers: u64,
    pub errors: u64,
    pub first_error: Option<String>,
}

impl Tally {
    pub fn failed(&mut self, error: &anyhow::Error) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| format!("{error:#}"));
    }

    pub fn report(mut self, window: Duration) -> Value {
        self.micros.sort_unstable();
        let at = |share: f64| {
            let last = self.micros.len().saturating_sub(1);
            let index = (last as f64 * share).ceil() as usize;
            self.micros.get(index).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        };
        json!({
            "per_second": self.micros.len() as f64 / window.as_secs_f64(),
            "p50_ms": at(0.5),
            "p99_ms": at(0.99),
            "answers": self.answers,
            "errors": self.errors,
            "first_error": self.first_error,
        })
    }
}
