//! The licences of the libraries that are inside the programs: most of them ask to be handed on with these.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::told;
use crate::sh;

/// How files that hold a licence begin, in small letters.
const NAMES: [&str; 5] = ["license", "licence", "copying", "notice", "unlicense"];

/// A library inside our programs.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Library {
    /// Name and version.
    name: String,
    /// As its author says it; nothing is known of the page's.
    licence: String,
    folder: PathBuf,
}

/// Everything that somebody has to be told who gets programs of these crates, and of the page if they carry it.
pub fn text(crates: &[&str], page: bool) -> Result<String> {
    let mut libraries = self::crates(crates)?;
    if page {
        libraries.extend(self::page()?);
    }
    // Whoever says the same is named above it together.
    let mut by_text: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut silent = Vec::new();
    for library in &libraries {
        let said = format!("{} {}", library.name, library.licence).trim_end().to_owned();
        let texts = texts(library)?;
        if texts.is_empty() {
            silent.push(said.clone());
        }
        for text in texts {
            by_text.entry(text).or_default().insert(said.clone());
        }
    }
    let mut out = String::from("Libraries inside these programs, and their licences.\n");
    for (text, names) in by_text {
        let names: Vec<String> = names.into_iter().collect();
        write!(out, "\n{}\n\n{}\n\n{text}\n", "=".repeat(78), names.join("\n"))?;
    }
    if !silent.is_empty() {
        write!(out, "\n{}\n\nWithout a text of their own:\n\n{}\n", "=".repeat(78), silent.join("\n"))?;
    }
    Ok(out)
}

/// What of crates.io is linked into ours.
fn crates(ours: &[&str]) -> Result<BTreeSet<Library>> {
    let mut command = sh::cargo();
    command.args(["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none"]);
    command.args(["--format", "{p}|{l}"]);
    for name in ours {
        command.args(["--package", name]);
    }
    let sources = sources()?;
    let mut libraries = BTreeSet::new();
    for line in told(&mut command)?.lines() {
        let Some((name, version, licence)) = crate_of(line) else { continue };
        let folder = format!("{name}-{version}");
        let folder = sources.iter().map(|source| source.join(&folder)).find(|folder| folder.is_dir());
        let Some(folder) = folder else {
            bail!("the source of {name} {version} is not where cargo keeps it")
        };
        libraries.insert(Library {
            name: format!("{name} {version}"),
            licence: format!("({licence})"),
            folder,
        });
    }
    Ok(libraries)
}

/// Name, version and licence out of `name v1.2.3|MIT`; our own crates tell where they lie instead.
fn crate_of(line: &str) -> Option<(&str, &str, &str)> {
    let (package, licence) = line.split_once('|')?;
    let (name, version) = package.split_once(" v")?;
    // A package that was shown before is marked.
    let licence = licence.trim_end_matches(" (*)");
    (!version.contains(' ')).then_some((name, version, licence))
}

/// Where cargo keeps the sources of crates.
fn sources() -> Result<Vec<PathBuf>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let folder = home.context("cargo has no home")?.join("registry/src");
    let entries = fs::read_dir(&folder).with_context(|| format!("no sources in {}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// What of npm is in the page; nothing where there is none built.
fn page() -> Result<Vec<Library>> {
    let ui = sh::root().join("ui");
    if !ui.join("node_modules").is_dir() {
        return Ok(Vec::new());
    }
    let mut command = Command::new("npm");
    command.current_dir(&ui).args(["ls", "--omit=dev", "--all", "--parseable"]);
    let paths = told(&mut command)?;
    let modules = ui.join("node_modules");
    let named = paths.lines().map(Path::new).filter_map(|folder| {
        let name = folder.strip_prefix(&modules).ok()?.display().to_string();
        Some(Library { name, licence: String::new(), folder: folder.to_owned() })
    });
    Ok(named.collect())
}

/// The texts that come with a library. Where one may choose, MIT's is chosen: it is the shortest.
fn texts(library: &Library) -> Result<Vec<String>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(&library.folder)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        file.is_file() && NAMES.iter().any(|known| name.starts_with(known))
    });
    files.sort();
    let is_mit = |file: &PathBuf| file.to_string_lossy().to_lowercase().ends_with("mit");
    if library.licence.contains(" OR ") && files.iter().any(is_mit) {
        files.retain(is_mit);
    }
    let read = |file: PathBuf| -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(file)?).replace('\r', "").trim().to_owned())
    };
    files.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_told_from_a_crate_of_ours() {
        assert_eq!(crate_of("serde v1.0.1|MIT OR Apache-2.0"), Some(("serde", "1.0.1", "MIT OR Apache-2.0")));
        assert_eq!(crate_of("serde v1.0.1|MIT (*)"), Some(("serde", "1.0.1", "MIT")));
        assert_eq!(crate_of("porthole-link v0.1.0 (/src/crates/link)|MIT OR Apache-2.0"), None);
        assert_eq!(crate_of(""), None);
    }
}
