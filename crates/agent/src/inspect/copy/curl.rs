//! Copy as curl.

use super::super::recorded::RecordedRequest;
use super::shell::{ARGUMENT_BYTES, argument, printf};
use super::{has, is_framing, truncation};

/// The command that sends this request again, for a POSIX shell: method, target, fields and body
/// arrive as they were, byte for byte.
///
/// What differs: framing is curl's own (a body that came in chunks goes with its length), `Host`
/// comes first, and `Expect` is never sent. Over TLS it asks for HTTP/1.1, since HTTP/2 would make
/// every name lower case. Where the request said what it accepts encoded, curl decodes it.
pub fn curl(request: &RecordedRequest) -> String {
    let note = truncation(request).map(|note| format!("# {note}\n")).unwrap_or_default();
    let origin = argument(format!("{}://{}", request.scheme, request.host).as_bytes());
    note + &curl_from(request, &origin)
}

/// The same with another origin, as the shell is to read it: quoted, or `"$BASE"`. Without a word on what is missing
/// of the body.
pub fn curl_from(request: &RecordedRequest, origin: &str) -> String {
    let mut parts = Vec::new();
    let with_body = !request.body.is_empty() || has(request, "content-length");

    if request.scheme.eq_ignore_ascii_case("https") {
        parts.push("--http1.1".to_owned());
    }
    match request.method.as_str() {
        "GET" if !with_body => {}
        "POST" if with_body => {}
        // Said as a method only, curl would wait for the body that no answer to HEAD has.
        "HEAD" if !with_body => parts.push("--head".to_owned()),
        method => parts.push(format!("--request {}", argument(method.as_bytes()))),
    }
    let (url, target) = url(request, origin);
    if let Some(target) = target {
        parts.push(format!("--request-target {target}"));
    }
    parts.push(url);
    for (name, value) in request.fields.iter().filter(|(name, _)| !is_framing(name)) {
        parts.push(format!("--header {}", field(name, value)));
    }
    // What curl would add of its own.
    for name in ["User-Agent", "Accept"] {
        if !has(request, name) {
            parts.push(format!("--header {name}:"));
        }
    }
    if has(request, "accept-encoding") {
        parts.push("--compressed".to_owned());
    }
    let mut before = String::new();
    if with_body {
        if !has(request, "content-type") {
            parts.push("--header Content-Type:".to_owned());
        }
        parts.push("--header Expect:".to_owned());
        match std::str::from_utf8(&request.body) {
            Ok(text) if text.len() <= ARGUMENT_BYTES && !text.contains(unseen) => {
                parts.push(format!("--data-raw {}", quoted(text)));
            }
            _ => {
                before = format!("{} | ", printf(&request.body));
                parts.push("--data-binary @-".to_owned());
            }
        }
    }
    format!("{before}curl {}", parts.join(" \\\n  "))
}

/// A character that a terminal swallows or acts upon when it is pasted; line ends and tabs are not.
fn unseen(c: char) -> bool {
    c.is_control() && c != '\n'
}

/// A text with line ends kept, always in quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// curl takes `Name: value`; `Name:` would take the field away, and `Name;` sends it empty.
fn field(name: &str, value: &[u8]) -> String {
    if value.is_empty() {
        return argument(format!("{name};").as_bytes());
    }
    let mut line = format!("{name}: ").into_bytes();
    line.extend_from_slice(value);
    argument(&line)
}

/// The URL, and the target apart where curl would read something into it: dots, brackets, braces,
/// fragments, or what is no path at all.
fn url(request: &RecordedRequest, origin: &str) -> (String, Option<String>) {
    let target = request.target.as_str();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_~/?=&%+,:@!$*;.()".contains(&b);
    let dots = target.contains("/.") || target.to_ascii_lowercase().contains("%2e");
    if target.starts_with('/') && target.bytes().all(plain) && !dots {
        return (join(origin, target), None);
    }
    (join(origin, "/"), Some(argument(target.as_bytes())))
}

/// Both as one word: inside one pair of quotes where the origin needs none or single ones.
fn join(origin: &str, target: &str) -> String {
    let target = argument(target.as_bytes());
    match target.strip_prefix('\'') {
        Some(quoted) if !origin.contains(['\'', '"', '\\', '$']) => format!("'{origin}{quoted}"),
        _ => format!("{origin}{target}"),
    }
}
