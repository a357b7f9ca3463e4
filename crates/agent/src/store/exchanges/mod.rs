//! Exchanges as rows: one thread that writes them, batch by batch, and whoever reads beside it.
//!
//! In reading order: [`writer`] (the thread) → [`keeper`] (its connection, one batch, [`bodies`]) and [`pace`], [`backstage`] (how much of
//! the processor it takes) → [`text`] (what is searched) → [`retention`] (what is forgotten) → [`change`] (what
//! people change) → [`read`] (lists and single ones), [`frames`] (conversations) → [`recorded`] (as the inspector
//! takes them).

mod archive;
mod backstage;
mod bodies;
mod change;
mod frames;
mod keeper;
mod pace;
mod read;
mod recorded;
mod retention;
mod text;
mod writer;

pub use archive::ArchiveError;
pub use change::{Change, NOTE_BYTES};
pub use frames::{Close, FrameView, Frames, ToldFrame};
pub use read::{Body, Exchange, Half, Heads, Listed, Sample, Summary};
pub use retention::Limits;
pub use writer::{Stored, Writer};

#[cfg(test)]
mod tests;
