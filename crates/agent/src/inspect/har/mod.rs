//! HAR 1.2, the archive that browsers write: out, and in again without a loss.
//!
//! The format keeps decoded text and milliseconds. What it cannot hold stands beside it in members
//! of our own, which begin with an underscore as the format asks: raw bodies and values that are no
//! UTF-8 (base64), sizes, times to the microsecond, and
//! trailers. Other programs see an ordinary archive.
//!
//! Format: <http://www.softwareishard.com/blog/har-12-spec/>.

mod export;
mod import;
mod model;
#[cfg(test)]
mod tests;

pub use export::export;
pub use import::{Archive, ImportError, import};

/// Largest archive read, in bytes: what a browser writes for an hour of work; it is held in memory.
pub const MAX_HAR_BYTES: usize = 64 * 1024 * 1024;

/// Most entries read from one archive.
pub const MAX_ENTRIES: usize = 20_000;

/// Most fields read of one message.
pub const MAX_FIELDS: usize = 1000;
