//! Who may use the API: programs by the key in a file, people by a session.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, ToSchema};

use super::Api;
use super::guard::Through;
use super::login::Desk;
use crate::secrets::Secret;

/// The key's file in the data folder.
const KEY_FILE: &str = "api-key";

/// Random bytes of a key or a session: nobody guesses 256 bits.
const RANDOM_BYTES: usize = 32;

/// Sessions at once; the one that was used longest ago goes first. A person has a few browsers.
const MAX_SESSIONS: usize = 64;

/// A session that nobody used for so long is over: a week's holiday asks for the password again.
const SESSION_IDLE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// However much it was used, a session ends after so long.
const SESSION_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What a person types to get in.
#[derive(Debug, Clone)]
pub struct Login {
    pub user: String,
    /// The password, or an argon2id hash of it.
    pub password: Secret,
}

/// Who may come in.
#[derive(Debug)]
pub struct Access {
    key: Secret,
    /// The page's port: cookies do not tell ports apart, their names do.
    cookie: String,
    desk: Option<Desk>,
    sessions: Mutex<Sessions>,
}

/// Why nobody could be let in.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("cannot read the key for programs in {path}: {source}")]
    Key { path: PathBuf, source: io::Error },
    #[error("the page's password cannot be used: {0}")]
    Password(#[from] crate::mapping::MappingError),
}

/// By the hash of what the browser holds: what is here lets nobody in.
#[derive(Debug, Default)]
struct Sessions(HashMap<[u8; 32], Session>);

#[derive(Debug)]
struct Session {
    user: Option<String>,
    since: Instant,
    used: Instant,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    Program,
    /// In a browser; without login they have no name.
    Person(Option<String>),
}

impl Access {
    /// Reads the key in the data folder, or makes one.
    pub fn open(data: &Path, port: u16, login: Option<Login>) -> Result<Self, AccessError> {
        let path = data.join(KEY_FILE);
        let key = key(&path).map_err(|source| AccessError::Key { path, source })?;
        let desk = login.map(Desk::open).transpose()?;
        Ok(Self { key, cookie: format!("porthole_session_{port}"), desk, sessions: Mutex::default() })
    }

    /// Where there is no page: nobody holds the key, and there is no login.
    pub(super) fn closed() -> Self {
        let key = Secret::new(URL_SAFE_NO_PAD.encode(random()));
        Self { key, cookie: String::from("porthole_session"), desk: None, sessions: Mutex::default() }
    }

    /// Who sent these fields.
    pub(super) fn who(&self, headers: &HeaderMap, now: Instant) -> Option<Who> {
        if let Some(given) = headers.get(header::AUTHORIZATION) {
            let given = given.to_str().ok()?;
            let (scheme, key) = given.split_once(' ')?;
            let right = key.trim().as_bytes().ct_eq(self.key.expose().as_bytes());
            return (scheme.eq_ignore_ascii_case("bearer") && bool::from(right)).then_some(Who::Program);
        }
        let hashes = self.cookies(headers);
        let mut sessions = self.lock();
        hashes.iter().find_map(|hash| sessions.find(hash, now))
    }

    /// The cookie of a new session for whoever opens the page, where no password is asked for. None where one
    /// is, or where these fields have a session already.
    pub(super) fn welcome(&self, headers: &HeaderMap, now: Instant) -> Option<String> {
        (self.desk.is_none() && self.who(headers, now).is_none()).then(|| self.begin(None, now))
    }

    /// Begins a session; returns its cookie.
    pub(super) fn begin(&self, user: Option<String>, now: Instant) -> String {
        let secret = URL_SAFE_NO_PAD.encode(random());
        self.lock().begin(hash(secret.as_bytes()), user, now);
        format!("{}={secret}; Path=/; HttpOnly; SameSite=Strict", self.cookie)
    }

    /// Ends the session of these fields; returns the cookie that is none.
    pub(super) fn end(&self, headers: &HeaderMap) -> String {
        for hash in self.cookies(headers) {
            self.lock().0.remove(&hash);
        }
        format!("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0", self.cookie)
    }

    /// Where one signs in, if one has to.
    pub(super) fn desk(&self) -> Option<&Desk> {
        self.desk.as_ref()
    }

    /// Hashes of what these fields hold under our cookie's name.
    fn cookies(&self, headers: &HeaderMap) -> Vec<[u8; 32]> {
        let fields = headers.get_all(header::COOKIE).into_iter().filter_map(|field| field.to_str().ok());
        let pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.filter(|(name, _)| *name == self.cookie).map(|(_, value)| hash(value.as_bytes())).collect()
    }

    /// What this lock guards is whole at any moment: a panic elsewhere leaves it usable.
    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// Whose session it is.
    fn find(&mut self, hash: &[u8; 32], now: Instant) -> Option<Who> {
        let session = self.0.get_mut(hash)?;
        if session.is_over(now) {
            self.0.remove(hash);
            return None;
        }
        session.used = now;
        Some(Who::Person(session.user.clone()))
    }

    fn begin(&mut self, hash: [u8; 32], user: Option<String>, now: Instant) {
        self.0.retain(|_, session| !session.is_over(now));
        while self.0.len() >= MAX_SESSIONS {
            let Some(oldest) = self.0.iter().min_by_key(|(_, session)| session.used).map(|(hash, _)| *hash)
            else {
                break;
            };
            self.0.remove(&oldest);
        }
        self.0.insert(hash, Session { user, since: now, used: now });
    }
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) >= SESSION_IDLE
            || now.saturating_duration_since(self.since) >= SESSION_LIFE
    }
}

/// The key that is there, if nobody else could have read it; else a new one.
fn key(path: &Path) -> io::Result<Secret> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= RANDOM_BYTES && !crate::paths::others_can_read(path)? => {
            return Ok(Secret::new(text));
        }
        Ok(_) => tracing::warn!("{} was too short or readable by others: there is a new key", path.display()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let key = URL_SAFE_NO_PAD.encode(random());
    if let Err(error) = crate::paths::write_private(path, key.as_bytes()) {
        // On a full disk the page works all the same; programs have to wait for a restart.
        tracing::warn!(%error, "the key for programs cannot be written to {}", path.display());
    }
    Ok(Secret::new(key))
}

fn random() -> [u8; RANDOM_BYTES] {
    rand::random()
}

fn hash(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Whether somebody has to sign in, and who did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionState {
    login_required: bool,
    signed_in: bool,
    user: Option<String>,
}

/// Whether somebody has to sign in, and who did. Needs no key.
#[utoipa::path(get, path = "/session", operation_id = "getSession", tag = "session", security(()),
    responses((status = OK, body = SessionState)))]
pub(super) async fn session(
    State(api): State<Api>,
    Extension(through): Extension<Through>,
    headers: HeaderMap,
) -> Json<SessionState> {
    if matches!(through, Through::Socket) {
        return Json(SessionState { login_required: false, signed_in: true, user: None });
    }
    let who = api.access.who(&headers, Instant::now());
    let login_required = api.access.desk().is_some();
    let signed_in = who.is_some();
    let user = who.and_then(|who| match who {
        Who::Person(user) => user,
        Who::Program => None,
    });
    Json(SessionState { login_required, signed_in, user })
}

/// How one proves who one is, for the description.
pub(super) struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let key = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The key in the file `api-key` of Porthole’s data folder"))
            .build();
        components.add_security_scheme("key", SecurityScheme::Http(key));
        let text = "The page’s own session; changes also need the header `x-porthole: 1`";
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description("porthole_session_PORT", text));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    fn open(login: Option<Login>) -> (tempfile::TempDir, Access) {
        let dir = tempfile::tempdir().unwrap();
        let access = Access::open(dir.path(), 4040, login).unwrap();
        (dir, access)
    }

    #[test]
    fn the_key_is_kept_for_this_user_alone_and_opens() {
        let (dir, access) = open(None);
        let path = dir.path().join(KEY_FILE);
        let key = std::fs::read_to_string(&path).unwrap();
        assert!(!crate::paths::others_can_read(&path).unwrap());
        let again = Access::open(dir.path(), 4041, None).unwrap();
        let now = Instant::now();
        for access in [&access, &again] {
            let who = |value: &str| access.who(&with(header::AUTHORIZATION, value), now);
            assert_eq!(who(&format!("Bearer {key}")), Some(Who::Program));
            for bad in
                ["", "Bearer", "Bearer ", "Bearer x", &format!("Basic {key}"), &format!("Bearer {key}x")]
            {
                assert_eq!(who(bad), None, "{bad}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_could_read_is_replaced() {
        use std::os::unix::fs::PermissionsExt as _;
        let (dir, access) = open(None);
        let path = dir.path().join(KEY_FILE);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let again = Access::open(dir.path(), 4040, None).unwrap();
        assert_ne!(access.key, again.key);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_session_opens_until_it_is_old_or_unused() {
        let (_dir, access) = open(None);
        let now = Instant::now();
        let cookie = access.welcome(&HeaderMap::new(), now).unwrap();
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap();
        let headers = with(header::COOKIE, &format!("other=1; {cookie}"));
        assert_eq!(access.who(&headers, now), Some(Who::Person(None)));
        assert_eq!(access.welcome(&headers, now), None, "one is enough");
        assert_eq!(access.who(&with(header::COOKIE, "porthole_session_4040=x"), now), None);
        assert!(
            access.who(&headers, now + SESSION_IDLE.checked_sub(Duration::from_secs(1)).unwrap()).is_some()
        );
        assert!(access.who(&headers, now + 2 * SESSION_IDLE).is_none());
    }

    #[test]
    fn of_too_many_sessions_the_one_unused_longest_ends() {
        let mut sessions = Sessions::default();
        let now = Instant::now();
        for number in 0..=MAX_SESSIONS {
            let at = now + Duration::from_secs(number as u64);
            assert!(number == 0 || sessions.find(&[0; 32], at).is_some());
            let mut hash = [0; 32];
            hash[0] = number as u8;
            sessions.begin(hash, None, at);
        }
        assert_eq!(sessions.0.len(), MAX_SESSIONS);
        let mut second = [0; 32];
        second[0] = 1;
        assert!(sessions.find(&second, now).is_none());
        assert!(sessions.find(&[0; 32], now).is_some());
    }
}
