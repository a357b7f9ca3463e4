//! The gateway's program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    porthole_gateway::cli::run()
}
