//! Other people's proxies in front of the gateway, as processes.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{self, Process};
use crate::wait::eventually;

/// How often a free port is looked for anew: another program may take one before the proxy does.
const TRIES: usize = 5;
/// Below the ports that the system gives to outgoing connections, which come and go all the time, and
/// above those that tests of TCP mappings have to themselves.
const PORTS: Range<u16> = 21_000..32_000;

type Start = Box<dyn Fn(SocketAddr, &Path) -> Command + Send + Sync>;

/// A running proxy with a folder of its own.
pub struct Front {
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    name: &'static str,
    command: Start,
    folder: TempDir,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front")
            .field("name", &self.name)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Front {
    /// Starts what `command` makes of a free address and a folder, and waits until it listens.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start(
        name: &'static str,
        command: impl Fn(SocketAddr, &Path) -> Command + Send + Sync + 'static,
    ) -> Self {
        let command: Start = Box::new(command);
        for _ in 0..TRIES {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let address = free_address();
            let mut process = Process::start(name, command(address, folder.path()));
            if listens(&mut process, name, address).await {
                return Self { process, address, name, command, folder };
            }
        }
        panic!("{name} does not start");
    }

    /// Starts it again, where it was and as it was, after its end.
    ///
    /// # Panics
    /// When it does not listen then.
    pub async fn restart(&mut self) {
        self.process = Process::start(self.name, (self.command)(self.address, self.folder.path()));
        assert!(listens(&mut self.process, self.name, self.address).await, "{} starts again", self.name);
    }

    /// nginx with `blocks` (`http { … }`, `stream { … }`) made of its address and folder.
    pub async fn nginx(blocks: impl Fn(SocketAddr, &Path) -> String + Send + Sync + 'static) -> Self {
        Self::start("nginx", move |address, folder| {
            let own = folder.display();
            let config = format!(
                "daemon off;\nmaster_process off;\npid {own}/nginx.pid;\nerror_log {own}/error.log;\n{}",
                blocks(address, folder)
            );
            let file = write(folder, "nginx.conf", &config);
            let mut command = command("nginx");
            command.arg("-p").arg(folder).args(["-c", &file]);
            command
        })
        .await
    }

    /// HAProxy, which passes bytes on to `gateway` with these options of its `server` line.
    pub async fn haproxy(gateway: SocketAddr, options: &'static str) -> Self {
        Self::start("haproxy", move |address, folder| {
            let config = format!(
                "global\n  maxconn 256\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  \
                 timeout server 1h\nfrontend public\n  bind {address}\n  default_backend gateway\n\
                 backend gateway\n  server gateway {gateway} {options}\n"
            );
            let file = write(folder, "haproxy.cfg", &config);
            let mut command = command("haproxy");
            command.args(["-db", "-f", &file]);
            command
        })
        .await
    }

    /// Caddy with the configuration that `config` makes of the address of its admin API, at which it
    /// is to listen.
    pub async fn caddy(config: impl Fn(SocketAddr) -> serde_json::Value + Send + Sync + 'static) -> Self {
        Self::start("caddy", move |admin, folder| {
            let file = write(folder, "caddy.json", &config(admin).to_string());
            let mut command = command("caddy");
            command.args(["run", "--config", &file]);
            // It keeps its last configuration and its certificates below these.
            command.env("HOME", folder).env("XDG_CONFIG_HOME", folder).env("XDG_DATA_HOME", folder);
            command
        })
        .await
    }
}

/// False when it ended instead.
async fn listens(process: &mut Process, name: &str, address: SocketAddr) -> bool {
    let listens = || std::net::TcpStream::connect(address).is_ok();
    eventually(format!("{name} to listen"), || listens() || !process.is_running()).await;
    process.is_running()
}

/// `name` as Debian installs it, which is not on everybody's PATH.
fn command(name: &str) -> Command {
    let installed = Path::new("/usr/sbin").join(name);
    process::command(if installed.exists() { &installed } else { Path::new(name) })
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    std::fs::write(&file, text).expect("a file can be written");
    file.display().to_string()
}

/// An address of this computer's that nobody listens on, and hardly anybody will.
///
/// # Panics
/// When there is none.
pub fn free_address() -> SocketAddr {
    use rand::RngExt as _;
    let is_free = |port: &u16| std::net::TcpListener::bind(("0.0.0.0", *port)).is_ok();
    let mut random = rand::rng();
    let mut ports = std::iter::repeat_with(|| random.random_range(PORTS)).take(1000);
    let port = ports.find(is_free).expect("a free port");
    SocketAddr::from(([127, 0, 0, 1], port))
}
