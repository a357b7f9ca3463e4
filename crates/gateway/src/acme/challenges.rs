//! What is answered to the authority while an order is under way, and to nobody else.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::sign::CertifiedKey;

/// Where HTTP-01 looks. Source: RFC 8555 §8.3.
const HTTP_PREFIX: &str = "/.well-known/acme-challenge/";

/// Answers to challenges that are pending: as many as there are orders at once
/// ([`super::schedule::ORDERS_AT_ONCE`]), each gone with its [`Pending`].
#[derive(Debug, Default)]
pub struct Challenges {
    /// Whether a request may be one of an authority: all that others pay.
    any_http: AtomicBool,
    answers: Mutex<Answers>,
}

#[derive(Default)]
struct Answers {
    /// By token: the host that it was made for, and its key authorization.
    http: HashMap<String, (String, String)>,
    /// By name: the certificate that says what the authority wants to hear.
    tls: HashMap<String, Arc<CertifiedKey>>,
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("http", &self.http.len()).field("tls", &self.tls.len()).finish()
    }
}

/// An answer that can be had until this is dropped.
#[derive(Debug)]
pub struct Pending {
    challenges: Arc<Challenges>,
    what: What,
}

#[derive(Debug)]
enum What {
    Http { token: String },
    Tls { name: String },
}

impl Challenges {
    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers HTTP-01 for `host`.
    pub fn offer_http(self: &Arc<Self>, host: &str, token: &str, key_authorization: &str) -> Pending {
        let mut answers = self.answers();
        answers.http.insert(token.to_owned(), (host.to_owned(), key_authorization.to_owned()));
        self.any_http.store(true, Ordering::Relaxed);
        Pending { challenges: Arc::clone(self), what: What::Http { token: token.to_owned() } }
    }

    /// Answers TLS-ALPN-01 for `name`.
    pub fn offer_tls(self: &Arc<Self>, name: &str, certificate: Arc<CertifiedKey>) -> Pending {
        self.answers().tls.insert(name.to_owned(), certificate);
        Pending { challenges: Arc::clone(self), what: What::Tls { name: name.to_owned() } }
    }

    /// Whether any HTTP-01 challenge is pending.
    pub fn any_http(&self) -> bool {
        self.any_http.load(Ordering::Relaxed)
    }

    /// The key authorization for a request, where it asks for a pending token of its own host.
    pub fn answer_http(&self, host: &str, path: &str) -> Option<String> {
        let token = path.strip_prefix(HTTP_PREFIX)?;
        let answers = self.answers();
        let (made_for, key_authorization) = answers.http.get(token)?;
        (made_for == host).then(|| key_authorization.clone())
    }

    /// The certificate for a handshake of an authority.
    pub fn answer_tls(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.answers().tls.get(name).cloned()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut answers = self.challenges.answers();
        match &self.what {
            What::Http { token } => {
                answers.http.remove(token);
                self.challenges.any_http.store(!answers.http.is_empty(), Ordering::Relaxed);
            }
            What::Tls { name } => {
                answers.tls.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pending_token_of_its_own_host_is_answered() {
        let challenges = Arc::new(Challenges::default());
        assert!(!challenges.any_http());
        let pending = challenges.offer_http("shop.example.com", "token", "token.thumb");
        assert!(challenges.any_http());
        let ask = |host: &str, path: &str| challenges.answer_http(host, path);
        let path = "/.well-known/acme-challenge/token";
        assert_eq!(ask("shop.example.com", path).as_deref(), Some("token.thumb"));
        for (host, path) in [
            ("blog.example.com", path),
            ("shop.example.com", "/.well-known/acme-challenge/"),
            ("shop.example.com", "/.well-known/acme-challenge/token/"),
            ("shop.example.com", "/.well-known/acme-challenge/../token"),
            ("shop.example.com", "/token"),
        ] {
            assert_eq!(ask(host, path), None, "{host}{path}");
        }
        drop(pending);
        assert_eq!(ask("shop.example.com", path), None);
        assert!(!challenges.any_http());
    }
}
