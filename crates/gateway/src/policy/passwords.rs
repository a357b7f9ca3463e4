//! Checks passwords against argon2 hashes, off the runtime's thread.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use argon2::{Argon2, PasswordVerifier};
use tokio::sync::Semaphore;

use super::{Compiled, Credentials, PolicyRefusal};
use crate::secret::keyed_hash;

/// Verified credentials remembered, 32 bytes each: beyond it all are forgotten and asked anew.
const MAX_VERIFIED: usize = 10_000;
/// Addresses whose failures are remembered; beyond it the old ones go.
const MAX_FAILING: usize = 10_000;
/// Password checks at once: each takes a core and up to 64 MiB for some 50 ms.
const CHECKS_AT_ONCE: usize = 2;
/// Checks that may wait for their turn; more visitors are told to come back.
const CHECKS_WAITING: usize = 64;
/// Failures that cost nothing: people mistype.
const FREE_FAILURES: u32 = 10;
/// The wait after the first failure that is not free; doubled by each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Failures are forgotten after this long without one.
const FORGET_AFTER: Duration = Duration::from_secs(15 * 60);

/// Verified credentials and failures, shared by all visitors.
pub struct Passwords {
    /// Random per start: what is remembered are keyed hashes, never passwords.
    key: [u8; 32],
    state: Mutex<State>,
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    verified: HashSet<[u8; 32]>,
    failing: HashMap<IpAddr, Failing>,
}

#[derive(Clone, Copy)]
struct Failing {
    count: u32,
    last: Instant,
}

impl Failing {
    /// Until when the next attempt has to wait.
    fn until(self) -> Option<Instant> {
        let over = self.count.checked_sub(FREE_FAILURES)?;
        let wait = FIRST_WAIT.saturating_mul(1_u32.checked_shl(over).unwrap_or(u32::MAX)).min(LONGEST_WAIT);
        Some(self.last + wait)
    }
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
            state: Mutex::default(),
            running: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
            places: Arc::new(Semaphore::new(CHECKS_WAITING)),
        }
    }
}

impl Passwords {
    /// Ok: one of the policy's users with its password. Answers at once for what it has seen before;
    /// an address that keeps failing waits longer and longer (429), which does not touch those whose
    /// credentials are known to be right.
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
        if marks.iter().any(|mark| self.state().verified.contains(mark)) {
            return Ok(());
        }
        let address = failure_key(visitor);
        self.admit(address, Instant::now())?;
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
        let mut state = self.state();
        match right.and_then(|at| marks.get(at)) {
            Some(mark) => {
                if state.verified.len() >= MAX_VERIFIED {
                    state.verified.clear();
                }
                state.verified.insert(*mark);
                state.failing.remove(&address);
                Ok(())
            }
            None => {
                let now = Instant::now();
                if state.failing.len() >= MAX_FAILING {
                    state.failing.retain(|_, failing| now.duration_since(failing.last) < LONGEST_WAIT);
                    if state.failing.len() >= MAX_FAILING {
                        state.failing.clear();
                    }
                }
                let failing = state.failing.entry(address).or_insert(Failing { count: 0, last: now });
                failing.count = failing.count.saturating_add(1);
                failing.last = now;
                Err(policy.challenge())
            }
        }
    }

    fn admit(&self, address: IpAddr, now: Instant) -> Result<(), PolicyRefusal> {
        let mut state = self.state();
        let Some(failing) = state.failing.get(&address).copied() else { return Ok(()) };
        if now.duration_since(failing.last) > FORGET_AFTER {
            state.failing.remove(&address);
            return Ok(());
        }
        match failing.until() {
            Some(until) if until > now => Err(too_many(
                until.duration_since(now).as_secs() + 1,
                "Too many wrong passwords came from this address; wait before the next try.",
            )),
            _ => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One visitor's address: whoever has an IPv6 address has its whole /64.
fn failure_key(visitor: IpAddr) -> IpAddr {
    match visitor.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn too_many(seconds: u64, message: &'static str) -> PolicyRefusal {
    PolicyRefusal {
        status: 429,
        code: "too-many-attempts",
        message: Cow::Borrowed(message),
        www_authenticate: None,
        retry_after: Some(seconds),
    }
}
