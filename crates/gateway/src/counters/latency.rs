//! How long exchanges took, as a histogram.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets in microseconds, the last one open: from a service on the same computer
/// (0.5 ms) to the longest that a first byte is waited for by default (120 s).
pub const BOUNDS_US: [u64; 15] = [
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    10_000_000,
    30_000_000,
    120_000_000,
];

/// Counts by bucket, and the sum: two additions for each exchange.
#[derive(Debug, Default)]
pub struct Latency {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Latency {
    /// One exchange took this long.
    pub fn observe(&self, took: Duration) {
        let us = took.as_micros() as u64;
        let bucket = BOUNDS_US.partition_point(|&bound| bound < us);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Exchanges up to each bound and in all, and the sum of their seconds.
    pub fn read(&self) -> ([u64; BOUNDS_US.len() + 1], f64) {
        let mut sum = 0;
        let cumulative = self.buckets.each_ref().map(|bucket| {
            sum += bucket.load(Ordering::Relaxed);
            sum
        });
        (cumulative, self.sum_us.load(Ordering::Relaxed) as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_counts_in_the_bucket_whose_bound_it_does_not_exceed() {
        let latency = Latency::default();
        for us in [0, 499, 500, 501, 120_000_000, 120_000_001, u64::from(u32::MAX)] {
            latency.observe(Duration::from_micros(us));
        }
        let (cumulative, sum) = latency.read();
        assert_eq!((cumulative[0], cumulative[1], cumulative[13]), (3, 4, 4));
        assert_eq!((cumulative[14], cumulative[15]), (5, 7));
        assert!((sum - 4_534.968_796).abs() < 1e-6, "{sum}");
    }
}
