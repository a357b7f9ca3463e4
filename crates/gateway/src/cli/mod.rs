//! The command line. Exit codes: 0 done, 1 failed while running, 2 wrong usage.

mod check;
mod floor;
mod limits;
mod manual;
mod token;
mod top;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError, Folders, Layers};
use crate::reload::Source;
use crate::secret::SecretError;

/// Failed while running.
pub const FAILED: u8 = 1;
/// Wrong usage: flags, variables, configuration, secret.
pub const USAGE: u8 = 2;

/// The public end of Porthole: puts local ports on the internet through a machine of yours.
#[derive(Debug, Parser)]
#[command(name = "porthole-gateway", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve visitors and agents until SIGTERM or Ctrl-C.
    Serve(Box<Serve>),
    /// Make, list, revoke tokens; rotate the secret that signs them.
    Token(token::Token),
    /// Look at the configuration and say what is wrong with it.
    Check(Box<Serve>),
    /// Show links, mappings, rates and refusals of a running gateway, again and again.
    Top(top::Top),
    /// Print a completion script for a shell.
    Completions { shell: clap_complete::Shell },
    /// Write the manual pages of all commands into a folder.
    #[command(hide = true)]
    Man { folder: PathBuf },
}

/// Flags go before variables (`PORTHOLE_GATEWAY_…`), those before the file.
#[derive(Args, Clone, Default)]
struct Serve {
    /// Where to listen [default: 0.0.0.0:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Under which URL visitors reach this gateway; mappings live below its host
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    #[command(flatten)]
    place: Place,
    /// One shared token for all agents, beside the signed ones (also file:…, env:…, exec:…)
    #[arg(long, value_name = "TOKEN")]
    client_token: Option<String>,
    /// Certificate chain in PEM; read again when it changes; with --acme-email for the names that it covers
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// Its private key in PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// Authorities in PEM: agents must show a certificate that one of them signed (porthole --client-cert)
    #[arg(long, value_name = "FILE")]
    client_ca: Option<String>,
    /// Get certificates by ACME, for the gateway's own host and those of live mappings; the authority
    /// writes to this address
    #[arg(long, value_name = "ADDRESS")]
    acme_email: Option<String>,
    /// Directory of the certificate authority [default: Let's Encrypt]
    #[arg(long, value_name = "URL")]
    acme_directory: Option<String>,
    /// Authorities in PEM that vouch for the directory's own certificate [default: the system's]
    #[arg(long, value_name = "FILE")]
    acme_ca_file: Option<String>,
    /// How the authority is shown that a name leads here: tls-alpn-01 (port 443) or http-01 (port 80)
    /// [default: tls-alpn-01]
    #[arg(long, value_name = "KIND")]
    acme_challenge: Option<String>,
    /// Program that is run as `FILE present|cleanup FQDN VALUE` and changes that TXT record: one wildcard
    /// certificate for all names below the public URL's host, and no challenge that comes here for them
    #[arg(long, value_name = "FILE")]
    acme_dns_hook: Option<String>,
    /// Where to answer http-01 challenges and send everybody else to https, like 0.0.0.0:80
    #[arg(long, value_name = "ADDRESS:PORT")]
    http_listen: Option<String>,
    /// Tell visitors to come by https only, for this long (Strict-Transport-Security) [default: not told]
    #[arg(long, value_name = "TIME")]
    hsts: Option<String>,
    /// Proxies in front whose forwarded headers are believed [default: none]
    #[arg(long, value_name = "CIDR,…")]
    trusted_proxies: Option<String>,
    /// Connections come from trusted proxies alone, which say whose they are in a PROXY protocol header
    #[arg(long)]
    proxy_protocol: bool,
    /// Admin API of a Caddy in front, which is told of the routes (http://localhost:2019, unix//…)
    #[arg(long, value_name = "URL")]
    caddy_admin: Option<String>,
    /// Where to serve /metrics and the admin API; beyond this computer it asks for its key
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin_listen: Option<String>,
    /// File with the admin API's key, at least 32 bytes [default: admin-key in the data folder]
    #[arg(long, value_name = "FILE")]
    admin_key_file: Option<String>,
    /// Networks that the gateway may call where a mapping names a URL (of keys, say), beside public addresses
    /// [default: none]
    #[arg(long, value_name = "CIDR,…")]
    outgoing_allow: Option<String>,
    /// Serve mappings at /pub/{id}/… of one host only
    #[arg(long)]
    single_host: bool,
    /// TCP ports for agents whose token names none [default: none]
    #[arg(long, value_name = "FIRST-LAST")]
    tcp_ports: Option<String>,
    #[command(flatten)]
    limits: limits::OfAll,
    #[command(flatten)]
    floor: floor::Floor,
    /// How long streams in flight may go on after SIGTERM [default: 30s]
    #[arg(long, value_name = "TIME")]
    grace: Option<String>,
    /// Days after its last use in which a name is kept for whom it belongs to [default: 7]
    #[arg(long, value_name = "DAYS")]
    claim_days: Option<String>,
    /// human or json [default: human]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// error, warn, info, debug, trace, or a tracing filter [default: info]
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
    /// Tell each exchange as a line of JSON in this file, or on standard output (-); leaves them out of the
    /// log, where --log access=info has them back
    #[arg(long, value_name = "FILE")]
    access_log: Option<String>,
    /// Leave when standard input reaches its end
    #[arg(long)]
    until_stdin_closes: bool,
}

/// No `Debug` of values: the client token is one of them.
impl std::fmt::Debug for Serve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serve").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// Where the gateway's own things are.
#[derive(Debug, Args, Clone, Default)]
struct Place {
    /// Configuration file [default: gateway.toml in the configuration folder]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// File with the gateway's secret, at least 32 bytes; readable by its owner only
    #[arg(long, value_name = "FILE", global = true)]
    secret_file: Option<String>,
}

impl Place {
    fn layers(
        &self,
        flags: impl IntoIterator<Item = (&'static str, Option<String>)>,
        folders: &Folders,
    ) -> Result<Layers, ConfigError> {
        let flags = flags.into_iter().chain([("secret-file", self.secret_file.clone())]);
        Layers::collect(flags, |name| std::env::var(name).ok(), self.config.as_deref(), folders)
    }
}

impl Serve {
    fn layers(&self, folders: &Folders) -> Result<Layers, ConfigError> {
        let switch = |on: bool| on.then(|| "true".to_owned());
        let flags = [
            ("listen", self.listen.clone()),
            ("public-url", self.public_url.clone()),
            ("client-token", self.client_token.clone()),
            ("tls-cert", self.tls_cert.clone()),
            ("tls-key", self.tls_key.clone()),
            ("client-ca", self.client_ca.clone()),
            ("acme-email", self.acme_email.clone()),
            ("acme-directory", self.acme_directory.clone()),
            ("acme-ca-file", self.acme_ca_file.clone()),
            ("acme-challenge", self.acme_challenge.clone()),
            ("acme-dns-hook", self.acme_dns_hook.clone()),
            ("http-listen", self.http_listen.clone()),
            ("hsts", self.hsts.clone()),
            ("trusted-proxies", self.trusted_proxies.clone()),
            ("proxy-protocol", switch(self.proxy_protocol)),
            ("caddy-admin", self.caddy_admin.clone()),
            ("admin-listen", self.admin_listen.clone()),
            ("admin-key-file", self.admin_key_file.clone()),
            ("outgoing-allow", self.outgoing_allow.clone()),
            ("single-host", switch(self.single_host)),
            ("tcp-ports", self.tcp_ports.clone()),
            ("grace", self.grace.clone()),
            ("claim-days", self.claim_days.clone()),
            ("log-format", self.log_format.clone()),
            ("log", self.log.clone()),
            ("access-log", self.access_log.clone()),
            ("until-stdin-closes", switch(self.until_stdin_closes)),
        ];
        self.place.layers(flags.into_iter().chain(self.limits.flags()).chain(self.floor.flags()), folders)
    }
}

fn folders() -> Result<Folders, ConfigError> {
    Folders::find(std::env::var("PORTHOLE_HOME").ok().as_deref())
}

/// Runs the program.
pub fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(flags) => serve(&flags),
        Command::Token(token) => token::run(token),
        Command::Check(flags) => check::run(&flags),
        Command::Top(top) => top::run(&top),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { folder } => manual::pages(&folder),
    };
    outcome.unwrap_or_else(|failure| {
        eprintln!("error: {}", failure.sentence);
        ExitCode::from(failure.code)
    })
}

/// How a command ends when it does not end well.
#[derive(Debug)]
struct Failure {
    sentence: String,
    code: u8,
}

impl Failure {
    fn usage(error: impl std::fmt::Display) -> Self {
        Self { sentence: error.to_string(), code: USAGE }
    }

    fn running(error: impl std::fmt::Display) -> Self {
        Self { sentence: error.to_string(), code: FAILED }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Secret(error) => error.into(),
            error => Self::usage(error),
        }
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        match error {
            // A full disk is nobody's wrong usage.
            SecretError::Unwritable { .. } => Self::running(error),
            error => Self::usage(error),
        }
    }
}

fn serve(flags: &Serve) -> Result<ExitCode, Failure> {
    let folders = folders()?;
    let layers = flags.layers(&folders)?;
    let config = Config::resolve(&layers, &folders)?;
    let again = flags.clone();
    let source: Source = Arc::new(move || -> Result<_, ConfigError> {
        let layers = again.layers(&folders)?;
        let config = Config::resolve(&layers, &folders)?;
        Ok((layers, config))
    });
    crate::logging::init(&config.log, config.access_log.is_some());
    if let Some(file) = &config.secrets.made {
        println!("made a new secret in {}", file.display());
    }
    raise_descriptor_limit();
    // One thread: with more of them each request cost 40 % more CPU on two cores; links are sharded
    // before threads are added.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::running)?;
    let outcome = runtime.block_on(crate::server::serve(config, layers, source));
    // A blocking read of standard input may never return.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.is_usage() => Err(Failure::usage(error)),
        Err(error) => Err(Failure::running(error)),
    }
}

/// A connection is a descriptor, and many systems give a program 1,024 of them while allowing it far
/// more for the asking.
fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "cannot raise the limit of open files");
        }
    }
}
