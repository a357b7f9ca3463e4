//! What the gateway has done since it started. Relaxed atomics without labels: nothing is decided by
//! them, and a request pays a handful of additions.

mod codes;
mod latency;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use porthole_http1::ResponseHead;

pub use codes::{Codes, OTHER};
pub use latency::{BOUNDS_US, Latency};

/// All counters.
#[derive(Debug)]
pub struct Counters {
    pub since: Instant,
    /// By first digit of the status: index 0 is 1xx (101 only), 4 is 5xx.
    answers: [AtomicU64; 5],
    /// Answers that broke off after their head.
    broken: AtomicU64,
    tcp_connections: AtomicU64,
    links_accepted: AtomicU64,
    links_refused: AtomicU64,
    /// Exchanges over links, from the request's head to the end of the answer.
    pub latency: Latency,
    /// Shared with each connection.
    pub traffic: Arc<Traffic>,
    /// Answers that the gateway made because it refused or could not serve, by code.
    pub refusals: Codes,
    /// Agents that were turned away, by code.
    pub agents_refused: Codes,
    /// Mappings that were refused, by code.
    pub mappings_refused: Codes,
    /// Reloads of the settings, by `applied` or `refused`.
    pub reloads: Codes,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            answers: Default::default(),
            broken: AtomicU64::default(),
            tcp_connections: AtomicU64::default(),
            links_accepted: AtomicU64::default(),
            links_refused: AtomicU64::default(),
            latency: Latency::default(),
            traffic: Arc::default(),
            refusals: Codes::default(),
            agents_refused: Codes::default(),
            mappings_refused: Codes::default(),
            reloads: Codes::default(),
        }
    }
}

/// Bytes of visitors' HTTP connections, heads included, inside of TLS.
#[derive(Debug, Default)]
pub struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Traffic {
    /// Bytes came from a visitor.
    pub fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes went to a visitor.
    pub fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Received and sent so far.
    pub fn read(&self) -> (u64, u64) {
        (self.received.load(Ordering::Relaxed), self.sent.load(Ordering::Relaxed))
    }
}

impl Counters {
    /// One visitor's exchange was answered with `status` (whoever made the answer).
    pub fn answered(&self, status: u16) {
        if let Some(class) = self.answers.get(usize::from(status / 100).wrapping_sub(1)) {
            class.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The gateway itself answered, perhaps with one of its refusals.
    pub fn answered_here(&self, head: &ResponseHead) {
        self.answered(head.status);
        if let Some(code) = head.fields.get_str("porthole-error") {
            self.refusals.count(code);
        }
    }

    /// Answers by class of status, 1xx first.
    pub fn answers(&self) -> [u64; 5] {
        self.answers.each_ref().map(|class| class.load(Ordering::Relaxed))
    }

    /// An answer broke off after its head.
    pub fn broken_off(&self) {
        self.broken.fetch_add(1, Ordering::Relaxed);
    }

    pub fn broken(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }

    pub fn tcp_connection(&self) {
        self.tcp_connections.fetch_add(1, Ordering::Relaxed);
    }

    pub fn tcp_connections(&self) -> u64 {
        self.tcp_connections.load(Ordering::Relaxed)
    }

    pub fn accepted_link(&self) {
        self.links_accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// An agent was turned away, for its token or after that was found good.
    pub fn refused_link(&self, code: &str) {
        self.links_refused.fetch_add(1, Ordering::Relaxed);
        self.agents_refused.count(code);
    }

    /// Links that were accepted and refused.
    pub fn links(&self) -> (u64, u64) {
        (self.links_accepted.load(Ordering::Relaxed), self.links_refused.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use porthole_http1::{Fields, Version};

    use super::*;

    #[test]
    fn an_answer_of_the_gateways_own_counts_by_class_and_by_its_code() {
        let counters = Counters::default();
        let head = |status, pairs: &[(&str, &str)]| ResponseHead {
            status,
            reason: Vec::new(),
            version: Version::Http11,
            fields: pairs.iter().copied().collect::<Fields>(),
        };
        counters.answered_here(&head(200, &[]));
        counters.answered_here(&head(404, &[("porthole-error", "unknown-host")]));
        counters.answered_here(&head(404, &[("porthole-error", "unknown-host")]));
        counters.answered(999);
        counters.answered(0);
        assert_eq!(counters.answers(), [0, 1, 0, 2, 0]);
        assert_eq!(counters.refusals.read(), [("unknown-host".to_owned(), 2)]);
    }
}
