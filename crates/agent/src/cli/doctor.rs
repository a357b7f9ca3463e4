//! `porthole doctor`: every link of the chain, each well or with a remedy.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use porthole_link::control::codes;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::connection::Asked;
use super::output::print_line;
use super::{ConnectionArgs, Context, Failure};
use crate::config::ConfigError;
use crate::gateway_url::GatewayUrl;
use crate::logging::escape;
use crate::probe::steps::{self, Step, Walked, walked};
use crate::probe::{Connection, probe};
use crate::store::{Mend, Store};

/// For the question what time the gateway has.
const CLOCK_WAIT: Duration = Duration::from_secs(10);

/// Clocks that differ by more than this many seconds make tokens fail.
const CLOCK_SECONDS: i64 = 60;

/// Bytes read of the answer to that question: its head.
const HEAD_BYTES: u64 = 16 * 1024;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Print one JSON object a check
    #[arg(long)]
    pub(super) json: bool,
}

/// One check's outcome.
enum Outcome {
    Ok(String),
    /// What is wrong and what to do.
    Problem(String),
    /// An earlier problem stands before it.
    Skipped,
}

struct Report {
    json: bool,
    problems: usize,
}

impl Report {
    fn line(&mut self, check: &str, outcome: Outcome) {
        let (word, text) = match outcome {
            Outcome::Ok(text) => ("ok", text),
            Outcome::Problem(text) => {
                self.problems += 1;
                ("problem", text)
            }
            Outcome::Skipped => ("skipped", "an earlier problem comes first".into()),
        };
        if self.json {
            print_line(&json!({ "check": check, "result": word, "message": text }).to_string());
        } else {
            print_line(&format!("{word:<8} {check:<12} {}", escape(&text)));
        }
    }
}

pub(super) async fn run(
    context: &Context,
    args: DoctorArgs,
    config_error: Option<ConfigError>,
) -> Result<(), Failure> {
    let mut report = Report { json: args.json, problems: 0 };
    let file = context.paths.config_file();
    report.line(
        "config",
        match (config_error, file.exists()) {
            (Some(error), _) => Outcome::Problem(error.to_string()),
            (None, true) => Outcome::Ok(format!("{} is well-formed", file.display())),
            (None, false) => Outcome::Ok(format!("no file at {}, which is fine", file.display())),
        },
    );
    let store = data_folder(context, &mut report).await;
    report.line(
        "engine",
        Outcome::Ok(match super::attach::running(context).await {
            Some(_) => "one is running for this data folder".into(),
            None => "none is running, which is fine".into(),
        }),
    );
    let connection = match &store {
        Some(store) => connection(context, &args, store, &mut report).await,
        None => None,
    };
    if let Some(connection) = connection {
        chain(&connection, &mut report).await;
    }
    match report.problems {
        0 => Ok(()),
        1 => Err(Failure::failed("doctor", "one problem was found")),
        n => Err(Failure::failed("doctor", format!("{n} problems were found"))),
    }
}

async fn data_folder(context: &Context, report: &mut Report) -> Option<Store> {
    let data = &context.paths.data;
    if let Err(error) = context.paths.create_data() {
        report.line("data folder", Outcome::Problem(error.to_string()));
        report.line("database", Outcome::Skipped);
        return None;
    }
    let probe = data.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, vec![0; 64 * 1024]);
    let _ = std::fs::remove_file(&probe);
    if let Err(error) = written {
        let text =
            format!("{} cannot be written ({error}): free some space or make it yours", data.display());
        report.line("data folder", Outcome::Problem(text));
    } else {
        report.line("data folder", Outcome::Ok(format!("{} can be written", data.display())));
    }
    match Store::open(&context.paths.database(), Mend::Never).await {
        Ok(opened) => {
            let mappings = opened.store.mappings().await;
            report.line(
                "database",
                match mappings {
                    Ok(mappings) => Outcome::Ok(format!("{} mappings stored", mappings.len())),
                    Err(error) => Outcome::Problem(error.to_string()),
                },
            );
            Some(opened.store)
        }
        Err(error) => {
            report.line("database", Outcome::Problem(error.to_string()));
            None
        }
    }
}

async fn connection(
    context: &Context,
    args: &DoctorArgs,
    store: &Store,
    report: &mut Report,
) -> Option<Connection> {
    let asked = match Asked::read(&args.connection) {
        Ok(asked) => asked,
        Err(failure) => {
            report.line("settings", Outcome::Problem(failure.message));
            return None;
        }
    };
    match asked.connection(context, store).await {
        Ok(Some(connection)) => {
            report.line("settings", Outcome::Ok(format!("{} with a token", connection.gateway)));
            Some(connection)
        }
        Ok(None) => {
            let text = match crate::trial::find_program() {
                Some(program) => Outcome::Ok(format!(
                    "no gateway is configured; a trial one would be started from {}",
                    program.display()
                )),
                None => Outcome::Problem(crate::trial::TrialError::Missing.to_string()),
            };
            report.line("settings", text);
            None
        }
        Err(failure) => {
            let missing = failure.code == codes::TOKEN_MISSING;
            report.line("settings", Outcome::Problem(failure.message));
            // The way to the gateway can be looked at without a token.
            if missing { asked.without_token(context, store).await.ok().flatten() } else { None }
        }
    }
}

/// From the gateway's name to its welcome. One try tells which step failed; those before it went well.
async fn chain(connection: &Connection, report: &mut Report) {
    let gateway = &connection.gateway;
    let walked = walked(connection, &probe(connection).await);
    let mut reached = true;
    for Walked { step, outcome } in walked {
        let check = match step {
            Step::Name => "name",
            Step::Reach => "reach",
            Step::Tls => "tls",
            Step::Gateway => "websocket",
            Step::Token => "token",
            Step::Version => "version",
        };
        let outcome = match outcome {
            steps::Outcome::Well(text) => Outcome::Ok(text),
            // That there is none was said above.
            steps::Outcome::Problem { .. } if step == Step::Token && connection.token.expose().is_empty() => {
                Outcome::Skipped
            }
            steps::Outcome::Problem { message, .. } => {
                reached = step >= Step::Gateway;
                Outcome::Problem(message)
            }
            steps::Outcome::Skipped => Outcome::Skipped,
        };
        report.line(check, outcome);
    }
    if !reached {
        report.line("clock", Outcome::Skipped);
        return;
    }
    let outcome = match tokio::time::timeout(CLOCK_WAIT, gateway_time(connection)).await.ok().flatten() {
        Some(theirs) => clock(Timestamp::now(), theirs, gateway),
        None => Outcome::Ok(format!("{gateway} tells no time, so it was not compared")),
    };
    report.line("clock", outcome);
}

fn clock(ours: Timestamp, theirs: Timestamp, gateway: &GatewayUrl) -> Outcome {
    let ahead = ours.as_second() - theirs.as_second();
    if ahead.abs() <= CLOCK_SECONDS {
        return Outcome::Ok(format!("within {CLOCK_SECONDS} s of {gateway}'s"));
    }
    let by = humantime::format_duration(Duration::from_secs(ahead.unsigned_abs()));
    let word = if ahead > 0 { "ahead of" } else { "behind" };
    Outcome::Problem(format!(
        "this computer's clock is {by} {word} {gateway}'s, so tokens may be refused: set it, best by \
         turning automatic time on"
    ))
}

/// What time the gateway has, from the `Date` of its health answer.
async fn gateway_time(connection: &Connection) -> Option<Timestamp> {
    let gateway = &connection.gateway;
    let addresses = crate::dial::resolve(&gateway.host, gateway.port).await.ok()?;
    let stream = crate::dial::connect(&addresses, CLOCK_WAIT).await.ok()?;
    if !gateway.secure {
        return ask_time(stream, gateway).await;
    }
    let files = connection.tls.clone();
    let trust = tokio::task::spawn_blocking(move || crate::tls::to_gateway(&files)).await.ok()?.ok()?;
    let name = rustls_pki_types::ServerName::try_from(gateway.host.clone()).ok()?;
    ask_time(tokio_rustls::TlsConnector::from(trust).connect(name, stream).await.ok()?, gateway).await
}

async fn ask_time(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    gateway: &GatewayUrl,
) -> Option<Timestamp> {
    let request =
        format!("HEAD /health HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", gateway.authority());
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut head = Vec::new();
    let _ = stream.take(HEAD_BYTES).read_to_end(&mut head).await;
    let head = String::from_utf8_lossy(&head);
    let date = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("date").then(|| value.trim().to_owned())
    })?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&date).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_off_by_a_day_is_a_problem_and_one_off_by_a_minute_is_not() {
        let gateway: GatewayUrl = "https://x.test".parse().unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(matches!(clock(at(1_000_060), at(1_000_000), &gateway), Outcome::Ok(_)));
        let Outcome::Problem(text) = clock(at(1_000_000), at(1_086_400), &gateway) else {
            panic!("a day is too much")
        };
        assert!(text.contains("1day behind"), "{text}");
        assert!(matches!(clock(at(1_000_061), at(1_000_000), &gateway), Outcome::Problem(_)));
    }
}
