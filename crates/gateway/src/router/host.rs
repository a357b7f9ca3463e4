//! One function that gives a host its only spelling, used before every look-up.

use std::borrow::Cow;

/// Why a Host value names no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    #[error("the host is empty")]
    Empty,
    #[error("the host holds a character that no host name may hold")]
    Invalid,
    #[error("the port after the host is not a number from 0 to 65535")]
    Port,
}

/// Normalises a `Host` value or authority: case, trailing dot, port, IDNA, IPv6 brackets.
pub fn normalise_host(_raw: &str) -> Result<Cow<'_, str>, HostError> {
    todo!()
}
