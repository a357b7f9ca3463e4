//! Every way to have no link, as a code, a sentence that says what to do, and whether to try again.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use porthole_link::control::codes;
use porthole_link::driver::LinkError;
use rustls::CertificateError;

use super::proxy::ProxyError;
use crate::dial::DialError;
use crate::gateway_url::GatewayUrl;
use crate::tls::{TlsSetupError, certificate_fault, certificate_words, not_tls};

/// Seconds by which two clocks may differ before the difference is worth a word.
const CLOCK_SECONDS: i64 = 5 * 60;

/// The longest wait that a `Retry-After` can ask for: whoever mends the gateway should not wait for its
/// agents longer than that.
pub const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// Why there is no link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Stable.
    pub code: String,
    /// One sentence for the person who configured this.
    pub message: String,
    /// False: trying again changes nothing until somebody does something.
    pub retry: bool,
}

/// What went wrong on the way to a link.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("{0}")]
    Dial(DialError),
    #[error("{0}")]
    Proxy(#[from] ProxyError),
    #[error("{0}")]
    TlsSetup(#[from] TlsSetupError),
    #[error("{0}")]
    Tls(io::Error),
    #[error("{0}")]
    ClientCertificate(io::Error),
    #[error("the token holds characters that no token has")]
    TokenText,
    /// Another answer than the 101 of a gateway.
    #[error("the answer was {}", .0.status)]
    Answer(Box<Answer>),
    #[error("{0}")]
    WebSocket(String),
    #[error("nothing in time")]
    Timeout,
    #[error("{0}")]
    Link(#[from] LinkError),
}

/// An HTTP answer where a gateway's handshake was expected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub date: Option<String>,
    /// The field `porthole-error`, or `code` in a JSON body.
    pub code: Option<String>,
    /// `message` in a JSON body.
    pub message: Option<String>,
    pub retry_after: Option<String>,
}

impl ConnectError {
    /// For how long whoever answered asks to be left alone: at most [`LONGEST_ASKED`]. A gateway that
    /// only drains is followed by the next one, which is looked for as usual.
    pub fn asked_to_wait(&self, now: Timestamp) -> Option<Duration> {
        let Self::Answer(answer) = self else { return None };
        if !matches!(answer.status, 429 | 503) || (answer.status == 503 && answer.code.is_some()) {
            return None;
        }
        let text = answer.retry_after.as_deref()?.trim();
        let seconds = text.parse().ok().or_else(|| {
            // A date, by the clock of whoever wrote it (RFC 9110 §10.2.3).
            let there = answer.date.as_deref().and_then(http_date).unwrap_or(now);
            u64::try_from(http_date(text)?.as_second() - there.as_second()).ok()
        })?;
        Some(Duration::from_secs(seconds).min(LONGEST_ASKED))
    }
}

/// Says what `error` means to whoever gave `gateway`; `now` is this computer's clock.
pub fn explain(error: &ConnectError, gateway: &GatewayUrl, now: Timestamp) -> Failure {
    let again = |code: &str, message: String| Failure { code: code.into(), message, retry: true };
    let never = |code: &str, message: String| Failure { code: code.into(), message, retry: false };
    let host = &gateway.host;
    match error {
        ConnectError::Dial(DialError::Resolve(_)) => again(
            "gateway-unknown-host",
            format!("The name {host} cannot be resolved: check the gateway URL and this computer's network."),
        ),
        ConnectError::Dial(DialError::Connect(error)) => unreachable(error, gateway),
        ConnectError::Dial(DialError::Timeout(within)) => again(
            "gateway-timeout",
            format!(
                "{gateway} did not answer within {} s: check the gateway URL, and that a firewall lets port {} through.",
                within.as_secs(),
                gateway.port
            ),
        ),
        ConnectError::Timeout => again(
            "gateway-timeout",
            format!("{gateway} accepts connections but does not answer: is it a Porthole gateway, and is it overloaded?"),
        ),
        ConnectError::Proxy(error) => Failure {
            code: error.code().into(),
            message: error.to_string(),
            retry: error.retry(),
        },
        ConnectError::TlsSetup(error) => never(error.code(), format!("{}.", capital(&error.to_string()))),
        ConnectError::ClientCertificate(error) => never(
            "client-certificate-refused",
            format!(
                "{gateway} does not accept this agent's client certificate ({error}): it must be signed by an authority in the gateway's --client-ca, and be valid today."
            ),
        ),
        ConnectError::Tls(error) => tls(error, gateway),
        ConnectError::TokenText => never(
            codes::TOKEN_INVALID,
            "The token holds characters that no token has: copy it again, in one piece, from `porthole-gateway token create`.".into(),
        ),
        ConnectError::Answer(answer) => answered(answer, gateway, now),
        ConnectError::WebSocket(what) => again(
            "not-a-gateway",
            format!("{gateway} answers, but not as a Porthole gateway ({what}): check the gateway URL."),
        ),
        ConnectError::Link(error) => link_lost(error),
    }
}

/// Says why a link that worked, or was about to, is over.
pub fn link_lost(error: &LinkError) -> Failure {
    match error {
        LinkError::Refused(refused) => {
            Failure { code: refused.code.clone(), message: refused.message.clone(), retry: refused.retry }
        }
        LinkError::Io(what) => Failure {
            code: "link-lost".into(),
            message: format!("The connection to the gateway broke ({what})."),
            retry: true,
        },
        LinkError::Silent(within) => Failure {
            code: "link-silent".into(),
            message: format!("Nothing was heard from the gateway for {} s.", within.as_secs()),
            retry: true,
        },
        LinkError::Protocol(what) => Failure {
            code: "link-protocol".into(),
            message: format!(
                "The gateway said something this version does not understand ({what}): use the same version at both ends."
            ),
            retry: true,
        },
        LinkError::Closed => Failure {
            code: "link-closed".into(),
            message: "The gateway closed the connection.".into(),
            retry: true,
        },
    }
}

/// The network that the link went through is gone.
pub fn network_left() -> Failure {
    Failure {
        code: "network-changed".into(),
        message: "This computer has left the network it was connected through; connecting anew.".into(),
        retry: true,
    }
}

fn unreachable(error: &io::Error, gateway: &GatewayUrl) -> Failure {
    let (code, message) = match error.kind() {
        io::ErrorKind::ConnectionRefused => (
            "gateway-down",
            format!(
                "Nothing accepts connections at {gateway}: is the gateway running, and is port {} right?",
                gateway.port
            ),
        ),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkDown => (
            "gateway-unreachable",
            format!("There is no way from this computer to {}: check its network.", gateway.host),
        ),
        _ => ("gateway-unreachable", format!("{gateway} cannot be reached: {error}.")),
    };
    Failure { code: code.into(), message, retry: true }
}

fn tls(error: &io::Error, gateway: &GatewayUrl) -> Failure {
    let host = &gateway.host;
    let (code, message) = match certificate_fault(error) {
        Some(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => (
            "gateway-certificate",
            format!(
                "The certificate of {host} has expired by this computer's clock: renew it, or correct the clock."
            ),
        ),
        Some(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => (
            "gateway-certificate",
            format!("The certificate of {host} is not valid yet by this computer's clock: check the clock."),
        ),
        Some(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => (
            "gateway-certificate",
            format!(
                "The certificate at {gateway} was made for another name than {host}: check the gateway URL."
            ),
        ),
        Some(CertificateError::UnknownIssuer) => (
            "gateway-certificate",
            format!(
                "The certificate of {host} comes from an authority this computer does not trust: give the authority's certificate with --ca-file."
            ),
        ),
        Some(fault) => (
            "gateway-certificate",
            format!(
                "The certificate of {host} is not valid ({}): replace it at the gateway, or trust it with --ca-file.",
                certificate_words(fault)
            ),
        ),
        None if not_tls(error) => (
            "gateway-tls",
            format!(
                "{gateway} does not speak TLS on port {}: use http:// if that is meant, or another port.",
                gateway.port
            ),
        ),
        None => ("gateway-tls", format!("TLS with {gateway} failed: {error}.")),
    };
    Failure { code: code.into(), message, retry: true }
}

fn answered(answer: &Answer, gateway: &GatewayUrl, now: Timestamp) -> Failure {
    let Answer { status, location, code, message, .. } = answer;
    let again = |code: &str, message: String| Failure { code: code.into(), message, retry: true };
    if let Some(code) = code.as_deref() {
        return by_code(code, message.as_deref(), answer, gateway, now);
    }
    match (status, location) {
        (300..=399, Some(location)) => again(
            "gateway-redirects",
            format!(
                "{gateway} redirects to {}: give that address as the gateway URL, or sign in to this network if it asks for it.",
                location.chars().filter(|c| !c.is_control()).take(200).collect::<String>()
            ),
        ),
        (502..=504, _) => again(
            "gateway-down",
            format!(
                "{gateway} answers {status}: what stands before the gateway does not reach it; is the gateway running?"
            ),
        ),
        (429, _) => {
            again("gateway-busy", format!("{gateway} asks for fewer tries (429): trying again later."))
        }
        (400 | 426, _) => again(
            "not-a-gateway",
            format!(
                "{gateway} refuses the WebSocket ({status}): check the gateway URL, and that a proxy before the gateway passes the Upgrade header on."
            ),
        ),
        _ => again(
            "not-a-gateway",
            format!("{gateway} answers ({status}), but it is not a Porthole gateway: check the gateway URL."),
        ),
    }
}

/// A gateway's own refusal.
fn by_code(
    code: &str,
    message: Option<&str>,
    answer: &Answer,
    gateway: &GatewayUrl,
    now: Timestamp,
) -> Failure {
    let own = message.map(str::to_owned);
    let final_word = code.starts_with("token-") || code == codes::CLIENT_CERTIFICATE_REQUIRED;
    let sentence = own.unwrap_or_else(|| match code {
        codes::TOKEN_EXPIRED => "The token has expired: make a new one with `porthole-gateway token create` and give it to `porthole login`.".into(),
        codes::TOKEN_REVOKED => "The token was revoked: ask the gateway's operator for a new one.".into(),
        codes::TOKEN_NOT_YET_VALID => "The token is not valid yet: check the clocks of this computer and of the gateway.".into(),
        codes::TOKEN_MISSING => format!("{gateway} asks for a token: give one with --token or `porthole login {gateway}`."),
        codes::TOKEN_INVALID => format!("{gateway} did not issue this token: make one there with `porthole-gateway token create`."),
        codes::CLIENT_CERTIFICATE_REQUIRED => format!("{gateway} asks agents for a client certificate: give one with --client-cert and --client-key."),
        _ => format!("{gateway} refuses the link ({}, {code}).", answer.status),
    });
    let about_time = matches!(code, codes::TOKEN_EXPIRED | codes::TOKEN_NOT_YET_VALID);
    let message = match answer.date.as_deref().and_then(|date| clock_difference(date, now)) {
        Some(difference) if about_time => format!(
            "{} This computer's clock and the gateway's differ by {}: correct the clock.",
            sentence.trim_end(),
            rough(difference)
        ),
        _ => sentence,
    };
    Failure { code: code.to_owned(), message, retry: !final_word }
}

/// Seconds between a Date field and `now`, when they are worth a word.
fn clock_difference(date: &str, now: Timestamp) -> Option<i64> {
    let there = http_date(date)?;
    let difference = (now.as_second() - there.as_second()).abs();
    (difference > CLOCK_SECONDS).then_some(difference)
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

fn rough(seconds: i64) -> String {
    match seconds {
        ..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
