//! The tables: on standard output always, in `RESULTS.md` and `raw/tunnels.json` after a full run.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::figures::{Figures, Summary};
use crate::options::Options;
use crate::tunnel::{self, Kind};
use crate::{machine, measure::Measure};

/// Heading, metric, digits after the point, whether more is better.
type Column = (&'static str, &'static str, usize);

const SPEED: &[Column] = &[
    ("small req/s", "small.per_second", 0),
    ("p50 ms", "small.p50_ms", 2),
    ("p99 ms", "small.p99_ms", 2),
    ("CPU s / 100k", "small.cpu_seconds_per_100k", 2),
    ("fresh conn/s", "fresh.per_second", 0),
    ("WebSocket echoes/s", "websocket.per_second", 0),
];

const BULK: &[Column] = &[
    ("at 500/s: p50 ms", "latency.p50_ms", 3),
    ("p99 ms", "latency.p99_ms", 2),
    ("down MiB/s", "download.mib_per_second", 0),
    ("up MiB/s", "upload.mib_per_second", 0),
    ("beside bulk: p50 ms", "beside.p50_ms", 2),
    ("p99 ms", "beside.p99_ms", 2),
    ("bulk MiB/s", "beside.mib_per_second", 0),
];

const RATIOS: &[Column] = &[
    ("small", "small.per_second", 2),
    ("fresh", "fresh.per_second", 2),
    ("WebSocket", "websocket.per_second", 2),
    ("CPU", "small.cpu_seconds_per_100k", 2),
    ("down", "download.mib_per_second", 2),
    ("up", "upload.mib_per_second", 2),
    ("beside: p99", "beside.p99_ms", 2),
    ("beside: bulk", "beside.mib_per_second", 2),
];

pub fn publish(options: &Options, figures: &Figures, peaks: &[(Kind, Vec<(String, f64)>)]) -> Result<()> {
    let text = render(options, figures, peaks);
    println!("{text}");
    if options.partial || options.quick {
        eprintln!("A part of it or a quick run: RESULTS.md stays as it is.");
        return Ok(());
    }
    let folder = porthole_testkit::binaries::root().join("crates/testkit/benches");
    std::fs::create_dir_all(folder.join("raw"))?;
    std::fs::write(folder.join("RESULTS.md"), text).context("cannot write RESULTS.md")?;
    let peaks: serde_json::Map<_, _> = peaks
        .iter()
        .map(|(kind, peaks)| {
            (
                kind.name().to_owned(),
                json!(
                    peaks
                        .iter()
                        .map(|(name, mib)| (name.clone(), json!((mib * 10.0).round() / 10.0)))
                        .collect::<serde_json::Map<_, _>>()
                ),
            )
        })
        .collect();
    let raw = json!({
        "command": options.command,
        "date": date(),
        "machine": machine::shape(),
        "versions": versions(options).into_iter().map(|(name, version)| (name.to_owned(), json!(version))).collect::<serde_json::Map<_, _>>(),
        "rounds": figures.to_json(),
        "peak_mib": peaks,
        "notes": figures.notes(),
    });
    std::fs::write(folder.join("raw/tunnels.json"), format!("{raw:#}\n"))
        .context("cannot write the raw output")?;
    eprintln!("Written: crates/testkit/benches/RESULTS.md and raw/tunnels.json.");
    Ok(())
}

fn render(options: &Options, figures: &Figures, peaks: &[(Kind, Vec<(String, f64)>)]) -> String {
    let mut text = String::from("# Porthole beside others\n\n");
    let line = |text: &mut String, words: &str| {
        text.push_str(words);
        text.push('\n');
    };
    line(
        &mut text,
        &format!(
            "`{}`, {}, rounds: {}, everything interleaved. Machine: {}. One machine carries the load generator, the tunnel and the local service. Raw figures: `raw/tunnels.json`.\n",
            options.command,
            date(),
            options.rounds,
            machine::shape(),
        ),
    );
    let names: Vec<String> =
        versions(options).iter().map(|(name, version)| format!("{name} {version}")).collect();
    line(&mut text, &format!("Versions: {}.\n", names.join(", ")));
    line(&mut text, "How each is measured is below the tables. Cells: median (least – most).\n");

    table(&mut text, options, SPEED, |kind, column| figures.summary(kind, column.1));
    line(&mut text, "");
    table(&mut text, options, BULK, |kind, column| figures.summary(kind, column.1));
    if options.tunnels.contains(&Kind::Nginx) {
        line(&mut text, "\n## As a multiple of nginx two-hop\n");
        line(&mut text, "Median of the rounds' own ratios. CPU and p99: less is better; all else: more.\n");
        table(&mut text, options, RATIOS, |kind, column| {
            if kind == Kind::Nginx { None } else { figures.ratio(kind, Kind::Nginx, column.1) }
        });
    }
    if options.against.is_some() {
        line(&mut text, "\n## This build as a multiple of the other\n");
        for (heading, metric, _) in SPEED.iter().chain(BULK) {
            if let Some(ratio) = figures.ratio(Kind::Porthole, Kind::Before, metric) {
                line(&mut text, &format!("- {heading} ({metric}): {}", shown(ratio, 3)));
            }
        }
    }
    if let Some(ratio) = figures.ratio(Kind::Porthole, Kind::Uncaptured, "small.per_second") {
        line(&mut text, "\n## What capture costs\n");
        let found = format!("Small requests with capture on, as a multiple of off: {}.", shown(ratio, 2));
        line(&mut text, &found);
    }
    memory(&mut text, options, figures, peaks);
    aims(&mut text, figures, options);
    if figures.left_out().next().is_some() || !figures.notes().is_empty() {
        line(&mut text, "\n## Left out, and what went wrong\n");
        for (kind, why) in figures.left_out() {
            line(&mut text, &format!("- {}: n/a: {}", kind.title(), cleaned(why)));
        }
        for note in figures.notes() {
            line(&mut text, &format!("- {}", cleaned(note)));
        }
    }
    text.push_str(HOW);
    text
}

const HOW: &str = "
## How

- **Local service**: nginx (one worker) sends a 1 KiB and a 256 MiB file; a small server of our own reads uploads to their end and echoes WebSocket messages. *direct* is the load generator on that service.
- **Load**: our own generator, one thread, a process of its own; all tunnels stay up through the run, and a measurement starts when the tunnel before it has come to rest.
- **Small**: GET of the 1 KiB file on 64 kept connections, each sending the next request when it has the answer. **CPU**: user and system time of all processes of the tunnel over that, neither service nor generator.
- **Fresh**: the same with a connection for each request, closed by the server.
- **At 500/s**: a constant rate over 64 kept connections, timed from when a request was due. What a tunnel adds is its figure less the direct one.
- **Down, up**: the big file on one connection, again and again; an upload counts when it is answered.
- **Beside bulk**: eight downloads of the big file, two of them never read, and 200 small requests a second timed from when they were due; bulk is what the other six read.
- **WebSocket**: 64 connections, 125-byte messages there and back.
- **nginx, HAProxy**: two reverse-proxy hops, one worker or thread each, kept connections between them and to the service. **Caddy**: the same, with as many threads as it likes. **rathole, bore, OpenSSH, localtunnel**: as their documentation starts them. **Porthole**: one gateway, one agent (`porthole up`), release build, capture on unless it says off. No TLS and no access log anywhere; OpenSSH encrypts all the same.
- **Memory**: resident; a link is a bare WebSocket link with one mapping, a visitor has asked once and stays connected; `(after − before) / n` of the process they are connected to.
";

fn table(
    text: &mut String,
    options: &Options,
    columns: &[Column],
    cell: impl Fn(Kind, &Column) -> Option<Summary>,
) {
    let shown_columns: Vec<&Column> = columns
        .iter()
        .filter(|column| options.tunnels.iter().any(|kind| cell(*kind, column).is_some()))
        .collect();
    if shown_columns.is_empty() {
        return;
    }
    let headings: Vec<&str> = shown_columns.iter().map(|column| column.0).collect();
    let _ = writeln!(text, "| | {} |\n| --- |{}", headings.join(" | "), " ---: |".repeat(headings.len()));
    for kind in &options.tunnels {
        let cells: Vec<String> = shown_columns
            .iter()
            .map(|column| cell(*kind, column).map_or_else(|| "–".to_owned(), |found| shown(found, column.2)))
            .collect();
        if cells.iter().any(|cell| cell != "–") {
            let _ = writeln!(text, "| {} | {} |", kind.title(), cells.join(" | "));
        }
    }
}

fn shown(found: Summary, digits: usize) -> String {
    let Summary { median, min, max } = found;
    if (max - min).abs() < f64::EPSILON {
        return format!("{median:.digits$}");
    }
    format!("{median:.digits$} ({min:.digits$} – {max:.digits$})")
}

fn memory(text: &mut String, options: &Options, figures: &Figures, peaks: &[(Kind, Vec<(String, f64)>)]) {
    if !options.measures.contains(&Measure::Memory) && !options.measures.contains(&Measure::FirstUrl) {
        return;
    }
    let _ = writeln!(text, "\n## Memory and start\n");
    let rows: [(&str, &str, &str, usize); 6] = [
        ("gateway, just started", "memory.fresh_mib", "MiB", 1),
        ("gateway with 100 links", "memory.gateway_100_links_mib", "MiB", 1),
        ("each further idle link (of 1,000)", "memory.kib_per_link", "KiB", 1),
        ("each idle visitor (of 10,000; HAProxy 8,000)", "memory.kib_per_idle_visitor", "KiB", 1),
        ("start to first public URL, trial gateway included", "first_url.new_ms", "ms", 0),
        ("the same, started before", "first_url.again_ms", "ms", 0),
    ];
    let mut table = String::new();
    for kind in &options.tunnels {
        for (what, metric, unit, digits) in rows {
            if let Some(found) = figures.summary(*kind, metric) {
                let _ = writeln!(table, "| {} | {what} | {} {unit} |", kind.title(), shown(found, digits));
            }
        }
    }
    if !table.is_empty() {
        let _ = writeln!(text, "| | | |\n| --- | --- | ---: |\n{table}");
    }
    let _ = writeln!(
        text,
        "Most memory each program had in the whole run, with its workers (MiB; what they share counts twice):\n"
    );
    for (kind, peaks) in peaks.iter().filter(|(_, peaks)| !peaks.is_empty()) {
        let all: Vec<String> =
            peaks.iter().map(|(name, mib)| format!("{} {mib:.1}", without_port(name))).collect();
        let _ = writeln!(text, "- {}: {}", kind.title(), all.join(", "));
    }
}

/// A row of the aims: what, the figure, whether it is met, the aim.
fn aims(text: &mut String, figures: &Figures, options: &Options) {
    let ratio = |metric| figures.ratio(Kind::Porthole, Kind::Nginx, metric).map(|found| found.median);
    let ours = |metric| figures.summary(Kind::Porthole, metric).map(|found| found.median);
    let other = |kind, metric| figures.ratio(Kind::Porthole, kind, metric).map(|found| found.median);
    let at_least = |value: Option<f64>, bound: f64| value.map(|value| (value, value >= bound));
    let at_most = |value: Option<f64>, bound: f64| value.map(|value| (value, value <= bound));
    let small = "small.per_second";
    let rows = [
        ("small requests, × nginx two-hop", at_least(ratio(small), 1.2), "≥ 1.2"),
        ("small requests, × rathole", at_least(other(Kind::Rathole, small), 1.0), "≥ 1.0"),
        ("small requests, × bore", at_least(other(Kind::Bore, small), 1.0), "≥ 1.0"),
        ("small requests, capture on × off", at_least(other(Kind::Uncaptured, small), 0.9), "≥ 0.9"),
        ("fresh connections, × nginx two-hop", at_least(ratio("fresh.per_second"), 1.0), "≥ 1.0"),
        ("download, × nginx two-hop", at_least(ratio("download.mib_per_second"), 1.0), "≥ 1.0"),
        ("upload, × nginx two-hop", at_least(ratio("upload.mib_per_second"), 1.0), "≥ 1.0"),
        ("small beside bulk, p99 ms", at_most(ours("beside.p99_ms"), 5.0), "≤ 5"),
        ("bulk meanwhile, × nginx two-hop", at_least(ratio("beside.mib_per_second"), 0.8), "≥ 0.8"),
        ("CPU seconds for 100k requests", at_most(ours("small.cpu_seconds_per_100k"), 1.5), "≤ 1.5"),
        ("gateway with 100 links, MiB", at_most(ours("memory.gateway_100_links_mib"), 25.0), "≤ 25"),
        ("each further idle link, KiB", at_most(ours("memory.kib_per_link"), 64.0), "≤ 64"),
        ("each idle visitor, KiB", at_most(ours("memory.kib_per_idle_visitor"), 16.0), "≤ 16"),
        ("start to first public URL, ms", at_most(ours("first_url.new_ms"), 300.0), "< 300"),
    ];
    if !options.tunnels.contains(&Kind::Porthole) {
        return;
    }
    let _ = writeln!(text, "\n## Aims\n\n| aim | | measured | |\n| --- | --- | ---: | --- |");
    for (what, found, aim) in rows {
        if let Some((value, met)) = found {
            let met = if met { "met" } else { "**not met**" };
            let _ = writeln!(text, "| {what} | {aim} | {value:.2} | {met} |");
        } else {
            let _ = writeln!(text, "| {what} | {aim} | – | not measured |");
        }
    }
}

fn versions(options: &Options) -> Vec<(&'static str, String)> {
    let named =
        options.tunnels.iter().filter(|kind| !matches!(kind, Kind::Direct | Kind::Uncaptured | Kind::Before));
    named.map(|kind| (kind.name(), tunnel::version(*kind, options))).collect()
}

fn date() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]).output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Without the port that a client's name carries to tell it from its sibling.
fn without_port(name: &str) -> &str {
    name.rsplit_once(' ').filter(|(_, last)| last.parse::<u16>().is_ok()).map_or(name, |(name, _)| name)
}

/// Paths of this machine have no place in a document.
fn cleaned(text: &str) -> String {
    let outside = |word: &&str| !word.trim_start_matches(['"', '\'', '(', '`']).starts_with('/');
    let words = text.split_whitespace().map(|word| if outside(&word) { word } else { "…" });
    words.collect::<Vec<_>>().join(" ")
}
