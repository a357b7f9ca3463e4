//! Agents that show a certificate beside their token.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use porthole_testkit::agent::Home;
use porthole_testkit::certificates::Authority;
use porthole_testkit::gateway::Token;
use porthole_testkit::process::{self, Finished};
use porthole_testkit::world::http_arguments;
use porthole_testkit::{Agent, Gateway, LocalService, has_program};
use tempfile::TempDir;

/// A gateway with a certificate for `localhost` and names below it, which asks agents for one.
struct World {
    gateway: Gateway,
    token: Token,
    service: LocalService,
    agents: Authority,
    folder: TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (ours, agents) = (Authority::new(), Authority::new());
        ours.issue(&["localhost", "app.localhost", "other.localhost"]).write(folder.path());
        let write = |name: &str, text: String| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).expect("a file can be written");
            file.display().to_string()
        };
        write("ca.pem", ours.pem());
        let client_ca = write("agents.pem", agents.pem());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let words = ["--tls-cert", &at("cert.pem"), "--tls-key", &at("key.pem"), "--client-ca", &client_ca];
        let builder = Gateway::builder().public_url(Some("https://localhost:0")).args(words);
        let mut gateway = builder.start().await;
        gateway.tls = true;
        let token = gateway.token("alice", &[]).await;
        Self { gateway, token, service: LocalService::sample().await, agents, folder }
    }

    /// A certificate of `authority` in a folder of this name; returns the words that name it.
    fn client(&self, name: &str, authority: &Authority) -> [OsString; 4] {
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder).expect("a folder can be made");
        authority.issue(&["laptop"]).write(&folder);
        let at = |name: &str| folder.join(name).into_os_string();
        ["--client-cert".into(), at("cert.pem"), "--client-key".into(), at("key.pem")]
    }

    fn words(&self, more: &[OsString]) -> Vec<OsString> {
        let mut words = http_arguments(&self.gateway, &self.token, &self.service.port().to_string());
        words.extend(["--name".into(), "app".into()]);
        words.extend(["--ca-file".into(), self.ca_file().into_os_string()]);
        words.extend(more.iter().cloned());
        words
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What `porthole http` says that ends by itself.
    async fn refused(&self, more: &[OsString]) -> (Option<i32>, String) {
        let mut agent = Agent::start(&Home::new(), self.words(more));
        let code = agent.process.exit_code().await;
        (code, agent.process.printed())
    }

    /// What `openssl s_client` tells of a handshake for `host`.
    async fn handshake(&self, host: &str) -> Finished {
        let mut openssl = process::command(Path::new("openssl"));
        let port = self.gateway.port();
        openssl.args(["s_client", "-servername", host, "-connect", &format!("127.0.0.1:{port}")]);
        openssl.stdin(std::process::Stdio::null());
        process::finish("openssl", openssl).await
    }

    async fn curl(&self, url: &str) -> Finished {
        let mut curl = process::command(Path::new("curl"));
        curl.args(["-sS", "-f", "--max-time", "20", "--cacert"]).arg(self.ca_file());
        curl.arg("--connect-to").arg(format!("::127.0.0.1:{}", self.gateway.port())).arg(url);
        process::finish("curl", curl).await
    }
}

#[tokio::test]
async fn an_agent_needs_a_certificate_of_the_gateways_authority_beside_its_token() {
    let world = World::start().await;
    let (code, said) = world.refused(&[]).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("client-certificate-required") && said.contains("--client-cert"), "{said}");

    let (code, said) = world.refused(&world.client("stranger", &Authority::new())).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("client-certificate-refused") && said.contains("--client-ca"), "{said}");

    let mut agent = Agent::start(&Home::new(), world.words(&world.client("good", &world.agents)));
    agent.ready().await;
    let url = format!("https://app.localhost:{}/hello", world.gateway.port());
    let got = world.curl(&url).await;
    assert_eq!((got.code, got.stdout.trim_end()), (Some(0), "hello"), "no visitor needs one: {}", got.stderr);
    let got = world.curl(&format!("https://localhost:{}/health", world.gateway.port())).await;
    assert_eq!(got.code, Some(0), "nor does who asks for the gateway's health: {}", got.stderr);
}

#[tokio::test]
async fn visitors_of_mappings_are_not_asked_for_what_is_for_agents() {
    if !has_program("openssl") {
        return;
    }
    let world = World::start().await;
    let mut agent = Agent::start(&Home::new(), world.words(&world.client("good", &world.agents)));
    agent.ready().await;
    let (own, mapping) = (world.handshake("localhost").await, world.handshake("app.localhost").await);
    assert!(own.stdout.contains("Acceptable client certificate CA names"), "{own:?}");
    assert!(mapping.stdout.contains("No client certificate CA names sent"), "{mapping:?}");
}

#[tokio::test]
async fn a_key_that_others_can_read_and_half_a_pair_are_told_before_anything_is_tried() {
    let world = World::start().await;
    let words = world.client("open", &world.agents);
    let key = Path::new(&words[3]);
    std::fs::set_permissions(key, PermissionsExt::from_mode(0o644)).expect("a mode can be set");
    let (code, said) = world.refused(&words).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("chmod 600"), "{said}");
    let (code, said) = world.refused(&words[..2]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("both, or neither"), "{said}");
}
