//! What a browser shows for an error: one small page that loads nothing, light or dark as its reader.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

/// The ring is a porthole; its colour is the only one of ours.
const STYLE: &str = ":root{color-scheme:light dark;--ring:#0b7285;--ink:#1b2530;--quiet:#5b6875;--ground:#f4f6f8;\
--sheet:#fff;--line:#dde3e9}@media(prefers-color-scheme:dark){:root{--ring:#3bc9db;--ink:#e6ebf0;\
--quiet:#9aa7b4;--ground:#11161c;--sheet:#1a2129;--line:#2b3540}}*{box-sizing:border-box}\
body{font:16px/1.55 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;\
background:var(--ground);color:var(--ink)}main{width:100%;max-width:36rem;padding:2rem;background:var(--sheet);\
border:1px solid var(--line);border-radius:14px}header{display:flex;align-items:center;gap:.6rem;\
color:var(--quiet)}header::before{content:\"\";width:1.15rem;height:1.15rem;border:.26rem solid var(--ring);\
border-radius:50%}h1{font-size:1.45rem;line-height:1.3;margin:1.1rem 0 .5rem;overflow-wrap:anywhere}\
p{margin:.5rem 0;overflow-wrap:anywhere}footer{margin-top:1.6rem;padding-top:1rem;border-top:1px solid var(--line);\
font-size:.82rem;color:var(--quiet);overflow-wrap:anywhere}code{font-family:ui-monospace,monospace}";

/// Nothing may be loaded or run; the one style is named by its hash.
pub(super) static CONTENT_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// The page. What was wrong is its heading, what to do stands below.
pub(super) fn page(status: u16, code: &str, message: &str, request_id: &str) -> String {
    let reason = porthole_http1::standard_reason(status);
    let (wrong, remedy) = message.split_once("; ").unwrap_or((message, ""));
    let mut page = String::with_capacity(STYLE.len() + message.len() + 640);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{status} {reason}</title>\
         <style>{STYLE}</style></head>\n<body><main><header>{status} {reason}</header>\n<h1>{}</h1>\n",
        Escaped(&sentence(wrong)),
    );
    if !remedy.is_empty() {
        let _ = writeln!(page, "<p>{}</p>", Escaped(&sentence(remedy)));
    }
    let _ = writeln!(
        page,
        "<footer>Porthole · <code>{}</code> · request <code>{}</code></footer></main></body></html>",
        Escaped(code),
        Escaped(request_id),
    );
    page
}

/// With a capital first and a full stop last.
fn sentence(part: &str) -> String {
    let mut letters = part.chars();
    let mut text: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

/// Text made safe inside an HTML element.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in self.0.split_inclusive(['<', '>', '&', '"', '\'']) {
            let (text, last) = match part.char_indices().last() {
                Some((at, c @ ('<' | '>' | '&' | '"' | '\''))) => (&part[..at], Some(c)),
                _ => (part, None),
            };
            f.write_str(text)?;
            f.write_str(match last {
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('&') => "&amp;",
                Some('"') => "&quot;",
                Some(_) => "&#39;",
                None => "",
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wrong_is_the_heading_and_what_to_do_the_text() {
        let page = page(502, "service-down", "Nothing listens; start the service.", "r1");
        assert!(page.contains("<header>502 Bad Gateway</header>"), "{page}");
        assert!(page.contains("<h1>Nothing listens.</h1>\n<p>Start the service.</p>"), "{page}");
        assert!(page.contains("<code>service-down</code>") && page.contains("<code>r1</code>"), "{page}");
        let page = super::page(404, "not-found", "There is no such page.", "r1");
        assert!(page.contains("<h1>There is no such page.</h1>\n<footer>"), "{page}");
    }

    #[test]
    fn a_page_escapes_what_it_is_told() {
        let page = page(401, "token-invalid", "<script>'&\"; <b>", "<id>");
        assert!(page.contains("&lt;script&gt;&#39;&amp;&quot;") && page.contains("&lt;id&gt;"), "{page}");
        assert!(!page.contains("<script") && !page.contains("<b>"));
    }
}
