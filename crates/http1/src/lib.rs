//! A strict HTTP/1 codec without I/O.
//!
//! Bytes in, events out; heads out, bytes written. Heads keep every field as it came: order, case
//! and repeats. What two parsers could read differently is refused, never mended.
//!
//! What this crate deliberately lacks: sockets, clocks, HTTP/2, header semantics beyond framing and
//! connection management.
//!
//! In reading order: [`Fields`] → [`RequestHead`]/[`ResponseHead`] → [`Limits`] and [`Refusal`] →
//! [`Framing`] → [`RequestReader`]/[`ResponseReader`] → [`BodyWriter`] and the head writers →
//! [`connection`].

mod body;
mod chunked;
pub mod connection;
mod fields;
mod framing;
mod head;
mod limits;
mod names;
mod parse;
mod read;
mod reason;
mod scan;
mod target;
mod write;

pub use fields::Fields;
pub use framing::{Framing, announced_length, set_framing};
pub use head::{RequestHead, ResponseHead, Version};
pub use limits::{Limits, Refusal};
pub use read::{Event, RequestReader, ResponseReader};
pub use reason::standard_reason;
pub use target::is_authority;
pub use write::{BodyWriter, WriteError, write_request_head, write_response_head};
