//! `porthole exchanges export`: what was kept, as other programs read it.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Zoned;

use super::super::mappings::failed;
use super::super::output::print;
use super::super::{Context, Failure};
use super::{follow, parse, show, store};
use crate::inspect::copy;
use crate::store::Store;
use crate::store::exchanges::{ArchiveError, Exchange, Summary};

/// Exchanges exported unless more are asked for.
const EXPORTED: u32 = 1000;

#[derive(Debug, Args)]
pub(in super::super) struct ExportArgs {
    /// Only those for which it holds, like: method:POST status:5xx path:/api
    #[arg(value_name = "FILTER", allow_hyphen_values = true)]
    filter: Vec<String>,
    /// As what
    #[arg(long, value_name = "FORMAT", default_value = "har")]
    format: ExportFormat,
    /// Into this file, which must not be there yet, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Mask credentials, cookies and secrets in queries (this is what happens anyway)
    #[arg(long, overrides_with = "no_redact")]
    redact: bool,
    /// Leave credentials, cookies and secrets in queries as they are
    #[arg(long)]
    no_redact: bool,
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = EXPORTED, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Go on with each exchange that ends from now on
    #[arg(long)]
    follow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// An HTTP archive (HAR 1.2), which browsers and other tools open
    Har,
    /// One JSON object a line; bodies that are no text as base64
    Json,
    /// One command for each that sends it again with curl
    Curl,
}

pub(super) async fn run(context: &Context, args: ExportArgs) -> Result<(), Failure> {
    let filter = parse(&args.filter)?;
    if args.follow && args.format == ExportFormat::Har {
        let message = "an archive has an end: --follow works with --format json and --format curl";
        return Err(Failure::usage("format", message));
    }
    let store = store(context).await?;
    let mut out = Out::open(args.output)?;
    let redact = !args.no_redact;
    if args.follow {
        return follow::follow(&store, &filter, async |rows: Vec<Summary>| {
            for row in rows {
                let exchange = read(&store, row.id, redact).await?;
                out.write(&line(&exchange, args.format))?;
            }
            Ok(())
        })
        .await;
    }
    if args.format == ExportFormat::Har {
        let archive = store.archive(&filter, &Zoned::now(), args.limit, redact).await;
        let archive = archive.map_err(|error| match error {
            ArchiveError::TooLarge => Failure::usage("too-large", error),
            ArchiveError::NoRequest(_) => Failure::usage("exchange", error),
            ArchiveError::Store(error) => failed(error),
            ArchiveError::Write(_) | ArchiveError::Ended(_) => Failure::failed("export", error),
        })?;
        return out.write(format!("{archive}\n").as_bytes());
    }
    let mut rows = store.exchanges(&filter, &Zoned::now(), args.limit).await.map_err(failed)?;
    rows.reverse();
    for row in rows {
        let exchange = read(&store, row.id, redact).await?;
        out.write(&line(&exchange, args.format))?;
    }
    Ok(())
}

async fn read(store: &Store, id: i64, redact: bool) -> Result<Exchange, Failure> {
    let exchange = store.exchange(id).await.map_err(failed)?;
    Ok(if redact { exchange.redacted() } else { exchange })
}

fn line(exchange: &Exchange, format: ExportFormat) -> Vec<u8> {
    match format {
        ExportFormat::Curl if exchange.summary.kind == "tcp" => Vec::new(),
        ExportFormat::Curl => {
            format!("{}\n\n", copy::curl(&exchange.recorded_request()).trim_end()).into_bytes()
        }
        ExportFormat::Har | ExportFormat::Json => {
            format!("{}\n", show::as_json(exchange, Vec::new(), None)).into_bytes()
        }
    }
}

/// Where it goes.
enum Out {
    Standard,
    File(PathBuf, std::fs::File),
}

impl Out {
    /// What was captured concerns nobody else on this computer.
    fn open(path: Option<PathBuf>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::Standard) };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(file) => Ok(Self::File(path, file)),
            Err(error) => Err(Failure::usage("output", format!("cannot write {}: {error}", path.display()))),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Standard => {
                print(bytes);
                Ok(())
            }
            Self::File(path, file) => file.write_all(bytes).map_err(|error| {
                Failure::failed("output", format!("cannot write {}: {error}", path.display()))
            }),
        }
    }
}
