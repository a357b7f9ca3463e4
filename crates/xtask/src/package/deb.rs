//! Debian's package.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::layout::{Kind, Package};
use super::release::Release;
use super::tree::{Tree, mode};
use super::{quietly, told};

/// What dpkg runs, where a package has them.
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

pub fn build(package: &Package, tree: &Tree, release: &Release, out: &Path) -> Result<PathBuf> {
    let architecture = told(Command::new("dpkg").arg("--print-architecture"))?;
    let control = tree.root.join("DEBIAN");
    fs::create_dir_all(&control)?;
    mode(&control, 0o755)?;
    let write = |name: &str, text: &str| -> Result<()> {
        fs::write(control.join(name), text)?;
        mode(&control.join(name), 0o644)
    };
    write("control", &fields(package, tree, release, &architecture)?)?;
    write("md5sums", &sums(tree)?)?;
    let kept: Vec<String> =
        tree.files.iter().filter(|file| file.starts_with("etc/")).map(|file| format!("/{file}\n")).collect();
    if !kept.is_empty() {
        write("conffiles", &kept.concat())?;
    }
    for script in SCRIPTS {
        let from = package.folder().join("deb").join(script);
        if from.is_file() {
            fs::copy(&from, control.join(script))?;
            mode(&control.join(script), 0o755)?;
        }
    }
    let file = out.join(format!("{}_{}_{architecture}.deb", package.name, release.debian_version()));
    let mut command = Command::new("dpkg-deb");
    let how = if release.is_for_trying_out() { ["-Zgzip", "-z1"] } else { ["-Zxz", "-z9"] };
    command.arg("--root-owner-group").args(how).arg("--build").arg(&tree.root).arg(&file);
    quietly(command.env("SOURCE_DATE_EPOCH", &release.epoch))?;
    Ok(file)
}

fn fields(package: &Package, tree: &Tree, release: &Release, architecture: &str) -> Result<String> {
    let mut depends = libraries(tree)?;
    depends.extend(package.needs(Kind::Deb).map(str::to_owned));
    let mut text = String::new();
    writeln!(text, "Package: {}", package.name)?;
    writeln!(text, "Version: {}", release.debian_version())?;
    writeln!(text, "Architecture: {architecture}")?;
    writeln!(text, "Maintainer: {}", release.maintainer)?;
    writeln!(text, "Installed-Size: {}", tree.kibibytes()?)?;
    writeln!(text, "Depends: {}", depends.join(", "))?;
    for (name, others) in [("Recommends", package.recommends), ("Suggests", package.suggests)] {
        if !others.is_empty() {
            writeln!(text, "{name}: {}", others.join(", "))?;
        }
    }
    writeln!(text, "Section: {}\nPriority: optional", package.section)?;
    writeln!(text, "Description: {}", package.summary)?;
    for line in package.description {
        writeln!(text, " {}", if line.is_empty() { "." } else { line })?;
    }
    Ok(text)
}

/// Packages of the libraries that the programs load, with the versions that they need at least.
fn libraries(tree: &Tree) -> Result<Vec<String>> {
    // It wants to be where a source package is.
    let folder = tree.root.with_extension("source");
    fs::create_dir_all(folder.join("debian"))?;
    fs::write(folder.join("debian/control"), "Source: porthole\n\nPackage: porthole\nArchitecture: any\n")?;
    let mut command = Command::new("dpkg-shlibdeps");
    command.current_dir(&folder).arg("-O");
    for program in &tree.programs {
        let mut word = OsString::from("-e");
        word.push(tree.root.join(program));
        command.arg(word);
    }
    let told = told(&mut command)?;
    let list = told.strip_prefix("shlibs:Depends=").context("dpkg-shlibdeps told no libraries")?;
    Ok(list.split(", ").map(str::to_owned).collect())
}

/// What is to be installed, for `dpkg --verify`.
fn sums(tree: &Tree) -> Result<String> {
    let mut command = Command::new("md5sum");
    command.current_dir(&tree.root).args(tree.files.iter().filter(|file| !file.starts_with("etc/")));
    Ok(told(&mut command)? + "\n")
}
