//! `cargo xtask run`: from a clone to a public URL that answers.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::{sh, ui};

pub fn run(arguments: Vec<String>) -> Result<()> {
    let release = arguments.iter().any(|word| word == "--release");
    let mut rest: Vec<String> = arguments.into_iter().filter(|word| word != "--release").collect();

    ui::build_if_possible()?;
    let mut build = sh::cargo();
    build.args(["build", "--package", "porthole-gateway", "--package", "porthole-agent", "--bins"]);
    if release {
        build.arg("--release");
    }
    sh::run(&mut build)?;
    let binaries = sh::target_dir().join(if release { "release" } else { "debug" });

    let has_target = rest.first().is_some_and(|word| !word.starts_with('-'));
    if !has_target {
        let address = start_sample()?;
        eprintln!("\nNo port given: a sample page on http://{address} is exposed instead.");
        rest.insert(0, address);
    }

    let mut porthole = Command::new(binaries.join(format!("porthole{}", std::env::consts::EXE_SUFFIX)));
    porthole.arg("http").args(&rest);
    if std::env::var_os("PORTHOLE_HOME").is_none() {
        // A data folder of its own: a trial run neither uses nor changes what the developer has set up.
        porthole.env("PORTHOLE_HOME", sh::target_dir().join("porthole-home"));
    }
    sh::announce(&porthole);
    sh::become_program(porthole)
}

/// Starts the sample page as a process of its own, because this one is about to become `porthole`.
/// Returns its address.
fn start_sample() -> Result<String> {
    let own = std::env::current_exe().context("cannot find the xtask program")?;
    let mut child = Command::new(own)
        .args(["sample-page", &std::process::id().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the sample page")?;
    let output = child.stdout.take().context("the sample page has no output")?;
    let mut address = String::new();
    BufReader::new(output).read_line(&mut address).context("the sample page did not say its address")?;
    Ok(address.trim().to_owned())
}
