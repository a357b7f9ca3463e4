//! Who may ask the admin listener for what.
//!
//! `/health` and the page at `/` are everybody's: they tell nothing. Whatever changes something, and what names tokens, asks
//! for the key. Metrics and status do so, too, unless the listener is this computer's own and nobody
//! configured a key: then they are there for the asking, under a name that no other site can have.
//! A page in a browser that had a name of its own pointed at 127.0.0.1 has the wrong `Host`, and none has
//! the key.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::door::Peer;
use super::problem::Problem;
use crate::router::normalise_host;
use crate::secret::Secret;
use crate::throttle::Throttle;

/// What may be looked at without the key on this computer.
const TO_LOOK_AT: [&str; 3] = ["/metrics", "/api/v1/status", "/api/v1/openapi.json"];

/// What any other answer may do in a browser: nothing.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// The key, and what goes without it.
#[derive(Debug)]
pub(super) struct Guard {
    key: Secret,
    open_to_look: bool,
    /// Addresses that come with wrong keys.
    strangers: Throttle,
}

impl Guard {
    pub(super) fn new(key: Secret, open_to_look: bool) -> Self {
        Self { key, open_to_look, strangers: Throttle::default() }
    }

    fn check(
        &self,
        (method, uri, headers): (&Method, &Uri, &HeaderMap),
        peer: IpAddr,
        now: Instant,
    ) -> Result<(), Problem> {
        let path = uri.path();
        if matches!(path, "/health" | "/") {
            return Ok(());
        }
        if headers.contains_key(header::AUTHORIZATION) {
            self.strangers.admit(peer, now).map_err(Problem::too_many_attempts)?;
            if bearer(headers).is_some_and(|given| Secret::new(given) == self.key) {
                self.strangers.succeeded(peer);
                return Ok(());
            }
            self.strangers.failed(peer, now);
            return Err(unauthorized("this is not the admin API's key"));
        }
        if !(self.open_to_look && method.is_safe() && TO_LOOK_AT.contains(&path)) {
            return Err(unauthorized(
                "send the admin API's key (the file `admin-key` in the gateway's data folder, or what --admin-key-file names) as `authorization: Bearer …`",
            ));
        }
        if is_this_computer(uri, headers) { Ok(()) } else { Err(wrong_host()) }
    }
}

/// Lets a request through to its route, or answers it.
pub(super) async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let asked = (request.method(), request.uri(), request.headers());
    let checked = match request.extensions().get::<Peer>() {
        Some(Peer(peer)) => guard.check(asked, peer.ip(), Instant::now()),
        // No door forgets to say who came: whoever this is, is not let in.
        None => Err(unauthorized("it is not known where this request comes from")),
    };
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The page says itself what it may do.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NOTHING));
    response
}

/// The key of the one Authorization field.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::AUTHORIZATION).into_iter();
    let given = given.next().filter(|_| given.next().is_none())?.to_str().ok()?;
    let (scheme, key) = given.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key)
}

/// Whether the one `Host` is a name that only this computer has, whatever the port: it may be forwarded.
fn is_this_computer(uri: &Uri, headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(header::HOST).into_iter();
    let host = given.next().filter(|_| given.next().is_none()).and_then(|host| host.to_str().ok());
    let Some(host) = host.filter(|host| uri.authority().is_none_or(|told| told.as_str() == *host)) else {
        return false;
    };
    normalise_host(host).is_ok_and(|host| {
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    })
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
}

fn wrong_host() -> Problem {
    let detail = "without the key this address answers only as localhost or 127.0.0.1";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong-host", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "a key of at least thirty-two bytes for this test";

    fn ask(guard: &Guard, method: &str, target: &str, pairs: &[(&'static str, &str)]) -> Result<(), u16> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        let method = method.parse().unwrap();
        let peer = IpAddr::from([192, 0, 2, 1]);
        let checked = guard.check((&method, &target.parse().unwrap(), &headers), peer, Instant::now());
        checked.map_err(|problem| problem.status())
    }

    #[test]
    fn on_this_computer_looking_needs_its_own_name_and_changing_the_key() {
        let guard = Guard::new(Secret::new(KEY), true);
        for own in ["127.0.0.1:9090", "localhost:9090", "LOCALHOST.", "[::1]:1", "127.1.2.3", "localhost:7"] {
            for path in TO_LOOK_AT {
                assert_eq!(ask(&guard, "GET", path, &[("host", own)]), Ok(()), "{own} {path}");
            }
            assert_eq!(ask(&guard, "POST", "/metrics", &[("host", own)]), Err(401), "{own}");
            assert_eq!(ask(&guard, "GET", "/api/v1/tokens", &[("host", own)]), Err(401), "{own}");
            assert_eq!(ask(&guard, "GET", "/metrics/", &[("host", own)]), Err(401), "{own}");
        }
        for other in ["evil.example:9090", "localhost.evil.example", "192.0.2.7:9090", "", "127.1", "a b"] {
            assert_eq!(ask(&guard, "GET", "/metrics", &[("host", other)]), Err(421), "{other}");
            assert_eq!(ask(&guard, "GET", "/health", &[("host", other)]), Ok(()), "{other}");
            assert_eq!(ask(&guard, "GET", "/", &[("host", other)]), Ok(()), "the page tells nothing");
            assert_eq!(ask(&guard, "GET", "//", &[("host", other)]), Err(401), "{other}");
        }
        assert_eq!(ask(&guard, "GET", "/metrics", &[]), Err(421));
        assert_eq!(ask(&guard, "GET", "/metrics", &[("host", "localhost"), ("host", "evil")]), Err(421));
        assert_eq!(ask(&guard, "GET", "http://evil.example/metrics", &[("host", "localhost")]), Err(421));
    }

    #[test]
    fn the_key_opens_all_of_it_under_any_name_and_nothing_else_does() {
        for guard in [Guard::new(Secret::new(KEY), false), Guard::new(Secret::new(KEY), true)] {
            for (method, path) in [("GET", "/metrics"), ("DELETE", "/api/v1/tokens/1")] {
                let with = |value: &str| {
                    ask(&guard, method, path, &[("host", "gate:9090"), ("authorization", value)])
                };
                assert_eq!(with(&format!("Bearer {KEY}")), Ok(()));
                assert_eq!(with(&format!("Bearer {KEY}x")), Err(401));
                assert_eq!(with(&format!("Basic {KEY}")), Err(401));
                assert_eq!(with("Bearer "), Err(401));
                assert_eq!(with(""), Err(401));
            }
        }
        let shut = Guard::new(Secret::new(KEY), false);
        assert_eq!(ask(&shut, "GET", "/metrics", &[("host", "localhost")]), Err(401));
        let twice = format!("Bearer {KEY}");
        let twice = [("authorization", twice.as_str()), ("authorization", twice.as_str())];
        assert_eq!(ask(&shut, "GET", "/metrics", &twice), Err(401));
        assert_eq!(ask(&shut, "GET", "/health", &[]), Ok(()));
    }

    #[test]
    fn whoever_guesses_the_key_waits_longer_and_longer() {
        let guard = Guard::new(Secret::new(KEY), false);
        let guess = [("authorization", "Bearer guess")];
        let outcomes: Vec<_> = (0..20).map(|_| ask(&guard, "GET", "/metrics", &guess)).collect();
        assert_eq!(outcomes[0], Err(401));
        assert_eq!(outcomes[19], Err(429));
    }
}
