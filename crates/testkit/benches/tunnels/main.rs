//! `cargo xtask bench`: Porthole beside other tunnels, round by round on the same local service.
//!
//! One program in three roles, so that what measures is the same for everybody: the conductor (below),
//! the load generator ([`load`]; always a process of its own, one thread) and the part of the local
//! service that nginx is not ([`service`]).
//!
//! In reading order: [`options`] → [`conduct`] → [`tunnel`] how each one is started → [`measure`] what is
//! asked of it → [`memory`] and [`first_url`] → [`figures`] → [`report`].

mod child;
mod conduct;
mod figures;
mod first_url;
mod load;
mod machine;
mod measure;
mod memory;
mod options;
mod report;
mod service;
mod tunnel;

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(role()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn role() -> anyhow::Result<()> {
    // `cargo bench` adds this to whatever it starts.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.first().map(String::as_str) {
        Some("load") => load::run(&words[1..]).await,
        Some("service") => service::run(&words[1..]).await,
        _ => {
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut terminate = signal(SignalKind::terminate())?;
            // Every child ends with the value that holds it, so dropping the run is the clean-up.
            tokio::select! {
                done = conduct::run(options::Options::parse(&words)?) => done,
                _ = interrupt.recv() => anyhow::bail!("interrupted"),
                _ = terminate.recv() => anyhow::bail!("asked to end"),
            }
        }
    }
}
