//! Why a command ends other than well: one sentence, a stable code, an exit code.

use std::fmt;

use porthole_link::control::codes;

/// A command's bad end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub exit: u8,
    pub code: String,
    pub message: String,
}

impl Failure {
    /// Failed while running: 1.
    pub fn failed(code: &str, message: impl fmt::Display) -> Self {
        Self { exit: 1, code: code.into(), message: message.to_string() }
    }

    /// Wrong usage, the configuration included: 2.
    pub fn usage(code: &str, message: impl fmt::Display) -> Self {
        Self { exit: 2, code: code.into(), message: message.to_string() }
    }

    /// Refused by the gateway: 3. A file of certificates that cannot be read is ours, though: 2.
    pub fn refused(code: &str, message: impl fmt::Display) -> Self {
        let exit = if matches!(code, "ca-file" | "client-certificate" | "proxy-setting") { 2 } else { 3 };
        Self { exit, code: code.into(), message: message.to_string() }
    }

    /// Unreachable, and nobody wants to wait: 4.
    pub fn unreachable(code: &str, message: impl fmt::Display) -> Self {
        Self { exit: 4, code: code.into(), message: message.to_string() }
    }

    /// What a try to get a link came to: refused where trying again is of no use, else unreachable.
    pub fn no_link(failure: crate::uplink::failure::Failure) -> Self {
        let crate::uplink::failure::Failure { code, message, retry } = failure;
        if retry { Self::unreachable(&code, message) } else { Self::refused(&code, message) }
    }

    /// No token where one is needed; the gateway would refuse: 3.
    pub fn no_token(gateway: &crate::gateway_url::GatewayUrl) -> Self {
        Self::refused(
            codes::TOKEN_MISSING,
            format!(
                "there is no token for {gateway}: run `porthole login {gateway}`, or give one with --token"
            ),
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
