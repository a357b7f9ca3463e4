//! Copy as HTTPie.

use super::super::recorded::RecordedRequest;
use super::shell::{ARGUMENT_BYTES, argument, printf};
use super::{has, is_framing, truncation};

/// The `http` command that sends this request again, for a POSIX shell.
pub fn httpie(request: &RecordedRequest) -> String {
    let mut parts = Vec::new();
    let mut before = String::new();
    if request.body.is_empty() {
        // Else it would wait for a body on a standard input that is no terminal.
        parts.push("--ignore-stdin".to_owned());
    } else {
        match std::str::from_utf8(&request.body) {
            Ok(text) if text.len() <= ARGUMENT_BYTES && !text.contains(char::is_control) => {
                parts.push("--ignore-stdin".to_owned());
                parts.push(format!("--raw={}", argument(text.as_bytes())));
            }
            _ => before = format!("{} | ", printf(&request.body)),
        }
    }
    parts.push("--path-as-is".to_owned());
    parts.push(argument(request.method.as_bytes()));
    parts.push(argument(request.url().as_bytes()));
    for (name, value) in request.fields.iter().filter(|(name, _)| !is_framing(name)) {
        parts.push(field(name, value));
    }
    for name in ["User-Agent", "Accept", "Accept-Encoding"] {
        if !has(request, name) {
            parts.push(format!("{name}:"));
        }
    }
    let note = truncation(request).map(|note| format!("# {note}\n")).unwrap_or_default();
    format!("{note}{before}http {}", parts.join(" \\\n  "))
}

/// `Name:value`, `Name;` when empty. `:=`, `:@` and the like mean something else to HTTPie, so a
/// value that begins with such a sign has it escaped.
fn field(name: &str, value: &[u8]) -> String {
    if value.is_empty() {
        return argument(format!("{name};").as_bytes());
    }
    let mut item = format!("{name}:").into_bytes();
    if matches!(value[0], b'=' | b'@' | b':') {
        item.push(b'\\');
    }
    item.extend_from_slice(value);
    argument(&item)
}
