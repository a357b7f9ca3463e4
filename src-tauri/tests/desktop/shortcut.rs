//! The keys that open the window from anywhere.

use porthole_agent::app_settings::AppSettings;
use porthole_testkit::wait::eventually;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{ConnectionExt as _, GrabMode, KEY_PRESS_EVENT, KEY_RELEASE_EVENT, ModMask};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use crate::desk::Desk;
use crate::has_desktop;

/// What X11 calls the keys.
const CONTROL: u32 = 0xffe3;
const ALT: u32 = 0xffe9;

/// Somebody at the keyboard.
struct Keyboard {
    connection: RustConnection,
    root: u32,
}

impl Keyboard {
    fn of(desk: &Desk) -> Self {
        let (connection, screen) = x11rb::connect(Some(desk.display())).expect("the screen");
        let root = connection.setup().roots[screen].root;
        Self { connection, root }
    }

    fn code(&self, symbol: u32) -> u8 {
        let first = self.connection.setup().min_keycode;
        let count = self.connection.setup().max_keycode - first + 1;
        let mapping =
            self.connection.get_keyboard_mapping(first, count).expect("asked").reply().expect("keys");
        let width = usize::from(mapping.keysyms_per_keycode);
        let at = mapping.keysyms.chunks(width).position(|symbols| symbols.contains(&symbol));
        first + u8::try_from(at.expect("such a key")).expect("a number of a key")
    }

    /// Presses keys together, and lets them go.
    fn press(&self, symbols: &[u32]) {
        let codes: Vec<u8> = symbols.iter().map(|symbol| self.code(*symbol)).collect();
        let presses = codes.iter().map(|code| (KEY_PRESS_EVENT, *code));
        let releases = codes.iter().rev().map(|code| (KEY_RELEASE_EVENT, *code));
        for (event, code) in presses.chain(releases) {
            let typed = self.connection.xtest_fake_input(event, code, 0, self.root, 0, 0, 0);
            typed.expect("asked").check().expect("it is typed");
        }
    }

    /// Takes Ctrl and Alt with this key, as another program does; whether nobody had them.
    fn take(&self, symbol: u32) -> bool {
        let (key, modifiers) = (self.code(symbol), ModMask::CONTROL | ModMask::M1);
        let mode = GrabMode::ASYNC;
        let taken = self.connection.grab_key(false, self.root, modifiers, key, mode, mode);
        taken.expect("asked").check().is_ok()
    }
}

fn keys(keys: &str) -> AppSettings {
    AppSettings { shortcut: Some(keys.parse().expect("a shortcut")), ..AppSettings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chosen_keys_open_the_window_a_clash_is_told_and_by_default_no_keys_do() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let _app = desk.app(&["--hidden"]);
    desk.tray.line(&["Connected"]).await;
    let keyboard = Keyboard::of(&desk);
    assert!(keyboard.take('o'.into()));
    desk.choose(&keys("Ctrl+Alt+O")).await;
    let why = desk.notifications.wait("Ctrl+Alt+O does not open Porthole").await;
    assert!(why.contains("another program has it"), "{why}");
    assert!(!desk.has_window("Porthole"));
    desk.choose(&keys("Ctrl+Alt+P")).await;
    eventually("the window", || {
        keyboard.press(&[CONTROL, ALT, 'p'.into()]);
        desk.has_window("Porthole")
    })
    .await;
    desk.close_window("Porthole").await;
    eventually("the end of the window", || !desk.has_window("Porthole")).await;
    desk.choose(&AppSettings::default()).await;
    // It lets go: another program can have it.
    eventually("the keys are free", || Keyboard::of(&desk).take('p'.into())).await;
}
