//! The description of the local API that the page's types are made of.

use std::path::Path;

/// `cargo xtask ui --types` sets it.
const WRITE_VARIABLE: &str = "PORTHOLE_WRITE_SCHEMA";

#[test]
fn the_description_beside_the_page_is_that_of_the_api() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/api/schema.json");
    let mut now = porthole_agent::api::document().to_pretty_json().unwrap();
    now.push('\n');
    if std::env::var_os(WRITE_VARIABLE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    // Without the text: it is some thousand lines.
    assert!(kept == now, "the API has changed: run `cargo xtask ui --types`");
}
