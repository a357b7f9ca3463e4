//! Where a link may lead: within the page, to a file of the engine's, or out to the browser. The window itself goes
//! nowhere else, whatever a captured answer would like.

use porthole_desktop::client::BASE;
use tauri::Url;

/// What is done with a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// The page's own.
    Page,
    /// Fetched from the engine, by this path, and saved.
    File(String),
    Nowhere,
}

/// Decides on a navigation.
pub fn follow(url: &Url) -> Link {
    // As WebKitGTK and macOS call it, and as WebView2 does.
    let own = url.scheme() == "tauri" && url.host_str() == Some("localhost")
        || matches!(url.scheme(), "http" | "https") && url.host_str() == Some("tauri.localhost");
    match own {
        true if url.path().starts_with(&format!("{BASE}/")) => {
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            Link::File(format!("{}{query}", url.path()))
        }
        true => Link::Page,
        // Previews of captured bodies, which can do nothing.
        false if matches!(url.scheme(), "about" | "blob") => Link::Page,
        false => Link::Nowhere,
    }
}

/// Whether a link that asks for a window of its own goes to the browser.
pub fn is_for_the_browser(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_stays_on_its_page_and_saves_files_of_the_engine() {
        let of = |url: &str| follow(&url.parse().unwrap());
        assert_eq!(of("tauri://localhost/index.html#/mappings"), Link::Page);
        assert_eq!(of("http://tauri.localhost/"), Link::Page);
        assert_eq!(of("about:srcdoc"), Link::Page);
        let export = "/api/v1/exchanges/export?filter=a&redact=true";
        assert_eq!(of(&format!("tauri://localhost{export}")), Link::File(export.into()));
        for outside in [
            "https://example.com/",
            "http://localhost:4040/",
            "http://evil.tauri.localhost/",
            "tauri://evil/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
        ] {
            assert_eq!(of(outside), Link::Nowhere, "{outside}");
        }
    }

    #[test]
    fn only_web_addresses_are_opened_in_the_browser() {
        let is = |url: &str| is_for_the_browser(&url.parse().unwrap());
        assert!(is("https://shop.example.com/") && is("http://shop.localhost:7070/"));
        assert!(!is("file:///etc/passwd") && !is("smb://server/share") && !is("porthole://connect"));
    }
}
