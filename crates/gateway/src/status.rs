//! Counters, and the pages that show them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::server::Gateway;

/// What the gateway has done since it started. Relaxed: nothing is decided by them.
#[derive(Debug, Default)]
pub struct Counters {
    /// By first digit of the status: index 0 is 1xx (101 only), 4 is 5xx.
    answers: [AtomicU64; 5],
    /// Answers that broke off after their head.
    broken: AtomicU64,
}

impl Counters {
    /// One visitor's exchange was answered with `status` (whoever made the answer).
    pub fn answered(&self, status: u16) {
        if let Some(class) = self.answers.get(usize::from(status / 100).wrapping_sub(1)) {
            class.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// An answer broke off after its head.
    pub fn broken_off(&self) {
        self.broken.fetch_add(1, Ordering::Relaxed);
    }
}

/// `/health` and `/api/v1/status`, for the own host.
pub fn public_router(_gateway: &Arc<Gateway>) -> axum::Router {
    axum::Router::new()
}

/// The same with details, and `/metrics`: for `--admin-listen` only.
pub fn admin_router(_gateway: &Arc<Gateway>) -> axum::Router {
    axum::Router::new()
}
