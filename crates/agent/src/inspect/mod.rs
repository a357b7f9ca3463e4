//! What an inspector does with exchanges once they are kept: find, decode, compare, copy out.
//!
//! Everything here is a function over values: no I/O, no clock (now comes in as an argument), and no
//! knowledge of where exchanges are kept beyond the names of columns in [`filter`].
//!
//! In reading order: what the other parts work on ([`recorded`]); finding ([`filter`]); copying out
//! as a command ([`copy`]) or a test ([`as_test`]); looking into coded bodies ([`decode`], [`inflate`]); what
//! requests call themselves ([`name`]); comparing two ([`diff`]); archives
//! that browsers read ([`har`]); secrets taken out ([`redact`]).

pub mod as_test;
pub mod copy;
pub mod decode;
pub mod diff;
pub mod filter;
pub mod har;
pub mod inflate;
pub mod name;
pub mod recorded;
pub mod redact;
