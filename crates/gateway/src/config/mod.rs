//! The gateway's settings, complete once parsed. Order: flag, variable, file, default.

mod acme;
mod floor;
mod layers;
mod parse;
mod public;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use porthole_link::control::Floor;

pub use acme::{AcmeSettings, ChallengeKind, LETS_ENCRYPT};
pub use layers::{Layers, OPTIONS, Source};
pub use public::{PublicBase, PublicUrlError};

use crate::allowance::TokenLimits;
use crate::caddy;
use crate::secret::{Secret, SecretError, Secrets};

/// Where `serve` listens when nothing says otherwise.
pub const DEFAULT_LISTEN: &str = "0.0.0.0:8080";
/// Streams in flight may go on for this long after SIGTERM.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(30);
/// Days after its last use in which a claim is kept for its subject.
pub const DEFAULT_CLAIM_DAYS: u32 = 7;
/// A shared client token below this can be guessed over the network: that is worth a warning.
pub const GOOD_CLIENT_TOKEN_BYTES: usize = 16;
/// Longest grace and longest claim that may be set: beyond them a typing error is likelier.
pub const MAX_GRACE: Duration = Duration::from_secs(24 * 60 * 60);
pub const MAX_CLAIM_DAYS: u32 = 3650;
/// Longest time for which visitors may be told to come by https only: nobody could take it back sooner.
pub const MAX_HSTS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// What is missing where Caddy is told of routes and not believed.
pub const CADDY_UNTRUSTED: &str = "Caddy is in front and no proxy is trusted: all visitors seem to come from it, over plain HTTP; name its address with --trusted-proxies";

/// Everything `serve` needs.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    /// None: read off each request's Host and X-Forwarded-Proto.
    pub public: Option<PublicBase>,
    pub tls: Option<TlsFiles>,
    /// Authorities of which agents must have a certificate.
    pub client_ca: Option<PathBuf>,
    /// Certificates that the gateway gets by itself, for what the files do not cover.
    pub acme: Option<AcmeSettings>,
    /// Where visitors in clear text are sent to https.
    pub http_listen: Option<SocketAddr>,
    /// Seconds for which visitors on TLS are told to come by https only.
    pub hsts: Option<u32>,
    /// Peers whose forwarded headers are believed. Empty: nobody, loopback included.
    pub trusted_proxies: Vec<IpNet>,
    /// Every connection to `listen` and `http_listen` begins with a PROXY protocol header, and comes from one of these.
    pub proxy_protocol: bool,
    /// Where the Caddy in front is told of our routes.
    pub caddy_admin: Option<caddy::address::Address>,
    pub admin_listen: Option<SocketAddr>,
    /// None: the one in the data folder, made where there is none.
    pub admin_key: Option<Secret>,
    /// What is called for token holders beside public addresses.
    pub outgoing_allow: Vec<IpNet>,
    pub single_host: bool,
    /// Ports for the shared client token and for tokens without a range of their own.
    pub tcp_ports: Option<PortRange>,
    /// What each token may use at most, whatever was granted with it.
    pub token_limits: TokenLimits,
    /// What is asked of all mappings' visitors, beside each mapping's own policy.
    pub floor: Floor,
    /// How long streams in flight may go on after SIGTERM.
    pub grace: Duration,
    /// How long after its last use a name is kept for its subject.
    pub claim_lapse: Duration,
    pub log: LogSettings,
    /// Where each exchange is told as a line of JSON.
    pub access_log: Option<AccessLogTo>,
    /// Leave when standard input reaches its end (the trial gateway's life line).
    pub until_stdin_closes: bool,
    /// Accepted beside the signed tokens, as subject `shared`.
    pub client_token: Option<Secret>,
    pub secrets: Secrets,
    /// The gateway's own folder: secret, tokens, claims.
    pub data: PathBuf,
}

/// PEM files; read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// TCP ports from `first` to `last`, both included; 1 or above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl PortRange {
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    pub fn ports(self) -> impl Iterator<Item = u16> {
        self.first..=self.last
    }
}

impl std::fmt::Display for PortRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl std::str::FromStr for PortRange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "give ports from 1 to 65535 as 20000-20009, or one port";
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let port = |text: &str| text.trim().parse::<u16>().ok().filter(|&port| port > 0).ok_or(WRONG);
        let (first, last) = (port(first)?, port(last)?);
        if first <= last { Ok(Self { first, last }) } else { Err("the first port is above the last") }
    }
}

/// Where the access log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLogTo {
    /// Standard output.
    Output,
    File(PathBuf),
}

/// How the gateway writes its log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogSettings {
    pub format: LogFormat,
    /// A tracing filter: `info`, `debug`, `porthole_gateway=debug,warn`.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Human,
    Json,
}

/// The folders of this user, or `PORTHOLE_HOME` for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Holds `gateway.toml`.
    pub config: PathBuf,
    /// The gateway's own data folder.
    pub data: PathBuf,
}

impl Folders {
    /// `home` is the value of `PORTHOLE_HOME`.
    pub fn find(home: Option<&str>) -> Result<Self, ConfigError> {
        if let Some(home) = home.filter(|home| !home.is_empty()) {
            let home = std::path::absolute(home).unwrap_or_else(|_| PathBuf::from(home));
            return Ok(Self { data: home.join("gateway"), config: home });
        }
        let dirs = directories::ProjectDirs::from("", "", "porthole").ok_or(ConfigError::NoHome)?;
        Ok(Self { config: dirs.config_dir().to_owned(), data: dirs.data_dir().join("gateway") })
    }
}

/// What is wrong with the settings: one sentence, exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{source_name} is not usable: {problem}")]
    Value { source_name: String, problem: String },
    #[error("{} has an unknown key `{key}` in line {line}{}", .file.display(), nearest_hint(.nearest.as_deref()))]
    UnknownKey { file: PathBuf, line: usize, key: String, nearest: Option<String> },
    #[error("cannot read the configuration file {}: {problem}", .file.display())]
    File { file: PathBuf, problem: String },
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("--tls-cert and --tls-key belong together: give both, or neither")]
    HalfTls,
    #[error("--proxy-protocol lets in --trusted-proxies alone: name the proxies in front with it")]
    ProxyProtocolFromNobody,
    #[error("--{option} says how certificates are had by ACME: give --acme-email as well")]
    WithoutEmail { option: &'static str },
    #[error("--acme-dns-hook needs --public-url, for whose host and names below it the certificates are")]
    HookWithoutUrl,
    #[error("--caddy-admin needs --public-url, which says for which hosts Caddy is to send visitors here")]
    CaddyWithoutUrl,
    #[error("Caddy speaks clear text to the gateway: with --caddy-admin, leave out {0}")]
    CaddyWith(&'static str),
    #[error("--{option} is about https: give --tls-cert and --tls-key, or --acme-email, as well")]
    NoHttps { option: &'static str },
    #[error("this user has no home folder: set PORTHOLE_HOME to a folder for the gateway's files")]
    NoHome,
}

fn nearest_hint(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!(": did you mean `{nearest}`?"),
        None => "; take it out".to_owned(),
    }
}

impl Config {
    /// Defaults with `data` as the gateway's folder: what tests and embedders begin with.
    pub fn in_folder(data: &Path, secrets: Secrets) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public: None,
            tls: None,
            client_ca: None,
            acme: None,
            http_listen: None,
            hsts: None,
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            caddy_admin: None,
            admin_listen: None,
            admin_key: None,
            outgoing_allow: Vec::new(),
            single_host: false,
            tcp_ports: None,
            token_limits: TokenLimits::default(),
            floor: Floor::default(),
            grace: DEFAULT_GRACE,
            claim_lapse: Duration::from_secs(u64::from(DEFAULT_CLAIM_DAYS) * 86_400),
            log: LogSettings { format: LogFormat::Human, filter: "info".to_owned() },
            access_log: None,
            until_stdin_closes: false,
            client_token: None,
            secrets,
            data: data.to_owned(),
        }
    }

    /// Puts the layers together. The secret is read, or made where there is none.
    pub fn resolve(layers: &Layers, folders: &Folders) -> Result<Self, ConfigError> {
        parse::config(layers, Secrets::find(layers, &folders.data)?, folders)
    }

    /// The same without making anything: `secrets` may then be empty.
    pub fn inspect(layers: &Layers, folders: &Folders) -> Result<Self, ConfigError> {
        parse::config(layers, Secrets::look(layers, &folders.data)?, folders)
    }

    /// The public URL alone, for commands that need nothing else.
    pub fn public_url(layers: &Layers) -> Result<Option<PublicBase>, ConfigError> {
        parse::public_url(layers)
    }
}
