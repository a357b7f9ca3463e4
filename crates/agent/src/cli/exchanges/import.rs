//! `porthole exchanges import`: an archive taken in, by the running engine, or by this process where none runs.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::super::attach::{Place, place};
use super::super::connection::Asked;
use super::super::mappings::open;
use super::super::output::{Printer, print_line};
use super::super::{Context, Failure};
use crate::door::archive::{PART_BYTES, Part};
use crate::door::{Conversation, FromEngine, Hello, PROTOCOL, ToEngine};
use crate::import::{ImportError, Importer, MAX_HAR_BYTES, Report};
use crate::lock::EngineLock;
use crate::logging::escape;

#[derive(Debug, Args)]
pub(in super::super) struct ImportArgs {
    /// An HTTP archive (HAR 1.2) of Porthole or a browser; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(context: &Context, args: ImportArgs) -> Result<(), Failure> {
    let archive = read(&args.file)?;
    let mut printer = Printer::new(args.json);
    let remark = |text: &str| {
        printer.note("waiting", text);
        printer.flush();
    };
    let report = match place(context, remark).await? {
        Place::Free(lock) => alone(context, lock, archive).await?,
        Place::Taken(conversation) => by_the_engine(conversation, &archive).await?,
    };
    tell(&report, args.json);
    Ok(())
}

fn read(file: &PathBuf) -> Result<Vec<u8>, Failure> {
    let wrong = |error| Failure::usage("file", format!("cannot read {}: {error}", file.display()));
    let from: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).map_err(wrong)?)
    };
    let mut archive = Vec::new();
    // One byte more than may be: that it is too large is told with everything else that is wrong.
    from.take(MAX_HAR_BYTES as u64 + 1).read_to_end(&mut archive).map_err(wrong)?;
    Ok(archive)
}

/// Where no engine runs, this process takes its place for as long as it takes.
async fn alone(context: &Context, lock: EngineLock, archive: Vec<u8>) -> Result<Report, Failure> {
    let store = open(context).await?;
    let solo = super::solo::Solo::start(context, &store, lock).await?;
    let importer = Importer {
        recorder: solo.recorder.clone(),
        known: solo.known.clone(),
        gateway: Asked::default().gateway(context, Some(&store)).await?,
        age: solo.settings.limits().age,
    };
    let report = importer.import(archive, Timestamp::now()).await.map_err(refused);
    solo.close().await;
    report
}

fn refused(error: ImportError) -> Failure {
    match error {
        ImportError::Archive(_) => Failure::usage(error.code(), error),
        _ => Failure::failed(error.code(), error),
    }
}

async fn by_the_engine(mut conversation: Conversation, archive: &[u8]) -> Result<Report, Failure> {
    let hello = Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").into(), ..Hello::default() };
    let part = |bytes: &[u8], last| ToEngine::Import(Part { bytes: bytes.to_vec(), last });
    let parts = archive.chunks(PART_BYTES).map(|bytes| part(bytes, false));
    for message in std::iter::once(ToEngine::Hello(hello)).chain(parts).chain([part(&[], true)]) {
        if conversation.send.send(message).await.is_err() {
            break; // Why is told on the way back.
        }
    }
    while let Some(message) = conversation.receive.recv().await {
        match message {
            FromEngine::Imported { report } => return Ok(report),
            FromEngine::ImportRefused { error } => {
                let wrong = matches!(error.code.as_str(), "too-large" | "invalid-archive");
                let exit = if wrong { Failure::usage } else { Failure::failed };
                return Err(exit(&error.code, error.message));
            }
            FromEngine::Refused { message, .. } => return Err(Failure::failed("engine", message)),
            _ => {}
        }
    }
    Err(Failure::failed("engine", "the running engine left before the archive was taken in"))
}

fn tell(report: &Report, json: bool) {
    if json {
        return print_line(&json!(report).to_string());
    }
    let ids = match (report.first_id, report.last_id) {
        (Some(first), Some(last)) if first == last => format!(" (#{first})"),
        (Some(first), Some(last)) => format!(" (#{first} to #{last})"),
        _ => String::new(),
    };
    let left_out = match report.left_out {
        0 => String::new(),
        left_out => format!(", {left_out} left out"),
    };
    print_line(&format!("{} taken in{ids}{left_out}", report.taken_in));
    for left in &report.reasons {
        print_line(&format!("entry {}: {}", left.entry, escape(&left.reason)));
    }
    let untold = report.left_out.saturating_sub(report.reasons.len());
    if untold > 0 {
        print_line(&format!("and {untold} more"));
    }
}
