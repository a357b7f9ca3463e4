//! The settings once more, without a restart (SIGHUP, `systemctl reload`): what can change at run time
//! changes, what cannot is named, and whoever is connected notices nothing of it.
//!
//! [`changes`] (pure) tells which options say something else than before; [`Reloader`] reads the settings,
//! looks at all of them, and only then puts any in place.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::audit::{self, Change, Who};
use crate::config::{Config, ConfigError, Layers, OPTIONS};
use crate::server::Gateway;
use crate::tls::{Reloading, TlsError};

/// Options that need no restart. Of all others it is said that they do.
pub const AT_RUN_TIME: [&str; 9] = [
    "client-token",
    "tls-cert",
    "tls-key",
    "hsts",
    "trusted-proxies",
    "tcp-ports",
    "grace",
    "claim-days",
    "log",
];

/// What is looked at for each request or now and then, and may change in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Peers whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Seconds for which visitors on TLS are told to come by https only.
    pub hsts: Option<u32>,
    /// How long streams in flight may go on after SIGTERM.
    pub grace: Duration,
}

impl Settings {
    pub fn of(config: &Config) -> Self {
        Self { trusted_proxies: config.trusted_proxies.clone(), hsts: config.hsts, grace: config.grace }
    }
}

/// Options that say something else than before.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// They are in force with this reload.
    pub applied: Vec<&'static str>,
    /// They wait for a restart.
    pub waiting: Vec<&'static str>,
}

/// Compares what is read now with what was in force (`last`) and what the gateway began with (`first`).
pub fn changes(first: &Layers, last: &Layers, now: &Layers) -> Changes {
    // To begin with TLS on a listener, or to leave it, is another listener.
    let tls_stays = first.get("tls-cert").is_some() == now.get("tls-cert").is_some();
    let at_run_time = |option: &&'static str| {
        AT_RUN_TIME.contains(option) && (tls_stays || !matches!(*option, "tls-cert" | "tls-key"))
    };
    let value = |layers: &Layers, option: &str| layers.get(option).map(|(value, _)| value.to_owned());
    let (fast, slow): (Vec<_>, Vec<_>) = OPTIONS.into_iter().partition(at_run_time);
    Changes {
        applied: fast.into_iter().filter(|option| value(last, option) != value(now, option)).collect(),
        waiting: slow.into_iter().filter(|option| value(first, option) != value(now, option)).collect(),
    }
}

/// Flags, variables and file, read again.
pub type Source = Arc<dyn Fn() -> Result<(Layers, Config), ConfigError> + Send + Sync>;

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{0}")]
    Filter(String),
    #[error("the settings could not be read to their end: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// Puts changed settings in place.
pub struct Reloader {
    source: Source,
    first: Layers,
    last: Layers,
    tls: Option<Arc<Reloading>>,
}

impl std::fmt::Debug for Reloader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloader").field("first", &self.first).finish_non_exhaustive()
    }
}

impl Reloader {
    /// `layers` are the settings that the gateway began with; `tls` the certificate files that it follows.
    pub fn new(source: Source, layers: Layers, tls: Option<Arc<Reloading>>) -> Self {
        Self { source, first: layers.clone(), last: layers, tls }
    }

    /// Reloads with each SIGHUP until the gateway ends.
    pub(crate) async fn keep(mut self, gateway: Arc<Gateway>, mut asked: Hangups) {
        loop {
            tokio::select! {
                () = asked.next() => {}
                () = gateway.links_end.cancelled() => return,
            }
            if asked.is_terminal_gone() {
                tracing::info!("the terminal is gone");
                gateway.leaving.cancel();
                return;
            }
            match self.reload(&gateway).await {
                Ok(changes) => tell(&gateway, changes).await,
                Err(error) => {
                    gateway.counters.reloads.count("refused");
                    tracing::error!(%error, "the settings stay as they were");
                }
            }
        }
    }

    async fn reload(&mut self, gateway: &Gateway) -> Result<Changes, ReloadError> {
        let source = Arc::clone(&self.source);
        // A secret may come from a command, which takes its time.
        let (layers, config) = tokio::task::spawn_blocking(move || source()).await??;
        let changes = changes(&self.first, &self.last, &layers);
        let pair = match (&self.tls, &config.tls) {
            (Some(tls), Some(files)) => Some((tls, tls.look(files.clone())?)),
            _ => None,
        };
        if changes.applied.contains(&"log") {
            crate::logging::change(&config.log, gateway.access_log.is_some()).map_err(ReloadError::Filter)?;
        }
        // All of it can be used: nothing fails from here on.
        if let Some((tls, pair)) = pair {
            tls.take(pair);
        }
        gateway.settings.store(Arc::new(Settings::of(&config)));
        gateway.tokens.admit_shared(&config);
        gateway.registry.keep_claims_for(config.claim_lapse);
        self.last = layers;
        Ok(changes)
    }
}

async fn tell(gateway: &Gateway, changes: Changes) {
    gateway.counters.reloads.count("applied");
    tracing::info!(changed = %list(&changes.applied), "the settings were read again");
    if !changes.waiting.is_empty() {
        tracing::warn!("these settings changed and need a restart: {}", list(&changes.waiting));
    }
    let (data, who) = (gateway.config.data.clone(), Who::Signal);
    let change = Change::SettingsReloaded { changed: changes.applied, restart_needed: changes.waiting };
    let written = tokio::task::spawn_blocking(move || audit::append(&data, &change, who)).await;
    if let Err(error) = written.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
        tracing::error!(%error, "cannot write audit.jsonl; this reload is missing in it");
    }
}

fn list(options: &[&str]) -> String {
    if options.is_empty() {
        return "nothing".to_owned();
    }
    options.iter().map(|option| format!("--{option}")).collect::<Vec<_>>().join(", ")
}

/// SIGHUP as it comes; never where there are no signals.
#[derive(Debug)]
pub(crate) struct Hangups {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
    /// Somebody started the gateway at a terminal.
    at_terminal: bool,
}

impl Hangups {
    #[cfg_attr(not(unix), allow(clippy::unnecessary_wraps))]
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?,
            at_terminal: is_terminal(),
        })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        if self.signal.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        std::future::pending().await
    }

    /// The signal is what it was made for: the window was closed, and nobody is there to stop the gateway.
    fn is_terminal_gone(&self) -> bool {
        self.at_terminal && !is_terminal()
    }
}

fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdin())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn layers(text: &str) -> Layers {
        let mut layers = Layers::default();
        layers.add_text(text, Path::new("gateway.toml")).unwrap();
        layers
    }

    #[test]
    fn what_changed_is_in_force_or_waits_for_a_restart_and_is_told_until_then() {
        let first = layers("listen = \"127.0.0.1:1\"\nlog = \"info\"\ngrace = \"5s\"\n");
        let second = layers("listen = \"127.0.0.1:2\"\nlog = \"debug\"\nhsts = \"1d\"\n");
        let told = changes(&first, &first, &second);
        assert_eq!(told, Changes { applied: vec!["hsts", "grace", "log"], waiting: vec!["listen"] });
        let told = changes(&first, &second, &second);
        assert_eq!(told, Changes { applied: vec![], waiting: vec!["listen"] }, "it still listens on :1");
        assert_eq!(changes(&first, &second, &first).waiting, Vec::<&str>::new());
    }

    #[test]
    fn other_certificate_files_are_read_and_the_first_ones_need_another_listener() {
        let none = layers("");
        let one = layers("tls_cert = \"a\"\ntls_key = \"b\"\n");
        let two = layers("tls_cert = \"c\"\ntls_key = \"b\"\n");
        assert_eq!(changes(&one, &one, &two), Changes { applied: vec!["tls-cert"], waiting: vec![] });
        assert_eq!(changes(&none, &none, &one).waiting, ["tls-cert", "tls-key"]);
        assert_eq!(changes(&one, &one, &none).waiting, ["tls-cert", "tls-key"]);
    }

    #[test]
    fn every_option_that_needs_no_restart_is_one() {
        for option in AT_RUN_TIME {
            assert!(OPTIONS.contains(&option), "{option}");
        }
    }
}
