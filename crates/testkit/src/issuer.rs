//! Somebody who signs tokens (JWT) and publishes the keys.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Response, StatusCode};
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};

use crate::LocalService;
use crate::service::body;

/// An issuer at `http://127.0.0.1:PORT/keys` with one key of Ed25519 at a time.
#[derive(Debug)]
pub struct Issuer {
    pub service: LocalService,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    key: KeyPair,
    /// How many keys there were; the last one's name.
    generation: u32,
    /// Answers 500 meanwhile.
    away: bool,
}

impl State {
    fn id(&self) -> String {
        format!("key-{}", self.generation)
    }

    fn set(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.key.der_bytes());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.id(), "x": x}]})
    }
}

fn new_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).expect("a key can be made")
}

impl Issuer {
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State { key: new_key(), generation: 1, away: false }));
        let shared = Arc::clone(&state);
        let service = LocalService::http(move |_, _| {
            let shared = Arc::clone(&shared);
            async move {
                let state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let mut answer = Response::new(body::full(state.set().to_string()));
                if state.away {
                    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                }
                answer
            }
        })
        .await;
        Self { service, state }
    }

    /// Where the keys are.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/keys", self.service.port())
    }

    /// Times that somebody asked for them.
    pub fn fetches(&self) -> usize {
        self.service.seen().len()
    }

    pub fn public_key(&self) -> String {
        self.state().key.public_key_pem()
    }

    /// Signs with another key from now on, and publishes that one alone.
    pub fn rotate(&self) {
        let mut state = self.state();
        state.key = new_key();
        state.generation += 1;
    }

    pub fn away(&self, away: bool) {
        self.state().away = away;
    }

    /// A token with these claims, and `exp` in an hour unless they have it.
    pub fn token(&self, claims: Value) -> String {
        let id = self.state().id();
        self.token_named(&id, claims)
    }

    /// The same by the name of another key.
    pub fn token_named(&self, id: &str, mut claims: Value) -> String {
        if claims.get("exp").is_none() {
            claims["exp"] = json!(now() + 3600);
        }
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": id});
        let message = unsigned(&header, &claims);
        let signature = self.state().key.sign(message.as_bytes()).expect("a key can sign");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Head and claims of a token, without its signature.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
