//! The link's bounds.

use std::time::Duration;

/// How often a ping is sent.
pub const HEARTBEAT: Duration = Duration::from_secs(5);
/// Silence after which a link is dead; any byte received counts.
pub const DEAD_AFTER: Duration = Duration::from_secs(10);
/// Body bytes that may ride in the frame of a head.
pub const INLINE_BYTES: usize = 16 * 1024;
