//! The filter language, the same in the window, on the command line and in the API.
//!
//! ```text
//! method:POST status:5xx,404 path:/api duration:>500ms -is:replay after:10m "exact words" loose
//! ```
//!
//! Terms are separated by spaces and all must hold; `-` before a term turns it round. A term without
//! a key is text, looked for in URL, heads and bodies: a bare word matches where a word begins with
//! it, a quoted phrase matches whole words in that order. Case never matters.
//!
//! [`Filter::parse`] reads it, `Display` writes it canonically, [`Filter::to_sql`] asks the store and
//! [`Filter::matches`] asks one exchange that is not stored yet. [`KEYS`] is what a user can type.

mod error;
mod keys;
mod matches;
mod parse;
mod sql;
mod term;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub use error::{FilterError, Problem};
pub use keys::{Flag, KEYS, Key, Known};
pub use matches::Subject;
pub use term::{Filter, MAX_FILTER_BYTES, MAX_LIST, MAX_TERMS, Phrase, Term, Test};
pub use value::{Compare, StatusTest, When, bytes, bytes_text};

use term::media_parts;
