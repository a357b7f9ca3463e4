//! What one token may use, over all of its agents' links together: what was granted with it, within the gateway's
//! own limits. Nothing here is asked where nothing is limited.

mod limits;
mod pace;
mod paced;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

pub use limits::{TokenLimits, bytes_text, parse_bytes, parse_count, parse_rate};
pub use pace::{BURST, Bucket};
pub use paced::{Receiving, Sending, paced};

use crate::policy::PolicyRefusal;

/// What a token may use, and what it uses just now.
#[derive(Debug)]
pub struct Allowance {
    pub limits: TokenLimits,
    streams: AtomicU32,
    connections: AtomicU32,
    bucket: Option<Arc<Bucket>>,
    told: Arc<Told>,
}

/// One of the token's streams, until it is dropped. It keeps the count alive: a visitor may still read what a
/// link brought that is gone by then.
#[derive(Debug)]
pub struct Share {
    of: Arc<Allowance>,
    connection: bool,
}

/// All of them are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedUp {
    /// `streams` or `connections`.
    pub limit: &'static str,
}

impl From<UsedUp> for PolicyRefusal {
    fn from(_: UsedUp) -> Self {
        let sentence =
            "As many requests as may be are under way to whoever serves this address; try again in a moment.";
        Self::new(503, "token-limit", sentence)
    }
}

/// How often each limit was met since the start.
#[derive(Debug, Default)]
pub struct Told {
    pub mappings: AtomicU64,
    pub links: AtomicU64,
    pub streams: AtomicU64,
    pub connections: AtomicU64,
    /// Waits of streams for the rate.
    pub rate: AtomicU64,
}

impl Told {
    /// By the limit's name.
    pub fn read(&self) -> [(&'static str, u64); 5] {
        [
            ("connections", &self.connections),
            ("links", &self.links),
            ("mappings", &self.mappings),
            ("rate", &self.rate),
            ("streams", &self.streams),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

/// One more in a count of [`Told`].
pub(crate) fn met(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl Allowance {
    fn new(limits: TokenLimits, told: Arc<Told>) -> Self {
        let bucket = limits.rate.map(|rate| Arc::new(Bucket::new(rate, Arc::clone(&told))));
        Self { limits, streams: AtomicU32::new(0), connections: AtomicU32::new(0), bucket, told }
    }

    /// A place for a request, or (`connection`) for a connection to a TCP mapping, which counts as both.
    ///
    /// # Errors
    /// [`UsedUp`] when all are taken.
    pub fn enter(self: &Arc<Self>, connection: bool) -> Result<Share, UsedUp> {
        if !take(&self.streams, self.limits.streams) {
            met(&self.told.streams);
            return Err(UsedUp { limit: "streams" });
        }
        if connection && !take(&self.connections, self.limits.connections) {
            self.streams.fetch_sub(1, Ordering::Relaxed);
            met(&self.told.connections);
            return Err(UsedUp { limit: "connections" });
        }
        Ok(Share { of: Arc::clone(self), connection })
    }

    /// What its bytes are counted in, where there is a rate.
    pub fn bucket(&self) -> Option<&Arc<Bucket>> {
        self.bucket.as_ref()
    }
}

fn take(taken: &AtomicU32, most: Option<u32>) -> bool {
    let most = most.unwrap_or(u32::MAX);
    let one_more = |taken: u32| (taken < most).then(|| taken + 1);
    taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.streams.fetch_sub(1, Ordering::Relaxed);
        if self.connection {
            self.of.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The allowances of tokens that are in use. There are never more than links and streams that hold one.
#[derive(Debug, Default)]
pub struct Allowances {
    in_use: Mutex<HashMap<Arc<str>, Weak<Allowance>>>,
    pub told: Arc<Told>,
}

impl Allowances {
    /// The one of the token `key`, shared by all of its links. None where neither streams nor bytes are limited.
    pub fn of(&self, key: &Arc<str>, limits: TokenLimits) -> Option<Arc<Allowance>> {
        if !limits.concern_streams() {
            return None;
        }
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        let live = in_use.get(key).and_then(Weak::upgrade).filter(|live| live.limits == limits);
        Some(live.unwrap_or_else(|| {
            in_use.retain(|_, allowance| allowance.strong_count() > 0);
            let fresh = Arc::new(Allowance::new(limits, Arc::clone(&self.told)));
            in_use.insert(Arc::clone(key), Arc::downgrade(&fresh));
            fresh
        }))
    }
}
