//! Certificates that the gateway gets by itself (ACME, RFC 8555).
//!
//! The way of a certificate: [`names`] says which hosts are to have one (the gateway's own, and those that
//! live mappings hold, but for those that files cover; a name that merely somebody asks for is none) → [`schedule`] (pure) chooses the
//! next, within what authorities allow → [`order`] speaks to the authority through [`client`], while
//! [`challenges`] holds what it comes to look at, or a [`hook`] puts that into the name server → [`store`] keeps
//! it → [`certificates`] gives it to handshakes. [`keeper`] is the task that does this, and again when a certificate
//! grows old; [`View`] what an operator sees of it.
//!
//! What is absent: revocation, and renewal times that the authority suggests (RFC 9773).

pub mod certificates;
pub mod challenges;
mod client;
mod hook;
mod keeper;
pub mod names;
mod order;
pub mod schedule;
mod store;
mod view;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use porthole_http1::{Fields, ResponseHead, Version};
use rustls::ServerConfig;

use crate::config::{AcmeSettings, Config};
use crate::counters::Codes;
use crate::rescue::{Answer, date};
use crate::tls::{Reloading, TlsError};
use certificates::{ACME_TLS, Certificates, Resolver};
use challenges::Challenges;
use client::Client;
use hook::Hook;
use schedule::Ledger;
use store::Store;

pub use keeper::keep;
pub use view::{Expiry, Failure, View};

/// Why automatic certificates cannot be had at all.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("no connection to the certificate authority can be made: {0}")]
    Client(String),
    #[error("cannot read the certificates in {}: {source}; mend or remove that folder", .folder.display())]
    Store { folder: PathBuf, source: io::Error },
}

/// The certificates, and what is needed to get more of them.
#[derive(Debug)]
pub struct Acme {
    settings: AcmeSettings,
    store: Store,
    client: Client,
    certificates: Arc<Certificates>,
    challenges: Arc<Challenges>,
    /// For the own host and a wildcard below it.
    hook: Option<Arc<Hook>>,
    ledger: Mutex<Ledger>,
    told: Told,
}

/// What others are told of it. Relaxed: nothing is decided by them.
#[derive(Debug, Default)]
struct Told {
    wanted: AtomicUsize,
    under_way: AtomicUsize,
    orders: AtomicU64,
    orders_failed: AtomicU64,
    failures: Codes,
    last_failure: Mutex<Option<Failure>>,
}

impl Acme {
    /// Reads what is stored. Nothing is asked of the authority yet.
    ///
    /// # Errors
    /// [`AcmeError`] when the CA file or the data folder cannot be used.
    pub fn load(settings: &AcmeSettings, config: &Config) -> Result<Arc<Self>, AcmeError> {
        let store = Store::new(&config.data, &settings.directory);
        let failed = |source| AcmeError::Store { folder: config.data.join("acme"), source };
        let certificates = store.load_certificates().map_err(failed)?;
        let ledger = store.load_ledger().map_err(failed)?;
        Ok(Arc::new(Self {
            client: Client::new(settings)?,
            settings: settings.clone(),
            store,
            certificates: Arc::new(Certificates::new(certificates)),
            challenges: Arc::default(),
            hook: settings.dns_hook.as_deref().map(|program| Arc::new(Hook::new(program))),
            ledger: Mutex::new(ledger),
            told: Told::default(),
        }))
    }

    /// What the listener shakes hands with; `own` is the gateway's own host, `files` go before what is
    /// had by ACME.
    ///
    /// # Errors
    /// [`TlsError`] when the library has no protocol version that it may speak.
    pub fn server_config(
        &self,
        own: Option<&str>,
        files: Option<Arc<Reloading>>,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let resolver = Resolver {
            certificates: Arc::clone(&self.certificates),
            challenges: Arc::clone(&self.challenges),
            files,
            own: own.map(str::to_owned),
        };
        let mut config =
            crate::tls::server_builder()?.with_no_client_auth().with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = crate::tls::alpn();
        config.alpn_protocols.push(ACME_TLS.to_vec());
        Ok(Arc::new(config))
    }

    /// What an authority is answered that asks for a pending HTTP-01 challenge of `host`. Everybody else's
    /// request goes on as if this were not here, and costs a load while nothing is pending.
    pub fn answer_http(&self, host: &str, target: &str) -> Option<Answer> {
        if !self.challenges.any_http() {
            return None;
        }
        let key_authorization = self.challenges.answer_http(host, target)?;
        let mut fields = Fields::with_capacity(256, 5);
        fields.push("Date", date());
        fields.push("Content-Type", "application/octet-stream");
        fields.push("Content-Length", key_authorization.len().to_string());
        fields.push("Cache-Control", "no-store");
        fields.push("X-Content-Type-Options", "nosniff");
        let head = ResponseHead { status: 200, reason: Vec::new(), version: Version::Http11, fields };
        Some(Answer { head, body: key_authorization.into() })
    }

    /// A word for probes: what is wrong, with its names, is the operator's alone.
    pub fn health(&self) -> &'static str {
        if self.ledger().failing() == 0 { "good" } else { "failing" }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
