//! A request as a command or as bytes, to paste elsewhere: curl, HTTPie, JavaScript's `fetch`, raw.
//!
//! What is pasted runs in somebody's shell, and what it is made of came from a stranger: each text
//! goes through [`shell`] or JSON's quoting, whatever is in it.

mod curl;
mod fetch;
mod httpie;
mod raw;
pub mod shell;
#[cfg(test)]
mod tests;

pub use curl::curl;
pub(super) use curl::curl_from;
pub use fetch::fetch;
pub(super) use fetch::{fetch_from, string};
pub use httpie::httpie;
pub use raw::{raw_request, raw_response};

use super::recorded::{Message as _, RecordedRequest};

/// Fields that the program which sends writes itself: framing belongs to the body as it is now, and
/// an `Expect` would only make it wait.
const FRAMING: [&str; 3] = ["content-length", "transfer-encoding", "expect"];

fn is_framing(name: &str) -> bool {
    FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing))
}

fn has(request: &RecordedRequest, name: &str) -> bool {
    request.fields.iter().any(|(given, _)| given.eq_ignore_ascii_case(name))
}

/// What to say of a body that was not kept whole.
pub(super) fn truncation(request: &RecordedRequest) -> Option<String> {
    request.is_truncated().then(|| {
        format!("only the first {} of {} bytes of the body were kept", request.body.len(), request.body_bytes)
    })
}
