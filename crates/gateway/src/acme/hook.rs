//! The program that puts records into the domain's name server, for DNS-01 (RFC 8555 §8.4).

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, MutexGuard};

/// For one run: until the record can be seen everywhere, which is when the program is to end. Name servers of
/// providers take up to a minute or two.
pub const HOOK_TIME: Duration = Duration::from_secs(120);

/// Bytes kept of the end of what it says on standard error: its last line is told.
const SAID_BYTES: usize = 4 * 1024;

/// What it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Present,
    Cleanup,
}

impl Act {
    fn word(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Cleanup => "cleanup",
        }
    }
}

/// A `TXT` record that the authority looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// With its last dot, as lego's `exec` provider hands it over: its scripts work here, too.
    fqdn: String,
    value: String,
}

impl Record {
    /// The one that shows that `domain` (or what lies under it) is ours.
    pub fn of(domain: &str, value: String) -> Self {
        Self { fqdn: format!("_acme-challenge.{domain}."), value }
    }
}

/// Why the record could not be had.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    #[error("the DNS hook {} cannot be run: {source}", .program.display())]
    Start { program: PathBuf, source: io::Error },
    #[error("the DNS hook {} took longer than {time:?} for {act}", .program.display())]
    TooLong { program: PathBuf, act: &'static str, time: Duration },
    #[error("the DNS hook {} failed at {act} ({status}){}", .program.display(), words(.said))]
    Failed { program: PathBuf, act: &'static str, status: ExitStatus, said: String },
}

fn words(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// The program, and whose turn it is: two names of one domain have their records under one name, which many
/// programs write over.
#[derive(Debug)]
pub struct Hook {
    program: PathBuf,
    time: Duration,
    turn: Mutex<()>,
}

impl Hook {
    pub fn new(program: &Path) -> Self {
        Self { program: program.to_owned(), time: HOOK_TIME, turn: Mutex::new(()) }
    }

    /// Held from the first record until the last is cleaned up.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Runs the program with `present|cleanup FQDN VALUE`, and waits for its end. No shell reads the words, and
    /// of our environment it gets PATH alone: what else is there may be secret.
    ///
    /// # Errors
    /// [`HookError`] when it cannot be started, says that it failed, or takes longer than [`HOOK_TIME`].
    pub async fn run(&self, act: Act, record: &Record) -> Result<(), HookError> {
        let program = || self.program.clone();
        let failed = |source| HookError::Start { program: program(), source };
        let mut command = Command::new(&self.program);
        command.args([act.word(), &record.fqdn, &record.value]);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        let mut said = Vec::new();
        match tokio::time::timeout(self.time, end(&mut child, &mut said)).await {
            Ok(status) => {
                let status = status.map_err(failed)?;
                if status.success() {
                    return Ok(());
                }
                let said = last_line(&said);
                Err(HookError::Failed { program: program(), act: act.word(), status, said })
            }
            Err(_) => {
                kill(&child);
                Err(HookError::TooLong { program: program(), act: act.word(), time: self.time })
            }
        }
    }
}

/// Waits for the program's end and not for those that it left behind; `said` is the end of its standard error.
async fn end(child: &mut Child, said: &mut Vec<u8>) -> io::Result<ExitStatus> {
    let Some(mut errors) = child.stderr.take() else { return child.wait().await };
    let mut buffer = [0; 1024];
    loop {
        tokio::select! {
            // What it said before its end is read before the end is seen.
            biased;
            read = errors.read(&mut buffer) => match read {
                Ok(bytes @ 1..) => {
                    said.extend_from_slice(&buffer[..bytes]);
                    said.drain(..said.len().saturating_sub(SAID_BYTES));
                }
                Ok(0) | Err(_) => return child.wait().await,
            },
            status = child.wait() => return status,
        }
    }
}

/// It and what it started.
fn kill(child: &Child) {
    #[cfg(unix)]
    if let Some(id) = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?))
        && let Err(error) = rustix::process::kill_process_group(id, rustix::process::Signal::KILL)
    {
        tracing::debug!(%error, "the DNS hook cannot be killed");
    }
    // Elsewhere it ends with its handle.
    #[cfg(not(unix))]
    let _ = child;
}

fn last_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    crate::logging::shown(line.trim())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A hook that is this script, in a folder of its own.
    fn hook(folder: &Path, script: &str, time: Duration) -> Hook {
        let program = folder.join("hook");
        std::fs::write(&program, format!("#!/bin/sh\ncd '{}'\n{script}\n", folder.display())).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
        Hook { time, ..Hook::new(&program) }
    }

    fn record(value: &str) -> Record {
        Record::of("gate.test", value.to_owned())
    }

    #[tokio::test]
    async fn it_gets_three_words_as_they_are_and_of_our_environment_only_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let hook = hook(folder.path(), "printf '%s|' \"$@\" > words; env > environment", HOOK_TIME);
        hook.run(Act::Present, &record("a b;$(id)")).await.unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("words"), "present|_acme-challenge.gate.test.|a b;$(id)|");
        // What the shell itself sets.
        let set_by_shell = ["PATH", "PWD", "OLDPWD", "SHLVL", "_"];
        let environment = read("environment");
        for name in environment.lines().filter_map(|line| Some(line.split_once('=')?.0)) {
            assert!(set_by_shell.contains(&name), "{name}");
        }
    }

    #[tokio::test]
    async fn a_failure_is_one_sentence_with_the_last_line_it_said() {
        let folder = tempfile::tempdir().unwrap();
        let hook = hook(folder.path(), "echo first >&2; echo 'no such zone' >&2; exit 3", HOOK_TIME);
        let told = hook.run(Act::Cleanup, &record("x")).await.unwrap_err().to_string();
        assert!(told.contains("cleanup") && told.contains('3') && told.ends_with(": no such zone"), "{told}");
        let absent = Hook::new(&folder.path().join("nothing"));
        let told = absent.run(Act::Present, &record("x")).await.unwrap_err().to_string();
        assert!(told.contains("nothing cannot be run"), "{told}");
    }

    #[tokio::test]
    async fn one_that_hangs_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let script = "sleep 600 & echo $! > child; wait";
        let hook = hook(folder.path(), script, Duration::from_secs(2));
        let told = hook.run(Act::Present, &record("x")).await.unwrap_err().to_string();
        assert!(told.contains("longer than 2s"), "{told}");
        let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
        let child = rustix::process::Pid::from_raw(child.trim().parse().unwrap()).unwrap();
        for _ in 0..600 {
            if is_gone(child) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("what the hook started lives on");
    }

    /// Killed; perhaps nobody has asked yet how it ended.
    fn is_gone(process: rustix::process::Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
        stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
    }

    #[tokio::test]
    async fn one_that_leaves_something_running_is_not_waited_for_longer_than_its_own_end() {
        let folder = tempfile::tempdir().unwrap();
        let hook = hook(folder.path(), "sleep 60 & echo failed >&2; exit 1", HOOK_TIME);
        let begun = std::time::Instant::now();
        let told = hook.run(Act::Present, &record("x")).await.unwrap_err().to_string();
        assert!(told.ends_with(": failed") && begun.elapsed() < Duration::from_secs(50), "{told}");
    }
}
