//! The gateway as a process.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::process::{self, Finished, Process};
use crate::visitor::Visitor;

/// A running `porthole-gateway serve` with a data folder of its own.
#[derive(Debug)]
pub struct Gateway {
    pub process: Process,
    /// Where it listens; the port stays the same over restarts.
    pub address: SocketAddr,
    /// As it says it itself.
    pub public_url: String,
    /// Whether agents connect over TLS.
    pub tls: bool,
    home: TempDir,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
}

/// A gateway about to be started.
#[derive(Debug)]
pub struct GatewayBuilder {
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    public_url: Option<String>,
    listen: String,
    home: TempDir,
}

impl Default for GatewayBuilder {
    fn default() -> Self {
        let home =
            tempfile::Builder::new().prefix("porthole-gateway-").tempdir().expect("a temporary folder");
        Self {
            arguments: Vec::new(),
            environment: Vec::new(),
            public_url: Some("http://localhost:0".to_owned()),
            listen: "127.0.0.1:0".to_owned(),
            home,
        }
    }
}

impl GatewayBuilder {
    /// Further arguments of `serve`.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another public URL than `http://localhost:<port>`; none leaves the option out.
    pub fn public_url(mut self, url: Option<&str>) -> Self {
        self.public_url = url.map(str::to_owned);
        self
    }

    /// Another address to listen on than the loopback interface's.
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Its data folder, to put files in before it starts.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Starts it and waits until it listens.
    pub async fn start(self) -> Gateway {
        let mut arguments = self.arguments;
        if let Some(url) = self.public_url {
            arguments.push("--public-url".into());
            arguments.push(url.into());
        }
        let process = spawn(self.home.path(), &self.listen, &arguments, &self.environment);
        let mut gateway = Gateway {
            process,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: String::new(),
            tls: false,
            home: self.home,
            arguments,
            environment: self.environment,
        };
        gateway.wait_until_listening().await;
        gateway
    }
}

impl Gateway {
    pub fn builder() -> GatewayBuilder {
        GatewayBuilder::default()
    }

    /// A gateway with nothing special, listening.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What an agent connects to: on this computer, or by address where it listens for others.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        if self.address.ip().is_loopback() {
            format!("{scheme}://localhost:{}", self.port())
        } else {
            format!("{scheme}://{}", self.address)
        }
    }

    /// Its data folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A visitor of the mapping `name`.
    pub fn visitor(&self, name: &str) -> Visitor {
        self.visitor_of_host(&format!("{name}.localhost:{}", self.port()))
    }

    /// A visitor that says `host` in its requests.
    pub fn visitor_of_host(&self, host: &str) -> Visitor {
        Visitor::new(self.address, host)
    }

    /// A visitor of the gateway's own host.
    pub fn own(&self) -> Visitor {
        self.visitor_of_host(&format!("localhost:{}", self.port()))
    }

    /// Makes a token with `porthole-gateway token create --json`.
    ///
    /// # Panics
    /// When that fails.
    pub async fn token(&self, name: &str, more: &[&str]) -> Token {
        let mut arguments = vec!["token", "create", "--name", name, "--json"];
        arguments.extend(more);
        let made = self.run(&arguments).await;
        assert_eq!(made.code, Some(0), "token create failed: {}{}", made.stdout, made.stderr);
        let json: serde_json::Value =
            serde_json::from_str(made.stdout.trim()).expect("token create prints JSON");
        let text = |key: &str| json[key].as_str().map(str::to_owned);
        Token {
            token: text("token").expect("the JSON has a token"),
            id: text("id").expect("the JSON has an id"),
            link: text("link"),
        }
    }

    /// Runs another `porthole-gateway` command on the same data folder, to its end.
    pub async fn run(&self, arguments: &[&str]) -> Finished {
        run(self.home.path(), arguments).await
    }

    /// Starts it again on the same port and data folder (after its end), and waits until it listens.
    pub async fn restart(&mut self) {
        self.start_again();
        self.wait_until_listening().await;
    }

    /// Starts it again without waiting.
    pub fn start_again(&mut self) {
        let listen = self.address.to_string();
        self.process = spawn(self.home.path(), &listen, &self.arguments, &self.environment);
    }

    pub async fn wait_until_listening(&mut self) {
        let found = self.process.line("its address", |line| {
            let rest = line.split_once("listening on ")?.1;
            let (address, rest) = rest.split_once(',').unwrap_or((rest, ""));
            let url = rest.split_once("public URL ").map_or("", |(_, url)| url.trim());
            Some((address.trim().parse::<SocketAddr>().ok()?, url.to_owned()))
        });
        (self.address, self.public_url) = found.await;
    }
}

/// Runs `porthole-gateway` with the data folder `home` to its end.
pub async fn run(home: &Path, arguments: &[&str]) -> Finished {
    let mut command = command(home);
    command.args(arguments);
    process::finish("porthole-gateway", command).await
}

/// `porthole-gateway` with the data folder `home`.
pub fn command(home: &Path) -> Command {
    let program: PathBuf = crate::binaries::gateway();
    let mut command = process::command(&program);
    command.env("PORTHOLE_HOME", home).env("NO_COLOR", "1");
    command
}

fn spawn(home: &Path, listen: &str, arguments: &[OsString], environment: &[(String, String)]) -> Process {
    let mut command = command(home);
    command.args(["serve", "--listen", listen]).args(arguments);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    Process::start("gateway", command)
}

/// What `token create` gave.
#[derive(Debug, Clone)]
pub struct Token {
    pub token: String,
    pub id: String,
    pub link: Option<String>,
}
