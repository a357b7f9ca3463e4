//! What is kept of an exchange while it runs, and told once when it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use porthole_http1::{Fields, RequestHead, ResponseHead};
use porthole_link::{ResetCode, StreamKind};
use tokio::time::Instant;

use super::outcome::ForwardError;
use super::route::Route;
use crate::capture::{Capture, Side, Start};
use crate::events::{Event, ExchangeSummary};

/// A longer timeout is as good as none, and would overflow the clock.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The one place that all body bytes of an exchange pass, in both directions.
///
/// Shared by the two directions of one task; relaxed atomics only because tasks must be `Send`.
#[derive(Debug)]
pub struct Traffic {
    started: Instant,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// Microseconds after `started` at which the request last moved towards the service.
    moved: AtomicU64,
    /// The visitor waits for the service's word before sending a body (`Expect: 100-continue`).
    expects: bool,
    /// The rest of the request is still with the visitor: the service owes no answer yet.
    visitor_owes: AtomicBool,
    /// The request's end was taken off the link.
    request_ended: AtomicBool,
    /// Something of the request's body was taken off the link: the request cannot be sent again.
    consumed: AtomicBool,
    /// The copy that is kept, if one is.
    capture: Option<Arc<Capture>>,
}

impl Traffic {
    fn new(head: &RequestHead) -> Self {
        Self {
            expects: head.fields.contains("expect"),
            started: Instant::now(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            visitor_owes: AtomicBool::new(false),
            request_ended: AtomicBool::new(false),
            consumed: AtomicBool::new(false),
            capture: None,
        }
    }

    /// Body bytes that came from the visitor.
    pub fn request_data(&self, data: &Bytes) {
        self.bytes_in.fetch_add(data.len() as u64, Relaxed);
        self.copy(Side::Request, data);
    }

    /// Body bytes that go to the visitor.
    pub fn response_data(&self, data: &Bytes) {
        self.bytes_out.fetch_add(data.len() as u64, Relaxed);
        self.copy(Side::Response, data);
    }

    fn copy(&self, side: Side, data: &Bytes) {
        if let Some(capture) = &self.capture
            && !data.is_empty()
        {
            capture.data(side, data);
        }
    }

    /// A connection to the service was made, which began at `since`.
    pub fn connected(&self, since: Instant) {
        if let Some(capture) = &self.capture {
            capture.connected(since.elapsed());
        }
    }

    /// The answer's final head came; as the service sent it.
    pub fn answered(&self, head: &ResponseHead) {
        if let Some(capture) = &self.capture {
            capture.answered(head);
        }
    }

    /// The service is down: what follows is the answer of that exchange.
    pub fn stood_in(&self, original_id: i64) {
        if let Some(capture) = &self.capture {
            capture.stood_in(original_id);
        }
    }

    /// The request's head as it goes to the service.
    pub fn sent(&self, head: &RequestHead) {
        if let Some(capture) = &self.capture {
            capture.sent(&head.fields);
        }
    }

    /// Fields that came after a body.
    pub fn trailers(&self, side: Side, trailers: &Fields) {
        if let Some(capture) = &self.capture {
            capture.trailers(side, trailers);
        }
    }

    /// The service took a part of the request.
    pub fn moved(&self) {
        self.moved.store(self.started.elapsed().as_micros() as u64, Relaxed);
    }

    /// Says whether the request waits for the visitor rather than for the service.
    pub fn visitor_owes(&self, owes: bool) {
        self.visitor_owes.store(owes && (!self.expects || self.is_consumed()), Relaxed);
    }

    pub fn request_ended(&self) {
        self.request_ended.store(true, Relaxed);
    }

    pub fn has_request_ended(&self) -> bool {
        self.request_ended.load(Relaxed)
    }

    pub fn consumed(&self) {
        self.consumed.store(true, Relaxed);
    }

    pub fn is_consumed(&self) -> bool {
        self.consumed.load(Relaxed)
    }

    /// Until when the service may take to begin its answer, as far as is known now.
    pub fn answer_due(&self, timeout: Duration) -> Instant {
        self.started + Duration::from_micros(self.moved.load(Relaxed)) + timeout.min(LONGEST_TIMEOUT)
    }

    /// The same, at the moment a timer has fired: None when the answer is overdue.
    pub fn answer_still_due(&self, timeout: Duration) -> Option<Instant> {
        let now = Instant::now();
        if self.visitor_owes.load(Relaxed) {
            return Some(now + timeout.min(LONGEST_TIMEOUT));
        }
        let due = self.answer_due(timeout);
        (due > now).then_some(due)
    }
}

/// An exchange's record. Tells its summary when dropped: an exchange ends exactly once, however it
/// ends, also when its task is cut off.
#[derive(Debug)]
pub struct Record {
    pub route: Arc<Route>,
    /// The request as it goes to the service; empty for raw TCP.
    pub head: RequestHead,
    pub request_id: String,
    pub traffic: Traffic,
    pub status: Option<u16>,
    pub note: Option<String>,
    /// None until the exchange came to its end.
    end: Option<Result<(), &'static str>>,
}

impl Record {
    pub fn new(route: Arc<Route>, head: RequestHead, request_id: String) -> Self {
        Self { traffic: Traffic::new(&head), route, head, request_id, status: None, note: None, end: None }
    }

    /// Has the exchange captured, where its mapping is inspected. Before anything changes the head.
    pub fn capture(&mut self, kind: StreamKind, visitor: SocketAddr, gateway: Option<Duration>) {
        let Some(recorder) = &self.route.recorder else { return };
        self.traffic.capture = recorder.begin(Start {
            served: &self.route.served,
            kind,
            request_id: &self.request_id,
            visitor,
            gateway,
            head: &self.head,
            started: self.traffic.started.into_std(),
        });
    }

    /// The exchange came to its end; later calls change nothing.
    pub fn finish(&mut self, end: &Result<(), ForwardError>) {
        if self.end.is_none() {
            self.end = Some(match end {
                Ok(()) => Ok(()),
                Err(error) => Err(error.code()),
            });
        }
    }
}

impl Record {
    /// One line in the log; without the query, which may hold secrets. Costs next to nothing when
    /// nobody asked for it.
    fn log(&self, error: Option<&str>) {
        tracing::debug!(
            request_id = %self.request_id,
            mapping = self.route.served.wire.name.as_deref(),
            mapping_id = %self.route.served.wire.id,
            method = %self.head.method,
            path = self.head.target.split('?').next(),
            status = self.status,
            error,
            "exchange"
        );
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let error = self.end.unwrap_or(Err(ForwardError::Gone(ResetCode::Cancelled).code())).err();
        self.log(error);
        if let Some(capture) = &self.traffic.capture {
            capture.end(error);
        }
        let events = &self.route.events;
        if events.receiver_count() == 0 {
            return;
        }
        let _ = events.send(Event::Exchange(Arc::new(ExchangeSummary {
            mapping_id: self.route.served.wire.id.clone(),
            request_id: std::mem::take(&mut self.request_id),
            method: std::mem::take(&mut self.head.method),
            target: std::mem::take(&mut self.head.target),
            status: self.status,
            error: error.map(str::to_owned),
            duration: self.traffic.started.elapsed(),
            bytes_in: self.traffic.bytes_in.load(Relaxed),
            bytes_out: self.traffic.bytes_out.load(Relaxed),
            note: self.note.take(),
        })));
    }
}

#[cfg(test)]
mod tests {
    use porthole_http1::Version;

    use super::*;

    fn traffic(fields: &[(&str, &str)]) -> Traffic {
        let fields: Fields = fields.iter().copied().collect();
        let head =
            RequestHead { method: "POST".into(), target: "/".into(), version: Version::Http11, fields };
        Traffic::new(&head)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_overdue_once_the_timeout_has_passed_since_the_request_last_moved() {
        let timeout = Duration::from_secs(10);
        let traffic = traffic(&[]);
        tokio::time::advance(Duration::from_secs(9)).await;
        traffic.moved();
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(traffic.answer_still_due(timeout).is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(traffic.answer_still_due(timeout).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_visitor_does_not_use_up_the_services_time_but_one_who_waits_for_its_word_does() {
        let timeout = Duration::from_secs(10);
        let (slow, waiting) = (traffic(&[]), traffic(&[("Expect", "100-continue")]));
        slow.visitor_owes(true);
        waiting.visitor_owes(true);
        tokio::time::advance(Duration::from_secs(11)).await;
        assert!(slow.answer_still_due(timeout).is_some());
        assert!(waiting.answer_still_due(timeout).is_none());
        // Once it sends after all, it owes the rest like anybody else.
        waiting.consumed();
        waiting.visitor_owes(true);
        assert!(waiting.answer_still_due(timeout).is_some());
    }

    #[tokio::test]
    async fn a_timeout_beyond_all_measure_does_not_overflow_the_clock() {
        let traffic = traffic(&[]);
        assert!(traffic.answer_due(Duration::MAX) > Instant::now());
        assert!(traffic.answer_still_due(Duration::MAX).is_some());
    }
}
