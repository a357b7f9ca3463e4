//! Keys that issuers of tokens publish: fetched when a visitor's token needs them, kept, fetched again in time.
//!
//! Each subject has its own, so that no token holder's URLs push out another's or are told by how fast they are.

mod freshness;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use url::{Position, Url};

use crate::outgoing::{Answer, Call, Outgoing, OutgoingError};
use crate::policy::jwt::{Jwt, KeySet, NoKeys, ShownToken, Source, TokenProblem};
use crate::policy::{Compiled, PolicyRefusal};
use crate::server::Gateway;
use freshness::{Kept, Step};

/// For one set, from the name to the last byte.
const FETCH_TIME: Duration = Duration::from_secs(10);
/// The same while older keys will do: a visitor waits for it.
const REFRESH_TIME: Duration = Duration::from_secs(3);
/// Bytes of a set; a large one has some 20,000.
const SET_BYTES: usize = 256 * 1024;
/// URLs of one subject; the one that was used longest ago goes.
const MAX_URLS_PER_SUBJECT: usize = 16;
/// URLs of all subjects, with 10 KB or so of keys each.
const MAX_URLS: usize = 2000;
/// Seconds that a visitor is told to wait where there are no keys.
const RETRY_AFTER: u64 = 5;

/// What is kept of one URL.
#[derive(Debug)]
struct Entry {
    url: Url,
    kept: Mutex<Kept>,
    /// Held by whoever fetches.
    fetching: tokio::sync::Mutex<()>,
    used: Mutex<Instant>,
}

/// A subject, and where its keys are.
type Whose = (Arc<str>, Url);

/// The sets that were fetched, by whose they are and where.
#[derive(Debug, Default)]
pub struct Jwks {
    entries: Mutex<HashMap<Whose, Arc<Entry>>>,
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
    #[error("it answered {0}, not 200")]
    Status(u16),
    #[error(transparent)]
    NoKeys(#[from] NoKeys),
}

/// No keys, and none to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unavailable;

/// Whether the token lets `visitor` in. Tokens that are wrong count as wrong passwords do, by address, unless they are
/// merely too old; who sends them waits, and tokens that were right before are looked at meanwhile.
pub async fn check(
    gateway: &Gateway,
    subject: &Arc<str>,
    policy: &Compiled,
    token: &ShownToken,
    visitor: IpAddr,
) -> Result<(), PolicyRefusal> {
    let Some(jwt) = policy.jwt() else { return Err(policy.challenge()) };
    gateway.passwords.admit_token(token, visitor, Instant::now())?;
    let opened = match jwt.source() {
        Source::Fixed(keys) => Ok(jwt.open(token, keys, Timestamp::now())),
        Source::Published(url) => gateway.jwks.open(&gateway.outgoing, subject, url, jwt, token).await,
    };
    let Ok(opened) = opened else {
        let sentence = "The keys by which tokens are checked here cannot be had; try again in a moment.";
        let refusal = PolicyRefusal::new(503, "keys-unavailable", sentence);
        return Err(PolicyRefusal { retry_after: Some(RETRY_AFTER), ..refusal });
    };
    gateway.passwords.judged_token(token, visitor, opened, Instant::now());
    opened.map_err(|problem| policy.challenge_token(problem))
}

impl Jwks {
    async fn open(
        &self,
        outgoing: &Outgoing,
        subject: &Arc<str>,
        url: &Url,
        jwt: &Jwt,
        token: &ShownToken,
    ) -> Result<Result<(), TokenProblem>, Unavailable> {
        let entry = self.entry(subject, url, Instant::now());
        let keys = entry.keys(outgoing, false).await.ok_or(Unavailable)?;
        let opened = jwt.open(token, &keys, Timestamp::now());
        if opened != Err(TokenProblem::UnknownKey) {
            return Ok(opened);
        }
        // Perhaps a new key, which was not there when the others were fetched.
        let keys = entry.keys(outgoing, true).await.ok_or(Unavailable)?;
        Ok(jwt.open(token, &keys, Timestamp::now()))
    }

    fn entry(&self, subject: &Arc<str>, url: &Url, now: Instant) -> Arc<Entry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Arc::clone(subject), url.clone());
        if let Some(entry) = entries.get(&key) {
            *entry.used.lock().unwrap_or_else(PoisonError::into_inner) = now;
            return Arc::clone(entry);
        }
        let own = entries.keys().filter(|(whose, _)| whose == subject).count();
        let full = |whose: &str| (own >= MAX_URLS_PER_SUBJECT).then_some(whose == &**subject);
        if own >= MAX_URLS_PER_SUBJECT || entries.len() >= MAX_URLS {
            let goes = entries.iter().filter(|((whose, _), _)| full(whose).unwrap_or(true));
            let goes =
                goes.min_by_key(|(_, entry)| *entry.used.lock().unwrap_or_else(PoisonError::into_inner));
            if let Some(key) = goes.map(|(key, _)| key.clone()) {
                entries.remove(&key);
            }
        }
        let entry = Arc::new(Entry {
            url: url.clone(),
            kept: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
            used: Mutex::new(now),
        });
        entries.insert(key, Arc::clone(&entry));
        entry
    }
}

impl Entry {
    /// The keys, for any token or for one whose key is not there; fetched first where that is due. Of several who want
    /// that one does it, and who cannot do without waits for that.
    async fn keys(&self, outgoing: &Outgoing, another: bool) -> Option<Arc<KeySet>> {
        let step = || {
            let (kept, now) = (self.kept(), Instant::now());
            if another { Step::for_another(&kept, now) } else { Step::for_any(&kept, now) }
        };
        match step() {
            Step::Use => {}
            Step::Refresh => {
                if let Ok(_turn) = self.fetching.try_lock() {
                    self.fetch(outgoing, REFRESH_TIME).await;
                }
            }
            Step::Fetch => {
                let _turn = self.fetching.lock().await;
                // Somebody else may have done it meanwhile.
                if step() == Step::Fetch {
                    if another {
                        self.kept().missing(Instant::now());
                    }
                    self.fetch(outgoing, FETCH_TIME).await;
                }
            }
        }
        self.kept().keys(Instant::now())
    }

    async fn fetch(&self, outgoing: &Outgoing, time: Duration) {
        self.kept().trying(Instant::now());
        match fetched(outgoing, &self.url, time).await {
            Ok((keys, answer)) => {
                let control = answer.fields.get_all(http::header::CACHE_CONTROL);
                let control = control.iter().filter_map(|value| value.to_str().ok());
                self.kept().renew(keys, freshness::lifetime(control), Instant::now());
            }
            Err(error) => {
                // A query may hold somebody's secret.
                let url = &self.url[..Position::AfterPath];
                tracing::warn!(url, %error, "cannot fetch the keys of tokens");
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn fetched(outgoing: &Outgoing, url: &Url, time: Duration) -> Result<(KeySet, Answer), FetchError> {
    let answer = outgoing.call(Call::get(url, time, SET_BYTES)).await?;
    match answer.status {
        200 => Ok((KeySet::published(&answer.body)?, answer)),
        status => Err(FetchError::Status(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subjects_urls_are_bounded_and_push_out_nobody_elses() {
        let jwks = Jwks::default();
        let begun = Instant::now();
        let url = |n: usize| Url::parse(&format!("https://id.example/{n}")).unwrap();
        let (alice, bob): (Arc<str>, Arc<str>) = ("alice".into(), "bob".into());
        let at = |n: usize| begun + Duration::from_secs(n as u64);
        let bobs = jwks.entry(&bob, &url(0), begun);
        let first = jwks.entry(&alice, &url(0), at(1));
        for n in 1..MAX_URLS_PER_SUBJECT {
            jwks.entry(&alice, &url(n), at(n + 1));
        }
        assert!(Arc::ptr_eq(&first, &jwks.entry(&alice, &url(0), at(100))));
        jwks.entry(&alice, &url(100), at(101));
        assert_eq!(jwks.entries.lock().unwrap().len(), MAX_URLS_PER_SUBJECT + 1);
        assert!(!jwks.entries.lock().unwrap().contains_key(&(alice.clone(), url(1))), "unused for longest");
        assert!(Arc::ptr_eq(&first, &jwks.entry(&alice, &url(0), at(102))));
        assert!(Arc::ptr_eq(&bobs, &jwks.entry(&bob, &url(0), at(103))));
    }

    #[test]
    fn urls_of_all_subjects_are_bounded() {
        let jwks = Jwks::default();
        let url = Url::parse("https://id.example/").unwrap();
        for n in 0..=MAX_URLS {
            jwks.entry(&format!("subject-{n}").into(), &url, Instant::now());
        }
        assert_eq!(jwks.entries.lock().unwrap().len(), MAX_URLS);
    }
}
