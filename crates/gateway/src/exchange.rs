//! What becomes of one request, decided once for HTTP/1 and HTTP/2 visitors alike.
//!
//! [`plan`] turns a head into a [`Plan`]; [`answer_head`] turns the service's head into what the
//! visitor is sent. Neither touches a socket; the visitor's side moves the bytes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use porthole_http1::{Fields, Framing, RequestHead, ResponseHead, Version, announced_length, connection};
use porthole_link::{Open, StreamKind};

use crate::allowance::Share;
use crate::forwarded::{self, Visitor};
use crate::jwks;
use crate::policy::{self, Canned, Credentials, Decision, Inside, PolicyRefusal, PolicyRequest, ShownToken};
use crate::prefix::Prefix;
use crate::redirect;
use crate::rescue::{self, Answer, Form, Problem};
use crate::router::{Endpoint, Route, RouteRequest, normalise_host};
use crate::server::Gateway;
use crate::way_back::WayBack;

/// What is known about a request beside its head.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    pub peer: SocketAddr,
    /// When its head had been read.
    pub at: Instant,
    /// What the visitor speaks to us: `http` or `https`.
    pub scheme: &'static str,
    /// The body's framing says that no byte can follow.
    pub bodyless: bool,
    /// What the TLS handshake was for, in lower case.
    pub server_name: Option<&'a str>,
    /// It came in where nothing is served and everything is sent to https.
    pub to_https: bool,
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Plan {
    /// The gateway's own address.
    Own(Own),
    /// To an agent.
    Forward(Forward),
    /// Refused; answered by [`crate::rescue`].
    Refuse {
        problem: Problem,
        request_id: String,
        visitor: IpAddr,
        /// What it was for, where that is known.
        endpoint: Option<Arc<Endpoint>>,
        /// It asked to go on with another protocol (an upgrade, CONNECT): bytes that follow may be meant
        /// as that, so they are no request and the connection ends (RFC 9931).
        transition: bool,
        way_back: WayBack,
    },
    /// Answered here, with what is ready, without the service.
    Answer {
        answer: Answer,
        request_id: String,
        visitor: IpAddr,
        endpoint: Option<Arc<Endpoint>>,
        transition: bool,
    },
}

/// A request to the gateway itself.
#[derive(Debug)]
pub struct Own {
    pub request_id: String,
    pub visitor: Visitor,
    /// The Host value with its port; empty where none came.
    pub authority: String,
    /// What an Upgrade field asked for.
    pub protocols: Option<String>,
}

/// A request that crosses a link. Its head was rewritten in place.
#[derive(Debug)]
pub struct Forward {
    pub endpoint: Arc<Endpoint>,
    /// When the request's head had been read.
    pub arrived: Instant,
    pub kind: StreamKind,
    pub request_id: String,
    pub visitor: SocketAddr,
    pub way_back: WayBack,
    /// To be held until the answer is over.
    pub stay: Stay,
    /// What is answered in the service's place.
    canned: Option<Arc<Canned>>,
}

/// What one exchange takes up, where that is bounded: one of the mapping's places, and of its token's.
#[derive(Debug, Default)]
pub struct Stay {
    _inside: Inside,
    _share: Option<Share>,
}

impl Forward {
    /// What the visitor is told where no answer comes.
    pub fn refusal(&self, problem: &Problem, form: Form) -> Answer {
        let mut answer = rescue::answer(problem, form, &self.request_id);
        self.way_back.dress_refusal(&mut answer.head.fields);
        answer
    }

    /// The frame that opens the stream; takes the head out of the visitor's hands.
    pub fn open(&self, head: RequestHead) -> Open {
        Open {
            kind: self.kind,
            mapping: self.endpoint.mapping.number,
            request_id: self.request_id.clone(),
            visitor: self.visitor,
            gateway_us: u32::try_from(self.arrived.elapsed().as_micros()).ok(),
            head: Some(head),
        }
    }
}

/// Decides on a request and rewrites `head` for the service: hop-by-hop fields gone, one Host,
/// forwarded fields set, prefix stripped, and what the mapping asks for.
pub async fn plan(gateway: &Gateway, head: &mut RequestHead, arrival: &Arrival<'_>) -> Plan {
    let plan = match decide(gateway, head, arrival) {
        Step::Plan(plan) => plan,
        Step::Password { forward, credentials } => {
            // Boxed, because it is rare and every connection's task would be as large.
            let check = gateway.passwords.check(&forward.endpoint.policy, credentials, forward.visitor.ip());
            match Box::pin(check).await {
                Ok(()) => admit(forward),
                Err(refusal) => refused(forward, refusal),
            }
        }
        Step::Token { forward, token } => {
            let (endpoint, visitor) = (&forward.endpoint, forward.visitor.ip());
            let check = jwks::check(gateway, &endpoint.subject, &endpoint.policy, &token, visitor);
            match Box::pin(check).await {
                Ok(()) => admit(forward),
                Err(refusal) => refused(forward, refusal),
            }
        }
    };
    if let Plan::Forward(forward) = &plan {
        // Last, so that whatever was decided was decided on what the visitor sent.
        forward.endpoint.policy.change_request(head);
    }
    plan
}

/// Who may enter, if there is a place.
fn admit(mut forward: Forward) -> Plan {
    if let Some(canned) = forward.canned.take() {
        let mut answer = canned.answer();
        forward.way_back.dress(&mut answer.head.fields);
        return Plan::Answer {
            answer,
            request_id: forward.request_id,
            visitor: forward.visitor.ip(),
            transition: forward.kind == StreamKind::Upgrade,
            endpoint: Some(forward.endpoint),
        };
    }
    match stay(&forward.endpoint) {
        Ok(stay) => {
            forward.stay = stay;
            Plan::Forward(forward)
        }
        Err(refusal) => refused(forward, refusal),
    }
}

fn stay(endpoint: &Endpoint) -> Result<Stay, PolicyRefusal> {
    let inside = endpoint.policy.enter()?;
    let share = endpoint.allowance.as_ref().map(|allowance| allowance.enter(false)).transpose()?;
    Ok(Stay { _inside: inside, _share: share })
}

fn refused(forward: Forward, problem: impl Into<Problem>) -> Plan {
    Plan::Refuse {
        problem: problem.into(),
        request_id: forward.request_id,
        visitor: forward.visitor.ip(),
        transition: forward.kind == StreamKind::Upgrade,
        endpoint: Some(forward.endpoint),
        way_back: forward.way_back,
    }
}

enum Step {
    Plan(Plan),
    /// Forward it once the password was checked.
    Password {
        forward: Forward,
        credentials: Credentials,
    },
    /// Forward it once the token was checked.
    Token {
        forward: Forward,
        token: ShownToken,
    },
}

fn decide(gateway: &Gateway, head: &mut RequestHead, arrival: &Arrival<'_>) -> Step {
    let authority = head.authority().unwrap_or_default().to_owned();
    if head.is_absolute_form() {
        head.target = head.origin_form().into_owned();
        head.fields.set("Host", &authority);
    }
    let protocols = if arrival.bodyless { upgrade(head) } else { None };
    connection::strip_hop_by_hop(&mut head.fields);
    let named = (!authority.is_empty()).then_some(authority.as_str());
    let visitor = {
        let trusted = &gateway.settings.load().trusted_proxies;
        forwarded::apply(&mut head.fields, arrival.peer, arrival.scheme, named, trusted)
    };
    let request_id = forwarded::request_id(&head.fields, &visitor).unwrap_or_else(new_request_id);

    let transition = protocols.is_some() || head.method == "CONNECT";
    let refuse = |problem, request_id| {
        let (visitor, way_back) = (visitor.addr.ip(), WayBack::default());
        Step::Plan(Plan::Refuse { problem, request_id, visitor, endpoint: None, transition, way_back })
    };
    if head.method == "CONNECT" {
        return refuse(Problem::ConnectNotSupported, request_id);
    }
    let host = match named.map(normalise_host) {
        Some(Ok(host)) => host,
        Some(Err(_)) => return refuse(Problem::BadHost, request_id),
        // HTTP/1.0 without Host: a probe of the gateway itself.
        None => gateway.config.public.as_ref().map_or("localhost", |public| public.host.as_str()).into(),
    };

    // A browser may use one connection for all names of a certificate; it comes again on another
    // (RFC 9110 §15.5.20). A proxy that we trust has looked at the visitor's handshake itself.
    if arrival.server_name.is_some_and(|name| name != host) && named.is_some() && !visitor.trusted_peer {
        return refuse(Problem::Misdirected, request_id);
    }
    let answered = |answer, request_id| {
        let visitor = visitor.addr.ip();
        Step::Plan(Plan::Answer { answer, request_id, visitor, endpoint: None, transition })
    };
    if let Some(acme) = &gateway.acme
        && let Some(answer) = acme.answer_http(&host, &head.target)
    {
        return answered(answer, request_id);
    }
    let routes = gateway.registry.routes();
    let (path, query) = match head.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (head.target.as_str(), None),
    };
    let request = RouteRequest { host: &host, path, query, fields: &head.fields };
    let route = routes.route(&request);
    if arrival.to_https && !matches!(route, Route::Unknown | Route::AmbiguousPath) {
        return answered(redirect::to_https(&gateway.config, &host, &head.target), request_id);
    }
    let (endpoint, strip) = match route {
        Route::Endpoint { endpoint, strip } => (Arc::clone(endpoint), strip),
        Route::Own => return Step::Plan(Plan::Own(Own { request_id, visitor, authority, protocols })),
        // Probes and agents may know the gateway by its bare address only; no mapping has such a host.
        Route::Unknown if !arrival.to_https && (host.parse::<IpAddr>().is_ok() || named.is_none()) => {
            return Step::Plan(Plan::Own(Own { request_id, visitor, authority, protocols }));
        }
        Route::Unknown => return refuse(Problem::UnknownHost, request_id),
        Route::Away { .. } => return refuse(Problem::AgentAway, request_id),
        Route::AmbiguousPath => return refuse(Problem::AmbiguousPath, request_id),
    };
    drop(routes);

    let asked = PolicyRequest {
        visitor: visitor.addr.ip(),
        method: &head.method,
        path: seen(path, strip),
        fields: &head.fields,
        now: arrival.at,
    };
    let decision = policy::decide(&endpoint.policy, &asked);

    let prefix = (strip > 0).then(|| Prefix::take(head, strip, &authority));
    let way_back = WayBack::new(&endpoint.policy, head, prefix);
    if !head.fields.contains("x-request-id") {
        head.fields.push("X-Request-Id", &request_id);
    }
    if head.version == Version::Http10 {
        // Nobody waits for a 100 there, and none could be relayed (RFC 9110 §10.1.1).
        head.fields.remove("expect");
    }
    let kind = match protocols {
        Some(protocols) => {
            head.fields.push("Upgrade", protocols);
            StreamKind::Upgrade
        }
        None => StreamKind::Http,
    };
    let mut forward = Forward {
        endpoint,
        arrived: arrival.at,
        kind,
        request_id,
        visitor: visitor.addr,
        way_back,
        stay: Stay::default(),
        canned: None,
    };
    match decision {
        Decision::Allow(canned) => {
            forward.canned = canned;
            Step::Plan(admit(forward))
        }
        Decision::Refuse(problem) => Step::Plan(refused(forward, problem)),
        Decision::NeedsKey(shown, canned) => {
            forward.canned = canned;
            let (policy, visitor) = (&forward.endpoint.policy, forward.visitor.ip());
            Step::Plan(match gateway.passwords.check_keys(policy, &shown, visitor, arrival.at) {
                Ok(()) => admit(forward),
                Err(refusal) => refused(forward, refusal),
            })
        }
        Decision::NeedsToken(token, canned) => {
            forward.canned = canned;
            Step::Token { forward, token }
        }
        Decision::NeedsPassword(credentials, canned) => {
            forward.canned = canned;
            Step::Password { forward, credentials }
        }
    }
}

/// `path` without what is stripped of it.
fn seen(path: &str, strip: usize) -> &str {
    match path.get(strip..) {
        Some("") | None => "/",
        Some(rest) => rest,
    }
}

/// The protocols asked for, without h2c: HTTP/2 on clear text begins with its preface here.
fn upgrade(head: &RequestHead) -> Option<String> {
    let asked = connection::upgrade(head)?;
    let is_h2c = |protocol: &&str| protocol.trim().eq_ignore_ascii_case("h2c");
    if !asked.split(',').any(|protocol| is_h2c(&protocol)) {
        return Some(asked);
    }
    let kept: Vec<&str> = asked.split(',').filter(|protocol| !is_h2c(protocol)).map(str::trim).collect();
    (!kept.is_empty()).then(|| kept.join(", "))
}

/// 128 random bits in hex.
pub fn new_request_id() -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let random: [u8; 16] = rand::random();
    let mut id = [0; 32];
    for (digits, byte) in id.chunks_exact_mut(2).zip(random) {
        digits[0] = DIGITS[usize::from(byte >> 4)];
        digits[1] = DIGITS[usize::from(byte & 0xf)];
    }
    String::from_utf8_lossy(&id).into_owned()
}

/// What the visitor's request says about the shape of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub version: Version,
    /// HEAD.
    pub head_only: bool,
    /// Seconds for which the visitor is told to come by https only. None: not told.
    pub hsts: Option<u32>,
}

impl Asked {
    pub fn of(head: &RequestHead) -> Self {
        Self { version: head.version, head_only: head.method == "HEAD", hsts: None }
    }

    /// Tells the visitor to come by https only, unless the service has said so in its own way.
    pub fn mark(&self, fields: &mut Fields) {
        if let Some(seconds) = self.hsts
            && !fields.contains(HSTS)
        {
            fields.push(HSTS, format!("max-age={seconds}"));
        }
    }
}

const HSTS: &str = "strict-transport-security";

/// For how many seconds a visitor who speaks `scheme` is told to come by https only: over clear text
/// nothing is said of it (RFC 6797 §7.2).
pub fn hsts(gateway: &Gateway, scheme: &str) -> Option<u32> {
    if scheme == "https" { gateway.settings.load().hsts } else { None }
}

/// The service's answer is none that can be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer's status or length makes no sense")]
pub struct BadAnswer;

/// Makes a final answer's head fit for the visitor: hop-by-hop fields gone, prefix back, changed as the
/// mapping asks for, framing decided. For HTTP/1 the caller announces the framing with [`porthole_http1::set_framing`].
///
/// # Errors
/// [`BadAnswer`] for a 1xx, a status that is none, or a Content-Length that is repeated or no number.
pub fn answer_head(head: &mut ResponseHead, asked: Asked, way_back: &WayBack) -> Result<Framing, BadAnswer> {
    if !(200..=999).contains(&head.status) {
        return Err(BadAnswer);
    }
    connection::strip_hop_by_hop(&mut head.fields);
    let length = announced_length(&head.fields).map_err(|_| BadAnswer)?;
    way_back.dress(&mut head.fields);
    asked.mark(&mut head.fields);
    if head.status == 204 {
        // RFC 9110 §8.6: a 204 has none.
        head.fields.remove("content-length");
    }
    Ok(match length {
        _ if asked.head_only || matches!(head.status, 204 | 304) => Framing::None,
        Some(length) => Framing::Length(length),
        None if asked.version == Version::Http10 => Framing::UntilClose,
        None => Framing::Chunked,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, pairs: &[(&str, &str)]) -> ResponseHead {
        let fields = pairs.iter().copied().collect();
        ResponseHead { status, reason: Vec::new(), version: Version::Http11, fields }
    }

    const GET: Asked = Asked { version: Version::Http11, head_only: false, hsts: None };

    #[test]
    fn an_answer_keeps_its_length_and_is_chunked_without_one() {
        let framing = |status, pairs: &[_], asked| {
            answer_head(&mut response(status, pairs), asked, &WayBack::default())
        };
        assert_eq!(framing(200, &[("Content-Length", "5")], GET), Ok(Framing::Length(5)));
        assert_eq!(framing(200, &[], GET), Ok(Framing::Chunked));
        assert_eq!(framing(200, &[], Asked { version: Version::Http10, ..GET }), Ok(Framing::UntilClose));
        assert_eq!(
            framing(200, &[("Content-Length", "5")], Asked { head_only: true, ..GET }),
            Ok(Framing::None)
        );
        assert_eq!(framing(304, &[("Content-Length", "5")], GET), Ok(Framing::None));
        assert_eq!(framing(204, &[], GET), Ok(Framing::None));
    }

    #[test]
    fn an_answer_with_a_doubtful_length_or_status_is_refused() {
        for pairs in [
            &[("Content-Length", "+5")][..],
            &[("Content-Length", "")],
            &[("Content-Length", "5"), ("Content-Length", "5")],
            &[("Content-Length", "18446744073709551615")],
        ] {
            assert_eq!(
                answer_head(&mut response(200, pairs), GET, &WayBack::default()),
                Err(BadAnswer),
                "{pairs:?}"
            );
        }
        assert_eq!(answer_head(&mut response(101, &[]), GET, &WayBack::default()), Err(BadAnswer));
        assert_eq!(answer_head(&mut response(99, &[]), GET, &WayBack::default()), Err(BadAnswer));
    }

    #[test]
    fn hop_by_hop_fields_of_an_answer_stop_here() {
        let mut head =
            response(200, &[("Connection", "close, X-A"), ("X-A", "1"), ("Keep-Alive", "5"), ("B", "2")]);
        answer_head(&mut head, GET, &WayBack::default()).unwrap();
        assert_eq!(head.fields, Fields::from_iter([("B", "2")]));
    }

    #[test]
    fn https_only_is_said_once_and_what_the_service_says_of_it_stays() {
        let asked = Asked { hsts: Some(60), ..GET };
        let told = |pairs: &[_]| {
            let mut head = response(200, pairs);
            answer_head(&mut head, asked, &WayBack::default()).unwrap();
            let values = head.fields.get_all("strict-transport-security");
            values.map(|value| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(told(&[]), ["max-age=60"]);
        assert_eq!(told(&[("Strict-Transport-Security", "max-age=1; preload")]), ["max-age=1; preload"]);
    }

    #[test]
    fn h2c_is_never_asked_of_the_service() {
        let ask = |value: &str| {
            let fields = Fields::from_iter([("Host", "a"), ("Connection", "Upgrade"), ("Upgrade", value)]);
            upgrade(&RequestHead {
                method: "GET".into(),
                target: "/".into(),
                version: Version::Http11,
                fields,
            })
        };
        assert_eq!(ask("websocket").as_deref(), Some("websocket"));
        assert_eq!(ask("h2c"), None);
        assert_eq!(ask("H2C, websocket").as_deref(), Some("websocket"));
    }

    #[test]
    fn request_ids_are_32_hex_digits_and_differ() {
        let (one, other) = (new_request_id(), new_request_id());
        assert!(one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one, other);
    }
}
