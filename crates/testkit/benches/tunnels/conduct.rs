//! The run: everything started once, then measured round by round, each measurement for all tunnels in
//! turn, so that whatever the machine does meanwhile happens to all of them.

use anyhow::Result;

use crate::figures::Figures;
use crate::measure::Measure;
use crate::options::Options;
use crate::tunnel::{Kind, Service, Tunnel};
use crate::{first_url, machine, memory, report};

/// Files that 10,000 idle visitors need at both sides of one process, and some.
const FILES: u64 = 32 * 1024;

/// Processes that want to run besides ours, above which figures are noise on a small machine.
const BUSY: f64 = 0.5;

pub async fn run(options: Options) -> Result<()> {
    let load = machine::load_average();
    let mut figures = Figures::default();
    if load > BUSY {
        figures.note(format!("the machine was busy when this began (load average {load:.1})"));
    }
    machine::raise_files(FILES);
    let service = Service::start().await?;
    let mut tunnels = Vec::new();
    for kind in &options.tunnels {
        match Tunnel::start(*kind, &service, &options).await {
            Ok(tunnel) => tunnels.push(tunnel),
            Err(error) => figures.missing(*kind, format!("{error:#}")),
        }
    }
    let in_rounds = |measure: &&Measure| !matches!(measure, Measure::Memory | Measure::FirstUrl);
    for round in 0..options.rounds {
        for measure in options.measures.iter().filter(in_rounds) {
            eprintln!("round {} of {}: {}", round + 1, options.rounds, measure.name());
            for tunnel in &mut tunnels {
                revive(tunnel, &service, &options, &mut figures).await;
                if let Err(error) = measure.take(tunnel, round, &options, &mut figures).await {
                    figures.note(format!("{}, {}: {error:#}", tunnel.kind.name(), measure.name()));
                }
                machine::quiet(&tunnel.pids()).await;
            }
        }
    }
    let peaks: Vec<_> = tunnels.iter().map(|tunnel| (tunnel.kind, memory::peaks(tunnel))).collect();
    // What follows starts its own; nothing else shall run beside it.
    let kinds: Vec<Kind> = tunnels.iter().map(|tunnel| tunnel.kind).collect();
    drop(tunnels);
    for kind in kinds.into_iter().filter(|kind| *kind != Kind::Uncaptured) {
        let porthole = matches!(kind, Kind::Porthole | Kind::Before);
        let note = |what: &str, done: Result<()>, figures: &mut Figures| {
            if let Err(error) = done {
                figures.note(format!("{}, {what}: {error:#}", kind.name()));
            }
        };
        if options.measures.contains(&Measure::Memory) {
            eprintln!("memory: {}", kind.name());
            if porthole {
                let done = memory::links(kind, &options, &mut figures).await;
                note("links", done, &mut figures);
            }
            if kind.reads_http() {
                let done = memory::visitors(kind, &service, &options, &mut figures).await;
                note("idle visitors", done, &mut figures);
            }
        }
        if porthole && options.measures.contains(&Measure::FirstUrl) {
            eprintln!("first URL: {}", kind.name());
            let done = first_url::measure(kind, &service, &options, &mut figures);
            note("first URL", done, &mut figures);
        }
    }
    report::publish(&options, &figures, &peaks)
}

/// Starts a tunnel again that has died, so that one crash costs one figure.
async fn revive(tunnel: &mut Tunnel, service: &Service, options: &Options, figures: &mut Figures) {
    let Some(why) = tunnel.dead() else { return };
    figures.note(format!("{}: {why}", tunnel.kind.name()));
    match Tunnel::start(tunnel.kind, service, options).await {
        Ok(again) => *tunnel = again,
        Err(error) => figures.note(format!("{} does not start again: {error:#}", tunnel.kind.name())),
    }
}
