//! What is decided before a request crosses the link: one pure function, and the password check that
//! it may ask for.

mod passwords;

use std::borrow::Cow;
use std::net::IpAddr;

pub use passwords::Passwords;

/// A mapping's policy, parsed and checked once.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    _todo: (),
}

/// What the policy looks at.
#[derive(Debug, Clone, Copy)]
pub struct PolicyRequest<'a> {
    /// The visitor as the trusted proxies tell it.
    pub visitor: IpAddr,
    /// The raw `Authorization` field: `fields.get("authorization")`.
    pub authorization: Option<&'a [u8]>,
}

#[derive(Debug, Clone)]
pub enum Decision {
    Allow,
    Refuse(PolicyRefusal),
    /// Ask [`Passwords::check`]; its `Ok` is an allow.
    NeedsPassword(Credentials),
}

/// How a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRefusal {
    /// 401, 403 or 429.
    pub status: u16,
    pub code: &'static str,
    /// One sentence for the visitor.
    pub message: Cow<'static, str>,
    /// The value of `WWW-Authenticate` for a 401; free of CR, LF and unescaped quotes.
    pub www_authenticate: Option<String>,
    /// Seconds for `Retry-After` on a 429.
    pub retry_after: Option<u64>,
}

/// User and password as a visitor sent them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: Vec<u8>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).field("password", &"***").finish()
    }
}

/// Decides on one request.
pub fn decide(_policy: &Compiled, _request: &PolicyRequest<'_>) -> Decision {
    Decision::Allow
}
