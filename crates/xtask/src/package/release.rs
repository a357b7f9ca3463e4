//! Which version is packed, and when it was made.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::told;
use crate::sh;

/// Who answers for the packages, unless `PORTHOLE_MAINTAINER` names whoever hands them on.
const MAINTAINER: &str = "The Porthole maintainers <porthole@localhost.localdomain>";

/// What the packages of one run have in common.
#[derive(Debug)]
pub struct Release {
    pub version: &'static str,
    /// Of packages for trying out: any released one of this version counts as newer.
    pub label: Option<String>,
    /// Seconds since 1970 of the commit, else of the version's day: the same sources make the same package.
    pub epoch: String,
    pub maintainer: String,
    pub changes: Vec<Change>,
}

/// One version in `installer/CHANGELOG.md`.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    pub version: String,
    /// Like 2026-11-21.
    pub date: String,
    /// Lines as they stand: `- …`, and those that go on with one.
    pub lines: Vec<String>,
}

impl Release {
    pub fn of_checkout(label: Option<String>) -> Result<Self> {
        let text = std::fs::read_to_string(sh::root().join("installer/CHANGELOG.md"))?;
        let changes = changes(&text)?;
        let version = env!("CARGO_PKG_VERSION");
        if changes.first().is_none_or(|change| change.version != version) {
            bail!("installer/CHANGELOG.md does not begin with {version}");
        }
        let commit = || told(Command::new("git").current_dir(sh::root()).args(["log", "-1", "--format=%ct"]));
        let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(epoch) => epoch,
            // Sources that were unpacked have no git, and a day of their own all the same.
            Err(_) => commit().or_else(|_| day(&changes[0].date, "+%s"))?,
        };
        let maintainer = std::env::var("PORTHOLE_MAINTAINER").unwrap_or_else(|_| MAINTAINER.to_owned());
        Ok(Self { version, label, epoch, maintainer, changes })
    }

    /// In Debian's order of versions `~` comes before everything else.
    pub fn debian_version(&self) -> String {
        let label = self.label.as_ref().map(|label| format!("~{label}"));
        format!("{}{}", self.version, label.unwrap_or_default())
    }

    pub fn rpm_release(&self) -> String {
        self.label.as_ref().map_or_else(|| "1".to_owned(), |label| format!("0.{label}"))
    }

    /// Packed in a hurry, since nobody is to download it.
    pub fn is_for_trying_out(&self) -> bool {
        self.label.is_some()
    }
}

/// A day as `date` writes it in that format.
pub fn day(date: &str, format: &str) -> Result<String> {
    told(Command::new("date").env("LC_ALL", "C").args(["--utc", "--date", date, format]))
}

fn changes(text: &str) -> Result<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let (version, date) = heading
                .strip_suffix(')')
                .and_then(|rest| rest.split_once(" ("))
                .with_context(|| format!("`{line}` is not of the form `## 1.2.3 (2026-12-31)`"))?;
            changes.push(Change { version: version.to_owned(), date: date.to_owned(), lines: Vec::new() });
        } else if let Some(change) = changes.last_mut()
            && !line.trim().is_empty()
        {
            change.lines.push(line.to_owned());
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_changes_are_read_version_by_version() {
        let text = "# Changes\n\n## 0.2.0 (2026-12-31)\n\n- One\n  and on\n- Two\n\n## 0.1.0 (2026-11-21)\n";
        let read = changes(text).unwrap();
        let lines = ["- One", "  and on", "- Two"].map(str::to_owned).to_vec();
        assert_eq!(read[0], Change { version: "0.2.0".into(), date: "2026-12-31".into(), lines });
        assert_eq!(read[1].version, "0.1.0");
        assert!(changes("## 0.1.0\n").is_err());
    }

    #[test]
    fn whoever_looks_at_the_app_in_a_catalogue_sees_the_version_that_is_built() {
        let file = "installer/porthole/dev.porthole.Porthole.metainfo.xml";
        let text = std::fs::read_to_string(sh::root().join(file)).unwrap();
        let release = Release::of_checkout(None).unwrap();
        let newest = &release.changes[0];
        let element = format!("<release version=\"{}\" date=\"{}\">", newest.version, newest.date);
        let first = text.find("<release version").unwrap();
        assert!(text[first..].starts_with(&element), "{file} does not begin its releases with {element}");
    }
}
