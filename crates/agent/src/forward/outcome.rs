//! How an exchange with a local service can fail, and what each failure is called.

use std::io;

use porthole_http1::{Refusal, WriteError};
use porthole_link::{ResetCode, Stopped};

use crate::dial::DialError;

/// Why an exchange ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    #[error("the mapping is not (or no longer) served by this agent")]
    NoMapping,
    #[error("nothing accepts connections on the local service's port")]
    Refused,
    #[error("the local service's name cannot be resolved")]
    Unresolved,
    #[error("the local service could not be connected to in time")]
    ConnectTimeout,
    #[error("the local service sent no answer in time")]
    AnswerTimeout,
    #[error("the local service broke off or sent what is not an answer: {0}")]
    BadAnswer(String),
    #[error("the local service's certificate is not valid: {0}")]
    Certificate(String),
    #[error("this computer has no room for another connection")]
    Busy,
    #[error("the request cannot be carried")]
    BadRequest,
    /// The visitor left, the gateway refused the rest of the body or the link ended: nobody is there to be told.
    #[error("the visitor is gone")]
    Gone(ResetCode),
}

impl ForwardError {
    /// No service took the request: it was not reached at all.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Refused | Self::Unresolved | Self::ConnectTimeout)
    }

    /// What the gateway is told.
    pub fn reset_code(&self) -> ResetCode {
        match self {
            Self::NoMapping => ResetCode::NoMapping,
            Self::Refused | Self::Unresolved => ResetCode::Refused,
            Self::ConnectTimeout => ResetCode::ConnectTimeout,
            Self::AnswerTimeout => ResetCode::AnswerTimeout,
            Self::BadAnswer(_) => ResetCode::BadAnswer,
            Self::Certificate(_) => ResetCode::Certificate,
            Self::Busy => ResetCode::Busy,
            Self::BadRequest => ResetCode::BadRequest,
            Self::Gone(_) => ResetCode::Cancelled,
        }
    }

    /// The stable code in the exchange's summary.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoMapping => "no-mapping",
            Self::Refused => "service-down",
            Self::Unresolved => "service-unknown-host",
            Self::ConnectTimeout => "service-connect-timeout",
            Self::AnswerTimeout => "service-timeout",
            Self::BadAnswer(_) => "service-bad-answer",
            Self::Certificate(_) => "service-certificate",
            Self::Busy => "busy",
            Self::BadRequest => "bad-request",
            Self::Gone(ResetCode::LinkLost) => "link-lost",
            Self::Gone(ResetCode::BodyTooLarge) => "body-too-large",
            Self::Gone(_) => "cancelled",
        }
    }
}

impl From<Refusal> for ForwardError {
    fn from(refusal: Refusal) -> Self {
        Self::BadAnswer(refusal.to_string())
    }
}

impl From<WriteError> for ForwardError {
    fn from(_: WriteError) -> Self {
        Self::BadRequest
    }
}

impl From<Stopped> for ForwardError {
    fn from(stopped: Stopped) -> Self {
        Self::Gone(stopped.0)
    }
}

impl From<DialError> for ForwardError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Resolve(_) => Self::Unresolved,
            DialError::Timeout(_) => Self::ConnectTimeout,
            DialError::Connect(error) => match error.kind() {
                io::ErrorKind::TimedOut => Self::ConnectTimeout,
                // EMFILE, ENFILE, ENOBUFS and EADDRNOTAVAIL have no kind of their own everywhere.
                io::ErrorKind::OutOfMemory | io::ErrorKind::AddrNotAvailable => Self::Busy,
                _ if matches!(error.raw_os_error(), Some(23 | 24 | 105)) => Self::Busy,
                _ => Self::Refused,
            },
        }
    }
}
