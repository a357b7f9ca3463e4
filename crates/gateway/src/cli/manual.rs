//! What is installed beside the program, out of its own definition: completions and manual pages.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory as _;

use super::{Cli, Failure};

/// Prints the completions for one shell.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    // Into memory first: a closed pipe would end the process from inside the generator.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "porthole-gateway", &mut script);
    let mut out = std::io::stdout().lock();
    out.write_all(&script).and_then(|()| out.flush()).map_err(Failure::running)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a page for each command into `folder`.
pub(super) fn pages(folder: &Path) -> Result<ExitCode, Failure> {
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .map_err(|error| Failure::running(format!("no manual pages in {}: {error}", folder.display())))?;
    Ok(ExitCode::SUCCESS)
}
