//! Where the programs under test are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder that holds the two programs, set by `cargo xtask test`, which has built them.
pub const FOLDER_VARIABLE: &str = "PORTHOLE_TEST_BINARIES";

/// The `porthole-gateway` program.
pub fn gateway() -> PathBuf {
    folder().join(format!("porthole-gateway{}", std::env::consts::EXE_SUFFIX))
}

/// The `porthole` program.
pub fn agent() -> PathBuf {
    folder().join(format!("porthole{}", std::env::consts::EXE_SUFFIX))
}

/// The checkout.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Finds the programs, building them first unless that has been done for us: a test must never pass
/// against yesterday's build.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        if let Some(folder) = std::env::var_os(FOLDER_VARIABLE) {
            return PathBuf::from(folder);
        }
        // A test program lives in target/<profile>/deps.
        let own = std::env::current_exe().expect("a running test has a path");
        let folder =
            own.ancestors().nth(2).expect("a test program lies below target/<profile>/deps").to_owned();
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.current_dir(root()).args([
            "build",
            "--quiet",
            "-p",
            "porthole-gateway",
            "-p",
            "porthole-agent",
            "--bins",
        ]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        let status = build.status().expect("cargo runs, since it runs this test");
        assert!(status.success(), "the programs under test do not build");
        folder
    })
}
