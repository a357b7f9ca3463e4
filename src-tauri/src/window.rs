//! The window from outside: a program of its own, started when it is wanted. It is told what to do by lines of
//! JSON on its standard input, and ends when that is closed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long it may take to leave when asked.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// How long its last words may take.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// What the window is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Come to the front, there if it says so.
    Show { route: Option<String> },
    /// Whether closing ends the window. Where nothing is there to come back from it only makes it small.
    Closable(bool),
    /// What the page shows of the app itself; see [`Facts`].
    Facts(Facts),
}

/// What the app knows of itself, for the page's settings: JSON as `ui/src/api/host.ts` has it.
pub type Facts = serde_json::Value;

/// What the page asks of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    LookForUpdates,
    InstallUpdate,
    OpenUpdatePage,
    OpenLogs,
}

/// What the window says, by lines on its standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It came to the front, as it was told.
    Shown,
    /// Its page hears what happens, and can be used.
    Usable,
    /// Somebody wants the whole app to end, not the window alone.
    Quit,
    /// A link wants the browser.
    Open {
        url: String,
    },
    Saved {
        file: PathBuf,
    },
    NotSaved {
        why: String,
    },
    Asks(Ask),
}

/// What happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    Said(Said),
    /// It was closed.
    Closed,
    /// It ended by itself, badly: how.
    Broken(String),
    /// The same, while somebody asked for it.
    ClosedAndWanted,
}

/// Where the window is, if it is.
#[derive(Debug)]
pub struct Window {
    api: PathBuf,
    place: PathBuf,
    crashes: PathBuf,
    facts: Facts,
    running: Option<Running>,
}

/// Lines that a window prints.
type Output = Lines<BufReader<ChildStdout>>;

/// A window's program.
#[derive(Debug)]
struct Running {
    child: Child,
    stdin: ChildStdin,
    stdout: Output,
    /// It was told to come to the front and has not said that it did: it may have been about to end.
    asked: Option<Order>,
}

impl Window {
    /// None yet; it will ask the engine through the socket `api`, and keep where it was in the file `place`
    /// and reports of its crashes in the folder `crashes`.
    pub fn new(api: PathBuf, place: PathBuf, crashes: PathBuf) -> Self {
        Self { api, place, crashes, facts: Facts::Null, running: None }
    }

    pub fn is_open(&self) -> bool {
        self.running.is_some()
    }

    /// Opens it, or brings it to the front.
    pub async fn show(&mut self, route: Option<String>, closable: bool) -> io::Result<()> {
        let order = Order::Show { route: route.clone() };
        if let Some(running) = &mut self.running
            && running.tell(&order).await.is_ok()
        {
            running.asked = Some(order);
            tracing::debug!("the window is asked for");
            return Ok(());
        }
        let mut command = Command::new(program()?);
        command.arg("--api").arg(&self.api).arg("--place").arg(&self.place);
        command.arg("--crashes").arg(&self.crashes);
        if let Some(route) = route {
            command.arg("--route").arg(route);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        tracing::debug!(pid = child.id(), "a window opens");
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the window hears nothing"));
        };
        let stdout = BufReader::new(stdout).lines();
        let running = self.running.insert(Running { child, stdin, stdout, asked: None });
        running.tell(&Order::Facts(self.facts.clone())).await?;
        running.tell(&Order::Closable(closable)).await
    }

    /// Has the page show this of the app itself, now and in windows to come.
    pub async fn facts(&mut self, facts: Facts) {
        if facts == self.facts {
            return;
        }
        self.facts.clone_from(&facts);
        self.told(&Order::Facts(facts)).await;
    }

    /// Tells it whether closing ends it.
    pub async fn closable(&mut self, closable: bool) {
        self.told(&Order::Closable(closable)).await;
    }

    /// Tells it, if it is there.
    async fn told(&mut self, order: &Order) {
        if let Some(running) = &mut self.running
            && running.tell(order).await.is_err()
        {
            tracing::debug!("the window is about to end");
        }
    }

    /// What happens to it next; nothing, for ever, while there is none. Cancel safe.
    pub async fn next(&mut self) -> Happened {
        let Some(Running { child, stdout, asked, .. }) = &mut self.running else {
            return std::future::pending().await;
        };
        let ended = tokio::select! {
            said = said(stdout, asked) => return Happened::Said(said),
            // Processes of WebKit's that outlive it may keep its output open.
            ended = child.wait() => ended,
        };
        let well = ended.as_ref().is_ok_and(ExitStatus::success);
        if !well {
            tracing::warn!(?ended, "the window ended badly");
        }
        // What it said last.
        if let Ok(said) = tokio::time::timeout(LAST_WORDS, said(stdout, asked)).await {
            return Happened::Said(said);
        }
        let wanted = self.running.take().is_some_and(|running| running.asked.is_some());
        tracing::debug!(wanted, "the window ended");
        match (wanted, well) {
            (true, _) => Happened::ClosedAndWanted,
            (false, true) => Happened::Closed,
            (false, false) => {
                Happened::Broken(ended.map_or_else(|error| error.to_string(), |status| status.to_string()))
            }
        }
    }

    /// Closes it.
    pub async fn close(&mut self) {
        let Some(Running { mut child, stdin, stdout, .. }) = self.running.take() else { return };
        drop((stdin, stdout));
        if tokio::time::timeout(STOP_WAIT, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
    }
}

impl Running {
    async fn tell(&mut self, order: &Order) -> io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.stdin.write_all(&line).await
    }
}

/// What it says next. Cancel safe.
async fn said(stdout: &mut Output, asked: &mut Option<Order>) -> Said {
    while let Ok(Some(line)) = stdout.next_line().await {
        match serde_json::from_str(&line) {
            Ok(said) => {
                tracing::debug!(?said, "the window says");
                if said == Said::Shown {
                    *asked = None;
                }
                return said;
            }
            // Libraries print what they like.
            Err(_) => tracing::debug!("the window printed: {line}"),
        }
    }
    std::future::pending().await
}

/// The window's program: beside this one, else on PATH.
fn program() -> io::Result<PathBuf> {
    let name = format!("porthole-window{}", std::env::consts::EXE_SUFFIX);
    let own = std::env::current_exe()?;
    let beside = own.parent().unwrap_or(Path::new("")).join(&name);
    Ok(if beside.is_file() { beside } else { PathBuf::from(name) })
}
