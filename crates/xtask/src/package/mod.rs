//! `cargo xtask package`: .deb and .rpm of the app with its command line, and of the gateway.
//!
//! Built by the distributions' own tools (`dpkg-deb`, `dpkg-shlibdeps`, `rpmbuild`), which are an apt-get
//! away and know best what their side expects; what goes into the packages is told once, in [`layout`], for
//! both kinds.

mod deb;
mod layout;
mod made;
mod notices;
mod release;
mod rpm;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{setup, sh, ui};
use layout::{Kind, PACKAGES};
use made::Made;
use release::Release;

/// What was asked for.
#[derive(Debug, Default)]
struct Wanted {
    debug: bool,
    /// Beside the version.
    label: Option<String>,
    /// Programs that are built already.
    programs: Option<PathBuf>,
    out: Option<PathBuf>,
    /// All kinds that can be built here, else.
    only: Option<Kind>,
}

impl Wanted {
    fn read(arguments: Vec<String>) -> Result<Self> {
        let mut wanted = Self::default();
        let mut words = arguments.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--debug" => wanted.debug = true,
                "--label" => wanted.label = Some(value()?),
                "--programs" => wanted.programs = Some(std::path::absolute(value()?)?),
                "--out" => wanted.out = Some(std::path::absolute(value()?)?),
                "--only" => {
                    let name = value()?;
                    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
                    wanted.only = Some(kind.context("--only takes deb or rpm")?);
                }
                _ => bail!("`cargo xtask package` has no option {word}"),
            }
        }
        Ok(wanted)
    }
}

pub fn package(arguments: Vec<String>) -> Result<()> {
    let wanted = Wanted::read(arguments)?;
    let kinds = kinds(wanted.only)?;
    let programs = match &wanted.programs {
        Some(folder) => folder.clone(),
        None => build(wanted.debug)?,
    };
    let out = wanted.out.clone().unwrap_or_else(|| sh::target_dir().join("packages"));
    fs::create_dir_all(&out)?;
    let label = wanted.label.or_else(|| wanted.debug.then(|| "debug".to_owned()));
    let release = Release::of_checkout(label)?;
    let work = out.join("work");
    clear(&work)?;
    let made = Made::make(&programs, &work)?;
    let mut packages = Vec::new();
    for package in PACKAGES {
        for &kind in &kinds {
            let tree = tree::lay(package, kind, &made, &release, &work)?;
            packages.push(match kind {
                Kind::Deb => deb::build(package, &tree, &release, &out)?,
                Kind::Rpm => rpm::build(package, &tree, &release, &out)?,
            });
        }
    }
    clear(&work)?;
    for package in packages {
        let size = fs::metadata(&package)?.len();
        println!("{:>7.2} MiB  {}", size as f64 / (1024.0 * 1024.0), package.display());
    }
    Ok(())
}

/// Those that can be built here; what is missing for another is said.
fn kinds(only: Option<Kind>) -> Result<Vec<Kind>> {
    let mut kinds: Vec<Kind> = only.map_or_else(|| Kind::ALL.to_vec(), |only| vec![only]);
    let tools: Vec<&str> = kinds.iter().flat_map(|kind| kind.tools()).copied().collect();
    let absent = setup::package_packages(&tools);
    kinds.retain(|kind| !kind.tools().iter().any(|tool| absent.contains(tool)));
    if kinds.is_empty() {
        bail!("there is nothing here to build a package with");
    }
    Ok(kinds)
}

/// Builds the page and everything that carries it; returns the folder of the programs.
fn build(debug: bool) -> Result<PathBuf> {
    let absent = setup::desktop_libraries();
    if !setup::builds_desktop(&absent) {
        bail!("the desktop app cannot be built here");
    }
    ui::build()?;
    let mut build = sh::cargo();
    build.args(["build", "--bins"]);
    for name in PACKAGES.iter().flat_map(|package| package.crates) {
        build.args(["--package", name]);
    }
    if !debug {
        build.arg("--release");
    }
    sh::run(&mut build)?;
    Ok(sh::target_dir().join(if debug { "debug" } else { "release" }))
}

/// What an earlier run left goes away.
fn clear(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot clear {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Runs `command`, whose own words are shown only when it fails; returns what it printed.
fn quietly(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("cannot start {}", sh::shown(command)))?;
    if !output.status.success() {
        eprint!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("`{}` failed ({})", sh::shown(command), output.status);
    }
    Ok(output.stdout)
}

/// The same where a line or a few of text are printed.
fn told(command: &mut Command) -> Result<String> {
    Ok(String::from_utf8(quietly(command)?)?.trim_end().to_owned())
}
