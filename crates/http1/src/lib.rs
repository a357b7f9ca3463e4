//! A strict HTTP/1 codec without I/O.
//!
//! Bytes in, events out; heads out, bytes written. Heads keep every field as it came: order, case
//! and repeats. What two parsers could read differently is refused, never mended.
//!
//! What this crate deliberately lacks: sockets, clocks, HTTP/2, header semantics beyond framing and
//! connection management.
//!
//! In reading order: [`Fields`] → [`RequestHead`]/[`ResponseHead`] → [`Limits`] and [`Refusal`] →
//! [`RequestReader`]/[`ResponseReader`] → [`BodyWriter`] and the head writers → [`connection`].

pub mod connection;
mod fields;
mod head;
mod limits;
mod parse;
mod read;
mod write;

pub use fields::Fields;
pub use head::{RequestHead, ResponseHead, Version};
pub use limits::{Limits, Refusal};
pub use read::{Event, Framing, RequestReader, ResponseReader};
pub use write::{BodyWriter, WriteError, write_request_head, write_response_head};
