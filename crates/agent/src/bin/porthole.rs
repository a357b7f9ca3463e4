//! The agent's command line.

use std::process::ExitCode;

/// A request costs each end some twenty allocations, most of them small and soon gone.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    porthole_agent::cli::main()
}
