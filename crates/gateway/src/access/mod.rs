//! The access log: one line for each exchange, as JSON in a file of its own ([`log`], `--access-log`), or
//! in the program's log, target `access`. Costs nothing where both are off.
//!
//! The way of a line: [`Seen`] keeps what the visitor asked, before its head is rewritten → [`Record`] goes
//! through the exchange with it, counting → whoever ends the exchange finishes the record.

mod line;
pub(crate) mod log;
mod mask;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use porthole_http1::RequestHead;
use tracing::Level;

use crate::exchange::Forward;
use crate::rescue::Answer;
use crate::router::Endpoint;
use crate::server::Gateway;
use line::{Asked, Line};

pub use log::{AccessLog, check};
pub use mask::masked;

/// The target that turns it on or off in the program's log (`--log access=off`).
pub const TARGET: &str = "access";

/// What a visitor asked, where anybody reads the log.
#[derive(Debug)]
pub struct Seen(Option<Box<Asked>>);

impl Seen {
    pub fn of(gateway: &Gateway, head: &RequestHead) -> Self {
        Self((gateway.access_log.is_some() || is_on()).then(|| Box::new(Asked::of(head))))
    }
}

/// One exchange until it is over: then it is counted, and logged where that is on.
#[derive(Debug)]
pub struct Record {
    /// When the request's head had been read.
    begun: Instant,
    /// It crosses a link: how long that takes is counted.
    crosses: bool,
    /// What has passed so far.
    pub moved: Moved,
    line: Option<Box<Begun>>,
}

/// Bytes of an exchange's bodies, and of what follows a 101.
#[derive(Debug, Default)]
pub struct Moved {
    /// From the visitor.
    pub received: u64,
    /// To the visitor.
    pub sent: u64,
    /// When the answer's head was there.
    pub head_at: Option<Instant>,
}

/// A line that is not over.
#[derive(Debug)]
struct Begun {
    time: Timestamp,
    request_id: String,
    visitor: IpAddr,
    asked: Asked,
    endpoint: Option<Arc<Endpoint>>,
    /// Bytes from the visitor that another task counts.
    uploaded: Option<Arc<AtomicU64>>,
}

impl Record {
    /// Begins a record for a request that crosses a link.
    pub fn forward(forward: &Forward, seen: Seen) -> Self {
        let (id, visitor) = (&forward.request_id, forward.visitor.ip());
        let record = Self::own(forward.arrived, id, visitor, Some(&forward.endpoint), seen);
        Self { crosses: true, ..record }
    }

    /// Begins a record for a request that the gateway answers itself; `endpoint` is what it was for.
    pub fn own(
        arrived: Instant,
        request_id: &str,
        visitor: IpAddr,
        endpoint: Option<&Arc<Endpoint>>,
        seen: Seen,
    ) -> Self {
        let line = seen.0.map(|asked| {
            Box::new(Begun {
                time: Timestamp::now(),
                request_id: request_id.to_owned(),
                visitor,
                asked: *asked,
                endpoint: endpoint.map(Arc::clone),
                uploaded: None,
            })
        });
        Self { begun: arrived, crosses: false, moved: Moved::default(), line }
    }

    /// Begins one for bytes that are no request. The program's log has no line for those.
    pub fn unread(gateway: &Gateway, request_id: &str, visitor: IpAddr) -> Self {
        let asked = gateway.access_log.is_some().then(Box::default);
        Self::own(Instant::now(), request_id, visitor, None, Seen(asked))
    }

    /// Where another task is to count what the visitor sends. None: nobody wants to know.
    pub fn uploads(&mut self) -> Option<Arc<AtomicU64>> {
        let line = self.line.as_mut()?;
        Some(Arc::clone(line.uploaded.get_or_insert_default()))
    }

    /// Ends the record with an answer of the gateway's own.
    pub fn answered_here(mut self, gateway: &Gateway, answer: &Answer) {
        self.moved.sent = answer.body.len() as u64;
        self.moved.head_at = Some(Instant::now());
        let code = answer.head.fields.get_str("porthole-error").filter(|_| self.line.is_some());
        let code = code.map(str::to_owned);
        self.end(gateway, answer.head.status, "done", code);
    }

    /// Counts the exchange and writes its line. `status` is 0 when nothing was answered; `outcome` is
    /// `done`, `broken` or `cancelled`.
    pub fn finish(self, gateway: &Gateway, status: u16, outcome: &'static str) {
        self.end(gateway, status, outcome, None);
    }

    fn end(self, gateway: &Gateway, status: u16, outcome: &'static str, code: Option<String>) {
        // What comes after a 101 takes as long as it is wanted: that says nothing of the service.
        if self.crosses && status >= 200 {
            gateway.counters.latency.observe(self.begun.elapsed());
        }
        let Some(begun) = self.line.map(|line| *line) else { return };
        let ms = |until: Instant| until.saturating_duration_since(self.begun).as_micros() as f64 / 1000.0;
        let endpoint = begun.endpoint.as_deref();
        let uploaded = begun.uploaded.map_or(0, |bytes| bytes.load(Ordering::Relaxed));
        let line = Line {
            time: begun.time,
            request_id: begun.request_id,
            visitor: begun.visitor,
            asked: begun.asked,
            status: (status > 0).then_some(status),
            code,
            outcome,
            bytes_in: self.moved.received + uploaded,
            bytes_out: self.moved.sent,
            ms: ms(Instant::now()),
            first_byte_ms: self.moved.head_at.map(ms),
            mapping_id: endpoint.map(|endpoint| endpoint.mapping.id.clone()),
            mapping: endpoint.map(|endpoint| endpoint.label().to_owned()),
            subject: endpoint.map(|endpoint| Arc::clone(&endpoint.subject)),
        };
        if is_on() {
            in_the_programs_log(&line);
        }
        if let Some(log) = &gateway.access_log {
            log.write(Box::new(line));
        }
    }
}

fn in_the_programs_log(line: &Line) {
    let Line { asked, .. } = line;
    let told = |text: &Option<String>| text.clone().unwrap_or_default();
    tracing::info!(
        target: "access",
        request_id = line.request_id,
        mapping = told(&line.mapping),
        host = told(&asked.host),
        method = told(&asked.method),
        path = told(&asked.path),
        status = line.status.unwrap_or_default(),
        bytes = line.bytes_out,
        ms = line.ms,
        visitor = %line.visitor,
        outcome = line.outcome,
    );
}

/// Whether anybody reads it in the program's log.
fn is_on() -> bool {
    tracing::enabled!(target: TARGET, Level::INFO)
}
