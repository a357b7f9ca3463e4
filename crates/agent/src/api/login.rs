//! Signing in with user and password, and out again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::PasswordVerifier as _;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::extract::Body;
use super::guard::Through;
use super::{Api, Login, Problem, in_background};

/// Wrong tries of one address before it has to wait: typing errors.
const FREE_TRIES: u32 = 5;
/// The first wait; each further wrong try doubles it …
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// … up to this: a thousand guesses take half a day.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// An address that was quiet for so long begins anew.
const FORGET: Duration = Duration::from_secs(15 * 60);
/// Addresses remembered; the one that was quiet longest goes first.
const MAX_ADDRESSES: usize = 1024;

/// Checks at once: each takes 20 ms of one core and 19 MiB.
const CHECKS: usize = 1;
/// Further ones that wait for their turn: half a second.
const WAITING_CHECKS: usize = 24;

/// Who may sign in, and how often it may be tried.
#[derive(Debug)]
pub(super) struct Desk {
    user: String,
    /// An argon2id hash.
    hash: String,
    strangers: Mutex<Strangers>,
    waiting: Semaphore,
    checking: Semaphore,
}

/// How often addresses were wrong.
#[derive(Debug, Default)]
struct Strangers(HashMap<IpAddr, Tries>);

#[derive(Debug, Clone, Copy)]
struct Tries {
    wrong: u32,
    last: Instant,
}

impl Desk {
    /// A password that is no hash yet becomes one (20 ms).
    pub(super) fn open(login: Login) -> Result<Self, crate::mapping::MappingError> {
        let hash = crate::mapping::hash_password(login.password.expose())?;
        Ok(Self {
            user: login.user,
            hash,
            strangers: Mutex::default(),
            waiting: Semaphore::new(WAITING_CHECKS),
            checking: Semaphore::new(CHECKS),
        })
    }

    /// Whether user and password are right. One check after the other, so that many at once are not more tries.
    async fn check(&self, from: IpAddr, given: Credentials) -> Result<bool, Problem> {
        let busy = || Problem::too_many_attempts(FIRST_WAIT);
        let _waiting = self.waiting.try_acquire().map_err(|_| busy())?;
        let _checking = self.checking.acquire().await.map_err(|_| busy())?;
        self.strangers().admit(from, Instant::now()).map_err(Problem::too_many_attempts)?;
        let hash = self.hash.clone();
        let Credentials { user, password } = given;
        let password_right = in_background(move || {
            argon2::PasswordHash::new(&hash).is_ok_and(|hash| {
                argon2::Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
            })
        })
        .await?;
        // Both are looked at whatever the other says.
        let right = password_right & bool::from(user.as_bytes().ct_eq(self.user.as_bytes()));
        self.strangers().tried(from, right, Instant::now());
        Ok(right)
    }

    /// What this lock guards is whole at any moment: a panic elsewhere leaves it usable.
    fn strangers(&self) -> std::sync::MutexGuard<'_, Strangers> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Strangers {
    /// How long this address has still to wait, if it has to.
    fn admit(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let Some(tries) = self.0.get(&address) else { return Ok(()) };
        let left = tries.wait().saturating_sub(now.saturating_duration_since(tries.last));
        if left.is_zero() { Ok(()) } else { Err(left) }
    }

    fn tried(&mut self, address: IpAddr, right: bool, now: Instant) {
        self.0.retain(|_, tries| now.saturating_duration_since(tries.last) < FORGET);
        if right {
            self.0.remove(&address);
            return;
        }
        if self.0.len() >= MAX_ADDRESSES
            && !self.0.contains_key(&address)
            && let Some(quietest) =
                self.0.iter().min_by_key(|(_, tries)| tries.last).map(|(address, _)| *address)
        {
            self.0.remove(&quietest);
        }
        let tries = self.0.entry(address).or_insert(Tries { wrong: 0, last: now });
        *tries = Tries { wrong: tries.wrong.saturating_add(1), last: now };
    }
}

impl Tries {
    fn wait(self) -> Duration {
        match self.wrong.checked_sub(FREE_TRIES) {
            None => Duration::ZERO,
            Some(beyond) => FIRST_WAIT.saturating_mul(1 << beyond.min(16)).min(LONGEST_WAIT),
        }
    }
}

/// What a person types.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    user: String,
    password: String,
}

/// Begins a session: the answer sets its cookie.
#[utoipa::path(post, path = "/login", operation_id = "login", tag = "session", security(()),
    request_body = Credentials, responses((status = NO_CONTENT)))]
pub(super) async fn login(
    State(api): State<Api>,
    Extension(through): Extension<Through>,
    Body(given): Body<Credentials>,
) -> Result<Response, Problem> {
    let (Some(desk), Through::Http { peer, .. }) = (api.access.desk(), through) else {
        return Err(Problem::new(StatusCode::CONFLICT, "no-login", "this page asks nobody for a password"));
    };
    if !desk.check(peer.ip().to_canonical(), given).await? {
        let detail = "user or password is wrong";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "wrong-login", detail));
    }
    let cookie = api.access.begin(Some(desk.user.clone()), Instant::now());
    Ok(with_cookie(&cookie))
}

/// Ends the session.
#[utoipa::path(post, path = "/logout", operation_id = "logout", tag = "session",
    responses((status = NO_CONTENT)))]
pub(super) async fn logout(State(api): State<Api>, headers: HeaderMap) -> Response {
    with_cookie(&api.access.end(&headers))
}

fn with_cookie(cookie: &str) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn wrong_tries_cost_ever_more_time_for_their_address_alone() {
        let mut strangers = Strangers::default();
        let mut now = Instant::now();
        for _ in 0..FREE_TRIES {
            assert_eq!(strangers.admit(ONE, now), Ok(()));
            strangers.tried(ONE, false, now);
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            let wait = strangers.admit(ONE, now).unwrap_err();
            waits.push(wait.as_secs());
            assert!(strangers.admit(ONE, now + wait.saturating_sub(Duration::from_millis(1))).is_err());
            now += wait;
            assert_eq!(strangers.admit(ONE, now), Ok(()));
            strangers.tried(ONE, false, now);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(strangers.admit(OTHER, now), Ok(()));
        strangers.tried(OTHER, false, now + FORGET);
        assert_eq!(strangers.0.len(), 1, "forgotten");
    }

    #[test]
    fn who_gets_in_begins_anew_and_addresses_are_bounded() {
        let mut strangers = Strangers::default();
        let now = Instant::now();
        for _ in 0..=FREE_TRIES {
            strangers.tried(ONE, false, now);
        }
        strangers.tried(ONE, true, now);
        assert_eq!(strangers.admit(ONE, now), Ok(()));
        for number in 0..=MAX_ADDRESSES as u32 {
            strangers.tried(IpAddr::V4(number.into()), false, now + Duration::from_millis(u64::from(number)));
        }
        assert_eq!(strangers.0.len(), MAX_ADDRESSES);
        assert!(!strangers.0.contains_key(&IpAddr::V4(0.into())));
    }
}
