//! The project that a folder belongs to.

use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Folders looked at, from the one given upwards: monorepos are this deep.
const DEPTH: usize = 8;

/// Bytes read of a file that may hold the project's name; it stands at the top.
const FILE_BYTES: u64 = 256 * 1024;

/// Characters of a name that are told.
const NAME_CHARS: usize = 100;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Project {
    pub(super) name: String,
    pub(super) folder: PathBuf,
}

/// Files that make a folder a project, and how its name is read from them.
type Reader = fn(&str) -> Option<String>;
const MARKS: &[(&str, Reader)] = &[
    ("package.json", package_json),
    ("Cargo.toml", |text| toml_name(text, &["package"])),
    ("pyproject.toml", |text| toml_name(text, &["project"]).or_else(|| toml_name(text, &["tool", "poetry"]))),
    ("go.mod", go_mod),
    ("composer.json", package_json),
    ("Gemfile", |_| None),
    ("mix.exs", |_| None),
    ("pom.xml", |_| None),
    ("manage.py", |_| None),
    (".git", |_| None),
];

/// The nearest project at or above a folder. A home folder is none, whatever lies in it.
pub(super) fn of(folder: &Path) -> Option<Project> {
    let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    let within = |folder: &&Path| home.as_deref() != Some(*folder) && folder.parent().is_some();
    folder.ancestors().take(DEPTH).take_while(within).find_map(project)
}

fn project(folder: &Path) -> Option<Project> {
    let (file, name) = MARKS.iter().find(|(mark, _)| folder.join(mark).exists())?;
    let named = read(&folder.join(file)).and_then(|text| name(&text));
    let name = named.or_else(|| Some(folder.file_name()?.to_string_lossy().into_owned()))?;
    let name = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect();
    Some(Project { name, folder: folder.to_owned() })
}

fn read(path: &Path) -> Option<String> {
    let file =
        std::fs::File::open(path).ok().filter(|file| file.metadata().is_ok_and(|meta| meta.is_file()))?;
    let mut text = String::new();
    file.take(FILE_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

fn package_json(text: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    value["name"].as_str().filter(|name| !name.is_empty()).map(str::to_owned)
}

fn toml_name(text: &str, table: &[&str]) -> Option<String> {
    let value: toml::Table = text.parse().ok()?;
    let mut table_value = &value;
    for name in table {
        table_value = table_value.get(*name)?.as_table()?;
    }
    table_value.get("name")?.as_str().map(str::to_owned)
}

fn go_mod(text: &str) -> Option<String> {
    let module = text.lines().find_map(|line| line.strip_prefix("module "))?.trim();
    module.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_with_a_mark_is_the_project_and_names_itself() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("shop/src/deep");
        std::fs::create_dir_all(&inner).unwrap();
        let write = |path: &str, text: &str| std::fs::write(root.path().join(path), text).unwrap();
        let name = || of(&inner).map(|project| project.name);
        std::fs::create_dir(root.path().join("shop/.git")).unwrap();
        assert_eq!(name().as_deref(), Some("shop"), "by its folder");
        for (file, text, wanted) in [
            ("go.mod", "module example.com/team/go-shop\n", "go-shop"),
            ("pyproject.toml", "[tool.poetry]\nname = \"py-shop\"\n", "py-shop"),
            ("Cargo.toml", "[package]\nname = \"rust-shop\"\n", "rust-shop"),
            ("package.json", "{\"name\": \"shop-\\u0007frontend\"}", "shop-frontend"),
        ] {
            write(&format!("shop/{file}"), text);
            assert_eq!(name().as_deref(), Some(wanted));
        }
        write("shop/package.json", "not JSON");
        assert_eq!(of(&inner), Some(Project { name: "shop".into(), folder: root.path().join("shop") }));
    }
}
