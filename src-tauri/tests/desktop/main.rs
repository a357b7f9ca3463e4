//! The app as a person has it: real programs on a screen of their own, with a tray, notifications and a window
//! that are used as a person would. Everything lives on a session bus, in a home and in a data folder of the
//! test's own.

mod browser;
mod crashes;
mod desk;
mod gateway;
mod journey;
mod link;
mod menu;
mod notifications;
mod packages;
mod settings;
mod shortcut;
mod starts;
mod tray;
mod updates;

/// Whether what these tests need is there; where `cargo xtask test` could not bring it, it has said so.
fn has_desktop() -> bool {
    ["Xvfb", "dbus-daemon", "WebKitWebDriver", "xclip", "wmctrl"]
        .into_iter()
        .all(porthole_testkit::has_program)
}
