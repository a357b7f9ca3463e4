//! The gateway's own addresses: the agents' WebSocket at `/tunnel`, and the pages of
//! [`crate::status::public_router`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use base64::Engine as _;
use http_body_util::{BodyExt as _, Limited};
use jiff::Timestamp;
use porthole_http1::{Fields, RequestHead, ResponseHead, Version, connection};
use porthole_link::control::codes;
use porthole_link::mux::Role;
use porthole_link::{Counted, SUBPROTOCOL};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tower::ServiceExt as _;

use crate::agents::accept_link;
use crate::config::PublicBase;
use crate::exchange::Own;
use crate::rescue::{self, Answer, Form, Problem};
use crate::server::Gateway;
use crate::tokens::Identity;
use crate::visitor::{Service, VisitorIo};

/// Bytes of one of the gateway's own pages; they are a few hundred.
const OWN_PAGE_BYTES: usize = 1024 * 1024;

/// Where agents connect.
const TUNNEL: &str = "/tunnel";

/// True for a request to the agents' address.
pub fn is_tunnel(head: &RequestHead) -> bool {
    head.target.split('?').next() == Some(TUNNEL)
}

/// An agent whose handshake and token are in order.
#[derive(Debug)]
pub struct Accepted {
    /// The 101 to be written first.
    pub head: ResponseHead,
    identity: Identity,
    peer: IpAddr,
    base: Option<PublicBase>,
}

/// Checks an agent's request: WebSocket handshake (RFC 6455 §4.2.1), certificate, then token. `certified`: its
/// connection brought a certificate that is believed.
///
/// # Errors
/// The answer that says what was wrong: 405, 426, 400, 401, 403, 429 or 503.
pub fn accept(gateway: &Gateway, head: &RequestHead, own: Own, certified: bool) -> Result<Accepted, Answer> {
    let refuse = |problem: &Problem| rescue::answer(problem, Form::of(head), &own.request_id);
    let upgrade_required = || {
        let mut answer = refuse(&Problem::UpgradeRequired);
        answer.head.fields.push("Sec-WebSocket-Version", "13");
        answer
    };
    if head.method != "GET" {
        return Err(refuse(&Problem::MethodNotAllowed));
    }
    let asks_websocket = own.protocols.as_deref().is_some_and(|protocols| has_member(protocols, "websocket"));
    if !asks_websocket || head.fields.get_str("sec-websocket-version").map(str::trim) != Some("13") {
        return Err(upgrade_required());
    }
    let Some(key) = websocket_key(&head.fields) else { return Err(refuse(&Problem::BadWebSocketKey)) };
    if gateway.draining.is_cancelled() {
        return Err(refuse(&Problem::GatewayDraining));
    }
    if gateway.client_ca.is_some() && !certified {
        tracing::info!(peer = %own.visitor.addr, "refused an agent without a certificate");
        gateway.counters.refused_link(codes::CLIENT_CERTIFICATE_REQUIRED);
        return Err(refuse(&Problem::AgentCertificateRequired));
    }
    let Some(bearer) = bearer(&head.fields) else {
        return Err(refuse(&Problem::Token {
            code: codes::TOKEN_MISSING,
            message: "An agent needs a token to connect; run `porthole login` with the token that the gateway's operator gave you.".into(),
        }));
    };
    let identity = identify(gateway, bearer, own.visitor.addr.ip()).map_err(|problem| {
        tracing::info!(peer = %own.visitor.addr, code = problem.code(), "refused an agent's token");
        gateway.counters.refused_link(problem.code());
        refuse(&problem)
    })?;

    let mut fields = Fields::with_capacity(256, 4);
    fields.push("Connection", "Upgrade");
    fields.push("Upgrade", "websocket");
    fields.push("Sec-WebSocket-Accept", derive_accept_key(key));
    let offered =
        head.fields.get_all("sec-websocket-protocol").filter_map(|list| std::str::from_utf8(list).ok());
    if offered.into_iter().any(|list| list.split(',').any(|offer| offer.trim() == SUBPROTOCOL)) {
        fields.push("Sec-WebSocket-Protocol", SUBPROTOCOL);
    }
    let told = head.fields.get_str("x-forwarded-host").filter(|_| own.visitor.trusted_peer);
    let base = PublicBase::from_request(own.visitor.scheme, told.unwrap_or(&own.authority));
    Ok(Accepted {
        head: ResponseHead { status: 101, reason: Vec::new(), version: Version::Http11, fields },
        identity,
        peer: own.visitor.addr.ip(),
        base,
    })
}

/// Who bears this token. An address that keeps coming with bad ones waits longer and longer; good
/// signed tokens enter all the same, since they cannot be guessed as the shared one can.
fn identify(gateway: &Gateway, bearer: &str, visitor: IpAddr) -> Result<Identity, Problem> {
    let now = Instant::now();
    let verified = gateway.tokens.verify(bearer, Timestamp::now());
    if let Ok(identity) = &verified
        && identity.token_id.is_some()
    {
        return Ok(identity.clone());
    }
    gateway.strangers.admit(visitor, now).map_err(|seconds| Problem::TooManyTokens { seconds })?;
    match verified {
        Ok(shared) => {
            gateway.strangers.succeeded(visitor);
            Ok(shared)
        }
        Err(error) => {
            gateway.strangers.failed(visitor, now);
            Err(Problem::Token { code: error.code(), message: error.to_string() })
        }
    }
}

/// Makes a link of a socket on which the 101 was written. `leftover` came after the request's head.
pub fn begin<IO: VisitorIo>(gateway: Arc<Gateway>, io: IO, leftover: Vec<u8>, accepted: Accepted) {
    porthole_link::keep_queues_short(io.tcp());
    let tasks = gateway.links.clone();
    tasks.spawn(async move {
        let Accepted { identity, peer, base, .. } = accepted;
        let io = Counted::new(io).abandoned_by(reset);
        let socket = porthole_link::socket_over(io, leftover, Role::Gateway).await;
        accept_link(gateway, socket, identity, peer, base).await;
    });
}

/// Has the connection end at once when it is closed, whatever was not acknowledged.
fn reset<IO: VisitorIo>(io: &IO) {
    if let Err(error) = socket2::SockRef::from(io.tcp()).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "cannot reset a silent agent's connection");
    }
}

/// Answers a request to any other of the gateway's own addresses.
pub(crate) async fn answer(service: &Service, head: &RequestHead, own: &Own) -> Answer {
    let refuse = |problem: &Problem| rescue::answer(problem, Form::of(head), &own.request_id);
    let mut request = http::Request::builder().method(head.method.as_str()).uri(head.target.as_str());
    for (name, value) in head.fields.iter() {
        request = request.header(name, value);
    }
    // None of these addresses reads a body.
    let Ok(request) = request.body(Body::empty()) else { return refuse(&Problem::NotFound) };
    let response = match service.own.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    match parts.status.as_u16() {
        404 => return refuse(&Problem::NotFound),
        405 => return refuse(&Problem::MethodNotAllowed),
        _ => {}
    }
    let Ok(body) = Limited::new(body, OWN_PAGE_BYTES).collect().await else {
        return refuse(&Problem::NotFound);
    };
    let body = body.to_bytes();
    let mut fields: Fields =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    connection::strip_hop_by_hop(&mut fields);
    fields.set("Date", rescue::date());
    if head.method != "HEAD" || !fields.contains("content-length") {
        fields.set("Content-Length", body.len().to_string());
    }
    let head =
        ResponseHead { status: parts.status.as_u16(), reason: Vec::new(), version: Version::Http11, fields };
    Answer { head, body }
}

fn has_member(list: &str, name: &str) -> bool {
    list.split(',').any(|member| member.trim().eq_ignore_ascii_case(name))
}

/// The one key: 16 bytes in base64.
fn websocket_key(fields: &Fields) -> Option<&[u8]> {
    let mut keys = fields.get_all("sec-websocket-key");
    let key = keys.next().filter(|_| keys.next().is_none())?.trim_ascii();
    let bytes = base64::engine::general_purpose::STANDARD.decode(key).ok()?;
    (bytes.len() == 16).then_some(key)
}

/// The token of the one Authorization field.
fn bearer(fields: &Fields) -> Option<&str> {
    let mut values = fields.get_all("authorization");
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, token) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_websocket_key_is_16_bytes_and_stands_alone() {
        let key = |values: &[&str]| {
            let fields: Fields = values.iter().map(|value| ("Sec-WebSocket-Key", *value)).collect();
            websocket_key(&fields).is_some()
        };
        assert!(key(&["dGhlIHNhbXBsZSBub25jZQ=="]));
        assert!(!key(&["dGhlIHNhbXBsZSBub25j"]));
        assert!(!key(&["not base64 at all!!!!!!!"]));
        assert!(!key(&[]));
        assert!(!key(&["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="]));
    }

    #[test]
    fn a_bearer_token_is_read_from_one_authorization_field_only() {
        let token = |values: &[&str]| {
            let fields: Fields = values.iter().map(|value| ("Authorization", *value)).collect();
            bearer(&fields).map(str::to_owned)
        };
        assert_eq!(token(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(token(&["bearer  abc "]).as_deref(), Some("abc"));
        assert_eq!(token(&["Basic abc"]), None);
        assert_eq!(token(&["Bearer "]), None);
        assert_eq!(token(&["Bearer a", "Bearer b"]), None);
    }
}
