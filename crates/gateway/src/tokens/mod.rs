//! Who an agent is: tokens signed with the gateway's secret.

use std::sync::Arc;

use jiff::Timestamp;

/// What a bearer may do.
#[derive(Debug, Clone)]
pub struct Identity {
    pub subject: Arc<str>,
    /// None for the shared client token.
    pub token_id: Option<Arc<str>>,
    pub hosts: HostGrant,
    pub tcp: PortGrant,
    pub expires: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub enum HostGrant {
    AnyLabel,
}

#[derive(Debug, Clone)]
pub enum PortGrant {
    None,
}

/// Why a token is not accepted. `Display` is one sentence for the agent's user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is not one of this gateway's; ask its operator for a new one")]
    Invalid,
}

impl TokenError {
    /// One of `porthole_link::control::codes`.
    pub fn code(&self) -> &'static str {
        porthole_link::control::codes::TOKEN_INVALID
    }
}

/// Verifies tokens; follows rotation and revocation.
#[derive(Debug)]
pub struct Tokens {}

impl Tokens {
    pub fn verify(&self, _bearer: &str, _now: Timestamp) -> Result<Identity, TokenError> {
        todo!()
    }
}
