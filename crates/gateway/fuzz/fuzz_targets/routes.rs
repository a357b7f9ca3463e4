#![no_main]
//! Hosts and paths: one spelling for each host, and no path that reaches another mapping once
//! somebody normalises it.

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use porthole_gateway::config::PublicBase;
use porthole_gateway::router::{Entry, Place, Route, RouteRequest, Router, Target, normalise_host};
use porthole_http1::Fields;

fn entry(place: Place, name: &'static str) -> Entry<&'static str> {
    Entry { place, matches: Vec::new(), strip: false, target: Target::Live(Arc::new(name)) }
}

fn at(host: &str, path: &str, name: &'static str) -> Entry<&'static str> {
    entry(Place::Host { host: host.into(), path: path.into() }, name)
}

fn ask(table: &Router<&'static str>, host: &str, path: &str, fields: &Fields) -> Option<String> {
    match table.route(&RouteRequest { host, path, query: None, fields }) {
        Route::Own => Some("own".into()),
        Route::Endpoint { endpoint, strip } => {
            assert!(strip <= path.len() && path.is_char_boundary(strip), "{path} {strip}");
            assert!(path[strip..].is_empty() || path[strip..].starts_with('/'), "{path} {strip}");
            Some((**endpoint).to_owned())
        }
        Route::Away { .. } | Route::Unknown => Some("nothing".into()),
        Route::AmbiguousPath => None,
    }
}

/// What an eager proxy behind us might make of a path: decoded, slashes merged, dots resolved.
fn eager(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match code.filter(|_| first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok()) {
            // `from_str_radix` takes a sign; no parser of paths does.
            Some(byte) if after[0] != b'+' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    let text = String::from_utf8_lossy(&bytes).replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in text.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    format!("/{}{}", segments.join("/"), if text.ends_with('/') && !segments.is_empty() { "/" } else { "" })
}

fuzz_target!(|text: &str| {
    let (host, path) = text.split_once('\n').unwrap_or((text, "/"));
    let Ok(name) = normalise_host(host) else { return };
    assert!(!name.is_empty() && name.len() <= 253, "{name}");
    assert!(!name.ends_with('.') && name.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase()));
    // IPv6 is kept without its brackets; anything else may be normalised again.
    if name.contains(':') {
        assert_eq!(normalise_host(&format!("[{name}]")).as_deref(), Ok(&*name));
    } else {
        for again in [name.to_string(), name.to_ascii_uppercase(), format!("{name}.:8080")] {
            assert_eq!(normalise_host(&again).as_deref(), Ok(&*name), "{again}");
        }
    }
    if let Some(base) = PublicBase::from_request("https", host) {
        assert_eq!(PublicBase::parse(&base.url()).as_ref(), Ok(&base));
    }

    let table = Router::build(
        Some("tunnel.example"),
        [
            at(&name, "", "root"),
            at(&name, "/a", "a"),
            at(&name, "/a/b", "b"),
            at("*.example", "/a", "wild"),
            entry(Place::Own { path: "/node".into() }, "node"),
            entry(Place::Pub { id: "m1".into() }, "m1"),
        ],
    );
    if !path.starts_with('/') {
        return;
    }
    let fields = Fields::new();
    for host in [&*name, "tunnel.example", "x.example"] {
        let Some(found) = ask(&table, host, path, &fields) else { continue };
        assert_eq!(ask(&table, host, &eager(path), &fields).as_ref(), Some(&found), "{host} {path}");
    }
});
