//! What is installed beside the programs, out of their own definitions: completions and manual pages.

use std::path::Path;

use clap::CommandFactory as _;

use super::{Cli, Failure, output};
use crate::app::AppArgs;

/// Prints the completions for one shell.
pub(super) fn completions(shell: clap_complete::Shell) {
    // Into memory first: a closed pipe would end the process from inside the generator.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "porthole", &mut script);
    output::print(&script);
}

/// Writes a page for each command, and the app's, into `folder`.
pub(super) fn pages(folder: &Path) -> Result<(), Failure> {
    let write = || {
        std::fs::create_dir_all(folder)?;
        clap_mangen::generate_to(Cli::command(), folder)?;
        clap_mangen::generate_to(AppArgs::command(), folder)
    };
    write().map_err(|error| {
        Failure::failed("manual", format!("no manual pages in {}: {error}", folder.display()))
    })
}
