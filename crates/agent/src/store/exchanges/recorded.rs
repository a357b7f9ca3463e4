//! Stored exchanges as the inspector's functions take them.

use std::time::Duration;

use super::{Exchange, Half};
use crate::inspect::as_test;
use crate::inspect::diff::Ignore;
use crate::inspect::recorded::{
    Fields, Recorded, RecordedRequest, RecordedResponse, Timings, parse_fields, parse_head,
};
use crate::inspect::redact::{redact_head, redact_trailers};
use crate::logging::mask_target;
use crate::target::{Scheme, Target};

impl Exchange {
    /// The whole exchange, its heads taken apart. Of raw TCP only the bytes.
    pub fn recorded(&self) -> Recorded {
        let summary = &self.summary;
        let time = |us: Option<i64>| us.and_then(|us| u64::try_from(us).ok()).map(Duration::from_micros);
        Recorded {
            id: summary.id,
            started: summary.started(),
            request: self.recorded_request(),
            response: self.recorded_response(),
            error: summary.error.clone(),
            timings: Timings {
                connect: time(summary.connect_us),
                first_byte: time(summary.first_byte_us),
                total: time(summary.total_us),
                link: time(summary.link_us),
                gateway: time(summary.gateway_us),
            },
        }
    }

    /// The same without secrets in heads and queries, for what leaves the machine.
    pub fn redacted(mut self) -> Self {
        self.summary.target = mask_target(&self.summary.target).into_owned();
        for half in [Some(&mut self.request), self.response.as_mut()].into_iter().flatten() {
            half.head = redact_head(&half.head);
            half.trailers = redact_trailers(&half.trailers);
        }
        self.sent = self.sent.map(|head| redact_head(&head));
        self
    }

    /// As a test of the kind that `write` makes; None where it is no request with an answer. Sent to `target` unless
    /// the test is told otherwise, or where the visitor sent it when that speaks no HTTP that every client does.
    pub fn as_test(
        &self,
        target: Option<Target>,
        ignore: &Ignore,
        write: fn(&as_test::Subject<'_>) -> String,
    ) -> Option<String> {
        let recorded = self.recorded();
        let target = target.filter(|target| matches!(target.scheme, Scheme::Http | Scheme::Https));
        let base = match target {
            Some(target) => target.to_string(),
            None => format!("{}://{}", recorded.request.scheme, recorded.request.host),
        };
        let whole = self.summary.kind == "http" && self.summary.state == "done";
        as_test::Subject::new(&recorded, &base, ignore).filter(|_| whole).map(|subject| write(&subject))
    }

    /// The request alone.
    pub fn recorded_request(&self) -> RecordedRequest {
        let summary = &self.summary;
        RecordedRequest {
            method: summary.method.clone(),
            scheme: summary.scheme.clone(),
            host: summary.host.clone(),
            target: summary.target.clone(),
            fields: self.request.fields(),
            trailers: parse_fields(&self.request.trailers),
            body: self.request.body.data.clone(),
            body_bytes: self.request.body.bytes,
        }
    }

    /// The answer alone, where there is one with a status.
    pub fn recorded_response(&self) -> Option<RecordedResponse> {
        let half = self.response.as_ref()?;
        let (line, fields) = parse_head(&half.head);
        let mut words = line.splitn(3, ' ');
        Some(RecordedResponse {
            version: words.next().unwrap_or_default().to_owned(),
            status: self.summary.status?,
            reason: words.nth(1).unwrap_or_default().to_owned(),
            fields,
            trailers: parse_fields(&half.trailers),
            body: half.body.data.clone(),
            body_bytes: half.body.bytes,
        })
    }
}

impl Half {
    /// Fields in order, values byte for byte.
    pub fn fields(&self) -> Fields {
        parse_head(&self.head).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::exchanges::{Body, Summary};

    #[test]
    fn an_exchange_comes_with_both_heads_taken_apart() {
        let half = |head: &[u8]| Half {
            head: head.to_vec(),
            body: Body { data: b"b".to_vec(), bytes: 2 },
            trailers: b"Grpc-Status: 0\r\n".to_vec(),
        };
        let exchange = Exchange {
            summary: Summary { status: Some(404), total_us: Some(7), ..Summary::default() },
            request: half(b"GET / HTTP/1.1\r\nX-b: \xff: 1\r\n\r\n"),
            response: Some(half(b"HTTP/1.1 404 Not Found Here\r\nA: b\r\n\r\n")),
            sent: None,
        };
        let recorded = exchange.recorded();
        assert_eq!(recorded.request.fields, [("X-b".to_owned(), b"\xff: 1".to_vec())]);
        assert_eq!(recorded.timings.total, Some(Duration::from_micros(7)));
        let response = recorded.response.unwrap();
        assert_eq!(response.trailers, [("Grpc-Status".to_owned(), b"0".to_vec())]);
        assert_eq!((response.version.as_str(), response.status), ("HTTP/1.1", 404));
        assert_eq!((response.reason.as_str(), response.body_bytes), ("Not Found Here", 2));
        let quiet = half(b"HTTP/1.1 200 \r\n\r\n");
        let exchange = Exchange { response: Some(quiet), ..exchange };
        assert_eq!(exchange.recorded_response().unwrap().reason, "");
    }
}
