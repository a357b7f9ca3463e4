//! Porthole itself: one gateway, one agent with two mappings.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Door, Plan};
use crate::child::free_port;

/// Whether exchanges are kept, as they are unless somebody says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    On,
    Off,
}

pub fn start(plan: &mut Plan<'_>, binaries: &Path, capture: Capture) -> Result<(Door, Door)> {
    let (gateway, agent) = (binaries.join("porthole-gateway"), binaries.join("porthole"));
    let port = free_port()?;
    let home = |name: &str| plan.folder.join(name);
    let (gateway_home, agent_home) = (home("gateway"), home("agent"));
    let token = make_token(&gateway, &gateway_home)?;
    for (name, to) in [("files", plan.service.files), ("uploads", plan.service.own)] {
        // By address, as everybody else is given it.
        let inspect = if capture == Capture::On { "on" } else { "off" };
        let to = format!("http://127.0.0.1:{to}");
        finish(&agent, &agent_home, &["mappings", "add", &to, "--name", name, "--inspect", inspect])?;
    }
    let url = format!("http://localhost:{port}");
    let listen = format!("127.0.0.1:{port}");
    // As everybody else: nothing is written for each request.
    let words = ["serve", "--listen", &listen, "--public-url", &url, "--log", "info,access=off"];
    let mut run = |name: &str, program: &Path, home: &Path, words: &[&str]| {
        let at_home = |command: &mut Command| {
            command.env("PORTHOLE_HOME", home).env("NO_COLOR", "1");
        };
        let child = crate::child::Kept::start_with(name, plan.folder, program, words, at_home)?;
        plan.children.push(child);
        anyhow::Ok(())
    };
    run("gateway", &gateway, &gateway_home, &words)?;
    run("agent", &agent, &agent_home, &["up", "--gateway", &url, "--token", &token])?;
    let door = |name: &str| Door::new(port, format!("{name}.localhost:{port}"));
    Ok((door("files"), door("uploads")))
}

/// A token out of the gateway's data folder.
pub fn make_token(gateway: &Path, home: &Path) -> Result<String> {
    let made = finish(gateway, home, &["token", "create", "--name", "bench", "--json"])?;
    let json: serde_json::Value =
        serde_json::from_str(made.trim()).context("token create printed no JSON")?;
    Ok(json["token"].as_str().context("no token in what token create printed")?.to_owned())
}

fn finish(program: &Path, home: &Path, words: &[&str]) -> Result<String> {
    let mut command = porthole_testkit::process::command(program);
    let output =
        command.args(words).env("PORTHOLE_HOME", home).output().context("a program did not start")?;
    if !output.status.success() {
        bail!("`{}` failed: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
