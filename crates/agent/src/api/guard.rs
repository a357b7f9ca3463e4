//! What every request must pass before a route sees it: it asks for this host, comes from no other page,
//! and says who it is. Pages and events are no exception.
//!
//! A page elsewhere can make the browser ask here, with its cookies. What stops it: the `Host` is one of
//! ours (a name that was pointed at 127.0.0.1 is not), an `Origin` is our own, cookies are SameSite=Strict,
//! and whatever changes something needs a field and a type that no form can send.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::access::Who;
use super::{Api, BASE, Problem};

/// The field that only our own page sends with its cookie.
const OWN_FIELD: &str = "x-porthole";

/// Routes that need no key.
const OPEN: &[&str] = &["/health", "/session", "/login"];

/// What an answer may do in a browser unless it says so itself: nothing.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// The door that a request came in by.
#[derive(Debug, Clone)]
pub enum Through {
    /// A TCP connection to one of these hosts.
    Http { hosts: Arc<Hosts>, local: SocketAddr, peer: SocketAddr },
    /// A socket that only this user's programs can open: whoever is there may do everything.
    Socket,
}

/// What `Host` may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// In lower case, with the port.
    names: Vec<String>,
    port: u16,
    /// Bound to every address: the one that a connection reached counts, too.
    any_address: bool,
}

impl Hosts {
    /// Those of a listener that was asked for as `host` and is bound to `bound`.
    pub(super) fn new(host: &str, bound: SocketAddr) -> Self {
        let port = bound.port();
        let mut names = vec![authority(host, port), bound.to_string()];
        if bound.ip().is_loopback() || bound.ip().is_unspecified() {
            names.extend(["127.0.0.1", "localhost", "::1"].map(|own| authority(own, port)));
        }
        for name in &mut names {
            name.make_ascii_lowercase();
        }
        Self { names, port, any_address: bound.ip().is_unspecified() }
    }

    fn contains(&self, host: &str, local: SocketAddr) -> bool {
        let host = host.to_ascii_lowercase();
        // The usual port goes without saying.
        let usual = self.port == 80 && !host.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(':');
        let host = if usual { format!("{host}:80") } else { host };
        self.names.contains(&host)
            || (self.any_address && SocketAddr::new(local.ip().to_canonical(), self.port).to_string() == host)
    }
}

/// `host:port`, IPv6 in brackets.
pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Lets a request through to its route, or answers it.
pub(super) async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    let mut response = match check(&api, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, NOTHING),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn check(api: &Api, request: &Request) -> Result<(), Problem> {
    let (hosts, local) = match request.extensions().get::<Through>() {
        Some(Through::Http { hosts, local, .. }) => (hosts, local),
        // No browser gets here, so there is nobody whose cookies could be misused.
        Some(Through::Socket) => return json_body(request),
        // No door forgets to say so: whatever this is, it is not let in.
        None => return Err(wrong_host()),
    };
    let headers = request.headers();
    let host =
        host(request.uri(), headers).filter(|host| hosts.contains(host, *local)).ok_or_else(wrong_host)?;
    let route =
        request.uri().path().strip_prefix(BASE).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    from_here(headers, host, route.is_some())?;
    let Some(route) = route.filter(|route| !OPEN.contains(route)) else { return json_body(request) };
    let who = api.access.who(headers, Instant::now()).ok_or_else(unauthorized)?;
    let _ = route;
    if !request.method().is_safe() && who != Who::Program && !headers.contains_key(OWN_FIELD) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "missing-header",
            "a change in a browser's session needs the header `x-porthole: 1`",
        ));
    }
    json_body(request)
}

/// What the request is for, if it says so once.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut given = headers.get_all(header::HOST).into_iter();
    let host = given.next().filter(|_| given.next().is_none())?.to_str().ok()?;
    uri.authority().is_none_or(|authority| authority.as_str() == host).then_some(host)
}

/// Refuses what another page made the browser send.
fn from_here(headers: &HeaderMap, host: &str, api: bool) -> Result<(), Problem> {
    let refuse = || {
        let detail = "the request comes from another page: this address answers only its own";
        Err(Problem::new(StatusCode::FORBIDDEN, "wrong-origin", detail))
    };
    for origin in headers.get_all(header::ORIGIN) {
        let own = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        if !own.is_some_and(|own| own.eq_ignore_ascii_case(host)) {
            return refuse();
        }
    }
    // Another port of this computer is “same-site”, and cookies go there, too. A link to the page is none of
    // this.
    let elsewhere = |site: &HeaderValue| site == "cross-site" || site == "same-site";
    if api && headers.get_all("sec-fetch-site").into_iter().any(elsewhere) {
        return refuse();
    }
    Ok(())
}

/// A body is JSON and says so: forms cannot.
fn json_body(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    if !length && !headers.contains_key(header::TRANSFER_ENCODING) && request.method() != Method::POST {
        return Ok(());
    }
    let given = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let media = given.map(|given| given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match media.as_deref() {
        Some("application/json") => Ok(()),
        // Nothing was sent, as nothing.
        None if !length && !headers.contains_key(header::TRANSFER_ENCODING) => Ok(()),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "a body must be JSON: send it with `content-type: application/json`",
        )),
    }
}

fn wrong_host() -> Problem {
    let detail = "this address answers only under its own host name and port";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong-host", detail)
}

fn unauthorized() -> Problem {
    let detail = "send the key from the file `api-key` in Porthole's data folder as `authorization: Bearer …`, or \
                  open the page first";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(host: &str, bound: &str) -> Hosts {
        Hosts::new(host, bound.parse().unwrap())
    }

    #[test]
    fn a_loopback_page_has_its_own_names_with_its_port_and_no_other() {
        let hosts = hosts("127.0.0.1", "127.0.0.1:4040");
        let local = "127.0.0.1:4040".parse().unwrap();
        for own in ["127.0.0.1:4040", "localhost:4040", "LocalHost:4040", "[::1]:4040"] {
            assert!(hosts.contains(own, local), "{own}");
        }
        for other in [
            "127.0.0.1",
            "localhost",
            "localhost:4041",
            "localhost.:4040",
            "evil.example:4040",
            "",
            ":4040",
            "127.0.0.2:4040",
            "localhost:4040:4040",
            "localhost:4040.evil.example",
            "127.1:4040",
        ] {
            assert!(!hosts.contains(other, local), "{other}");
        }
    }

    #[test]
    fn a_page_on_every_address_answers_under_the_one_that_was_reached() {
        let hosts = hosts("0.0.0.0", "0.0.0.0:80");
        let local = "192.0.2.7:80".parse().unwrap();
        for own in ["192.0.2.7", "192.0.2.7:80", "localhost", "localhost:80"] {
            assert!(hosts.contains(own, local), "{own}");
        }
        for other in ["192.0.2.8", "evil.example", "192.0.2.7:81"] {
            assert!(!hosts.contains(other, local), "{other}");
        }
        assert!(Hosts::new("box.lan", local).contains("Box.LAN:80", local));
    }

    #[test]
    fn a_host_is_said_once_and_as_in_the_target() {
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(host(&uri("/"), &headers), None);
        headers.append(header::HOST, HeaderValue::from_static("localhost:1"));
        assert_eq!(host(&uri("/"), &headers), Some("localhost:1"));
        assert_eq!(host(&uri("http://localhost:1/"), &headers), Some("localhost:1"));
        assert_eq!(host(&uri("http://evil.example/"), &headers), None);
        headers.append(header::HOST, HeaderValue::from_static("localhost:1"));
        assert_eq!(host(&uri("/"), &headers), None);
    }
}
