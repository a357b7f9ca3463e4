//! The web page: what was built from `ui/`, inside this program.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::response::{IntoResponse as _, Response};

use super::{Api, BASE, Problem};

// `FILES`: paths below `ui/dist` and their bytes, sorted. Empty when the page was not built.
include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// What the page may do: its own scripts and styles, its own API; and previews without anything of the sort.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     connect-src 'self'; font-src 'self'; frame-src blob:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// Vite names these after their contents: they never change.
const NAMED_BY_CONTENT: &str = "assets/";

/// The page itself.
const INDEX: &str = "index.html";

/// Where no page was built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Porthole</title>\
    <h1>The page was not built</h1><p>This porthole was built without its web page. Build it with \
    <code>cargo xtask ui</code>, then build porthole again. The API under <code>/api/v1</code> works all the \
    same.</p></html>\n";

/// Answers whatever is no route of the API.
pub(super) async fn serve(State(api): State<Api>, request: Request) -> Response {
    let path = request.uri().path();
    if path.strip_prefix(BASE).or_else(|| path.strip_prefix("/api")).is_some() {
        return Problem::not_found("there is no such address in this API").into_response();
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return Problem::method_not_allowed().into_response();
    }
    let asked = path.trim_start_matches('/');
    if let Some((name, bytes)) = file(asked).filter(|(name, _)| *name != INDEX) {
        let forever = name.starts_with(NAMED_BY_CONTENT);
        let cache = if forever { "public, max-age=31536000, immutable" } else { "no-cache" };
        return (with(media_type(name), cache), bytes).into_response();
    }
    if asked != INDEX && asked.rsplit('/').next().is_some_and(|last| last.contains('.')) {
        return Problem::not_found("there is no such file").into_response();
    }
    // The page finds its own way from here, whatever the path.
    let page = file(INDEX).map_or(NOT_BUILT.as_bytes(), |(_, page)| page);
    let mut response = (with(media_type(INDEX), "no-store"), page).into_response();
    let cookie = api.access.welcome(request.headers(), Instant::now());
    if let Some(cookie) = cookie.and_then(|cookie| cookie.parse().ok()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn with(media_type: &'static str, cache: &'static str) -> [(header::HeaderName, &'static str); 3] {
    [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, cache),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ]
}

fn file(path: &str) -> Option<(&'static str, &'static [u8])> {
    let place = FILES.binary_search_by_key(&path, |(name, _)| name).ok()?;
    FILES.get(place).copied()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
