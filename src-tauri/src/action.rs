//! What a person may ask of the app, wherever they ask it: in the tray, by a notification, by a second start.

use std::path::PathBuf;

use porthole_agent::secrets::Secret;

/// One wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Give a port of this computer a public address, or wake the mapping that leads there.
    Expose(u16),
    CopyUrl(String),
    OpenUrl(String),
    Pause(String),
    Resume(String),
    Remove(String),
    /// Ask a mapping's visitors for a password, or no longer.
    Password(String, bool),
    PauseAll,
    ResumeAll,
    Reconnect,
    /// Put what somebody who helps wants to know on the clipboard.
    Diagnostics,
    /// Open the folder of logs and crash reports.
    OpenLogs,
    /// A link was clicked: offer what it holds.
    Follow(Secret),
    /// Open the window, there.
    Show(Place),
    LookForUpdates,
    InstallUpdate,
    OpenUpdatePage,
    /// End, and start this program, which is a newer version of this one.
    Restart(PathBuf),
    Quit,
}

/// A place in the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Wherever it was.
    Last,
    Mappings,
    /// The form for a new mapping.
    Expose,
    /// A mapping's URL to be scanned.
    Qr(String),
    Settings,
    /// The log of the link.
    Connection,
    /// Where a gateway is chosen.
    Gateway,
    Exchange(i64),
    /// The exchanges of one mapping.
    ExchangesOf(String),
}

impl Place {
    /// The page's own word for it.
    pub fn route(&self) -> Option<String> {
        match self {
            Self::Last => None,
            Self::Mappings => Some("#/mappings".into()),
            Self::Expose => Some("#/mappings?expose=".into()),
            Self::Qr(mapping) => Some(format!("#/mappings?qr={}", form_urlencoded(mapping))),
            Self::Settings => Some("#/settings".into()),
            Self::Gateway => Some("#/gateway".into()),
            Self::Connection => Some("#/connection".into()),
            Self::Exchange(id) => Some(format!("#/exchanges/{id}")),
            Self::ExchangesOf(mapping) => {
                Some(format!("#/exchanges?filter={}", form_urlencoded(&exchanges_of(mapping))))
            }
        }
    }
}

/// The filter that finds a mapping's exchanges by its name.
pub fn exchanges_of(mapping: &str) -> String {
    format!("mapping:\"{}\"", mapping.replace(['"', '\\'], ""))
}

/// Percent-encodes whatever is not plain.
pub fn form_urlencoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_route_of_the_page() {
        assert_eq!(Place::Last.route(), None);
        assert_eq!(Place::Exchange(7).route().unwrap(), "#/exchanges/7");
        assert_eq!(Place::Qr("a&b".into()).route().unwrap(), "#/mappings?qr=a%26b");
        let of = Place::ExchangesOf("my shop\"".into()).route().unwrap();
        assert_eq!(of, "#/exchanges?filter=mapping%3A%22my%20shop%22");
    }
}
