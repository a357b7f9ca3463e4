//! The agent's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    porthole_agent::cli::main()
}
