//! The dev servers and clients under `node/`.

use std::path::PathBuf;
use std::process::Command;

use crate::binaries::root;
use crate::process;

/// The folder with `package.json` and, once installed, `node_modules`.
pub fn folder() -> PathBuf {
    root().join("crates/testkit/node")
}

/// The folder of one fixture.
///
/// # Panics
/// When the packages are not installed, saying how.
pub fn fixture(name: &str) -> PathBuf {
    let installed = folder().join("node_modules/.package-lock.json").exists();
    assert!(
        installed,
        "the fixtures are not installed: run `cargo xtask test`, or `npm ci` in crates/testkit/node"
    );
    folder().join(name)
}

/// `node SCRIPT` in the fixtures' folder.
pub fn script(name: &str) -> Command {
    let mut command = process::command(std::path::Path::new("node"));
    command.current_dir(folder()).arg(name).env("NO_COLOR", "1");
    command
}
