//! `cargo xtask test`: everything that is checked, in the order in which it fails fastest.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{fuzz, setup, sh, ui};

/// What the caller asked for.
#[derive(Debug, Default)]
struct Wanted {
    long: bool,
    no_desktop: bool,
    tests_only: bool,
    filters: Vec<String>,
}

impl Wanted {
    /// Of the programs that are tested.
    fn profile(&self) -> &'static str {
        if self.long { "release" } else { "debug" }
    }
}

/// Tests run and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

pub fn test(arguments: Vec<String>) -> Result<()> {
    let mut wanted = Wanted::default();
    for word in arguments {
        match word.as_str() {
            "--long" => wanted.long = true,
            "--no-desktop" => wanted.no_desktop = true,
            "--tests-only" => wanted.tests_only = true,
            option if option.starts_with('-') => bail!("`cargo xtask test` has no option {option}"),
            _ => wanted.filters.push(word),
        }
    }
    let mut absent = setup::absent();
    let workspace = workspace(&mut wanted, &mut absent);
    setup::node_fixtures()?;
    ui::build_if_possible()?;

    // Checks that fail do not stop the others: one run tells everything that is wrong.
    let mut problems = Vec::new();
    if !wanted.tests_only && wanted.filters.is_empty() {
        setup::rust_components()?;
        note(&mut problems, sh::run(sh::cargo().args(["fmt", "--all", "--check"])));
        let mut clippy = sh::cargo();
        clippy.arg("clippy").args(&workspace).args(["--all-targets", "--quiet", "--", "-D", "warnings"]);
        note(&mut problems, sh::run(&mut clippy));
        note(&mut problems, licences());
    }

    let mut tally = Tally::default();
    if wanted.filters.is_empty() {
        for mut command in ui::checks().into_iter().flatten() {
            note(&mut problems, counted(&mut command, &mut tally));
        }
    }
    note(&mut problems, run_tests(&wanted, &workspace, &absent, &mut tally));
    if wanted.filters.is_empty() {
        note(&mut problems, doc_tests(&workspace, &mut tally));
        let programs = sh::target_dir().join(wanted.profile());
        if let Some(mut command) = ui::in_a_browser(&programs) {
            note(&mut problems, counted(&mut command, &mut tally));
        }
    }
    if !wanted.tests_only && wanted.filters.is_empty() {
        note(&mut problems, fuzz::all());
    }

    for problem in &problems {
        eprintln!("xtask: {problem:#}");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if !problems.is_empty() {
        bail!("{} of the steps above failed", problems.len());
    }
    if tally.passed == 0 {
        bail!("no test ran: nothing matches {}", wanted.filters.join(" "));
    }
    Ok(())
}

fn note(problems: &mut Vec<anyhow::Error>, result: Result<()>) {
    if let Err(error) = result {
        eprintln!("xtask: {error:#}");
        problems.push(error);
    }
}

/// The offline half of cargo-deny; its advisories need a network and are asked for by hand.
fn licences() -> Result<()> {
    if !sh::works("cargo", &["deny", "--version"]) {
        eprintln!(
            "\ncargo-deny is not installed: licences and sources are not checked (`cargo install cargo-deny`)."
        );
        return Ok(());
    }
    sh::run(sh::cargo().args(["deny", "--log-level", "error", "check", "licenses", "bans", "sources"]))
}

/// Which packages are checked and tested: all of them, but for the app where it was left out or cannot be built,
/// which is said.
fn workspace(wanted: &mut Wanted, absent: &mut Vec<&'static str>) -> Vec<&'static str> {
    if !wanted.no_desktop {
        let without = setup::desktop_packages();
        if setup::builds_desktop(&without) {
            absent.extend(without);
            absent.extend(setup::package_test_packages());
            return vec!["--workspace"];
        }
        eprintln!("The desktop app cannot be built here.");
        wanted.no_desktop = true;
    }
    eprintln!("Left out: the desktop app and its tests.");
    vec!["--workspace", "--exclude", "porthole-desktop"]
}

fn run_tests(wanted: &Wanted, workspace: &[&str], absent: &[&str], tally: &mut Tally) -> Result<()> {
    let mut command = sh::cargo();
    if sh::works("cargo", &["nextest", "--version"]) {
        command.args(["nextest", "run"]).args(workspace).args(["--no-fail-fast", "--no-tests=warn"]);
        command.args(&wanted.filters);
    } else {
        command.arg("test").args(workspace).args(["--lib", "--bins", "--tests", "--no-fail-fast", "--"]);
        command.args(&wanted.filters);
    }
    // The programs that whole-process tests start: built with the workspace's tests, since gateway and
    // agent have integration tests of their own. A build of their own would have other features of
    // shared crates, and everything above those would be built twice. The long form measures, so it starts
    // what is shipped.
    if wanted.long {
        let mut programs = sh::cargo();
        programs.args(["build", "--release", "--bins"]);
        programs.args(["--package", "porthole-gateway", "--package", "porthole-agent"]);
        sh::run(&mut programs)?;
    }
    command.env("PORTHOLE_TEST_BINARIES", sh::target_dir().join(wanted.profile()));
    // A test that needs one of these says that it is skipped; without the variable it fails.
    command.env("PORTHOLE_TEST_WITHOUT", absent.join(","));
    if wanted.long {
        command.env("PORTHOLE_TEST_LONG", "1");
    }
    counted(&mut command, tally)
}

fn doc_tests(workspace: &[&str], tally: &mut Tally) -> Result<()> {
    counted(sh::cargo().arg("test").args(workspace).args(["--doc", "--quiet"]), tally)
}

/// Runs a test command, passing its output on and adding up what its closing lines say.
fn counted(command: &mut Command, tally: &mut Tally) -> Result<()> {
    sh::announce(command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", sh::shown(command)))?;
    let errors = child.stderr.take().context("no standard error")?;
    let other = std::thread::spawn(move || {
        let mut tally = Tally::default();
        for line in lines(errors) {
            eprintln!("{line}");
            tally = tally.plus(closing_line(&line));
        }
        tally
    });
    for line in lines(child.stdout.take().context("no standard output")?) {
        println!("{line}");
        *tally = tally.plus(closing_line(&line));
    }
    *tally = tally.plus(other.join().unwrap_or_default());
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` failed ({status})", sh::shown(command));
    }
    Ok(())
}

/// Lines as text, whatever bytes a test printed.
fn lines(reader: impl std::io::Read) -> impl Iterator<Item = String> {
    let split = BufReader::new(reader).split(b'\n').map_while(Result::ok);
    split.map(|line| String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
}

impl Tally {
    fn plus(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

/// Reads `test result: ok. 3 passed; 0 failed; …` (cargo test),
/// `Summary [ 1.2s] 3 tests run: 3 passed, 1 failed, …` (nextest), `Tests  1 failed | 3 passed (4)` (vitest) and
/// `3 passed (1.2s)` or `1 failed` (Playwright); anything else counts nothing.
fn closing_line(line: &str) -> Tally {
    // Nextest shows a failed test's own closing line as well, indented.
    let cargo = line.starts_with("test result:");
    let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let nextest = line.trim_start().starts_with("Summary [") && line.contains(" run: ");
    let vitest = words.first() == Some(&"Tests");
    let playwright = line.starts_with("  ")
        && (matches!(words[..], [_, "failed" | "flaky"])
            || (words.get(1) == Some(&"passed") && line.ends_with("s)")))
        && words[0].parse::<u64>().is_ok();
    if !cargo && !nextest && !vitest && !playwright {
        return Tally::default();
    }
    let before = |word: &str| {
        let number = |pair: &&[&str]| pair[1] == word;
        words.windows(2).find(number).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
    };
    Tally { passed: before("passed"), failed: before("failed") + before("timed") + before("flaky") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_all_runners_are_added_up() {
        let cargo = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out";
        assert_eq!(closing_line(cargo), Tally { passed: 12, failed: 3 });
        let nextest =
            "     Summary [   4.123s] 15 tests run: 12 passed (1 slow), 2 failed, 1 timed out, 4 skipped";
        assert_eq!(closing_line(nextest), Tally { passed: 12, failed: 3 });
        let vitest = "      Tests  1 failed | 82 passed (83)";
        assert_eq!(closing_line(vitest), Tally { passed: 82, failed: 1 });
        assert_eq!(closing_line("  12 passed (30.2s)"), Tally { passed: 12, failed: 0 });
        assert_eq!(closing_line("  2 failed"), Tally { passed: 0, failed: 2 });
        assert_eq!(closing_line("  1 flaky"), Tally { passed: 0, failed: 1 });
        assert_eq!(closing_line("I passed 3 passed"), Tally::default());
        assert_eq!(closing_line(&format!("    {cargo}")), Tally::default(), "one failed test inside nextest");
    }
}
