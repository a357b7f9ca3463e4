//! The gateway's program; everything is in the library.

use std::process::ExitCode;

/// A request costs each end some twenty allocations, most of them small and soon gone.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    porthole_gateway::cli::run()
}
