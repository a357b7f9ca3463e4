//! Binds, runs, drains.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::{self, AccessLog};
use crate::acme::{Acme, AcmeError};
use crate::admin::Admin;
use crate::agents::Registry;
use crate::allowance::Allowances;
use crate::audit::{self, Audit};
use crate::caddy::{self, Caddy};
use crate::claims::store;
use crate::config::{CADDY_UNTRUSTED, Config, GOOD_CLIENT_TOKEN_BYTES, Layers, TlsFiles};
use crate::counters::Counters;
use crate::jwks::Jwks;
use crate::outgoing::Outgoing;
use crate::policy::Passwords;
use crate::reload::{Hangups, Reloader, Settings, Source};
use crate::throttle::Throttle;
use crate::tls::{Asking, Reloading, Tls};
use crate::tokens::{LoadError, REREAD, Tokens};

/// How long links and leftovers have to end once they were told to.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long an idle connection is still listened to while the gateway drains: longer than a request is
/// on its way, too short to be noticed in a restart.
pub const LAST_CALL: Duration = Duration::from_millis(500);
/// How often lapsed claims are forgotten and the dates of the others written.
const UPKEEP: Duration = Duration::from_secs(60 * 60);
/// Pause after claims could not be written (a full disk, say); traffic goes on meanwhile.
const WRITE_AGAIN: Duration = Duration::from_secs(5);
/// Between two writings of claims that only bring new dates.
const WRITE_GAP: Duration = Duration::from_millis(250);
/// When agents wait for theirs, the next writing waits for this many times as long as the last took:
/// thousands that come at once share a few.
const WRITE_SHARE: u32 = 4;

/// What every part of the gateway shares.
#[derive(Debug)]
pub struct Gateway {
    /// As it began; what may change since is in `settings`.
    pub config: Config,
    pub settings: ArcSwap<Settings>,
    pub registry: Registry,
    pub tokens: Tokens,
    pub passwords: Passwords,
    /// Calls URLs that token holders chose.
    pub outgoing: Outgoing,
    /// Keys that issuers of tokens publish.
    pub jwks: Jwks,
    /// Of agents, where they need more than a token.
    pub client_ca: Option<Asking>,
    /// Certificates that the gateway gets by itself.
    pub acme: Option<Arc<Acme>>,
    /// Addresses whose agents come with bad tokens.
    pub strangers: Throttle,
    pub counters: Counters,
    /// What limited tokens use.
    pub allowances: Allowances,
    pub audit: Audit,
    /// None: exchanges are told in the program's log.
    pub access_log: Option<AccessLog>,
    /// None: no Caddy is told of anything.
    pub caddy: Option<Caddy>,
    /// False before listening and from SIGTERM on.
    pub ready: AtomicBool,
    /// Cancelled by an operator who wants what SIGTERM brings.
    pub leaving: CancellationToken,
    /// Cancelled by SIGTERM: finish what is in flight, serve what still comes meanwhile.
    pub draining: CancellationToken,
    /// Cancelled when nothing is left of what SIGTERM found in flight: accept nothing more.
    pub closing: CancellationToken,
    /// Cancelled at the end of the grace: break off what is left.
    pub cut: CancellationToken,
    /// Every task that serves a visitor.
    pub tasks: TaskTracker,
    /// Connections that came after SIGTERM. Nobody waits for them before [`Self::closing`], or agents
    /// that try to come back would keep a large gateway from ever being idle.
    pub late: TaskTracker,
    /// Cancelled once no visitor is left (or the grace is over): links may close.
    pub links_end: CancellationToken,
    /// Every task that holds a link, and the gateway's own housekeeping.
    pub links: TaskTracker,
}

/// Why the gateway does not run: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {address}: {}", listen_problem(.source))]
    Listen { address: String, source: io::Error },
    #[error(transparent)]
    Tls(#[from] crate::tls::TlsError),
    #[error(transparent)]
    Acme(#[from] AcmeError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("cannot read the claims in {}: {source}; mend or remove claims.json there", .folder.display())]
    Claims { folder: std::path::PathBuf, source: io::Error },
    #[error("the access log cannot be written: {0}; choose another file with --access-log")]
    AccessLog(io::Error),
    #[error("the admin API has no key: {0}")]
    AdminKey(#[source] crate::secret::SecretError),
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
    #[error("stopped at once, as asked by a second signal")]
    Interrupted,
}

fn listen_problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program uses this port; stop it, or choose another with --listen".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "this user may not use this port; choose one above 1023, or grant cap_net_bind_service".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this computer does not have this address; choose another with --listen".to_owned()
        }
        _ => format!("{error}; choose another address with --listen"),
    }
}

impl ServeError {
    /// Whether the settings are at fault (exit code 2).
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Tls(_)
                | Self::Acme(AcmeError::Tls(_))
                | Self::Load(LoadError::Secret(_))
                | Self::AdminKey(_)
                | Self::AccessLog(_)
        )
    }
}

/// Whether certificate and key can be used: `Err` says what is wrong.
pub fn check_tls(files: &TlsFiles) -> Result<(), String> {
    Reloading::load(files.clone()).map(drop).map_err(|error| error.to_string())
}

/// The public URL of the last `serve` in this data folder.
pub fn remembered_url(data: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data.join("public-url")).ok()?;
    crate::config::PublicBase::parse(&text).ok().map(|public| public.url())
}

impl Gateway {
    /// Reads what the data folder holds and starts the housekeeping on the current runtime. Nothing
    /// listens yet.
    pub fn start(config: Config) -> Result<Arc<Self>, ServeError> {
        let tokens = Tokens::load(&config)?;
        let registry = Registry::load(&config)
            .map_err(|source| ServeError::Claims { folder: config.data.clone(), source })?;
        let acme = config.acme.as_ref().map(|settings| Acme::load(settings, &config)).transpose()?;
        let client_ca = config.client_ca.as_deref().map(Asking::load).transpose()?;
        let caddy = config.caddy_admin.clone().zip(config.public.clone());
        let outgoing = Outgoing::new(config.outgoing_allow.clone());
        let access_log = config.access_log.clone().map(AccessLog::new);
        let gateway = Arc::new(Self {
            settings: ArcSwap::from_pointee(Settings::of(&config)),
            config,
            registry,
            tokens,
            passwords: Passwords::default(),
            outgoing,
            jwks: Jwks::default(),
            client_ca,
            acme,
            strangers: Throttle::default(),
            counters: Counters::default(),
            allowances: Allowances::default(),
            audit: Audit::default(),
            access_log,
            caddy: caddy.is_some().then(Caddy::default),
            ready: AtomicBool::new(false),
            leaving: CancellationToken::new(),
            draining: CancellationToken::new(),
            closing: CancellationToken::new(),
            cut: CancellationToken::new(),
            tasks: TaskTracker::new(),
            late: TaskTracker::new(),
            links_end: CancellationToken::new(),
            links: TaskTracker::new(),
        });
        if !gateway.config.data.as_os_str().is_empty() {
            gateway.links.spawn(keep_tokens(gateway.clone()));
            gateway.links.spawn(keep_claims(gateway.clone()));
            gateway.links.spawn(audit::keep(gateway.clone()));
        }
        gateway.links.spawn(keep_house(gateway.clone()));
        gateway.links.spawn(access::log::keep(gateway.clone()));
        if let Some((admin, public)) = caddy {
            gateway.links.spawn(caddy::keep(gateway.clone(), admin, public));
        }
        Ok(gateway)
    }

    /// Lets what is in flight finish within the grace and serves what comes meanwhile, so that a load
    /// balancer can see that this gateway is not ready; then closes the links.
    pub async fn drain(&self) {
        self.ready.store(false, Ordering::Relaxed);
        self.draining.cancel();
        self.tasks.close();
        self.late.close();
        let in_flight = async {
            self.tasks.wait().await;
            self.closing.cancel();
            self.late.wait().await;
            // Streams of late HTTP/2 connections.
            self.tasks.wait().await;
        };
        let grace = self.settings.load().grace;
        if tokio::time::timeout(grace, in_flight).await.is_err() {
            let left = self.tasks.len() + self.late.len();
            tracing::warn!(left, ?grace, "breaking off what is still in flight");
        }
        self.closing.cancel();
        self.cut.cancel();
        self.links_end.cancel();
        self.links.close();
        let rest = async {
            self.tasks.wait().await;
            self.late.wait().await;
            self.links.wait().await;
        };
        if tokio::time::timeout(FAREWELL, rest).await.is_err() {
            tracing::warn!("some links did not close in time");
        }
    }

    /// Resolves when an idle connection is to be closed because the gateway drains. A request may be on
    /// its way, and its sender (a proxy with kept connections, say) could not know.
    pub fn last_call(&self) -> impl Future<Output = ()> + Send + use<> {
        let draining = self.draining.clone();
        async move {
            draining.cancelled().await;
            tokio::time::sleep(LAST_CALL).await;
        }
    }
}

/// Follows rotation and revocation.
async fn keep_tokens(gateway: Arc<Gateway>) {
    while !ended(&gateway, REREAD).await {
        gateway.tokens.reread();
    }
}

async fn keep_house(gateway: Arc<Gateway>) {
    while !ended(&gateway, UPKEEP).await {
        gateway.registry.upkeep();
    }
}

/// Waits; true when the gateway ends.
async fn ended(gateway: &Gateway, wait: Duration) -> bool {
    tokio::time::timeout(wait, gateway.links_end.cancelled()).await.is_ok()
}

/// Writes claims when they change, and a last time at the end.
async fn keep_claims(gateway: Arc<Gateway>) {
    loop {
        let last = tokio::select! {
            () = gateway.registry.claims_changed() => false,
            () = gateway.links_end.cancelled() => true,
        };
        let (claims, made) = gateway.registry.claims();
        let data = gateway.config.data.clone();
        let begun = Instant::now();
        let written = tokio::task::spawn_blocking(move || store::save(&data, &claims)).await;
        let error = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        gateway.registry.claims_kept(error.is_none().then_some(made));
        if let Some(error) = error {
            tracing::error!(%error, "cannot write claims.json; names are kept in memory meanwhile");
            if !last && !ended(&gateway, WRITE_AGAIN).await {
                gateway.registry.upkeep();
            }
        }
        if last {
            return;
        }
        let pause = (begun.elapsed() * WRITE_SHARE).min(WRITE_GAP);
        let waited_for = async {
            tokio::time::sleep(pause).await;
            gateway.registry.claims_made().await;
        };
        tokio::select! {
            _ = ended(&gateway, WRITE_GAP) => {}
            () = waited_for => {}
        }
    }
}

/// Serves until SIGTERM or SIGINT, then drains. `source` reads the settings again, `layers` are as they were
/// read for `config`.
pub async fn serve(mut config: Config, layers: Layers, source: Source) -> Result<(), ServeError> {
    if let Some(to) = &config.access_log {
        access::check(to).map_err(ServeError::AccessLog)?;
    }
    let files = config.tls.clone().map(Reloading::load).transpose()?.map(Arc::new);
    let listener = bind(config.listen).await?;
    let admin = match config.admin_listen {
        Some(address) => Some(Admin::open(&config, bind(address).await?).map_err(ServeError::AdminKey)?),
        None => None,
    };
    let clear = match config.http_listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    config.admin_listen = admin.as_ref().map(Admin::address);
    if let Ok(bound) = listener.local_addr() {
        config.listen = bound;
        if let Some(public) = &mut config.public
            && public.port == Some(0)
        {
            public.port = Some(bound.port());
        }
    }
    remember_url(&config);
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let hangups = Hangups::new().map_err(ServeError::Signals)?;
    let life_line = config.until_stdin_closes.then(stdin_closed);
    let gateway = Gateway::start(config)?;
    let short = |token: &crate::secret::Secret| token.bytes().len() < GOOD_CLIENT_TOKEN_BYTES;
    if gateway.config.client_token.as_ref().is_some_and(short) {
        tracing::warn!(
            "the shared client token is short and could be guessed; {GOOD_CLIENT_TOKEN_BYTES} random bytes or more are better"
        );
    }
    if gateway.caddy.is_some() && gateway.config.trusted_proxies.is_empty() {
        tracing::warn!("{CADDY_UNTRUSTED}");
    }
    if let Some(files) = &files {
        gateway.links.spawn(files.clone().follow(gateway.links_end.clone()));
    }
    let reloader = Reloader::new(source, layers, files.clone());
    gateway.links.spawn(reloader.keep(gateway.clone(), hangups));
    let tls = tls(&gateway, files.clone())?.map(Arc::new);
    if let Some(admin) = admin {
        gateway.links.spawn(admin.serve(gateway.clone()));
    }
    let accepting = tokio::spawn(crate::listener::run(gateway.clone(), listener, tls));
    let accepting_clear = clear.map(|clear| tokio::spawn(crate::listener::run_clear(gateway.clone(), clear)));
    if let Some(acme) = &gateway.acme {
        gateway.links.spawn(crate::acme::keep(gateway.clone(), acme.clone(), files));
    }
    gateway.ready.store(true, Ordering::Relaxed);
    announce(&gateway.config);
    let closed = async {
        match life_line {
            Some(closed) => closed.cancelled().await,
            None => std::future::pending().await,
        }
    };
    let why = tokio::select! {
        name = signals.next() => name,
        () = closed => "end of standard input",
        () = gateway.leaving.cancelled() => "an operator",
    };
    tracing::info!(why, "stopping: finishing what is in flight");
    let done = tokio::select! {
        () = gateway.drain() => Ok(()),
        _ = signals.next() => Err(ServeError::Interrupted),
    };
    accepting.abort();
    if let Some(accepting) = accepting_clear {
        accepting.abort();
    }
    done
}

/// What the public listener speaks TLS with; none where it speaks clear text.
fn tls(gateway: &Gateway, files: Option<Arc<Reloading>>) -> Result<Option<Tls>, crate::tls::TlsError> {
    let own = gateway.config.public.as_ref().map(|public| public.host.as_str());
    match (&gateway.acme, files) {
        (Some(acme), files) => Ok(Some(Tls::Automatic(acme.server_config(own, files)?))),
        (None, files) => Ok(files.map(Tls::Files)),
    }
}

async fn bind(address: std::net::SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address: address.to_string(), source })
}

/// The one line that says where; whoever started the gateway may wait for it.
fn announce(config: &Config) {
    let public = match &config.public {
        Some(public) => public.url(),
        None => "read off each request".to_owned(),
    };
    let mut out = io::stdout().lock();
    // Nobody may be reading: that is no reason to stop.
    let _ = writeln!(out, "porthole-gateway listening on {}, public URL {public}", config.listen);
    let _ = out.flush();
    tracing::info!(listen = %config.listen, public_url = %public, single_host = config.single_host, "serving");
}

fn remember_url(config: &Config) {
    if let Some(public) = &config.public
        && let Err(error) = crate::files::replace(&config.data.join("public-url"), public.url().as_bytes())
    {
        tracing::warn!(%error, "cannot remember the public URL; `token create` will need --public-url");
    }
}

/// Cancelled when standard input reaches its end. A thread of its own: reading it may block for ever.
fn stdin_closed() -> CancellationToken {
    let closed = CancellationToken::new();
    let told = closed.clone();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        told.cancel();
    });
    closed
}

/// SIGTERM and SIGINT, or Ctrl-C where there are no signals.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    #[cfg(unix)]
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    #[cfg(not(unix))]
    #[allow(clippy::unnecessary_wraps)]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> &'static str {
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C"
    }
}
