//! `porthole exchanges`: what came through, out of the database: also while an engine runs, and after it.

mod change;
mod conversation;
mod export;
mod follow;
mod import;
mod list;
mod replay;
mod show;
mod solo;
mod stand_in;

use clap::{Subcommand, ValueEnum};
use jiff::Zoned;
use serde_json::Value;

use super::mappings::{failed, open};
use super::output::print;
use super::{Context, Failure};
use crate::capture::frames::FRAME_ROWS;
use crate::inspect::as_test;
use crate::inspect::diff::Ignore;
use crate::inspect::filter::Filter;
use crate::logging::escape;
use crate::mapping::MappingSpec;
use crate::store::Store;
use crate::store::exchanges::{Change, Listed, Summary};

/// Exchanges listed unless more are asked for: a screen or two.
const LISTED: u32 = 50;

#[derive(Debug, Subcommand)]
pub(super) enum ExchangesCommand {
    /// List exchanges, the newest first
    List {
        /// Only those for which it holds, like: method:POST status:5xx path:/api duration:>500ms "some words"
        #[arg(value_name = "FILTER", allow_hyphen_values = true)]
        filter: Vec<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = LISTED, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        /// Go on with each exchange that ends from now on
        #[arg(long)]
        follow: bool,
    },
    /// Show one exchange: both heads and both bodies
    Show {
        #[arg(value_name = "ID")]
        id: i64,
        /// How: for people unless said otherwise
        #[arg(long, value_name = "FORMAT")]
        format: Option<Format>,
        /// Print only the request or only the response
        #[arg(long, value_name = "PART")]
        part: Option<Part>,
    },
    /// Send requests again, straight to the local service: as they were, or changed
    Replay(replay::ReplayArgs),
    /// Write exchanges as an archive, as JSON, or as commands
    Export(export::ExportArgs),
    /// Take in an archive that Porthole or a browser wrote: its exchanges stand among the others, as imported
    Import(import::ImportArgs),
    /// Keep exchanges for good, however old they get
    Pin {
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
    },
    /// Let pinned exchanges grow old again
    Unpin {
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
    },
    /// Write a note beside an exchange, or take it away
    Note {
        #[arg(value_name = "ID")]
        id: i64,
        #[arg(value_name = "TEXT")]
        text: Option<String>,
    },
    /// Answer with an exchange's answer from now on while its service is down: requests of its method and path
    StandIn {
        #[arg(value_name = "ID")]
        id: i64,
        /// No longer
        #[arg(long)]
        off: bool,
    },
    /// List what is answered while services are down
    StandIns {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Delete exchanges
    Rm {
        #[arg(value_name = "ID", required = true)]
        ids: Vec<i64>,
    },
    /// Delete every exchange that a filter finds; pinned ones stay
    Clear {
        #[arg(value_name = "FILTER", allow_hyphen_values = true)]
        filter: Vec<String>,
        /// Every exchange
        #[arg(long)]
        all: bool,
        /// Pinned ones, too
        #[arg(long)]
        pinned: bool,
    },
}

/// How one exchange is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// The bytes as they came
    Raw,
    /// One JSON object; bodies that are no text as base64
    Json,
    /// The command that sends the request again with curl
    Curl,
    /// An HTTP archive (HAR 1.2) with this exchange, nothing masked
    Har,
    /// A test that is ready to run, for a shell: it sends the request once more and holds the answer to this one
    TestSh,
    /// The same for Node: `node --test`
    TestNode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    Request,
    Response,
}

impl Format {
    /// How it is written, where it is a test.
    fn test(self) -> Option<fn(&as_test::Subject<'_>) -> String> {
        match self {
            Self::TestSh => Some(as_test::script),
            Self::TestNode => Some(as_test::node),
            Self::Raw | Self::Json | Self::Curl | Self::Har => None,
        }
    }
}

impl ExchangesCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::List { json, .. } | Self::StandIns { json } => *json,
            Self::Show { format, .. } => *format == Some(Format::Json),
            Self::Replay(args) => args.json,
            Self::Import(args) => args.json,
            Self::Export(_)
            | Self::Pin { .. }
            | Self::Unpin { .. }
            | Self::Note { .. }
            | Self::StandIn { .. }
            | Self::Rm { .. }
            | Self::Clear { .. } => false,
        }
    }
}

pub(super) async fn run(context: &Context, command: ExchangesCommand) -> Result<(), Failure> {
    match command {
        ExchangesCommand::List { filter, limit, json, follow } => {
            let filter = parse(&filter)?;
            let store = store(context).await?;
            if follow {
                return follow::follow(&store, &filter, async |rows| {
                    if json {
                        print_json(&rows);
                    } else {
                        list::go_on(&rows);
                    }
                    Ok(())
                })
                .await;
            }
            let rows = store.exchanges(&filter, &Zoned::now(), limit).await.map_err(failed)?;
            if json {
                print_json(&rows);
            } else {
                list::tell(&rows, !filter.terms.is_empty());
            }
        }
        ExchangesCommand::Show { id, format, part } => {
            let store = store(context).await?;
            let exchange = store.exchange(id).await.map_err(failed)?;
            if matches!(format, Some(Format::Curl | Format::Har)) && exchange.summary.kind == "tcp" {
                let message = format!("exchange {id} is a raw TCP connection: there is no request in it");
                return Err(Failure::usage("exchange", message));
            }
            if let Some(kind) = format.and_then(Format::test) {
                let known = known(context, &store).await?;
                let target = store.target_of(&exchange.summary.mapping_id, &known).await.map_err(failed)?;
                let Some(test) = exchange.as_test(target, &Ignore::default(), kind) else {
                    let message =
                        format!("exchange {id} is no request with an answer: there is nothing to test");
                    return Err(Failure::usage("exchange", message));
                };
                print(test.as_bytes());
                return Ok(());
            }
            let frames = if show::is_conversation(&exchange) {
                store.frames(id, None, FRAME_ROWS as u32).await.map_err(failed)?.frames
            } else {
                Vec::new()
            };
            show::tell(&exchange, frames, format, part);
        }
        ExchangesCommand::Replay(args) => return replay::run(context, args).await,
        ExchangesCommand::Export(args) => return export::run(context, args).await,
        ExchangesCommand::Import(args) => return import::run(context, args).await,
        ExchangesCommand::Pin { ids } => {
            return change::each(context, ids, Change { pinned: Some(true), note: None }).await;
        }
        ExchangesCommand::Unpin { ids } => {
            return change::each(context, ids, Change { pinned: Some(false), note: None }).await;
        }
        ExchangesCommand::Note { id, text } => {
            return change::each(context, vec![id], Change { pinned: None, note: Some(text) }).await;
        }
        ExchangesCommand::StandIn { id, off } => return stand_in::change(context, id, off).await,
        ExchangesCommand::StandIns { json } => return stand_in::list(context, json).await,
        ExchangesCommand::Rm { ids } => return change::remove(context, ids).await,
        ExchangesCommand::Clear { filter, all, pinned } => {
            return change::clear(context, &filter, all, pinned).await;
        }
    }
    Ok(())
}

fn print_json(rows: &[Summary]) {
    let lines: Vec<String> = rows.iter().map(|row| summary_json(row).to_string() + "\n").collect();
    print(lines.concat().as_bytes());
}

/// One word after the other they are one filter; a phrase keeps its quotation marks where the shell is told to
/// leave them.
fn parse(filter: &[String]) -> Result<Filter, Failure> {
    Filter::parse(&filter.join(" ")).map_err(|error| Failure::usage("filter", error))
}

/// The database; where the disk is too full to open it for writing, what is there can still be read.
async fn store(context: &Context) -> Result<Store, Failure> {
    match open(context).await {
        Err(failure) if failure.code == "disk-full" => {
            Store::reader(&context.paths.database()).await.map_err(|_| failure)
        }
        opened => opened,
    }
}

/// The mappings there are, stored and in the file.
async fn known(context: &Context, store: &Store) -> Result<Vec<MappingSpec>, Failure> {
    let stored = store.mappings().await.map_err(failed)?;
    let stored = stored.into_iter().map(|mapping| mapping.spec);
    Ok(stored.chain(context.config.mappings.iter().cloned()).collect())
}

fn summary_json(summary: &Summary) -> Value {
    // Text and numbers only: nothing in it can fail to be written.
    serde_json::to_value(Listed::from(summary.clone())).unwrap_or_default()
}

/// How it ended, in a word or two.
fn outcome(row: &Summary) -> String {
    match (&row.error, row.status) {
        _ if row.state == "open" => row.status.map_or("open".into(), |status| format!("{status} open")),
        (Some(error), Some(status)) => format!("{status} {}", escape(error)),
        (Some(error), None) => escape(error).into_owned(),
        (None, Some(status)) if row.source == "stand-in" => format!("{status} stand-in"),
        (None, Some(status)) => status.to_string(),
        (None, None) => row.state.clone(),
    }
}

/// In the largest unit of which there is one; units of 1024.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut size = bytes as f64;
    while size >= 1023.5 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 || size >= 9.95 || (size - size.round()).abs() < 0.05 {
        format!("{size:.0} {}", UNITS[unit])
    } else {
        format!("{size:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_rounded_in_the_largest_unit_that_fits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (2 * 1024 * 1024, "2 MiB"),
            (340 * 1024 * 1024, "340 MiB"),
            (1024 * 1024 - 1, "1 MiB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }
}
