//! The files of one package as they will be installed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::layout::{Item, Kind, Package};
use super::made::{Made, compress};
use super::release::{self, Release};
use crate::sh;

/// A folder that stands for `/`, and what lies in it.
#[derive(Debug)]
pub struct Tree {
    pub root: PathBuf,
    /// Paths below `/`.
    pub files: Vec<String>,
    /// Those of them that are programs.
    pub programs: Vec<String>,
}

/// Lays out everything that `package` installs.
pub fn lay(package: &Package, kind: Kind, made: &Made, release: &Release, work: &Path) -> Result<Tree> {
    let root = work.join(kind.name()).join(package.name);
    let mut tree = Tree { root, files: Vec::new(), programs: Vec::new() };
    for Item { from, to, program } in package.items(kind, made)? {
        tree.put(&from, &to, program)?;
    }
    match kind {
        Kind::Deb => debian_papers(&mut tree, package, release)?,
        Kind::Rpm => {
            for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
                let to = format!("usr/share/licenses/{}/{licence}", package.name);
                tree.put(&sh::root().join(licence), &to, false)?;
            }
        }
    }
    tree.files.sort();
    Ok(tree)
}

impl Tree {
    fn put(&mut self, from: &Path, to: &str, program: bool) -> Result<()> {
        let place = self.place(to)?;
        fs::copy(from, &place).with_context(|| format!("{} cannot be packed", from.display()))?;
        mode(&place, if program { 0o755 } else { 0o644 })?;
        self.files.push(to.to_owned());
        if program {
            self.programs.push(to.to_owned());
        }
        Ok(())
    }

    /// Where a file goes; its folder is made.
    fn place(&self, to: &str) -> Result<PathBuf> {
        let place = self.root.join(to);
        let mut folder = self.root.clone();
        for part in Path::new(to).parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            if !folder.is_dir() {
                fs::create_dir_all(&folder)?;
                // Whatever the umask of who builds is.
                mode(&folder, 0o755)?;
            }
        }
        Ok(place)
    }

    /// Sum of the files' sizes, in KiB as Debian counts them: each begun one counts.
    pub fn kibibytes(&self) -> Result<u64> {
        let mut sum = 0;
        for file in &self.files {
            sum += fs::metadata(self.root.join(file))?.len().div_ceil(1024);
        }
        Ok(sum)
    }
}

/// Copyright, changes, and what lintian is to know.
fn debian_papers(tree: &mut Tree, package: &Package, release: &Release) -> Result<()> {
    let folder = format!("usr/share/doc/{}", package.name);
    tree.put(&sh::root().join("installer/copyright"), &format!("{folder}/copyright"), false)?;
    let changelog = tree.place(&format!("{folder}/changelog"))?;
    fs::write(&changelog, debian_changelog(package, release)?)?;
    mode(&changelog, 0o644)?;
    compress(&changelog)?;
    tree.files.push(format!("{folder}/changelog.gz"));
    let overrides = package.folder().join("lintian-overrides");
    if overrides.is_file() {
        tree.put(&overrides, &format!("usr/share/lintian/overrides/{}", package.name), false)?;
    }
    Ok(())
}

fn debian_changelog(package: &Package, release: &Release) -> Result<String> {
    let mut text = String::new();
    for (at, change) in release.changes.iter().enumerate() {
        // What is packed for trying out is the newest, and says so.
        let version = if at == 0 { release.debian_version() } else { change.version.clone() };
        writeln!(text, "{} ({version}) unstable; urgency=medium\n", package.name)?;
        for line in &change.lines {
            match line.strip_prefix("- ") {
                Some(begun) => writeln!(text, "  * {begun}")?,
                None => writeln!(text, "    {}", line.trim())?,
            }
        }
        writeln!(text, "\n -- {}  {}\n", release.maintainer, release::day(&change.date, "--rfc-email")?)?;
    }
    Ok(text)
}

#[cfg(unix)]
pub fn mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

#[cfg(not(unix))]
pub fn mode(_: &Path, _: u32) -> Result<()> {
    Ok(())
}
