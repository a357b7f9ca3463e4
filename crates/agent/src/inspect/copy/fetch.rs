//! Copy as JavaScript's `fetch`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::recorded::RecordedRequest;
use super::{is_framing, truncation};

/// Fields that a script may not set, or that it would set wrongly by naming them.
const FORBIDDEN: [&str; 8] =
    ["host", "connection", "keep-alive", "te", "trailer", "upgrade", "accept-encoding", "accept-charset"];

/// An `await fetch(…)` for a browser's console or Node.
pub fn fetch(request: &RecordedRequest) -> String {
    let (notes, call) = fetch_from(request, &string(&request.url()));
    let notes: String = notes.iter().flat_map(|note| ["// ", note, "\n"]).collect();
    let missing = truncation(request).map(|note| format!("// {note}\n")).unwrap_or_default();
    format!("{missing}{notes}{call};")
}

/// The same for another URL, which is an expression of JavaScript; and what is to be said of it. Without a word on
/// what is missing of the body.
pub fn fetch_from(request: &RecordedRequest, url: &str) -> (Vec<String>, String) {
    let mut options = format!("  method: {},\n  headers: [\n", string(&request.method));
    for (name, value) in &request.fields {
        if is_framing(name) || FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden)) {
            continue;
        }
        // A script's field values are strings whose characters are bytes.
        let value: String = value.iter().copied().map(char::from).collect();
        options += &["    [", &string(name), ", ", &string(&value), "],\n"].concat();
    }
    options.push_str("  ],\n  redirect: \"manual\",\n");
    let mut notes = Vec::new();
    if !request.body.is_empty() {
        if matches!(request.method.as_str(), "GET" | "HEAD") {
            notes.push(format!("fetch sends no body with {}: it is left out", request.method));
        } else {
            options += &["  body: ", &body(&request.body), ",\n"].concat();
        }
    }
    (notes, format!("await fetch({url}, {{\n{options}}})"))
}

/// As bytes in either case: for a string, fetch would add a `Content-Type` of its own.
fn body(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("new TextEncoder().encode({})", string(text)),
        Err(_) => {
            format!("Uint8Array.from(atob({}), (c) => c.charCodeAt(0))", string(&STANDARD.encode(bytes)))
        }
    }
}

/// JSON's strings are JavaScript's. `<` is escaped too, so that it may be pasted into a page.
pub fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('<', "\\u003c")
}
