//! The operator's page: one file that asks `/api/v1/status` again and again, and loads nothing else.
//!
//! The page itself tells nothing, so that everybody may have it: where the key is asked for, it asks a
//! person for it.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use sha2::{Digest as _, Sha256};

const PAGE: &str = include_str!("page.html");

/// Its one script and its one style run, named by their hashes, and it may ask this listener; nothing else.
static CONTENT_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(inside("script")),
        hash(inside("style")),
    )
});

pub(super) async fn read() -> Response {
    let fields = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY.as_str()),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (fields, PAGE).into_response()
}

/// What stands in the page's one element of that name.
fn inside(element: &str) -> &'static str {
    let begin = PAGE.split_once(&format!("<{element}>")).map_or("", |(_, rest)| rest);
    begin.split_once(&format!("</{element}>")).map_or("", |(text, _)| text)
}

fn hash(text: &str) -> String {
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_one_script_and_one_style_and_nothing_from_elsewhere() {
        for element in ["script", "style"] {
            assert_eq!(PAGE.matches(&format!("<{element}")).count(), 1, "{element}");
            assert!(inside(element).len() > 500, "{element}");
        }
        for foreign in ["src=", "@import", "url(", "innerHTML", "insertAdjacentHTML", " style=", " onclick"] {
            assert!(!PAGE.contains(foreign), "{foreign}");
        }
        assert!(CONTENT_SECURITY_POLICY.starts_with("default-src 'none'; script-src 'sha256-"));
    }
}
