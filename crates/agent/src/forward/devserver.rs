//! Recognises a development server that refuses the public host, and names the way out.

use porthole_http1::ResponseHead;

/// Bytes of a refusal that are looked at; the ones known are under 1 KiB.
pub const SNIFF_BYTES: usize = 16 * 1024;

/// A development server whose refusal is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DevServer {
    Vite,
    Next,
    Webpack,
}

impl DevServer {
    /// One sentence for the developer: what happened and what to do.
    pub fn note(self) -> &'static str {
        match self {
            Self::Vite => {
                "The Vite dev server refuses the public host: start Porthole with --host-header rewrite, or add the host to server.allowedHosts in vite.config."
            }
            Self::Next => {
                "The Next dev server refuses the public origin: start Porthole with --host-header rewrite, or add the host to allowedDevOrigins in next.config."
            }
            Self::Webpack => {
                "The webpack dev server refuses the public host: start Porthole with --host-header rewrite, or add the host to devServer.allowedHosts in webpack.config."
            }
        }
    }
}

/// True when a response with this head may be such a refusal: its body is worth looking at.
pub fn may_refuse(head: &ResponseHead) -> bool {
    (400..500).contains(&head.status) && !head.fields.contains("content-encoding")
}

/// Tells which server's refusal this body (≤ [`SNIFF_BYTES`] of its beginning) is.
pub fn recognise(request_target: &str, status: u16, body: &[u8]) -> Option<DevServer> {
    let has = |text: &str| contains(body, text.as_bytes());
    if has("Blocked request. This host") && has("is not allowed") {
        return Some(DevServer::Vite);
    }
    if has("Invalid Host header") || has("Invalid Host/Origin header") {
        return Some(DevServer::Webpack);
    }
    if has("allowedDevOrigins") {
        return Some(DevServer::Next);
    }
    // Next answers a bare “Unauthorized” for its own development resources only.
    let own_resource = request_target.starts_with("/_next/") || request_target.starts_with("/__nextjs");
    (status == 403 && own_resource && body.trim_ascii() == b"Unauthorized").then_some(DevServer::Next)
}

fn contains(body: &[u8], wanted: &[u8]) -> bool {
    body.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_refusals_are_recognised() {
        let vite =
            b"Blocked request. This host (\"shop.example.com\") is not allowed.\nTo allow this host, add";
        assert_eq!(recognise("/", 403, vite), Some(DevServer::Vite));
        assert_eq!(recognise("/", 403, b"Invalid Host header"), Some(DevServer::Webpack));
        assert_eq!(recognise("/_next/webpack-hmr", 403, b"Unauthorized"), Some(DevServer::Next));
    }

    #[test]
    fn an_applications_own_refusal_is_not_taken_for_one() {
        assert_eq!(recognise("/", 403, b"Unauthorized"), None);
        assert_eq!(recognise("/_next/x", 401, b"Unauthorized"), None);
        assert_eq!(recognise("/", 404, b"not found"), None);
        assert_eq!(recognise("/", 403, b""), None);
    }

    #[test]
    fn every_note_names_the_switch() {
        for server in [DevServer::Vite, DevServer::Next, DevServer::Webpack] {
            assert!(server.note().contains("--host-header rewrite"));
        }
    }
}
