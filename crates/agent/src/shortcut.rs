//! A combination of keys that opens the desktop app's window from anywhere, as a person writes it: `Ctrl+Alt+P`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Modifiers, and one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shortcut {
    pub control: bool,
    pub alt: bool,
    pub shift: bool,
    /// The key with the system's logo.
    pub logo: bool,
    pub key: Key,
}

/// A key that every keyboard has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// `A` to `Z`, `0` to `9`.
    Character(char),
    /// `F1` to `F12`.
    Function(u8),
    Space,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShortcutError {
    #[error(
        "{0} is no key of a shortcut: write Ctrl, Alt, Shift or Super, and A to Z, 0 to 9, F1 to F12 or Space"
    )]
    Key(String),
    #[error("a shortcut has one key beside its modifiers, like Ctrl+Alt+P")]
    OneKey,
    #[error("a shortcut needs Ctrl, Alt or Super: without them the key could not be typed any more")]
    Plain,
}

impl FromStr for Shortcut {
    type Err = ShortcutError;

    fn from_str(text: &str) -> Result<Self, ShortcutError> {
        let (mut control, mut alt, mut shift, mut logo, mut key) = (false, false, false, false, None);
        for word in text.split('+').map(str::trim) {
            match word.to_ascii_lowercase().as_str() {
                "ctrl" => control = true,
                "alt" => alt = true,
                "shift" => shift = true,
                "super" => logo = true,
                name => {
                    let named = named(name).ok_or_else(|| ShortcutError::Key(word.to_owned()))?;
                    if key.replace(named).is_some() {
                        return Err(ShortcutError::OneKey);
                    }
                }
            }
        }
        let key = key.ok_or(ShortcutError::OneKey)?;
        if !(control || alt || logo) {
            return Err(ShortcutError::Plain);
        }
        Ok(Self { control, alt, shift, logo, key })
    }
}

fn named(name: &str) -> Option<Key> {
    if name == "space" {
        return Some(Key::Space);
    }
    let mut characters = name.chars();
    match (characters.next()?, characters.as_str()) {
        (c, "") if c.is_ascii_alphanumeric() => Some(Key::Character(c.to_ascii_uppercase())),
        ('f', number) => number.parse().ok().filter(|number| (1..=12).contains(number)).map(Key::Function),
        _ => None,
    }
}

impl fmt::Display for Shortcut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let modifiers =
            [(self.control, "Ctrl+"), (self.alt, "Alt+"), (self.shift, "Shift+"), (self.logo, "Super+")];
        for (_, name) in modifiers.iter().filter(|(is, _)| *is) {
            f.write_str(name)?;
        }
        match self.key {
            Key::Character(c) => write!(f, "{c}"),
            Key::Function(number) => write!(f, "F{number}"),
            Key::Space => f.write_str("Space"),
        }
    }
}

impl TryFrom<String> for Shortcut {
    type Error = ShortcutError;

    fn try_from(text: String) -> Result<Self, ShortcutError> {
        text.parse()
    }
}

impl From<Shortcut> for String {
    fn from(shortcut: Shortcut) -> Self {
        shortcut.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortcut_is_read_however_it_is_written_and_told_in_one_way() {
        for (written, told) in [
            ("Ctrl+Alt+P", "Ctrl+Alt+P"),
            ("alt + ctrl + p", "Ctrl+Alt+P"),
            ("Super+Shift+f12", "Shift+Super+F12"),
            ("CTRL+space", "Ctrl+Space"),
            ("Alt+0", "Alt+0"),
        ] {
            assert_eq!(written.parse::<Shortcut>().map(|shortcut| shortcut.to_string()).as_deref(), Ok(told));
        }
    }

    #[test]
    fn what_would_swallow_a_key_or_names_none_is_refused() {
        for text in ["P", "Shift+P", "F5"] {
            assert_eq!(text.parse::<Shortcut>(), Err(ShortcutError::Plain), "{text}");
        }
        for text in ["Ctrl", "Ctrl+A+B"] {
            assert_eq!(text.parse::<Shortcut>(), Err(ShortcutError::OneKey), "{text}");
        }
        for text in ["", "Ctrl+", "Ctrl+F0", "Ctrl+F13", "Ctrl+ü", "Hyper+P", "Ctrl+F1 2"] {
            assert!(matches!(text.parse::<Shortcut>(), Err(ShortcutError::Key(_))), "{text}");
        }
    }
}
