//! The agent as a process: `porthole http|tcp|up … --json`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{self, Finished, Process};

/// A running `porthole` that prints JSON events.
#[derive(Debug)]
pub struct Agent {
    pub process: Process,
    home: Home,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
}

/// A data folder, perhaps shared by several agents.
#[derive(Debug, Clone)]
pub struct Home(std::sync::Arc<TempDir>);

impl Home {
    pub fn new() -> Self {
        let folder =
            tempfile::Builder::new().prefix("porthole-agent-").tempdir().expect("a temporary folder");
        Self(std::sync::Arc::new(folder))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs `porthole` with this data folder to its end.
    pub async fn run(&self, arguments: &[&str]) -> Finished {
        let mut command = command(self.path());
        command.args(arguments);
        process::finish("porthole", command).await
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Agent {
    /// Starts `porthole` with these arguments and does not wait.
    pub fn start(home: &Home, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self::start_with(home, arguments, &[])
    }

    /// The same with variables.
    pub fn start_with(
        home: &Home,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
        environment: &[(&str, &str)],
    ) -> Self {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let process = spawn(home, &arguments, &environment);
        Self { process, home: home.clone(), arguments, environment }
    }

    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Starts the same command again (after its end).
    pub fn restart(&mut self) {
        self.process = spawn(&self.home, &self.arguments, &self.environment);
    }

    /// Waits until the gateway has accepted a mapping; returns its public URL.
    pub async fn ready(&mut self) -> String {
        let event = self.event("ready").await;
        event["public_url"].as_str().expect("ready names the public URL").to_owned()
    }

    /// The first event of that kind since the start, waiting for it.
    pub async fn event(&mut self, kind: &str) -> Value {
        self.event_after(0, |event| event["event"] == kind, kind).await
    }

    /// The first event since line `from` that `wanted` accepts, waiting for it.
    pub async fn event_after(&mut self, from: usize, wanted: impl Fn(&Value) -> bool, what: &str) -> Value {
        let find = |line: &str| serde_json::from_str::<Value>(line).ok().filter(&wanted);
        self.process.line_after(from, &format!("the event “{what}”"), find).await
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Value> {
        self.process.stdout().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// `porthole` with the data folder `home`.
pub fn command(home: &Path) -> Command {
    let program: PathBuf = crate::binaries::agent();
    let mut command = process::command(&program);
    command.env("PORTHOLE_HOME", home).env("NO_COLOR", "1");
    command
}

fn spawn(home: &Home, arguments: &[OsString], environment: &[(String, String)]) -> Process {
    let mut command = command(home.path());
    command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
    Process::start("agent", command)
}
