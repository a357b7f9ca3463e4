//! The packages that people install, out of the programs under test.

mod checked;
mod installed;

use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_testkit::binaries::root;
use tempfile::TempDir;

use crate::desk::program;

/// Told apart by it from packages that somebody has installed here for use.
const LABEL: &str = "test";

/// Packages in a folder of their own.
struct Packages {
    folder: TempDir,
}

impl Packages {
    /// Packs what was built for the tests: one kind, or all.
    fn pack(only: Option<&str>) -> Self {
        let folder = tempfile::Builder::new().prefix("porthole-packages-").tempdir().expect("a folder");
        let programs = program();
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(root()).args(["run", "--quiet", "--package", "xtask", "--", "package"]);
        command.args(["--label", LABEL]);
        command.arg("--programs").arg(programs.parent().expect("a program lies in a folder"));
        command.arg("--out").arg(folder.path());
        if let Some(kind) = only {
            command.args(["--only", kind]);
        }
        done(&mut command);
        Self { folder }
    }

    /// The packages of a kind.
    fn of(&self, kind: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).expect("a folder");
        let mut packages: Vec<PathBuf> = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|end| end == kind))
            .collect();
        packages.sort();
        assert_eq!(packages.len(), 2, "{packages:?}");
        packages
    }
}

/// Runs a command that must succeed; everything that it printed.
fn done(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
    printed += &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{printed}", output.status);
    printed
}

/// The values of a key in a desktop entry or a unit.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

/// The one value of a key in the file at `path`.
fn value(path: impl AsRef<Path>, key: &str) -> String {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    match values(&text, key)[..] {
        [value] => value.to_owned(),
        ref other => panic!("{key} of {}: {other:?}", path.display()),
    }
}
