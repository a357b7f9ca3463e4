//! The arrows between our crates, held. They are drawn in crates/README.md.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use porthole_testkit::binaries::root;
use serde_json::Value;

/// What each crate may use of ours at run time. A crate that is not here fails the test: draw its arrows.
const ARROWS: &[(&str, &[&str])] = &[
    ("porthole-http1", &[]),
    ("porthole-link", &["porthole-http1"]),
    ("porthole-gateway", &["porthole-link", "porthole-http1"]),
    ("porthole-agent", &["porthole-link", "porthole-http1"]),
    ("porthole-testkit", &["porthole-agent", "porthole-gateway", "porthole-link", "porthole-http1"]),
    ("xtask", &[]),
    ("porthole-desktop", &["porthole-agent"]),
];

/// The only crates that may know of a window.
const WINDOW: &[&str] = &["porthole-desktop"];

/// Packages of the workspace with the names of their dependencies; dev-dependencies apart.
fn packages() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let output = Command::new(cargo).current_dir(root()).args(words).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .map(|package| {
            let all = package["dependencies"].as_array().expect("dependencies").iter();
            let used = all
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text(&dependency["name"]));
            (text(&package["name"]), (text(&package["manifest_path"]), used.collect()))
        })
        .collect()
}

#[test]
fn our_crates_use_each_other_only_along_the_arrows() {
    let packages = packages();
    for (name, (_, used)) in &packages {
        let (_, allowed) = ARROWS
            .iter()
            .find(|(known, _)| known == name)
            .unwrap_or_else(|| panic!("{name} has no arrows in this test nor in crates/README.md"));
        for other in used.iter().filter(|other| packages.contains_key(*other)) {
            assert!(allowed.contains(&other.as_str()), "{name} → {other} is no arrow of ours");
        }
    }
}

#[test]
fn nothing_below_crates_knows_of_a_window() {
    for (name, (manifest, used)) in packages() {
        if manifest.contains("/crates/") {
            assert!(!WINDOW.contains(&name.as_str()), "{name} belongs at the top level");
            let window =
                used.iter().find(|other| other.starts_with("tauri") || *other == "wry" || *other == "tao");
            assert_eq!(window, None, "{name}");
        }
    }
}

#[test]
fn the_codec_and_the_state_machine_do_no_io() {
    let used = &packages()["porthole-http1"].1;
    for io in ["tokio", "mio", "socket2", "hyper", "rustix"] {
        assert!(!used.contains(io), "porthole-http1 → {io}");
    }
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate() {
    for (name, (manifest, _)) in packages() {
        let manifest = std::fs::read_to_string(&manifest).expect("a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} does not take the workspace's lints");
    }
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).expect("the workspace's manifest");
    assert!(workspace.contains("unsafe_code = \"forbid\""));
}

#[test]
fn lockfiles_name_no_registry_of_ours() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("a lockfile");
    let sources: BTreeSet<&str> = lock.lines().filter(|line| line.starts_with("source = ")).collect();
    assert_eq!(
        sources,
        BTreeSet::from(["source = \"registry+https://github.com/rust-lang/crates.io-index\""]),
        "everything comes from crates.io"
    );
    let node = std::fs::read_to_string(porthole_testkit::node::folder().join("package-lock.json"))
        .expect("a lockfile");
    assert!(!node.contains("\"resolved\""), "package-lock.json names a registry: see .npmrc beside it");
}

/// The table of threats is worth what its tests are: each one that it names stands where it says.
#[test]
fn every_test_that_the_table_of_threats_names_exists() {
    let crates = root().join("crates");
    let readme = std::fs::read_to_string(crates.join("README.md")).expect("crates/README.md");
    let (_, table) = readme.split_once("## Threats and answers").expect("the table");
    let table = table.split_once("\n## ").map_or(table, |(table, _)| table);
    let mut named = 0;
    for row in table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| threat |")) {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let before = named;
        for place in tests.split(';').filter(|place| place.contains("`:")) {
            let (path, names) = place.split_once("`:").expect("a path and names");
            let path = path.trim().trim_start_matches('`');
            let source = std::fs::read_to_string(crates.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
            for name in names.split(',').map(str::trim) {
                assert!(source.contains(&format!("fn {name}(")), "{path} has no test {name}");
                named += 1;
            }
        }
        assert!(named > before || row.starts_with("| ---"), "no test in: {row}");
    }
    assert!(named > 100, "only {named} tests are named");
}
