//! Every error a visitor can meet, and the one answer it becomes.
//!
//! The table is [`Problem::row`]: a status, a stable code and a sentence that says what was wrong and
//! what to do. [`answer`] makes a page of it for browsers, JSON for programs, a line of text for those
//! who ask for text.

mod page;

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use porthole_http1::{Fields, Refusal, RequestHead, ResponseHead, Version};
use porthole_link::control::codes;
use porthole_link::{OpenError, ResetCode};

use crate::policy::PolicyRefusal;

/// Seconds a visitor is told to wait before trying again after a 503: an agent is back within 5 s.
const RETRY_AFTER: &str = "5";

/// Why a request is answered by the gateway itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    UnknownHost,
    /// No such page among the gateway's own.
    NotFound,
    NoMapping,
    AgentAway,
    AgentDraining,
    GatewayDraining,
    LinkLost,
    Busy,
    ServiceDown,
    ServiceConnectTimeout,
    ServiceTimeout,
    ServiceBadAnswer,
    ServiceCertificate,
    AmbiguousPath,
    BadHost,
    /// More than a link carries; the codec refuses most before.
    HeadTooLarge,
    BadRequest,
    HeadTimeout,
    ConnectNotSupported,
    /// The TLS handshake was for another host.
    Misdirected,
    MethodNotAllowed,
    /// `GET /tunnel` without a WebSocket handshake.
    UpgradeRequired,
    BadWebSocketKey,
    /// Longer than the mapping takes, by its Content-Length or counted.
    BodyTooLarge,
    /// The mapping serves nothing there.
    PrivatePath,
    /// The mapping takes requests of other methods.
    MethodNotListed {
        /// The value of `Allow`.
        allow: Arc<str>,
    },
    Policy(PolicyRefusal),
    /// The codec refused the bytes.
    Malformed(Refusal),
    /// An agent's token is not accepted.
    Token {
        code: &'static str,
        message: String,
    },
    /// Agents need one of the gateway's `--client-ca`.
    AgentCertificateRequired,
    /// Too many bad tokens came from the agent's address.
    TooManyTokens {
        /// After which the next one is looked at.
        seconds: u64,
    },
}

impl Problem {
    /// Status, code, sentence.
    fn row(&self) -> (u16, &'static str, Cow<'static, str>) {
        let (status, code, text) = match self {
            Self::UnknownHost => (
                404,
                "unknown-host",
                "Nothing is published under this address; check its spelling, or start the tunnel that should serve it.",
            ),
            Self::NotFound => (404, "not-found", "The gateway has no page at this address."),
            Self::NoMapping => (
                404,
                "no-mapping",
                "The tunnel for this address was just removed; start it again on the computer that serves it.",
            ),
            Self::AgentAway => (
                503,
                "agent-away",
                "The computer that serves this address is not connected; start Porthole there, or try again in a moment.",
            ),
            Self::AgentDraining => (
                503,
                "draining",
                "The computer that serves this address is shutting its tunnel down; try again in a moment.",
            ),
            Self::GatewayDraining => (503, "draining", "The gateway is restarting; try again in a moment."),
            Self::LinkLost => (
                503,
                "link-lost",
                "The connection to the computer that serves this address broke; try again in a moment.",
            ),
            Self::Busy => {
                (503, "busy", "Too many requests are in flight on this tunnel; try again in a moment.")
            }
            Self::ServiceDown => (
                502,
                "service-down",
                "The tunnel works, but nothing accepts connections on the local port behind it; start the local service.",
            ),
            Self::ServiceConnectTimeout => (
                504,
                "service-connect-timeout",
                "The tunnel works, but the local service did not accept a connection in time; check that it is not overloaded.",
            ),
            Self::ServiceTimeout => (
                504,
                "service-timeout",
                "The local service sent no answer in time; check that it is not stuck, or raise --timeout.",
            ),
            Self::ServiceBadAnswer => (
                502,
                "service-bad-answer",
                "The local service broke off or sent something that is not a valid HTTP answer; look at its log.",
            ),
            Self::ServiceCertificate => (
                502,
                "service-certificate",
                "The local service's TLS certificate is not valid; install a valid one, or allow it with --insecure.",
            ),
            Self::AmbiguousPath => (
                400,
                "ambiguous-path",
                "The path can be read as two different ones; send it without `..`, `//`, `\\` or their percent-encoded forms.",
            ),
            Self::BadHost => (400, "bad-host", "The Host header names no valid host; send one host name."),
            Self::HeadTooLarge => {
                (431, "head-too-large", "The request head is too large; send fewer or shorter header fields.")
            }
            Self::BadRequest => (
                400,
                "bad-request",
                "The request cannot be carried, because its body does not fit what its head announced.",
            ),
            Self::HeadTimeout => (
                408,
                "head-timeout",
                "The request head did not arrive in time; send it again on a new connection.",
            ),
            Self::ConnectNotSupported => (
                405,
                "connect-not-supported",
                "CONNECT is not supported here; for raw TCP use `porthole tcp`.",
            ),
            Self::Misdirected => (
                421,
                "misdirected-request",
                "This connection was made for another host; send the request on a connection of its own.",
            ),
            Self::MethodNotAllowed => (405, "method-not-allowed", "This address answers GET requests only."),
            Self::UpgradeRequired => (
                426,
                "upgrade-required",
                "Agents connect here by WebSocket over HTTP/1.1; use `porthole login` with this gateway's address.",
            ),
            Self::BadWebSocketKey => (
                400,
                "bad-websocket",
                "The WebSocket handshake has no valid Sec-WebSocket-Key; check what stands between agent and gateway.",
            ),
            Self::AgentCertificateRequired => (
                403,
                codes::CLIENT_CERTIFICATE_REQUIRED,
                "An agent needs a client certificate to connect here; give it one with --client-cert and --client-key.",
            ),
            Self::TooManyTokens { .. } => (
                429,
                "too-many-attempts",
                "Too many tokens that are not good came from this address; wait before the next try.",
            ),
            Self::BodyTooLarge => (
                413,
                "body-too-large",
                "The request's body is longer than this address takes; send a shorter one.",
            ),
            Self::PrivatePath => (404, "private-path", "Nothing is published under this path."),
            Self::MethodNotListed { .. } => {
                (405, "method-not-allowed", "This address does not take requests of this method.")
            }
            Self::Policy(refusal) => return (refusal.status, refusal.code, refusal.message.clone()),
            Self::Malformed(refusal) => {
                let code = match refusal {
                    Refusal::HeadTooLarge(_) | Refusal::TooManyFields(_) => "head-too-large",
                    Refusal::Version => "http-version",
                    _ => "bad-request",
                };
                return (refusal.status(), code, format!("The request was refused: {refusal}.").into());
            }
            Self::Token { code, message } => return (401, code, message.clone().into()),
        };
        (status, code, Cow::Borrowed(text))
    }

    pub fn status(&self) -> u16 {
        self.row().0
    }

    /// Stable; also the value of the `porthole-error` header.
    pub fn code(&self) -> &'static str {
        self.row().1
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Gone => Self::AgentAway,
            OpenError::Draining => Self::AgentDraining,
            OpenError::Busy => Self::Busy,
            OpenError::TooLarge => Self::HeadTooLarge,
        }
    }
}

impl From<PolicyRefusal> for Problem {
    fn from(refusal: PolicyRefusal) -> Self {
        Self::Policy(refusal)
    }
}

/// A stream that was reset before it had an answer.
impl From<ResetCode> for Problem {
    fn from(code: ResetCode) -> Self {
        match code {
            ResetCode::NoMapping => Self::NoMapping,
            ResetCode::Refused => Self::ServiceDown,
            ResetCode::ConnectTimeout => Self::ServiceConnectTimeout,
            ResetCode::AnswerTimeout => Self::ServiceTimeout,
            ResetCode::BadAnswer | ResetCode::Cancelled | ResetCode::Protocol => Self::ServiceBadAnswer,
            ResetCode::Busy => Self::Busy,
            ResetCode::Certificate => Self::ServiceCertificate,
            ResetCode::BadRequest => Self::BadRequest,
            ResetCode::Draining => Self::AgentDraining,
            ResetCode::LinkLost => Self::LinkLost,
            ResetCode::BodyTooLarge => Self::BodyTooLarge,
        }
    }
}

/// What the visitor can read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    Page,
    #[default]
    Json,
    Text,
}

impl Form {
    /// By `Accept`: a page for those who name HTML (browsers do), text for those who ask for it alone.
    pub fn of(request: &RequestHead) -> Self {
        let Some(accept) = request.fields.get("accept") else { return Self::Json };
        let names = |kind: &str| {
            accept.windows(kind.len()).any(|window| window.eq_ignore_ascii_case(kind.as_bytes()))
        };
        if names("text/html") || names("application/xhtml") {
            Self::Page
        } else if names("text/plain") && !names("json") {
            Self::Text
        } else {
            Self::Json
        }
    }
}

/// An answer of the gateway's own, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// With Content-Length, without connection management.
    pub head: ResponseHead,
    pub body: Bytes,
}

/// This moment as a `Date` field has it (RFC 9110 §5.6.7): agents compare their clock with it.
pub fn date() -> String {
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    // Fails only for years that no clock shows.
    printer.timestamp_to_rfc9110_string(&jiff::Timestamp::now()).unwrap_or_default()
}

/// Makes the answer in `form` (the default where no head could be read).
pub fn answer(problem: &Problem, form: Form, request_id: &str) -> Answer {
    let (status, code, message) = problem.row();
    let (kind, body) = match form {
        Form::Page => ("text/html; charset=utf-8", page::page(status, code, &message, request_id)),
        Form::Json => (
            "application/json",
            serde_json::json!({ "code": code, "message": message, "request_id": request_id }).to_string()
                + "\n",
        ),
        Form::Text => ("text/plain; charset=utf-8", format!("{message} ({code}, request {request_id})\n")),
    };
    let mut fields = Fields::with_capacity(512, 13);
    fields.push("Date", date());
    fields.push("Content-Type", kind);
    fields.push("Content-Length", body.len().to_string());
    fields.push("porthole-error", code);
    fields.push("Cache-Control", "no-store");
    fields.push("X-Content-Type-Options", "nosniff");
    if form == Form::Page {
        fields.push("Content-Security-Policy", page::CONTENT_SECURITY_POLICY.as_str());
        fields.push("Vary", "Accept");
    }
    let told = matches!(problem, Problem::Policy(PolicyRefusal { retry_after: Some(_), .. }));
    if status == 503 && !told {
        fields.push("Retry-After", RETRY_AFTER);
    }
    match problem {
        Problem::Policy(refusal) => {
            for challenge in &refusal.www_authenticate {
                fields.push("WWW-Authenticate", challenge);
            }
            if let Some(seconds) = refusal.retry_after {
                fields.push("Retry-After", seconds.to_string());
            }
            if let Some(exceeded) = &refusal.rate {
                fields.push("RateLimit-Policy", exceeded.policy());
                fields.push("RateLimit", exceeded.state());
            }
        }
        Problem::TooManyTokens { seconds } => fields.push("Retry-After", seconds.to_string()),
        Problem::Token { .. } => fields.push("WWW-Authenticate", "Bearer"),
        Problem::MethodNotListed { allow } => fields.push("Allow", allow.as_bytes()),
        Problem::MethodNotAllowed => fields.push("Allow", "GET, HEAD"),
        Problem::ConnectNotSupported => fields.push("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        Problem::UpgradeRequired => fields.push("Upgrade", "websocket"),
        _ => {}
    }
    Answer {
        head: ResponseHead { status, reason: Vec::new(), version: Version::Http11, fields },
        body: body.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(accept: Option<&str>) -> RequestHead {
        let mut fields = Fields::new();
        if let Some(accept) = accept {
            fields.push("Accept", accept);
        }
        RequestHead { method: "GET".into(), target: "/".into(), version: Version::Http11, fields }
    }

    fn kind(accept: Option<&str>) -> String {
        let answer = answer(&Problem::UnknownHost, Form::of(&request(accept)), "id");
        answer.head.fields.get_str("content-type").unwrap().to_owned()
    }

    #[test]
    fn browsers_get_a_page_programs_json_and_text_readers_a_line() {
        assert_eq!(kind(Some("text/html,application/xhtml+xml,*/*;q=0.8")), "text/html; charset=utf-8");
        assert_eq!(kind(Some("*/*")), "application/json");
        assert_eq!(kind(None), "application/json");
        assert_eq!(kind(Some("application/json, text/plain, */*")), "application/json");
        assert_eq!(kind(Some("text/plain")), "text/plain; charset=utf-8");
    }

    #[test]
    fn every_answer_names_its_code_and_its_length() {
        let answer = answer(&Problem::ServiceDown, Form::Json, "r1");
        assert_eq!(answer.head.status, 502);
        assert_eq!(answer.head.fields.get_str("porthole-error"), Some("service-down"));
        assert_eq!(
            answer.head.fields.get_str("content-length"),
            Some(answer.body.len().to_string().as_str())
        );
        assert_eq!(answer.head.fields.get_str("cache-control"), Some("no-store"));
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(json["code"], "service-down");
        assert_eq!(json["request_id"], "r1");
    }
}
