//! Programs that end with us.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal};

/// A child that was asked to end is cut after this.
const GRACE: Duration = Duration::from_secs(3);

/// Bytes of a log that are shown when something does not start.
const LOG_SHOWN: usize = 600;

/// A running program with a log; ended with its whole process group when dropped.
#[derive(Debug)]
pub struct Kept {
    pub name: String,
    child: Child,
    log: PathBuf,
}

impl Kept {
    /// Starts `program` under `name`, its output going to a log in `folder`.
    pub fn start(name: &str, folder: &Path, program: &Path, arguments: &[&str]) -> Result<Self> {
        Self::start_with(name, folder, program, arguments, |_| {})
    }

    pub fn start_with(
        name: &str,
        folder: &Path,
        program: &Path,
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Result<Self> {
        let log = folder.join(format!("{}.log", name.replace(' ', "-")));
        let out = File::create(&log).with_context(|| format!("no log for {name}"))?;
        let errors = out.try_clone()?;
        let mut command = command(program);
        command.args(arguments).stdin(Stdio::null()).stdout(out).stderr(errors);
        change(&mut command);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The end of what it printed, on one line.
    pub fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(LOG_SHOWN)..]).into_owned();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// `program` in a process group of its own, told to end when we do: Ctrl-C in a terminal must not reach
/// it before we have stopped measuring, and nothing must stay when we are killed.
pub fn command(program: &Path) -> Command {
    let mut command = if Path::new("/usr/bin/setpriv").exists() {
        let mut command = porthole_testkit::process::command(Path::new("/usr/bin/setpriv"));
        command.args(["--pdeathsig", "TERM"]).arg(program);
        command
    } else {
        porthole_testkit::process::command(program)
    };
    command.process_group(0);
    command
}

/// Asks the child's whole group to end, waits, then cuts it.
pub fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let signal = |signal| {
        if let Some(group) = group {
            // Gone already is as good.
            let _ = rustix::process::kill_process_group(group, signal);
        }
    };
    if matches!(child.try_wait(), Ok(None)) {
        signal(Signal::TERM);
        let asked = Instant::now();
        while matches!(child.try_wait(), Ok(None)) && asked.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    signal(Signal::KILL);
    let _ = child.wait();
}

/// A port that is free now. Somebody else may take it before its user does; then that one does not
/// start and the run says so.
pub fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("no free port")?;
    Ok(listener.local_addr()?.port())
}
