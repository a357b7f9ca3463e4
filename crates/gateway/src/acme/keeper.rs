//! The task that gets certificates, and new ones before they expire.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use instant_acme::{Account, NewAccount};
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::certificates::Certificate;
use super::order::{OrderError, Proof, order};
use super::schedule::{Next, Wanted};
use super::{Acme, Failure, lock, names};
use crate::server::Gateway;
use crate::tls::Reloading;

/// The longest sleep: the computer's clock may be set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The shortest sleep between two looks, while mappings come and go by the hundred.
const PAUSE: Duration = Duration::from_millis(100);

/// What came of an order.
type Done = (Wanted, Result<Certificate, OrderError>);

/// Keeps every wanted name that no `files` cover in certificates until the gateway ends; orders under way are
/// given up then.
pub async fn keep(gateway: Arc<Gateway>, acme: Arc<Acme>, files: Option<Arc<Reloading>>) {
    tokio::select! {
        () = gateway.links_end.cancelled() => {}
        () = run(&gateway, acme, files.as_deref()) => {}
    }
}

async fn run(gateway: &Gateway, acme: Arc<Acme>, files: Option<&Reloading>) {
    let mut changes = gateway.registry.changes();
    let mut orders: JoinSet<Done> = JoinSet::new();
    let own = gateway.config.public.as_ref().map(|public| public.host.clone());
    let mut keeper = Keeper { acme: Arc::clone(&acme), account: None, under_way: BTreeSet::new() };
    let ours = names::Own {
        host: own.as_deref(),
        wildcard: acme.settings.dns_hook.is_some() && !gateway.config.single_host,
    };
    loop {
        changes.borrow_and_update();
        let covered = |host: &str| files.is_some_and(|files| files.covers(host));
        let wanted = names::wanted(ours, gateway.registry.hosts(), covered);
        let until = keeper.begin(&wanted, &mut orders).await;
        let wait = until.map_or(LOOK_AGAIN, |until| {
            let left = until.duration_since(Timestamp::now());
            Duration::try_from(left).unwrap_or_default().clamp(PAUSE, LOOK_AGAIN)
        });
        tokio::select! {
            Some(done) = orders.join_next(), if !orders.is_empty() => {
                // A task of ours ends by itself only.
                if let Ok((wanted, result)) = done {
                    keeper.finish(wanted, result).await;
                }
            }
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
            () = tokio::time::sleep(wait) => {}
        }
    }
}

struct Keeper {
    acme: Arc<Acme>,
    /// As the authority knows us, once it does.
    account: Option<Account>,
    under_way: BTreeSet<String>,
}

impl Keeper {
    /// Sends out all orders that may go now; returns when to look again.
    async fn begin(&mut self, wanted: &[Wanted], orders: &mut JoinSet<Done>) -> Option<Timestamp> {
        self.acme.told.wanted.store(wanted.len(), Ordering::Relaxed);
        self.forget_expired().await;
        loop {
            let now = Timestamp::now();
            let next = self.acme.ledger().next(wanted, &self.acme.certificates.all(), &self.under_way, now);
            let (wanted, renewal) = match next {
                Next::Order { wanted, renewal } => (wanted, renewal),
                Next::Wait { until } => return until,
            };
            let account = match self.account().await {
                Ok(account) => account,
                Err(error) => {
                    self.failed(&wanted, &error).await;
                    continue;
                }
            };
            self.acme.ledger().begin(&wanted, renewal, now);
            // What is counted is on disk before the order goes out.
            self.save_ledger().await;
            self.under_way.insert(wanted.name.clone());
            self.count();
            self.acme.told.orders.fetch_add(1, Ordering::Relaxed);
            tracing::info!(name = wanted.name, renewal, "ordering a certificate");
            let acme = Arc::clone(&self.acme);
            orders.spawn(async move {
                let result = get(&acme, &account, &wanted).await;
                (wanted, result)
            });
        }
    }

    fn count(&self) {
        self.acme.told.under_way.store(self.under_way.len(), Ordering::Relaxed);
    }

    async fn finish(&mut self, wanted: Wanted, result: Result<Certificate, OrderError>) {
        self.under_way.remove(&wanted.name);
        self.count();
        match result {
            Ok(certificate) => {
                tracing::info!(name = wanted.name, until = %certificate.not_after, "a certificate is at hand");
                self.acme.certificates.put(&wanted.name, certificate);
                self.acme.ledger().succeeded(&wanted.name);
                self.save_ledger().await;
            }
            Err(error) => self.failed(&wanted, &error).await,
        }
    }

    async fn failed(&mut self, wanted: &Wanted, error: &OrderError) {
        let now = Timestamp::now();
        {
            let mut ledger = self.acme.ledger();
            if error.is_of_all_names() {
                ledger.away(now);
            } else {
                ledger.failed(&wanted.name, now);
            }
            if let Some(pause) = self.acme.client.take_pause() {
                ledger.held_off(pause, now);
            }
        }
        if error.is_of_all_names() {
            // What was read of the directory may be no longer so.
            self.account = None;
        }
        if matches!(error, OrderError::UnknownAccount)
            && let Err(error) = blocking(&self.acme, |acme| acme.store.remove_account()).await
        {
            tracing::warn!(%error, "the ACME account that nobody knows cannot be removed");
        }
        tracing::warn!(name = wanted.name, %error, "no certificate was had; it is tried again later");
        self.acme.told.orders_failed.fetch_add(1, Ordering::Relaxed);
        self.acme.told.failures.count(error.code());
        let (code, name, problem) = (error.code().to_owned(), wanted.name.clone(), error.to_string());
        *lock(&self.acme.told.last_failure) = Some(Failure { code, name, problem, at: now });
        self.save_ledger().await;
    }

    /// The account at the authority: the stored one, or a new one that is stored at once.
    async fn account(&mut self) -> Result<Account, OrderError> {
        if let Some(account) = &self.account {
            return Ok(account.clone());
        }
        let acme = &self.acme;
        let builder = || Account::builder_with_http(Box::new(acme.client.clone()));
        let stored = blocking(acme, |acme| acme.store.load_account()).await;
        let stored = stored.unwrap_or_else(|error| {
            tracing::warn!(%error, "the stored ACME account cannot be read; another is made");
            None
        });
        let account = match stored {
            Some(credentials) => builder().from_credentials(credentials).await?,
            None => {
                let contact = format!("mailto:{}", acme.settings.email);
                let new = NewAccount {
                    contact: &[&contact],
                    terms_of_service_agreed: true,
                    only_return_existing: false,
                };
                let directory = acme.settings.directory.to_string();
                let (account, credentials) =
                    builder().create(&new, directory, None).await.map_err(no_account)?;
                let kept = blocking(acme, move |acme| acme.store.save_account(&credentials)).await;
                if let Err(error) = kept {
                    tracing::warn!(%error, "the ACME account cannot be kept; the next start makes another");
                }
                account
            }
        };
        self.account = Some(account.clone());
        Ok(account)
    }

    async fn forget_expired(&self) {
        let expired = self.acme.certificates.forget_expired(Timestamp::now());
        if expired.is_empty() {
            return;
        }
        let removed = blocking(&self.acme, move |acme| {
            expired.iter().try_for_each(|name| acme.store.remove_certificate(name))
        });
        if let Err(error) = removed.await {
            tracing::warn!(%error, "an expired certificate cannot be removed");
        }
    }

    async fn save_ledger(&self) {
        let ledger = self.acme.ledger().clone();
        if let Err(error) = blocking(&self.acme, move |acme| acme.store.save_ledger(&ledger)).await {
            tracing::warn!(%error, "what was ordered cannot be written; it is remembered until the gateway ends");
        }
    }
}

/// A refusal of the account is one of all names.
fn no_account(error: instant_acme::Error) -> OrderError {
    match OrderError::from(error) {
        OrderError::Refused(problem) => OrderError::NoAccount(problem),
        error => error,
    }
}

/// Orders, looks at what came, and keeps it. One that cannot be kept is used all the same.
async fn get(acme: &Arc<Acme>, account: &Account, wanted: &Wanted) -> Result<Certificate, OrderError> {
    let name = wanted.name.as_str();
    // What is the gateway's own lies in the domain that the hook looks after.
    let proof = match &acme.hook {
        Some(hook) if wanted.subject.is_none() => Proof::Dns(Arc::clone(hook)),
        _ => Proof::Here(acme.settings.challenge, Arc::clone(&acme.challenges)),
    };
    let pem = order(account, name, &proof).await?;
    let certificate = Certificate::from_pem(name, pem.as_bytes())
        .map_err(|error| OrderError::Refused(format!("the certificate that came cannot be used: {error}")))?;
    let owned = name.to_owned();
    if let Err(error) = blocking(acme, move |acme| acme.store.save_certificate(&owned, &pem)).await {
        tracing::warn!(name, %error, "the certificate cannot be kept; the next start orders another");
    }
    Ok(certificate)
}

/// Does something with files, off the runtime's thread.
async fn blocking<T: Send + 'static>(
    acme: &Arc<Acme>,
    what: impl FnOnce(&Acme) -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    let acme = Arc::clone(acme);
    tokio::task::spawn_blocking(move || what(&acme))
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
}
