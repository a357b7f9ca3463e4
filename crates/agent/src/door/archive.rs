//! An archive on its way into the engine, and what became of it.

use serde::{Deserialize, Serialize};

/// Bytes of an archive in one message. All that waits in the conversation's queue is then less than the largest
/// archive.
pub const PART_BYTES: usize = 64 * 1024;

/// The next part of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    #[serde(with = "super::base64")]
    pub bytes: Vec<u8>,
    /// There are no more: now it is taken in.
    pub last: bool,
}

/// What became of an archive's entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub taken_in: usize,
    pub left_out: usize,
    /// Numbers of the first and last one taken in; all of them lie between.
    pub first_id: Option<i64>,
    pub last_id: Option<i64>,
    /// Why entries were left out: the first hundred.
    pub reasons: Vec<LeftOut>,
}

/// An entry that became no exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Counted from 1.
    pub entry: usize,
    /// A few words.
    pub reason: String,
}
