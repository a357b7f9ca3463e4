//! Puts the built web page (`ui/dist`) into the program, if there is one: Node is not needed to build Porthole.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

fn main() {
    // Asked for now: what was compiled in is wrong once the folder has moved.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where");
    let dist = Path::new(&here).join("../../ui/dist");
    watch(&dist);
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        collect(&dist, "", &mut files);
    }
    files.sort();
    let mut source = String::from("static FILES: &[(&str, &[u8])] = &[\n");
    for (name, path) in files {
        let path = path.to_str().expect("a path that Rust source can hold");
        writeln!(source, "    ({name:?}, include_bytes!({path:?})),").expect("memory");
    }
    source.push_str("];\n");
    let out = std::env::var_os("OUT_DIR").expect("cargo says where to");
    std::fs::write(Path::new(&out).join("page.rs"), source).expect("the target folder can be written");
}

/// Has cargo run this again when the page was built. Cargo takes a folder that is missing for changed at every
/// build, so an empty one is made, older than anything.
fn watch(dist: &Path) {
    if !dist.exists() && std::fs::create_dir_all(dist).is_ok() {
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let _ = std::fs::File::open(dist).and_then(|folder| folder.set_modified(long_ago));
    }
    println!("cargo::rerun-if-changed=build.rs");
    if dist.exists() {
        println!("cargo::rerun-if-changed={}", dist.display());
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) {
    let entries = std::fs::read_dir(folder).expect("the built page can be read");
    for entry in entries.map(|entry| entry.expect("the built page can be read")) {
        let name = format!("{prefix}{}", entry.file_name().to_str().expect("a file name in UTF-8"));
        let path = entry.path();
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files);
        } else {
            files.push((name, path));
        }
    }
}
