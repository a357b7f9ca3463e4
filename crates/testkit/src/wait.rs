//! Waiting on conditions, with a bound that says what was waited for.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

/// The bound of every wait that names no other. Generous: the machine may be building something else.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition that cannot announce itself is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Runs `future` for at most [`PATIENCE`].
///
/// # Panics
/// When it takes longer, naming `what`.
pub async fn within<T>(what: impl Debug, future: impl Future<Output = T>) -> T {
    within_time(what, PATIENCE, future).await
}

/// Runs `future` for at most `bound`.
///
/// # Panics
/// When it takes longer, naming `what`.
pub async fn within_time<T>(what: impl Debug, bound: Duration, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(bound, future).await;
    done.unwrap_or_else(|_| panic!("waited {bound:?} in vain for {what:?}"))
}

/// Looks at `condition` until it holds; returns how long that took.
///
/// # Panics
/// After [`PATIENCE`], naming `what`.
pub async fn eventually(what: impl Debug, mut condition: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what:?}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    began.elapsed()
}

/// Asks again and again until the answer is something; for conditions that need a request.
///
/// # Panics
/// After [`PATIENCE`], naming `what`.
pub async fn until<T, F: Future<Output = Option<T>>>(what: impl Debug, mut ask: impl FnMut() -> F) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = ask().await {
            return value;
        }
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what:?}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
