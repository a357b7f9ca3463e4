//! `cargo xtask ui`: the web page, which the agent carries inside.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Result, bail};

use crate::{setup, sh};

/// What makes the test of the API's description write the file instead of comparing.
const WRITE_VARIABLE: &str = "PORTHOLE_WRITE_SCHEMA";

pub fn ui(arguments: Vec<String>) -> Result<()> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => build(),
        ["--types"] => types(),
        _ => bail!("`cargo xtask ui` takes nothing but --types"),
    }
}

/// Builds the page for whoever is about to build the agent: when there is one, and it changed. Without Node
/// the agent is built without its page, and says so in its place.
pub fn build_if_possible() -> Result<()> {
    if setup::node_version().is_none() {
        eprintln!("Node is not installed: porthole is built without its web page.");
        return Ok(());
    }
    build()
}

/// Builds the page, unless nothing changed since it was built.
pub fn build() -> Result<()> {
    let ui = sh::root().join("ui");
    if !ui.join("package.json").is_file() {
        eprintln!("There is no page in ui/ to build.");
        return Ok(());
    }
    let built = modified(&ui.join("dist/index.html"));
    if built.is_some_and(|built| newest(&ui).is_some_and(|source| source <= built)) {
        return Ok(());
    }
    setup::node_packages("ui", "the tools that build the page")?;
    sh::run(npm(&ui).args(["run", "build"]))
}

/// Checks the page's source and runs the tests of its logic, through `run`; None without Node or a page.
pub fn checks() -> Option<[Command; 2]> {
    let ui = sh::root().join("ui");
    if setup::node_version().is_none() || !ui.join("package.json").is_file() {
        return None;
    }
    let [mut check, mut test] = [npm(&ui), npm(&ui)];
    check.args(["run", "--silent", "check"]);
    test.args(["run", "--silent", "test"]);
    Some([check, test])
}

/// The page in a real browser, against the programs in `folder`. None, once said, without a browser.
pub fn in_a_browser(folder: &Path) -> Option<Command> {
    let ui = sh::root().join("ui");
    if setup::node_version().is_none() || !ui.join("playwright.config.ts").is_file() {
        return None;
    }
    let Some(browser) = setup::browser() else {
        eprintln!("No Chromium: the tests of the page in a browser are left out.");
        return None;
    };
    let mut command = npm(&ui);
    command.args(["run", "--silent", "e2e"]).env("PORTHOLE_BIN", folder).env("CHROMIUM", browser);
    Some(command)
}

/// Writes the API's description, and the page's types out of it.
fn types() -> Result<()> {
    let mut describe = sh::cargo();
    describe.args(["test", "--quiet", "--package", "porthole-agent", "--test", "description"]);
    sh::run(describe.env(WRITE_VARIABLE, "1"))?;
    let ui = sh::root().join("ui");
    if !ui.join("package.json").is_file() {
        return Ok(());
    }
    setup::node_packages("ui", "the tools that write types")?;
    sh::run(npm(&ui).args(["run", "types", "--if-present"]))
}

fn npm(folder: &Path) -> Command {
    let mut command = Command::new("npm");
    // Their closing lines are read.
    command.current_dir(folder).env("NO_COLOR", "1").env_remove("FORCE_COLOR");
    command
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// When a source of the page changed last.
fn newest(folder: &Path) -> Option<SystemTime> {
    const NO_SOURCES: [&str; 4] = ["node_modules", "dist", "e2e", "screenshots"];
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let sources = entries.filter(|entry| !NO_SOURCES.iter().any(|name| entry.file_name() == *name));
    sources
        .filter_map(|entry| {
            let path = entry.path();
            if path.is_dir() { newest(&path) } else { modified(&path) }
        })
        .max()
}
