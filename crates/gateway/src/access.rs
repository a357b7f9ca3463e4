//! The access log: one line for each exchange, target `access`. Costs nothing where it is off.

use std::net::IpAddr;
use std::time::Instant;

use tracing::Level;

use crate::exchange::Forward;
use crate::server::Gateway;

/// The target that turns it on or off (`--log access=off`).
pub const TARGET: &str = "access";

/// Query parameters whose values never reach a log, by a part of their name.
const SECRET_PARTS: [&str; 12] = [
    "token",
    "key",
    "signature",
    "sig",
    "code",
    "pass",
    "pwd",
    "secret",
    "auth",
    "session",
    "credential",
    "jwt",
];

/// One exchange until it is over: then it is counted, and logged where that is on.
#[derive(Debug)]
pub struct Record {
    /// When the request's head had been read.
    begun: Instant,
    /// It crosses a link: how long that takes is counted.
    crosses: bool,
    line: Option<Box<Line>>,
}

#[derive(Debug)]
struct Line {
    request_id: String,
    mapping: String,
    host: String,
    method: String,
    path: String,
    visitor: IpAddr,
}

impl Record {
    /// Begins a record for a request that crosses a link. `target` is what the visitor sent.
    pub fn forward(forward: &Forward, method: &str, host: &str, target: &str) -> Self {
        let line = is_on().then(|| {
            Box::new(Line {
                request_id: forward.request_id.clone(),
                mapping: forward.endpoint.label().to_owned(),
                host: host.to_owned(),
                method: method.to_owned(),
                path: masked(target),
                visitor: forward.visitor.ip(),
            })
        });
        Self { begun: forward.arrived, crosses: true, line }
    }

    /// Begins a record for a request that the gateway answers itself.
    pub fn own(
        arrived: Instant,
        request_id: &str,
        method: &str,
        host: &str,
        target: &str,
        visitor: IpAddr,
    ) -> Self {
        let line = is_on().then(|| {
            Box::new(Line {
                request_id: request_id.to_owned(),
                mapping: String::new(),
                host: host.to_owned(),
                method: method.to_owned(),
                path: masked(target),
                visitor,
            })
        });
        Self { begun: arrived, crosses: false, line }
    }

    /// Counts the exchange and writes its line. `status` is 0 when nothing was answered; `outcome` is
    /// `done`, `broken` or `cancelled`; `bytes` counts the answer's body.
    pub fn finish(self, gateway: &Gateway, status: u16, bytes: u64, outcome: &'static str) {
        // What comes after a 101 takes as long as it is wanted: that says nothing of the service.
        if self.crosses && status >= 200 {
            gateway.counters.latency.observe(self.begun.elapsed());
        }
        let Some(line) = self.line else { return };
        let ms = self.begun.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(
            target: "access",
            request_id = line.request_id,
            mapping = line.mapping,
            host = line.host,
            method = line.method,
            path = line.path,
            status,
            bytes,
            ms,
            visitor = %line.visitor,
            outcome,
        );
    }
}

/// Whether anybody reads the log.
pub fn is_on() -> bool {
    tracing::enabled!(target: TARGET, Level::INFO)
}

/// The target with the values of secret-looking query parameters masked.
pub fn masked(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let mut text = String::with_capacity(target.len());
    text.push_str(path);
    let mut separator = '?';
    for pair in query.split('&') {
        text.push(separator);
        separator = '&';
        match pair.split_once('=') {
            Some((name, _)) if is_secret(name) => {
                text.push_str(name);
                text.push_str("=***");
            }
            _ => text.push_str(pair),
        }
    }
    text
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // An encoded name is not decoded to look inside: it is masked.
    name.contains('%') || SECRET_PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_a_query_are_masked_and_the_rest_stays() {
        assert_eq!(masked("/a?x=1&access_token=abc&y"), "/a?x=1&access_token=***&y");
        assert_eq!(masked("/a?TOKEN=abc&X-Amz-Signature=q"), "/a?TOKEN=***&X-Amz-Signature=***");
        assert_eq!(masked("/a?p%61ssword=abc"), "/a?p%61ssword=***");
        assert_eq!(masked("/a?code=1=2&&b=?"), "/a?code=***&&b=?");
        assert_eq!(masked("/token=abc"), "/token=abc");
        assert_eq!(masked("/"), "/");
    }
}
