//! What is asked of a tunnel in each round.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::figures::Figures;
use crate::machine;
use crate::options::Options;
use crate::tunnel::{BIG_BYTES, Door, Kind, Tunnel};

/// Visitors at once for small requests, fresh connections and WebSockets.
const CONNECTIONS: usize = 64;
/// Requests a second for the latency that a tunnel adds when it is not busy.
const GENTLE_RATE: u32 = 500;
/// Requests a second beside bulk: the same for everybody, so that what bulk reaches can be compared.
const BESIDE_RATE: u32 = 200;
/// Bulk downloads in that measurement, and how many of them are never read.
const FLOWS: (usize, usize) = (8, 2);
/// Longest that a load generator may take beyond what it was asked.
const OVERTIME: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Small,
    Fresh,
    Latency,
    Download,
    Upload,
    Beside,
    WebSocket,
    /// Once, not in every round.
    Memory,
    /// Once, not in every round.
    FirstUrl,
}

impl Measure {
    pub const ALL: [Self; 9] = [
        Self::Small,
        Self::Fresh,
        Self::Latency,
        Self::Download,
        Self::Upload,
        Self::Beside,
        Self::WebSocket,
        Self::Memory,
        Self::FirstUrl,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Fresh => "fresh",
            Self::Latency => "latency",
            Self::Download => "download",
            Self::Upload => "upload",
            Self::Beside => "beside",
            Self::WebSocket => "websocket",
            Self::Memory => "memory",
            Self::FirstUrl => "first-url",
        }
    }

    /// Takes the measurement in round `round`.
    pub async fn take(
        self,
        tunnel: &Tunnel,
        round: usize,
        options: &Options,
        into: &mut Figures,
    ) -> Result<()> {
        let kind = tunnel.kind;
        let time = |seconds| options.time(seconds);
        let ms = |duration: Duration| duration.as_millis().to_string();
        let warm = ("warm", ms(time(0.4)));
        let small = [("path", "/1k".to_owned()), ("connections", CONNECTIONS.to_string()), warm.clone()];
        let mut add = |metric, value: &Value| {
            if let Some(value) = value.as_f64() {
                into.add(kind, metric, round, value);
            }
        };
        match self {
            Self::Small => {
                let before = cpu(tunnel);
                let done = load("kept", &tunnel.files, &small, time(2.5)).await?;
                // What is in flight at the end is a few requests of a hundred thousand.
                let seconds = cpu(tunnel) - before;
                add("small.per_second", &done["per_second"]);
                add("small.p50_ms", &done["p50_ms"]);
                add("small.p99_ms", &done["p99_ms"]);
                let answers = done["answers"].as_f64().unwrap_or(0.0);
                if kind != Kind::Direct && answers > 0.0 {
                    into.add(kind, "small.cpu_seconds_per_100k", round, seconds * 100_000.0 / answers);
                }
                blame(self, kind, &done, into);
            }
            Self::Fresh => {
                let done = load("fresh", &tunnel.files, &small, time(1.6)).await?;
                add("fresh.per_second", &done["per_second"]);
                add("fresh.p99_ms", &done["p99_ms"]);
                blame(self, kind, &done, into);
            }
            Self::Latency => {
                let mut job = small.to_vec();
                job.push(("rate", GENTLE_RATE.to_string()));
                let done = load("rate", &tunnel.files, &job, time(2.0)).await?;
                add("latency.p50_ms", &done["p50_ms"]);
                add("latency.p99_ms", &done["p99_ms"]);
                blame(self, kind, &done, into);
            }
            Self::Download => {
                let job = [("path", "/big".to_owned())];
                let done = load("download", &tunnel.files, &job, time(1.2)).await?;
                add("download.mib_per_second", &done["mib_per_second"]);
            }
            Self::Upload => {
                let job = [("path", "/sink".to_owned()), ("bytes", BIG_BYTES.to_string())];
                let done = load("upload", &tunnel.own, &job, time(1.2)).await?;
                add("upload.mib_per_second", &done["mib_per_second"]);
            }
            Self::Beside => {
                let bulk = [
                    ("path", "/big".to_owned()),
                    ("connections", FLOWS.0.to_string()),
                    ("stalled", FLOWS.1.to_string()),
                    // Bulk starts first and ends last.
                    ("warm", ms(time(0.8))),
                ];
                let quick = [
                    ("path", "/1k".to_owned()),
                    ("connections", "32".to_owned()),
                    ("rate", BESIDE_RATE.to_string()),
                    ("warm", ms(time(0.8))),
                ];
                let (bulk, quick) = tokio::join!(
                    load("flows", &tunnel.files, &bulk, time(3.2)),
                    load("rate", &tunnel.files, &quick, time(3.0)),
                );
                // Whatever else happened, what bulk reached is worth knowing.
                if let Ok(bulk) = &bulk {
                    add("beside.mib_per_second", &bulk["mib_per_second"]);
                }
                let quick = quick?;
                add("beside.p50_ms", &quick["p50_ms"]);
                add("beside.p99_ms", &quick["p99_ms"]);
                blame(self, kind, &quick, into);
                blame(self, kind, &bulk?, into);
            }
            Self::WebSocket => {
                let mut job = small.to_vec();
                job[0] = ("path", "/echo".to_owned());
                let done = load("websocket", &tunnel.own, &job, time(1.6)).await?;
                add("websocket.per_second", &done["per_second"]);
                add("websocket.p99_ms", &done["p99_ms"]);
                blame(self, kind, &done, into);
            }
            Self::Memory | Self::FirstUrl => {}
        }
        Ok(())
    }
}

fn cpu(tunnel: &Tunnel) -> f64 {
    machine::cpu_seconds(&machine::family(&tunnel.pids()))
}

/// Failed requests belong beside the figure that they flatter.
fn blame(measure: Measure, kind: Kind, done: &Value, into: &mut Figures) {
    let errors = done["errors"].as_u64().unwrap_or(0);
    if errors > 0 {
        let first = done["first_error"].as_str().unwrap_or("a transfer was cut");
        into.note(format!("{}, {}: requests failed, the first: {first}", kind.name(), measure.name()));
    }
}

/// Runs a load generator to its end and reads what it prints.
pub async fn load(kind: &str, door: &Door, job: &[(&str, String)], time: Duration) -> Result<Value> {
    let mut command = generator(kind, door, job, time)?;
    let output = tokio::time::timeout(time + OVERTIME, command.output());
    let output = output.await.context("the load generator did not end")??;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim().trim_start_matches("bench: "));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.lines().last().unwrap_or_default()).context("the load generator said nothing")
}

/// The load generator, ended when its handle is dropped.
pub fn generator(
    kind: &str,
    door: &Door,
    job: &[(&str, String)],
    time: Duration,
) -> Result<tokio::process::Command> {
    let mut command = crate::child::command(&std::env::current_exe()?);
    command.args(["load", kind, &format!("to={}", door.address), &format!("host={}", door.host)]);
    command.arg(format!("time={}", time.as_millis()));
    command.args(job.iter().map(|(key, value)| format!("{key}={value}")));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut command = tokio::process::Command::from(command);
    command.kill_on_drop(true);
    Ok(command)
}
