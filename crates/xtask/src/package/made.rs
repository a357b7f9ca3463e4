//! What is made for the packages: programs without symbols, and what they write about themselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::layout::{PACKAGES, Package};
use super::{notices, quietly};

/// Shells that have their completions installed.
pub const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// A folder of made things.
#[derive(Debug)]
pub struct Made(PathBuf);

impl Made {
    /// Makes everything out of the programs in the folder `programs`.
    pub fn make(programs: &Path, work: &Path) -> Result<Self> {
        let made = Self(work.join("made"));
        fs::create_dir_all(made.0.join("bin"))?;
        for package in PACKAGES {
            for name in package.programs {
                let from = programs.join(name);
                strip(&from, &made.program(name))
                    .with_context(|| format!("{} cannot be packed", from.display()))?;
            }
            made.papers(package.programs[0])?;
            let libraries = made.0.join(package.name).with_extension("libraries");
            fs::write(&libraries, notices::text(package.crates, package.app)?)?;
            compress(&libraries)?;
        }
        Ok(made)
    }

    /// Completions and manual pages of one program.
    fn papers(&self, name: &str) -> Result<()> {
        let pages = self.manual(name);
        fs::create_dir_all(&pages)?;
        quietly(Command::new(self.program(name)).arg("man").arg(&pages))?;
        for page in fs::read_dir(&pages)? {
            compress(&page?.path())?;
        }
        for shell in SHELLS {
            let script = quietly(Command::new(self.program(name)).args(["completions", shell]))?;
            let file = self.completions(name, shell);
            fs::create_dir_all(file.parent().unwrap_or(&self.0))?;
            fs::write(file, script)?;
        }
        Ok(())
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }

    pub fn completions(&self, program: &str, shell: &str) -> PathBuf {
        self.0.join("completions").join(shell).join(program)
    }

    /// The licences of what is inside.
    pub fn notices(&self, package: &Package) -> PathBuf {
        self.0.join(package.name).with_extension("libraries.gz")
    }

    fn manual(&self, program: &str) -> PathBuf {
        self.0.join("man").join(program)
    }

    /// The manual pages that a program wrote.
    pub fn pages(&self, program: &str) -> Result<Vec<PathBuf>> {
        let mut pages = Vec::new();
        for page in fs::read_dir(self.manual(program))? {
            pages.push(page?.path());
        }
        pages.sort();
        Ok(pages)
    }
}

fn strip(from: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("strip");
    command.args(["--strip-unneeded", "--remove-section=.comment", "--remove-section=.note"]);
    quietly(command.arg("-o").arg(to).arg(from)).map(drop)
}

/// Puts `file.gz` in the place of `file`; the same bytes whenever it is done.
pub fn compress(file: &Path) -> Result<()> {
    quietly(Command::new("gzip").args(["-9", "--no-name", "--force"]).arg(file)).map(drop)
}
