//! RPM's package.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::layout::{Kind, Package};
use super::release::{self, Release};
use super::tree::Tree;
use super::{clear, quietly};

/// What rpm runs, where a package has them.
const SCRIPTS: [&str; 3] = ["post", "preun", "postun"];

pub fn build(package: &Package, tree: &Tree, release: &Release, out: &Path) -> Result<PathBuf> {
    let top = tree.root.with_extension("rpmbuild");
    let spec = top.join(format!("{}.spec", package.name));
    fs::create_dir_all(&top)?;
    fs::write(&spec, spec_of(package, tree, release)?)?;
    let built = top.join("RPMS");
    let mut command = Command::new("rpmbuild");
    command.arg("-bb").env("SOURCE_DATE_EPOCH", &release.epoch);
    let folder = top.display().to_string();
    // Of a database of installed packages nothing is wanted; Debian has none.
    let database = top.join("db").display().to_string();
    let payload = if release.is_for_trying_out() { "w1.gzdio" } else { "w19.zstdio" };
    for (name, value) in [
        ("_topdir", folder.as_str()),
        ("_dbpath", &database),
        ("_binary_payload", payload),
        ("_buildhost", "localhost"),
        ("use_source_date_epoch_as_buildtime", "1"),
        ("clamp_mtime_to_source_date_epoch", "1"),
        ("build_mtime_policy", "clamp_to_source_date_epoch"),
        // What is packed is as it should be: no stripping, no links by build id, no second package.
        ("__os_install_post", "%{nil}"),
        ("_build_id_links", "none"),
        ("debug_package", "%{nil}"),
    ] {
        command.args(["--define", &format!("{name} {value}")]);
    }
    quietly(command.arg(&spec))?;
    let made = first_file(&built).with_context(|| format!("rpmbuild left nothing in {}", built.display()))?;
    let file = out.join(made.file_name().unwrap_or_default());
    fs::rename(&made, &file)?;
    clear(&top)?;
    Ok(file)
}

fn spec_of(package: &Package, tree: &Tree, release: &Release) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "Name: {}", package.name)?;
    writeln!(text, "Version: {}\nRelease: {}", release.version, release.rpm_release())?;
    writeln!(text, "Summary: {}", capital(package.summary))?;
    writeln!(text, "License: MIT OR Apache-2.0\nPackager: {}", release.maintainer)?;
    for other in package.needs(Kind::Rpm) {
        writeln!(text, "Requires: {other}")?;
    }
    for (name, others) in [("Recommends", package.recommends), ("Suggests", package.suggests)] {
        for other in others {
            writeln!(text, "{name}: {other}")?;
        }
    }
    writeln!(text, "\n%description\n{}", package.description.join("\n"))?;
    writeln!(text, "\n%install\ncp -a '{}/.' '%{{buildroot}}'", tree.root.display())?;
    for script in SCRIPTS {
        let file = package.folder().join("rpm").join(script);
        if file.is_file() {
            writeln!(text, "\n%{script}\n{}", fs::read_to_string(&file)?.trim_end())?;
        }
    }
    writeln!(text, "\n%files\n%defattr(-,root,root,-)")?;
    for file in &tree.files {
        let kind = if file.starts_with("etc/") {
            "%config(noreplace) "
        } else if file.starts_with("usr/share/licenses/") {
            "%license "
        } else {
            ""
        };
        writeln!(text, "{kind}/{file}")?;
    }
    for folder in own_folders(package, tree) {
        writeln!(text, "%dir {folder}")?;
    }
    writeln!(text, "\n%changelog")?;
    for change in &release.changes {
        let day = release::day(&change.date, "+%a %b %d %Y")?;
        writeln!(text, "* {day} {} - {}", release.maintainer, change.version)?;
        for line in &change.lines {
            writeln!(text, "{line}")?;
        }
        writeln!(text)?;
    }
    Ok(text)
}

/// Folders that nobody else has.
fn own_folders(package: &Package, tree: &Tree) -> Vec<String> {
    let named = |parent: &str| format!("usr/share/{parent}/{}", package.name);
    [named("licenses"), named("doc"), "etc/porthole".to_owned()]
        .into_iter()
        .filter(|folder| tree.files.iter().any(|file| file.starts_with(&format!("{folder}/"))))
        .map(|folder| format!("/{folder}"))
        .collect()
}

/// RPM's summaries begin with a capital, Debian's do not.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The one file somewhere below `folder`.
fn first_file(folder: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).ok()?.flatten();
    entries.find_map(|entry| {
        let path = entry.path();
        if path.is_dir() { first_file(&path) } else { Some(path) }
    })
}
