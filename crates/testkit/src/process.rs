//! One program under test: its output as it comes, signals, memory, and an end for certain.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio::sync::watch;

use crate::wait::{PATIENCE, eventually};

/// Lines of a program's log that are shown when a test fails.
const LOG_LINES_SHOWN: usize = 200;

/// Where a line was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Output,
    Errors,
}

#[derive(Debug, Default)]
struct Log {
    lines: Mutex<Vec<(Channel, String)>>,
}

/// A running program. Killed when dropped; its log is shown when the test fails.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    log: Arc<Log>,
    grown: watch::Receiver<usize>,
    ended: Option<ExitStatus>,
}

/// A command without anything of the developer's own environment that would change what it does.
pub fn command(program: &std::path::Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_ascii_uppercase();
        let ours = text.starts_with("PORTHOLE_") || text == "PUBLIC_BASE_URL" || text == "PORT";
        let proxy = text.ends_with("_PROXY") || text.starts_with("SSL_CERT_");
        // The session bus would lead to the developer's own keychain.
        let keychain = text == "DBUS_SESSION_BUS_ADDRESS" || text == "XDG_RUNTIME_DIR";
        if ours || proxy || keychain || text == "RUST_LOG" {
            command.env_remove(&name);
        }
    }
    command
}

impl Process {
    /// Starts `command` under a name for messages.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(name: impl Into<String>, mut command: Command) -> Self {
        let name = name.into();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let log = Arc::new(Log::default());
        let (tell, grown) = watch::channel(0);
        let tell = Arc::new(tell);
        let output = child.stdout.take().expect("standard output is a pipe");
        let errors = child.stderr.take().expect("standard error is a pipe");
        collect(output, Channel::Output, log.clone(), tell.clone());
        collect(errors, Channel::Errors, log.clone(), tell);
        let stdin = child.stdin.take();
        Self { name, child, stdin, log, grown, ended: None }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input and leaves it open.
    pub fn type_in(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is still open");
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).expect("the program reads its input");
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Everything on standard output so far.
    pub fn stdout(&self) -> String {
        self.text(Some(Channel::Output))
    }

    /// Everything on standard error so far.
    pub fn stderr(&self) -> String {
        self.text(Some(Channel::Errors))
    }

    /// Everything printed so far.
    pub fn printed(&self) -> String {
        self.text(None)
    }

    fn text(&self, only: Option<Channel>) -> String {
        let lines = self.log.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (_, line) in lines.iter().filter(|(channel, _)| only.is_none_or(|only| *channel == only)) {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// How many lines were printed so far: a place to search from.
    pub fn line_count(&self) -> usize {
        self.log.lines.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The first printed line of which `find` makes something, waiting for it.
    ///
    /// # Panics
    /// When the program ends without it, or after [`PATIENCE`].
    pub async fn line<T>(&mut self, what: &str, find: impl FnMut(&str) -> Option<T>) -> T {
        self.line_after(0, what, find).await
    }

    /// The same, looking only at lines from number `from` on.
    ///
    /// # Panics
    /// When the program ends without it, or after [`PATIENCE`].
    pub async fn line_after<T>(
        &mut self,
        from: usize,
        what: &str,
        mut find: impl FnMut(&str) -> Option<T>,
    ) -> T {
        let began = Instant::now();
        let mut looked_at = from;
        loop {
            // Asked before looking, so that the last lines of a program that ended are still looked at.
            let over = self.grown.has_changed().is_err();
            self.grown.borrow_and_update();
            {
                let lines = self.log.lines.lock().unwrap_or_else(PoisonError::into_inner);
                let found = lines.iter().skip(looked_at).find_map(|(_, line)| find(line));
                if let Some(found) = found {
                    return found;
                }
                looked_at = lines.len().max(from);
            }
            assert!(!over, "{} ended without {what}:\n{}", self.name, self.printed());
            let left = PATIENCE.saturating_sub(began.elapsed());
            assert!(
                !left.is_zero(),
                "{} did not print {what} in {PATIENCE:?}:\n{}",
                self.name,
                self.printed()
            );
            // An error means that the program closed its output: seen at the top.
            let _ = tokio::time::timeout(left.min(Duration::from_secs(1)), self.grown.changed()).await;
        }
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        if self.ended.is_none()
            && let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
        {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Ends it without any chance to clean up, and waits until it is gone.
    pub fn kill9(&mut self) {
        let _ = self.child.kill();
        self.ended = self.child.wait().ok();
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended.is_none()
    }

    /// Waits for its end; returns the exit code (none after a signal).
    ///
    /// # Panics
    /// After [`PATIENCE`].
    pub async fn exit_code(&mut self) -> Option<i32> {
        let name = format!("the end of {}", self.name);
        eventually(name, || !self.is_running()).await;
        // Both output threads end with the program: everything it printed is in the log then.
        while self.grown.changed().await.is_ok() {}
        self.ended.and_then(|status| status.code())
    }

    /// Resident memory now, in KiB.
    pub fn memory_kib(&self) -> u64 {
        self.status_kib("VmRSS:")
    }

    /// The most resident memory so far, in KiB.
    pub fn peak_memory_kib(&self) -> u64 {
        self.status_kib("VmHWM:")
    }

    /// Processor time so far, its own and the kernel's for it.
    pub fn cpu(&self) -> Duration {
        /// Clock ticks in /proc are 10 ms on every Linux.
        const TICK: Duration = Duration::from_millis(10);
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // The name may hold anything; the 14th and 15th of all fields are the times.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks =
            after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok());
        TICK * ticks.sum::<u32>()
    }

    /// How many files and sockets it has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).map_or(0, Iterator::count)
    }

    /// Lets it open no file numbered `count` or higher from now on; what is open stays open.
    ///
    /// # Panics
    /// When the system does not let the test do that.
    pub fn limit_open_files(&self, count: usize) {
        use rustix::process::{Resource, Rlimit};
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let limit = Rlimit { current: Some(count as u64), maximum: Some(count as u64) };
        rustix::process::prlimit(pid, Resource::Nofile, limit).expect("a limit of one's own process");
    }

    fn status_kib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let lines = self.log.lines.lock().unwrap_or_else(PoisonError::into_inner);
            let skipped = lines.len().saturating_sub(LOG_LINES_SHOWN);
            eprintln!("--- {} printed{} ---", self.name, if skipped > 0 { " (the end)" } else { "" });
            for (channel, line) in lines.iter().skip(skipped) {
                eprintln!("{} {line}", if *channel == Channel::Errors { "err" } else { "out" });
            }
        }
    }
}

/// Reads lines on a thread of its own, so that a full pipe never stops the program.
fn collect(
    reader: impl Read + Send + 'static,
    channel: Channel,
    log: Arc<Log>,
    tell: Arc<watch::Sender<usize>>,
) {
    std::thread::spawn(move || {
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            log.lines.lock().unwrap_or_else(PoisonError::into_inner).push((channel, line));
            tell.send_modify(|count| *count += 1);
        }
    });
}

/// What a program that ends by itself left behind.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a program to its end with nothing on its standard input.
///
/// # Panics
/// When it does not end within [`PATIENCE`].
pub async fn finish(name: &str, command: Command) -> Finished {
    let mut process = Process::start(name, command);
    process.close_stdin();
    let code = process.exit_code().await;
    Finished { code, stdout: process.stdout(), stderr: process.stderr() }
}
