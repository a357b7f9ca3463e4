//! What the page is made of that is written down here: the description of the local API, of which its types are
//! made, and the filter language's vocabulary, which it completes.

use std::path::Path;

/// `cargo xtask ui --types` sets it.
const WRITE_VARIABLE: &str = "PORTHOLE_WRITE_SCHEMA";

/// Compares a file beside the page with what it is to hold, or writes it.
fn is_written(name: &str, mut now: String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/api").join(name);
    now.push('\n');
    if std::env::var_os(WRITE_VARIABLE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    // Without the text: it may be some thousand lines.
    assert!(kept == now, "{name} is no longer so: run `cargo xtask ui --types`");
}

#[test]
fn the_description_beside_the_page_is_that_of_the_api() {
    is_written("schema.json", porthole_agent::api::document().to_pretty_json().unwrap());
}

#[test]
fn the_vocabulary_beside_the_page_is_that_of_the_filter_language() {
    let keys = porthole_agent::inspect::filter::KEYS;
    is_written("vocabulary.json", serde_json::to_string_pretty(keys).unwrap());
}
