//! Checks passwords against argon2 hashes, off the runtime's thread.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use argon2::{Argon2, PasswordVerifier};
use tokio::sync::Semaphore;

use super::jwt::{ShownToken, TokenProblem};
use super::{Compiled, Credentials, PolicyRefusal};
use crate::secret::keyed_hash;
use crate::throttle::{NameMark, Throttle};

/// Verified credentials remembered, 32 bytes each: beyond it all are forgotten and asked anew.
const MAX_VERIFIED: usize = 10_000;
/// Password checks at once: each takes a core and up to 64 MiB for some 50 ms.
const CHECKS_AT_ONCE: usize = 2;
/// Checks that may wait for their turn; more visitors are told to come back.
const CHECKS_WAITING: usize = 64;
/// Verified credentials and failures, shared by all visitors.
pub struct Passwords {
    /// Random per start: what is remembered are keyed hashes, never passwords.
    pub(super) key: [u8; 32],
    verified: Mutex<HashSet<[u8; 32]>>,
    throttle: Throttle,
    /// By mapping and user name, or by mapping where keys are guessed: guesses that come from many addresses.
    names: Throttle<NameMark>,
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

impl Default for Passwords {
    fn default() -> Self {
        // Without randomness from the system nothing else here works either; then the cache's key is
        // all zero, which weakens nothing but the cache.
        let mut key = [0; 32];
        let _ = getrandom::fill(&mut key);
        Self {
            key,
            verified: Mutex::default(),
            throttle: Throttle::default(),
            names: Throttle::default(),
            running: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
            places: Arc::new(Semaphore::new(CHECKS_WAITING)),
        }
    }
}

impl Passwords {
    /// Ok: one of the policy's users with its password. Answers at once for what it has seen before;
    /// an address that keeps failing waits longer and longer (429), and so do all who try for a name at
    /// which many fail, which does not touch those whose credentials are known to be right.
    pub async fn check(
        &self,
        policy: &Compiled,
        credentials: Credentials,
        visitor: IpAddr,
    ) -> Result<(), PolicyRefusal> {
        let hashes: Vec<String> = policy
            .users
            .iter()
            .filter(|user| user.user == credentials.user)
            .map(|user| user.hash.clone())
            .collect();
        let marks: Vec<[u8; 32]> = hashes
            .iter()
            .map(|hash| {
                keyed_hash(&self.key, &[hash.as_bytes(), credentials.user.as_bytes(), &credentials.password])
            })
            .collect();
        if marks.iter().any(|mark| self.verified().contains(mark)) {
            return Ok(());
        }
        // Any name counts, known or not, so that the wait does not tell which there are. The salt in the
        // hash tells mappings apart.
        let mapping = policy.users.first().map_or(&b""[..], |user| user.hash.as_bytes());
        let name = keyed_hash(&self.key, &[b"name", mapping, credentials.user.as_bytes()]);
        self.admit(visitor, Some(name), Instant::now())?;
        let Ok(_place) = self.places.clone().try_acquire_owned() else {
            return Err(too_many(1, "Too many passwords are being checked; try again in a moment."));
        };
        let Ok(turn) = self.running.clone().acquire_owned().await else {
            return Err(policy.challenge());
        };
        // An unknown user costs what a known one does, so that the time tells nothing.
        let hashes = if hashes.is_empty() {
            policy.users.iter().take(1).map(|u| u.hash.clone()).collect()
        } else {
            hashes
        };
        let known = !marks.is_empty();
        let password = credentials.password;
        let right = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let argon2 = Argon2::default();
            hashes.iter().position(|hash| argon2.verify_password(&password, hash.as_str()).is_ok())
        })
        .await
        .ok()
        .flatten()
        .filter(|_| known);
        let Some(mark) = right.and_then(|at| marks.get(at)) else {
            self.found_wrong(visitor, Some(name), Instant::now());
            return Err(policy.challenge());
        };
        self.found_right(visitor, Some(name), *mark);
        Ok(())
    }

    /// Whether `visitor` may try now, for `name` where there is one.
    pub(super) fn admit(
        &self,
        visitor: IpAddr,
        name: Option<NameMark>,
        now: Instant,
    ) -> Result<(), PolicyRefusal> {
        self.throttle.admit(visitor, now).map_err(|seconds| {
            too_many(seconds, "Too many wrong passwords came from this address; wait before the next try.")
        })?;
        name.map_or(Ok(()), |name| self.names.admit(name, now)).map_err(|seconds| {
            too_many(seconds, "Too many wrong passwords were tried for this name; wait before the next try.")
        })
    }

    pub(super) fn found_wrong(&self, visitor: IpAddr, name: Option<NameMark>, now: Instant) {
        self.throttle.failed(visitor, now);
        if let Some(name) = name {
            self.names.failed(name, now);
        }
    }

    /// What `mark` stands for is let in from now on, whoever fails beside it.
    pub(super) fn found_right(&self, visitor: IpAddr, name: Option<NameMark>, mark: [u8; 32]) {
        self.throttle.succeeded(visitor);
        if let Some(name) = name {
            self.names.succeeded(name);
        }
        let mut verified = self.verified();
        if verified.len() >= MAX_VERIFIED {
            verified.clear();
        }
        verified.insert(mark);
    }

    /// Whether the token may be looked at now. One that was right before is, however many wrong ones came from its
    /// address; nobody can guess a signature, but looking at one takes time.
    pub fn admit_token(
        &self,
        token: &ShownToken,
        visitor: IpAddr,
        now: Instant,
    ) -> Result<(), PolicyRefusal> {
        let known = self.verified().contains(&self.token_mark(token));
        if known { Ok(()) } else { self.admit(visitor, None, now) }
    }

    /// What came of it.
    pub fn judged_token(
        &self,
        token: &ShownToken,
        visitor: IpAddr,
        opened: Result<(), TokenProblem>,
        now: Instant,
    ) {
        match opened {
            Ok(()) => {
                let mark = self.token_mark(token);
                if !self.verified().contains(&mark) {
                    self.found_right(visitor, None, mark);
                }
            }
            Err(problem) if problem.is_about_time() => {}
            Err(_) => self.found_wrong(visitor, None, now),
        }
    }

    fn token_mark(&self, token: &ShownToken) -> [u8; 32] {
        keyed_hash(&self.key, &[b"token", token.bytes()])
    }

    pub(super) fn verified(&self) -> MutexGuard<'_, HashSet<[u8; 32]>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_many(seconds: u64, message: &'static str) -> PolicyRefusal {
    PolicyRefusal { retry_after: Some(seconds), ..PolicyRefusal::new(429, "too-many-attempts", message) }
}
