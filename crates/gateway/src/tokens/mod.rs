//! Who an agent is: tokens signed with a key derived from the gateway's secret.

mod book;
mod grant;
mod sign;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use porthole_link::control::codes;
use subtle::ConstantTimeEq;
use tokio::sync::watch;

pub use book::{Book, BookError, Issued};
pub use grant::{GrantError, HostGrant, PortGrant, is_label};
pub use sign::{AUDIENCE, Claims, LEEWAY, TokenError};

use crate::allowance::TokenLimits;
use crate::config::{Config, PortRange};
use crate::secret::{Secret, SecretError, Secrets, keyed_hash};
use sign::Keys;

/// How often a running gateway looks at its secrets and revocations. Half the promised 2 s.
pub const REREAD: Duration = Duration::from_secs(1);

/// Files that cannot be read are complained of this often, not at each look.
const SAY_AGAIN: Duration = Duration::from_secs(10);

/// Shortest time between two readings for tokens of an unknown key: four small files a second are
/// nothing, and a fresh rotation is found at once.
pub const STRANGER_GAP: Duration = Duration::from_millis(250);

/// What a bearer may do.
#[derive(Debug, Clone)]
pub struct Identity {
    pub subject: Arc<str>,
    /// None for the shared client token.
    pub token_id: Option<Arc<str>>,
    pub hosts: HostGrant,
    pub tcp: PortGrant,
    /// What was granted with it, within the gateway's own.
    pub limits: TokenLimits,
    pub expires: Option<Timestamp>,
    /// The secret that signed it.
    key_id: Option<Arc<str>>,
}

impl Identity {
    /// The bearer of the shared client token: every name, and the gateway's own port range.
    pub fn shared(tcp: Option<PortRange>, limits: TokenLimits) -> Self {
        Self {
            subject: "shared".into(),
            token_id: None,
            hosts: HostGrant::All,
            tcp: tcp.map_or(PortGrant::None, PortGrant::Range),
            limits,
            expires: None,
            key_id: None,
        }
    }

    /// Names the token: its id, or the shared one's subject, which no id looks like.
    pub fn token(&self) -> &Arc<str> {
        self.token_id.as_ref().unwrap_or(&self.subject)
    }
}

/// Verifies tokens; follows rotation and revocation.
#[derive(Debug)]
pub struct Tokens {
    secrets: Secrets,
    shared: Mutex<Shared>,
    /// For every token.
    limits: TokenLimits,
    book: Book,
    state: Mutex<State>,
    /// When the files were last read for a token of an unknown key.
    stranger: Mutex<Option<Instant>>,
    /// When it was last said that they cannot be read.
    complained: Mutex<Option<Instant>>,
    /// Grows with each change; links check themselves again.
    changes: watch::Sender<u64>,
}

/// What bearers of the shared client token, and of tokens that say nothing of ports, are given.
#[derive(Debug, Clone, Copy)]
struct Shared {
    /// A hash of the token, so that comparing leaks no length.
    mark: Option<[u8; 32]>,
    tcp_ports: Option<PortRange>,
}

impl Shared {
    fn of(config: &Config) -> Self {
        let mark = |token: &Secret| keyed_hash(b"porthole-gateway client token", &[token.bytes()]);
        Self { mark: config.client_token.as_ref().map(mark), tcp_ports: config.tcp_ports }
    }
}

#[derive(Debug)]
struct State {
    keys: Keys,
    revoked: std::collections::HashSet<String>,
}

impl Tokens {
    /// Reads secrets and revocations.
    pub fn load(config: &Config) -> Result<Self, LoadError> {
        let book = Book::new(&config.data);
        let state = State { keys: Keys::new(&config.secrets.all()?), revoked: book.revoked()? };
        Ok(Self {
            secrets: config.secrets.clone(),
            shared: Mutex::new(Shared::of(config)),
            limits: config.token_limits,
            book,
            state: Mutex::new(state),
            stranger: Mutex::new(None),
            complained: Mutex::new(None),
            changes: watch::Sender::new(0),
        })
    }

    /// Newcomers are judged by this shared token and these ports from now on.
    pub fn admit_shared(&self, config: &Config) {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Shared::of(config);
    }

    /// Who bears this token at `now`.
    ///
    /// # Errors
    /// [`TokenError`], whose `Display` is the sentence for the agent's user.
    pub fn verify(&self, bearer: &str, now: Timestamp) -> Result<Identity, TokenError> {
        let bearer = bearer.trim();
        let shared = *self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mark) = &shared.mark {
            let given = keyed_hash(b"porthole-gateway client token", &[bearer.as_bytes()]);
            if bool::from(mark[..].ct_eq(&given[..])) {
                return Ok(Identity::shared(shared.tcp_ports, self.limits));
            }
        }
        let opened = self.state.lock().unwrap_or_else(PoisonError::into_inner).keys.open(bearer);
        let opened = match opened {
            // Perhaps signed a moment ago with a secret that `token rotate` has just made.
            Err(TokenError::Foreign) if self.may_reread_for_stranger() => {
                self.reread();
                self.state.lock().unwrap_or_else(PoisonError::into_inner).keys.open(bearer)
            }
            opened => opened,
        };
        let (claims, key_id) = opened?;
        claims.check_times(now)?;
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.revoked.contains(&claims.jti) {
            return Err(TokenError::Revoked);
        }
        let tcp = match &claims.tcp {
            Some(text) => PortGrant::Range(text.parse().map_err(|_| TokenError::Malformed)?),
            None => shared.tcp_ports.map_or(PortGrant::None, PortGrant::Range),
        };
        Ok(Identity {
            subject: claims.sub.as_str().into(),
            token_id: Some(claims.jti.as_str().into()),
            hosts: HostGrant::from_patterns(&claims.hosts).map_err(|_| TokenError::Malformed)?,
            tcp,
            limits: claims.limits.within(self.limits),
            expires: claims.exp.and_then(|second| Timestamp::from_second(second).ok()),
            key_id: Some(key_id),
        })
    }

    /// Whether the files may be read for a token of an unknown key: at most once in [`STRANGER_GAP`],
    /// because anybody can send such tokens.
    fn may_reread_for_stranger(&self) -> bool {
        let mut last = self.stranger.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let may = last.is_none_or(|last| now.duration_since(last) >= STRANGER_GAP);
        if may {
            *last = Some(now);
        }
        may
    }

    /// Whether an identity verified before is still good at `now`.
    pub fn still_good(&self, identity: &Identity, now: Timestamp) -> Result<(), TokenError> {
        if let Some(expires) = identity.expires
            && expires < now
        {
            return Err(TokenError::Expired { at: expires, now });
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if identity.token_id.as_ref().is_some_and(|id| state.revoked.contains(&**id)) {
            return Err(TokenError::Revoked);
        }
        match &identity.key_id {
            Some(key_id) if !state.keys.knows(key_id) => Err(TokenError::Foreign),
            _ => Ok(()),
        }
    }

    /// Changes whenever a token may have lost its force.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Looks at the files again. What cannot be read leaves everything as it was, with a log line.
    pub fn reread(&self) {
        let fresh = self
            .secrets
            .all()
            .map_err(LoadError::from)
            .and_then(|secrets| Ok(State { keys: Keys::new(&secrets), revoked: self.book.revoked()? }));
        match fresh {
            Ok(fresh) => {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                if state.keys != fresh.keys || state.revoked != fresh.revoked {
                    *state = fresh;
                    drop(state);
                    self.changes.send_modify(|generation| *generation += 1);
                }
            }
            Err(error) => {
                let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
                if complained.is_none_or(|then| then.elapsed() > SAY_AGAIN) {
                    *complained = Some(Instant::now());
                    tracing::warn!(%error, "secrets and revocations stay as they were");
                }
            }
        }
    }
}

/// Secrets or the book of tokens cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Book(#[from] BookError),
}

/// What `token create` asks for.
#[derive(Debug, Clone, Default)]
pub struct NewToken {
    pub name: String,
    pub hosts: Vec<String>,
    pub tcp: Option<PortRange>,
    pub expires: Option<Duration>,
    pub limits: TokenLimits,
}

/// Signs a new token and enters it in the book of `data`. Gives the token and its id.
pub fn create(
    secrets: &Secrets,
    data: &Path,
    new: &NewToken,
    now: Timestamp,
) -> Result<(String, String), LoadError> {
    let all = secrets.all()?;
    let signing = all.first().ok_or(SecretError::Unreadable {
        place: "of the gateway".to_owned(),
        problem: "there is none".to_owned(),
    })?;
    let id = short_id();
    let expires = new.expires.map(|after| now.as_second() + after.as_secs() as i64);
    let claims = Claims {
        aud: AUDIENCE.to_owned(),
        sub: new.name.clone(),
        jti: id.clone(),
        iat: now.as_second(),
        exp: expires,
        hosts: new.hosts.clone(),
        tcp: new.tcp.map(|range| range.to_string()),
        limits: new.limits,
    };
    let token = sign::sign(signing, &claims);
    Book::new(data).enter(Issued {
        id: id.clone(),
        name: new.name.clone(),
        hosts: new.hosts.clone(),
        tcp: claims.tcp,
        created: now,
        expires: expires.and_then(|second| Timestamp::from_second(second).ok()),
        revoked: None,
        limits: new.limits,
    })?;
    Ok((token, id))
}

/// 12 hex digits: short enough to type, and among a gateway's tokens no two alike.
fn short_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..12].to_owned()
}

impl TokenError {
    /// One of `porthole_link::control::codes`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed | Self::Foreign => codes::TOKEN_INVALID,
            Self::Expired { .. } => codes::TOKEN_EXPIRED,
            Self::NotYetValid { .. } => codes::TOKEN_NOT_YET_VALID,
            Self::Revoked => codes::TOKEN_REVOKED,
        }
    }
}
