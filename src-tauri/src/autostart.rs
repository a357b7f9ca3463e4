//! Starting at login: an entry in the folder of which every Linux desktop starts what is there.

use std::io;
use std::path::{Path, PathBuf};

/// The entry's name, which is that of the app's own desktop entry.
const ENTRY: &str = "porthole.desktop";

/// Where the entry is.
pub fn entry() -> Option<PathBuf> {
    Some(directories::BaseDirs::new()?.config_dir().join("autostart").join(ENTRY))
}

/// Makes it so: the app starts at login, or not. What is so already is left alone.
pub fn set(entry: &Path, start: bool) -> io::Result<()> {
    if !start {
        return match std::fs::remove_file(entry) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let text = text(&program()?);
    if std::fs::read_to_string(entry).is_ok_and(|kept| kept == text) {
        return Ok(());
    }
    if let Some(folder) = entry.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(entry, text)
}

/// What is started: this program; out of an AppImage, which is elsewhere at each start, the image.
fn program() -> io::Result<PathBuf> {
    match std::env::var_os("APPIMAGE").filter(|image| !image.is_empty()) {
        Some(image) => Ok(image.into()),
        None => std::env::current_exe(),
    }
}

fn text(program: &Path) -> String {
    format!(
        "[Desktop Entry]\nType=Application\nName=Porthole\nComment=Puts local ports on the internet\n\
         Exec={} --hidden\nIcon=porthole\nTerminal=false\nX-GNOME-Autostart-enabled=true\n",
        quoted(&program.to_string_lossy())
    )
}

/// As the specification of desktop entries has it: the string is unescaped, then the argument, and `%` begins a code.
fn quoted(argument: &str) -> String {
    let mut quoted = String::from('"');
    for c in argument.chars() {
        match c {
            '%' => quoted.push_str("%%"),
            '"' | '`' | '$' => quoted.extend(['\\', '\\', c]),
            '\\' => quoted.push_str("\\\\\\\\"),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_comes_and_goes_as_it_is_wanted() {
        let home = tempfile::tempdir().unwrap();
        let entry = home.path().join("autostart").join(ENTRY);
        set(&entry, false).unwrap();
        assert!(!entry.exists());
        set(&entry, true).unwrap();
        let text = std::fs::read_to_string(&entry).unwrap();
        assert!(text.starts_with("[Desktop Entry]\n") && text.contains(" --hidden\n"), "{text}");
        set(&entry, true).unwrap();
        assert_eq!(std::fs::read_to_string(&entry).unwrap(), text);
        set(&entry, false).unwrap();
        assert!(!entry.exists());
    }

    #[test]
    fn a_program_in_an_odd_folder_is_quoted() {
        assert_eq!(quoted("/opt/my apps/porthole-desktop"), "\"/opt/my apps/porthole-desktop\"");
        assert_eq!(quoted("/a$b\"c\\d%e"), r#""/a\\$b\\"c\\\\d%%e""#);
    }
}
