//! Every error a visitor can meet, and the one answer it becomes.
//!
//! The table is [`Problem::row`]: a status, a stable code and a sentence that says what was wrong and
//! what to do. [`answer`] makes a page of it for browsers, JSON for programs, a line of text for those
//! who ask for text.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use bytes::Bytes;
use porthole_http1::{Fields, Refusal, RequestHead, ResponseHead, Version};
use porthole_link::{OpenError, ResetCode};
use sha2::{Digest as _, Sha256};

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
    MethodNotAllowed,
    /// `GET /tunnel` without a WebSocket handshake.
    UpgradeRequired,
    BadWebSocketKey,
    Policy(PolicyRefusal),
    /// The codec refused the bytes.
    Malformed(Refusal),
    /// An agent's token is not accepted.
    Token {
        code: &'static str,
        message: String,
    },
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
            Self::TooManyTokens { .. } => (
                429,
                "too-many-attempts",
                "Too many tokens that are not good came from this address; wait before the next try.",
            ),
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

/// Makes the answer in `form` (the default where no head could be read).
pub fn answer(problem: &Problem, form: Form, request_id: &str) -> Answer {
    let (status, code, message) = problem.row();
    let (kind, body) = match form {
        Form::Page => ("text/html; charset=utf-8", page(status, code, &message, request_id)),
        Form::Json => (
            "application/json",
            serde_json::json!({ "code": code, "message": message, "request_id": request_id }).to_string()
                + "\n",
        ),
        Form::Text => ("text/plain; charset=utf-8", format!("{message} ({code}, request {request_id})\n")),
    };
    let mut fields = Fields::with_capacity(512, 10);
    fields.push("Content-Type", kind);
    fields.push("Content-Length", body.len().to_string());
    fields.push("porthole-error", code);
    fields.push("Cache-Control", "no-store");
    fields.push("X-Content-Type-Options", "nosniff");
    if form == Form::Page {
        fields.push("Content-Security-Policy", CONTENT_SECURITY_POLICY.as_str());
        fields.push("Vary", "Accept");
    }
    if status == 503 {
        fields.push("Retry-After", RETRY_AFTER);
    }
    match problem {
        Problem::Policy(refusal) => {
            if let Some(challenge) = &refusal.www_authenticate {
                fields.push("WWW-Authenticate", challenge);
            }
            if let Some(seconds) = refusal.retry_after {
                fields.push("Retry-After", seconds.to_string());
            }
        }
        Problem::TooManyTokens { seconds } => fields.push("Retry-After", seconds.to_string()),
        Problem::Token { .. } => fields.push("WWW-Authenticate", "Bearer"),
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

const STYLE: &str = ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;\
display:grid;place-items:center;background:Canvas;color:CanvasText}main{max-width:34rem;padding:2rem}\
h1{font-size:1.4rem;margin:0 0 .5rem}p{margin:.5rem 0}small{opacity:.7}code{font-family:ui-monospace,monospace}";

/// Nothing may be loaded or run; the one style is named by its hash.
static CONTENT_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

fn page(status: u16, code: &str, message: &str, request_id: &str) -> String {
    let title = porthole_http1::standard_reason(status);
    let mut page = String::with_capacity(STYLE.len() + message.len() + 512);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{status} {title}</title>\
         <style>{STYLE}</style></head>\n<body><main><h1>{status} {title}</h1>\n<p>{}</p>\n\
         <p><small>Porthole · <code>{code}</code> · request <code>{}</code></small></p></main></body></html>\n",
        Escaped(message),
        Escaped(request_id),
    );
    page
}

/// Text made safe inside an HTML element.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in self.0.split_inclusive(['<', '>', '&', '"', '\'']) {
            let (text, last) = match part.char_indices().last() {
                Some((at, c @ ('<' | '>' | '&' | '"' | '\''))) => (&part[..at], Some(c)),
                _ => (part, None),
            };
            f.write_str(text)?;
            f.write_str(match last {
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('&') => "&amp;",
                Some('"') => "&quot;",
                Some(_) => "&#39;",
                None => "",
            })?;
        }
        Ok(())
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

    #[test]
    fn a_page_escapes_what_it_is_told() {
        let problem = Problem::Token { code: "token-invalid", message: "<script>'&\"".into() };
        let answer = answer(&problem, Form::Page, "<id>");
        let page = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(page.contains("&lt;script&gt;&#39;&amp;&quot;") && page.contains("&lt;id&gt;"), "{page}");
        assert!(!page.contains("<script"));
    }

    #[test]
    fn a_503_says_when_to_come_back() {
        for problem in [Problem::AgentAway, Problem::Busy, Problem::GatewayDraining, Problem::LinkLost] {
            assert!(answer(&problem, Form::Json, "").head.fields.contains("retry-after"), "{problem:?}");
        }
        assert!(!answer(&Problem::ServiceDown, Form::Json, "").head.fields.contains("retry-after"));
    }
}
