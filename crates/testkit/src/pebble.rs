//! A real certificate authority: Debian's `pebble`, which speaks ACME and looks at names itself.
//!
//! Each has a loopback address of its own, so that ports need no choosing: the gateway under test listens
//! there too, and a name server leads every name to it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};

use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::certificates::Authority;
use crate::gateway::GatewayBuilder;
use crate::process::{self, Finished, Process};
use crate::service::{LocalService, read_head};
use crate::wait::until;

/// Where the gateway under test speaks TLS, and where clear text. All ports here are below those that a
/// system gives to outgoing connections.
pub const TLS_PORT: u16 = 8443;
pub const CLEAR_PORT: u16 = 8080;
const ACME_PORT: u16 = 14000;
const MANAGEMENT_PORT: u16 = 15000;
const DNS_PORT: u16 = 8053;
/// Where the name server takes orders.
const NAMES_PORT: u16 = 15001;

/// A running authority that believes nothing but what it sees.
#[derive(Debug)]
pub struct Pebble {
    pub process: Process,
    names: Process,
    ip: IpAddr,
    folder: TempDir,
}

impl Pebble {
    /// Starts one whose certificates hold for `seconds`.
    pub async fn start(seconds: u32) -> Self {
        let ip = own_address();
        let folder =
            tempfile::Builder::new().prefix("porthole-pebble-").tempdir().expect("a temporary folder");
        let authority = Authority::new();
        authority.issue(&[&ip.to_string()]).write(folder.path());
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).expect("a file can be written");
        let at = |name: &str| folder.path().join(name).display().to_string();
        let config = serde_json::json!({ "pebble": {
            "listenAddress": SocketAddr::new(ip, ACME_PORT).to_string(),
            "managementListenAddress": SocketAddr::new(ip, MANAGEMENT_PORT).to_string(),
            "certificate": at("cert.pem"),
            "privateKey": at("key.pem"),
            "httpPort": CLEAR_PORT,
            "tlsPort": TLS_PORT,
            "certificateValidityPeriod": seconds,
        }});
        std::fs::write(folder.path().join("pebble.json"), config.to_string()).expect("a file can be written");
        let mut names = process::command(Path::new("pebble-challtestsrv"));
        names.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""]);
        names.args(["-management", &SocketAddr::new(ip, NAMES_PORT).to_string()]);
        names.args(["-defaultIPv4", &ip.to_string(), "-dns01", &SocketAddr::new(ip, DNS_PORT).to_string()]);
        let names = Process::start("pebble's name server", names);
        let process = spawn(ip, folder.path());
        let mut pebble = Self { process, names, ip, folder };
        pebble.wait().await;
        pebble
    }

    /// Ends it without any chance to clean up; names are still resolved.
    pub fn kill9(&mut self) {
        self.process.kill9();
    }

    /// Starts it again (after its end). It remembers nobody, and signs with another root.
    pub async fn restart(&mut self) {
        self.process = spawn(self.ip, self.folder.path());
        self.wait().await;
    }

    async fn wait(&mut self) {
        self.process
            .line("its directory", |line| line.contains("ACME directory available").then_some(()))
            .await;
        let listening =
            [ACME_PORT, MANAGEMENT_PORT, DNS_PORT, NAMES_PORT].map(|port| SocketAddr::new(self.ip, port));
        for address in listening {
            until("pebble to listen", || async { TcpStream::connect(address).await.ok() }).await;
        }
        assert!(self.names.is_running(), "{}", self.names.printed());
        let url = format!("https://{}/roots/0", SocketAddr::new(self.ip, MANAGEMENT_PORT));
        let (ca, roots) = (self.ca_file().display().to_string(), self.roots().display().to_string());
        let got = finish_curl(&["-f", "--cacert", &ca, "-o", &roots, &url]).await;
        assert_eq!(got.code, Some(0), "{got:?}");
    }

    /// The authorities that vouch for its directory.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The root of the certificates that it gives.
    pub fn roots(&self) -> PathBuf {
        self.folder.path().join("roots.pem")
    }

    /// Writes a program that puts `TXT` records into the name server here, as a gateway's DNS hook. What it is
    /// asked for is found in `hook.log` beside it, the variables that it sees in `hook.env`.
    pub fn dns_hook(&self) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let folder = self.folder.path();
        let script = format!(
            r#"#!/bin/sh
set -eu
cd '{}'
env > hook.env
case "$1" in
  present) what=set-txt ;;
  cleanup) what=clear-txt ;;
esac
curl -fsS -d "{{\"host\":\"$2\",\"value\":\"$3\"}}" http://{}/$what
echo "$1 $2" >> hook.log
"#,
            folder.display(),
            SocketAddr::new(self.ip, NAMES_PORT),
        );
        let program = folder.join("hook");
        std::fs::write(&program, script).expect("a file can be written");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).expect("a mode can be set");
        program
    }

    /// Where the gateway under test listens.
    pub fn gateway_address(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, port)
    }

    /// Has a gateway of the host `gate.test` get its certificates here.
    pub fn at(&self, gateway: GatewayBuilder) -> GatewayBuilder {
        let directory = format!("https://{}/dir", SocketAddr::new(self.ip, ACME_PORT));
        let ca_file = self.ca_file().display().to_string();
        gateway
            .listen(&self.gateway_address(TLS_PORT).to_string())
            .public_url(Some(&format!("https://gate.test:{TLS_PORT}")))
            .args(["--acme-email", "admin@gate.test", "--acme-directory", &directory])
            .args(["--acme-ca-file", &ca_file])
    }

    /// Orders that it has taken.
    pub fn orders(&self) -> usize {
        let count = |line: &str| {
            let (_, rest) = line.split_once("There are now ")?;
            rest.strip_suffix(" orders in the db")?.parse().ok()
        };
        self.process.printed().lines().filter_map(count).next_back().unwrap_or(0)
    }

    /// `curl` as a visitor who trusts nothing but this authority, with every name leading to the gateway
    /// under test.
    pub async fn curl(&self, words: &[&str]) -> Finished {
        let roots = self.roots().display().to_string();
        let to = format!("::{}:", self.ip);
        let mut all = vec!["--cacert", &roots, "--connect-to", &to];
        all.extend(words);
        finish_curl(&all).await
    }

    /// An HTTP proxy that leads every name to the gateway under test: agents have no other way to it.
    pub async fn proxy(&self) -> LocalService {
        let to = self.gateway_address(TLS_PORT);
        LocalService::raw(move |mut socket| async move {
            let Some(_) = read_head(&mut socket).await else { return };
            let Ok(mut gateway) = TcpStream::connect(to).await else { return };
            if socket.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.is_ok() {
                let _ = tokio::io::copy_bidirectional(&mut socket, &mut gateway).await;
            }
        })
        .await
    }
}

fn spawn(ip: IpAddr, folder: &Path) -> Process {
    let mut pebble = process::command(Path::new("pebble"));
    pebble.arg("-config").arg(folder.join("pebble.json"));
    pebble.args(["-dnsserver", &SocketAddr::new(ip, DNS_PORT).to_string()]);
    // No sleeps, no requests refused by lot. A name that it has seen needs no second look, as elsewhere.
    pebble.envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_WFE_NONCEREJECT", "0"), ("PEBBLE_AUTHZREUSE", "100")]);
    pebble.env_remove("PEBBLE_VA_ALWAYS_VALID");
    Process::start("pebble", pebble)
}

async fn finish_curl(words: &[&str]) -> Finished {
    let mut curl = process::command(Path::new("curl"));
    curl.args(["-sS", "--max-time", "20"]).args(words);
    process::finish("curl", curl).await
}

/// A loopback address that no other test uses: by the process, and by how many it asked for.
fn own_address() -> IpAddr {
    static ASKED: AtomicU8 = AtomicU8::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    let net = 64 + ASKED.fetch_add(1, Ordering::Relaxed) % 128;
    IpAddr::V4(Ipv4Addr::new(127, net, high, low))
}
