//! `porthole status`: what the running engine says about itself.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::json;

use super::attach::running;
use super::output::print_line;
use super::{Context, Failure};
use crate::door::{FromEngine, Hello, PROTOCOL, StatusReport, ToEngine};
use crate::logging::escape;

/// A running engine answers at once.
const WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(context: &Context, args: StatusArgs) -> Result<(), Failure> {
    let report = ask(context).await?;
    if args.json {
        print_line(&match report {
            Some(report) => {
                let mut value = serde_json::to_value(report).unwrap_or_default();
                value["running"] = json!(true);
                value.to_string()
            }
            None => json!({ "running": false }).to_string(),
        });
        return Ok(());
    }
    match report {
        Some(report) => show(&report),
        None => print_line("Nothing is running. Start with `porthole http 3000` or `porthole up`."),
    }
    Ok(())
}

/// The running engine's report, if one runs.
async fn ask(context: &Context) -> Result<Option<StatusReport>, Failure> {
    let Some(mut conversation) = running(context).await else { return Ok(None) };
    let hello = Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").into(), ..Hello::default() };
    for message in [ToEngine::Hello(hello), ToEngine::Status] {
        if conversation.send.send(message).await.is_err() {
            return Ok(None);
        }
    }
    let answer = tokio::time::timeout(WAIT, async {
        while let Some(message) = conversation.receive.recv().await {
            match message {
                FromEngine::Status(report) => return Ok(Some(report)),
                FromEngine::Refused { message, .. } => return Err(Failure::failed("engine", message)),
                _ => {}
            }
        }
        Ok(None)
    });
    answer.await.unwrap_or_else(|_| Err(Failure::failed("engine", "the running engine does not answer")))
}

fn show(report: &StatusReport) {
    let trial = if report.trial { " (trial gateway on this computer)" } else { "" };
    print_line(&format!("gateway   {}{trial}", report.gateway));
    let mut state = report.state.clone();
    if let Some(latency) = report.latency_ms {
        let _ = write!(state, ", {latency:.1} ms");
    }
    if let Some(version) = &report.gateway_version {
        let _ = write!(state, ", gateway {}", escape(version));
    }
    print_line(&format!("link      {state}"));
    if let Some(message) = &report.message {
        print_line(&format!("          {}", escape(message)));
    }
    if let Some(lost) = &report.last_disconnect {
        let at = jiff::Timestamp::from_microsecond(lost.at_us).unwrap_or_default();
        let at = at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S");
        print_line(&format!("          last lost {at}: {}", escape(&lost.message)));
    }
    let capture = report.capture_paused.as_ref().map(|reason| format!("paused: {}", escape(reason)));
    print_line(&format!("capture   {}", capture.as_deref().unwrap_or("running")));
    let up = humantime::format_duration(Duration::from_secs(report.uptime_ms / 1000));
    print_line(&format!("engine    process {}, Porthole {}, up {up}", report.pid, report.version));
    for mapping in &report.mappings {
        let place = match (&mapping.public_url, &mapping.message) {
            (Some(url), _) => url.clone(),
            (None, Some(message)) => format!("refused: {message}"),
            (None, None) => "not live yet".into(),
        };
        print_line(&format!("{:<14}  {} → {}", mapping.id, escape(&place), mapping.target));
    }
    if report.mappings.is_empty() {
        print_line("no mappings");
    }
}
