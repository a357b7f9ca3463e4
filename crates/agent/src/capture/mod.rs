//! Copies what passes through an exchange, for the store. Copies, never delays: where the store cannot keep
//! up, the copy suffers and says so.
//!
//! In reading order: [`Recorder`] (the one queue to the store's writer) → [`Capture`] (one exchange while it
//! runs; with [`Replaying`] where it is sent again, and [`frames`] where it is a conversation) → [`Told`] (what
//! the writer is told of it). [`Import`] is the way of those that were kept elsewhere.
//!
//! What a small exchange costs: one allocation for its capture, its two heads and bodies copied once, two
//! short turns at the queue's lock (in the list of open ones, out of it). No task, no timer; the writer is
//! woken at most once a batch.

mod exchange;
pub mod frames;
mod import;
mod queue;
mod replaying;
mod told;

pub use exchange::{Capture, Side, Start};
pub use import::{Brought, Import};
pub use queue::{Item, Paused, Piece, Recorder, Work};
pub use replaying::Replaying;
pub use told::{Source, Told, ToldHalf};

use std::time::Duration;

/// Bytes of one body that are kept; the rest is counted. Room for what a person reads or replays (pages, API
/// answers, most uploads), while a hundred large transfers cost no more than a photo album.
pub const BODY_BYTES: usize = 2 * 1024 * 1024;

/// Bytes of a body that are handed to the writer as soon as they are together: a body is nowhere held whole.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes captured and not yet stored, over all exchanges: some thousand small ones, or one large transfer each
/// way and the beginning of another. Beyond, bodies are cut short and marked incomplete, and new exchanges go
/// unseen. A bound of the agent's memory: with 12 MiB it grew by more than 32 MiB beside stalled readers.
pub const QUEUE_BYTES: usize = 5 * 1024 * 1024;

/// The same while the writer has to rest or a flood comes, beyond which no exchange begins: some seventy small ones, for which
/// another short rest makes up.
pub const RESTING_BYTES: usize = QUEUE_BYTES / 32;

/// What an exchange takes of [`QUEUE_BYTES`] beside its heads and bodies. Bounds the number of items, too.
pub const EXCHANGE_BYTES: usize = 768;

/// An exchange that is open longer is told while it runs. Most end sooner, and are told once.
pub const OPEN_AFTER: Duration = Duration::from_millis(250);

/// How often a running exchange that only goes on is told anew.
pub const PROGRESS: Duration = Duration::from_secs(1);

/// The writer stores what waits at the latest so long after the first of it came …
pub const BATCH_WAIT: Duration = Duration::from_millis(250);
/// … or when so many items wait …
pub const BATCH_ITEMS: usize = 500;
/// … or so many chunks of bodies: one megabyte.
pub const BATCH_PIECES: usize = 16;

/// Where nothing came for so long, a flood is over, and there is all the room again.
pub const QUIET: Duration = Duration::from_millis(100);

/// So many items in one batch, or all the chunks that it takes, are not what a person clicks together, and may wait
/// until nobody else wants the processor.
pub const CROWD: usize = 100;
