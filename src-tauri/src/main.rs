//! `porthole-desktop`: see the library.

use std::process::ExitCode;

/// The engine's many small allocations take a third of the time that glibc's allocator needs for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    porthole_desktop::app::main()
}
