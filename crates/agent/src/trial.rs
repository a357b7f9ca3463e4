//! A gateway on this computer, for trying things out: a child process that ends with the engine.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::gateway_url::GatewayUrl;
use crate::paths::{Paths, create_private, write_private};
use crate::secrets::{Secret, random_text};

/// Ports tried for a new trial gateway, before any free one: easy to remember, rarely used.
const PORTS: std::ops::RangeInclusive<u16> = 7070..=7079;

/// How long the child may take until it listens. It usually takes 20 ms.
const START_WAIT: Duration = Duration::from_secs(10);

/// How long the port of last time is waited for: the trial gateway before this one may still be
/// finishing its requests.
const PORT_WAIT: Duration = Duration::from_secs(3);

/// Between two starts of a child that keeps dying.
const RESTART: std::ops::RangeInclusive<u64> = 200..=5000;

/// How long the child may take to leave when asked.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// Why there is no trial gateway.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error(
        "no gateway is configured, and the program porthole-gateway for a trial one is neither beside \
         this program nor on PATH: install it, or run `porthole login https://your-gateway`"
    )]
    Missing,
    #[error("the trial gateway's folder {path} cannot be used: {source}")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("the trial gateway {program} could not be started: {source}")]
    Spawn { program: PathBuf, source: std::io::Error },
    #[error("the trial gateway ended before it listened: {0}")]
    Ended(String),
    #[error("the trial gateway did not listen within {} s", START_WAIT.as_secs())]
    Late,
}

/// A running trial gateway, restarted should it die.
#[derive(Debug)]
pub struct TrialGateway {
    pub url: GatewayUrl,
    pub token: Secret,
    stopping: CancellationToken,
    watcher: JoinHandle<()>,
}

impl TrialGateway {
    /// Starts it on the port of last time, if that is free, and waits until it listens.
    pub async fn start(paths: &Paths) -> Result<Self, TrialError> {
        let home = paths.trial();
        let folder = |source| TrialError::Folder { path: home.clone(), source };
        create_private(&home).map_err(folder)?;
        let token = client_token(&home).map_err(folder)?;
        let program = find_program().ok_or(TrialError::Missing)?;
        let port_file = home.join("port");
        let last = std::fs::read_to_string(&port_file).ok().and_then(|text| text.trim().parse::<u16>().ok());
        let mut port = match last {
            Some(port) => port,
            None => free_port(),
        };
        let deadline = tokio::time::Instant::now() + PORT_WAIT;
        let child = loop {
            match spawn(&program, &home, port, &token).await {
                Ok(child) => break child,
                Err(_) if !is_free(port) => {
                    if last == Some(port) && tokio::time::Instant::now() < deadline {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    } else {
                        port = free_port();
                    }
                }
                Err(error) => return Err(error),
            }
        };
        if last != Some(port)
            && let Err(error) = write_private(&port_file, port.to_string().as_bytes())
        {
            tracing::warn!(%error, "the trial gateway's port is not remembered");
        }
        let url = GatewayUrl { secure: false, host: "localhost".into(), port, mapping_path: None };
        let stopping = CancellationToken::new();
        let watcher = tokio::spawn(watch(child, program, home, port, token.clone(), stopping.clone()));
        Ok(Self { url, token, stopping, watcher })
    }

    /// Closes its standard input and waits until it has left.
    pub async fn stop(self) {
        self.stopping.cancel();
        let _ = self.watcher.await;
    }
}

/// Keeps the child running until asked to stop.
async fn watch(
    (mut child, mut stdin): (Child, ChildStdin),
    program: PathBuf,
    home: PathBuf,
    port: u16,
    token: Secret,
    stopping: CancellationToken,
) {
    let mut pause = *RESTART.start();
    loop {
        let ended = tokio::select! {
            ended = child.wait() => ended,
            () = stopping.cancelled() => {
                drop(stdin);
                if tokio::time::timeout(STOP_WAIT, child.wait()).await.is_err() {
                    let _ = child.kill().await;
                }
                return;
            }
        };
        tracing::warn!(status = ?ended.ok(), "the trial gateway ended; starting it again");
        (child, stdin) = loop {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(pause)) => {}
                () = stopping.cancelled() => return,
            }
            match spawn(&program, &home, port, &token).await {
                Ok(child) => {
                    pause = *RESTART.start();
                    break child;
                }
                Err(error) => {
                    tracing::warn!(%error, "the trial gateway did not start");
                    pause = (pause * 2).min(*RESTART.end());
                }
            }
        };
    }
}

/// Starts the child and waits for the line that says it listens. Its standard input is kept apart,
/// because waiting for a child closes the input it still has, and this one leaves when it is closed.
async fn spawn(
    program: &Path,
    home: &Path,
    port: u16,
    token: &Secret,
) -> Result<(Child, ChildStdin), TrialError> {
    let mut command = Command::new(program);
    command
        .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
        .args(["--public-url", &format!("http://localhost:{port}")])
        .args(["--tcp-ports", "1024-65535", "--until-stdin-closes"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // A gateway's settings in this shell are another gateway's.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTHOLE_GATEWAY") {
            command.env_remove(name);
        }
    }
    command.env_remove("PORT").env_remove("PUBLIC_BASE_URL");
    command.env("PORTHOLE_HOME", home).env("PORTHOLE_GATEWAY_CLIENT_TOKEN", token.expose());
    // Ctrl-C in the terminal is the agent's to handle: the child must outlive the drain.
    #[cfg(unix)]
    command.process_group(0);
    let mut child =
        command.spawn().map_err(|source| TrialError::Spawn { program: program.to_owned(), source })?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(TrialError::Ended("its output could not be read".into()));
    };
    // Its log is ours at a low level; reading on keeps the pipe from filling up.
    let log = tokio::spawn(async move {
        let mut lines = BufReader::new(stderr).lines();
        let mut last = String::new();
        while let Ok(Some(line)) = lines.next_line().await {
            tracing::debug!(target: "porthole_agent::trial::log", "{line}");
            last = line;
        }
        last
    });
    let mut lines = BufReader::new(stdout).lines();
    let listening = tokio::time::timeout(START_WAIT, async {
        while let Ok(Some(line)) = lines.next_line().await {
            if line.contains("listening on") {
                return true;
            }
        }
        false
    });
    match listening.await {
        Ok(true) => {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            Ok((child, stdin))
        }
        Ok(false) => {
            let _ = child.wait().await;
            Err(TrialError::Ended(log.await.unwrap_or_default()))
        }
        Err(_) => Err(TrialError::Late),
    }
}

/// The gateway's program: beside this one first, then on PATH.
pub fn find_program() -> Option<PathBuf> {
    let name = format!("porthole-gateway{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(&name)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    beside
        .into_iter()
        .chain(std::env::split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(&name)))
        .find(|program| program.is_file())
}

fn client_token(home: &Path) -> std::io::Result<Secret> {
    let file = home.join("client-token");
    if let Ok(text) = std::fs::read_to_string(&file) {
        let token = Secret::new(text);
        if token.expose().len() >= 32 {
            return Ok(token);
        }
    }
    let token = Secret::new(random_text(32)?);
    write_private(&file, token.expose().as_bytes())?;
    Ok(token)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

fn free_port() -> u16 {
    let any = || TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    PORTS
        .clone()
        .find(|port| is_free(*port))
        .or_else(|| any().ok().map(|address| address.port()))
        .unwrap_or(*PORTS.start())
}
