//! What the link's tasks share state with and run on: the tests of interleavings
//! (`tests/interleavings.rs`) put their own in its place.

pub use std::sync::{Mutex, MutexGuard};

pub use tokio::spawn;
pub use tokio::sync::Notify;
