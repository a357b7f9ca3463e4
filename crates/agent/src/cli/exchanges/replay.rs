//! `porthole exchanges replay`: kept requests sent again, by the running engine, or by this process where none
//! runs.

use std::io::Read as _;

use clap::Args;

use super::super::attach::{Place, place};
use super::super::mappings::{failed, open};
use super::super::output::{Printer, duration, print_line};
use super::super::{Context, Failure};
use super::solo::Solo;
use super::{outcome, summary_json};
use crate::capture::BODY_BYTES;
use crate::door::{Conversation, FromEngine, Hello, PROTOCOL, ToEngine};
use crate::lock::EngineLock;
use crate::replay::{Ask, Edit, ReplayError, Replayer, To, header_line};
use crate::store::Store;
use crate::store::exchanges::Summary;

#[derive(Debug, Args)]
pub(in super::super) struct ReplayArgs {
    /// Which, in this order
    #[arg(value_name = "ID", required = true)]
    ids: Vec<i64>,
    /// So often, one after the other (up to 100)
    #[arg(long, value_name = "N", default_value_t = 1)]
    times: u32,
    /// To this port of this computer instead
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), group = "place")]
    port: Option<u16>,
    /// To this target instead: on this computer, or one that a mapping names
    #[arg(long, value_name = "TARGET", group = "place")]
    to: Option<String>,
    /// To this mapping's target instead, by its rules
    #[arg(long, value_name = "NAME|ID", group = "place")]
    mapping: Option<String>,
    /// With another method
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// With another path and query
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// With this header set, or without it where there is no value (may be repeated)
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// With another body: this text, or what is in a file
    #[arg(long, value_name = "TEXT|@FILE", allow_hyphen_values = true)]
    body: Option<String>,
    /// Print one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(context: &Context, args: ReplayArgs) -> Result<(), Failure> {
    let json = args.json;
    let ask = ask(args)?;
    // Wrong usage is told at once, whoever would have to do the work.
    ask.turns().map(drop).map_err(refused)?;
    let mut told = Told { store: open(context).await?, json, failed: 0, sent: 0 };
    let mut printer = Printer::new(json);
    let remark = |text: &str| {
        printer.note("waiting", text);
        printer.flush();
    };
    match place(context, remark).await? {
        Place::Free(lock) => alone(context, &ask, lock, &mut told).await?,
        Place::Taken(conversation) => by_the_engine(conversation, ask, &mut told).await?,
    }
    match told.failed {
        0 => Ok(()),
        failed => {
            let message = format!("{failed} of {} requests that were sent again failed", told.sent);
            Err(Failure::failed("replay-failed", message))
        }
    }
}

fn ask(args: ReplayArgs) -> Result<Ask, Failure> {
    let set = args.headers.iter().map(|line| header_line(line)).collect::<Result<_, _>>().map_err(refused)?;
    let to = args.port.map(To::Port);
    let to = to.or(args.to.map(To::Target)).or(args.mapping.map(To::Mapping));
    let body = args.body.map(body).transpose()?;
    let edit = Edit { method: args.method, target: args.path, fields: None, set, body };
    Ok(Ask { ids: args.ids, times: args.times, edit, to })
}

fn body(text: String) -> Result<Vec<u8>, Failure> {
    let Some(path) = text.strip_prefix('@') else { return Ok(text.into_bytes()) };
    let mut body = Vec::new();
    // One byte more than may be: that it is too large is told with everything else that is wrong.
    std::fs::File::open(path)
        .and_then(|file| file.take(BODY_BYTES as u64 + 1).read_to_end(&mut body))
        .map_err(|error| Failure::usage("body", format!("cannot read {path}: {error}")))?;
    Ok(body)
}

/// What was asked for cannot be done; only a few reasons are not the asker's.
fn refused(error: ReplayError) -> Failure {
    match error {
        ReplayError::Store(error) => failed(error),
        ReplayError::Paused(_) | ReplayError::Busy | ReplayError::Unkept => {
            Failure::failed(error.code(), error)
        }
        _ => Failure::usage(error.code(), error),
    }
}

/// Where no engine runs, this process takes its place for as long as it takes.
async fn alone(context: &Context, ask: &Ask, lock: EngineLock, told: &mut Told) -> Result<(), Failure> {
    let solo = Solo::start(context, &told.store, lock).await?;
    let (store, recorder) = (told.store.clone(), solo.recorder.clone());
    let replayer = Replayer { store, recorder, events: crate::events::events() };
    let sent = async {
        for id in ask.turns().map_err(refused)? {
            let id = replayer.send(id, ask, &solo.known).await.map_err(refused)?;
            told.tell(id).await?;
        }
        Ok(())
    };
    let sent = sent.await;
    solo.close().await;
    sent
}

async fn by_the_engine(mut conversation: Conversation, ask: Ask, told: &mut Told) -> Result<(), Failure> {
    let hello = Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").into(), ..Hello::default() };
    for message in [ToEngine::Hello(hello), ToEngine::Replay(Box::new(ask))] {
        if conversation.send.send(message).await.is_err() {
            break; // Why is told on the way back.
        }
    }
    while let Some(message) = conversation.receive.recv().await {
        match message {
            FromEngine::Replayed { id } => told.tell(id).await?,
            FromEngine::ReplayEnded { error: None } => return Ok(()),
            FromEngine::ReplayEnded { error: Some(problem) } => {
                let failed =
                    matches!(problem.code.as_str(), "store" | "capture-paused" | "busy" | "not-kept");
                let exit = if failed { Failure::failed } else { Failure::usage };
                return Err(exit(&problem.code, problem.message));
            }
            FromEngine::Refused { message, .. } => return Err(Failure::failed("engine", message)),
            _ => {}
        }
    }
    Err(Failure::failed("engine", "the running engine left before everything was sent again"))
}

/// Tells each new exchange as it ends.
struct Told {
    store: Store,
    json: bool,
    failed: usize,
    sent: usize,
}

impl Told {
    async fn tell(&mut self, id: i64) -> Result<(), Failure> {
        let summary = self.store.exchange_summary(id).await.map_err(failed)?;
        self.sent += 1;
        self.failed += usize::from(has_failed(&summary));
        if self.json {
            print_line(&summary_json(&summary).to_string());
            return Ok(());
        }
        let took = summary.duration().map(duration).unwrap_or_default();
        let original = summary.original_id.unwrap_or_default();
        print_line(&format!("#{original} → #{id}  {}  {took}", outcome(&summary)));
        Ok(())
    }
}

/// A stream of events was listened to for a while, and was as it should be.
fn has_failed(summary: &Summary) -> bool {
    summary.error.is_some() && !(summary.kind == "sse" && summary.state == "cancelled")
}
