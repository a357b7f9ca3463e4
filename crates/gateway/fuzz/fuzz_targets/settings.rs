#![no_main]
//! The gateway's file and its options. Whatever they say makes settings or one sentence that names
//! the place, and never more than the bounds allow.

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use porthole_gateway::config::{Config, Folders, Layers, MAX_GRACE, OPTIONS, PublicBase};

/// Options whose values name files, variables or commands: not what a fuzzer should try out.
const OUTSIDE: [&str; 6] =
    ["secret", "secret-file", "client-token", "tls-cert", "tls-key", "admin-key-file"];

fuzz_target!(|text: &str| {
    let folders = Folders { config: "/nonexistent".into(), data: "/nonexistent".into() };
    let none = || Layers::collect([], |_| None, None, &folders).expect("no layer, no error");
    let mut file = none();
    if let Err(error) = file.add_text(text, Path::new("gateway.toml")) {
        let sentence = error.to_string();
        assert!(!sentence.is_empty() && !sentence.contains('\n'), "{sentence}");
        // Not a file: then perhaps an option's value.
        value(text, &folders);
    } else if OUTSIDE.iter().all(|option| file.get(option).is_none()) {
        settings(&file, &folders);
    }
});

/// The first byte says which option.
fn value(text: &str, folders: &Folders) {
    let Some(first) = text.chars().next() else { return };
    let option = OPTIONS[first as usize % OPTIONS.len()];
    if OUTSIDE.contains(&option) {
        return;
    }
    let given = [(option, Some(text[first.len_utf8()..].to_owned()))];
    let layers = Layers::collect(given, |_| None, None, folders).expect("flags alone cannot fail");
    settings(&layers, folders);
}

fn settings(layers: &Layers, folders: &Folders) {
    match Config::inspect(layers, folders) {
        Ok(config) => {
            assert!(config.grace <= MAX_GRACE);
            if let Some(ports) = config.tcp_ports {
                assert!(ports.first > 0 && ports.first <= ports.last);
            }
            if let Some(public) = config.public {
                assert_eq!(PublicBase::parse(&public.url()).as_ref(), Ok(&public));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
