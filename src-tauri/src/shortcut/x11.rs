//! Keys of an X11 screen, without a toolkit: grabbed at the root window, heard by a thread that sleeps until one is
//! pressed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use porthole_agent::shortcut::{Key, Shortcut};
use tokio::sync::mpsc;
use x11rb::connection::Connection as _;
use x11rb::errors::ReplyError;
use x11rb::protocol::xproto::{ConnectionExt as _, GrabMode, Keycode, ModMask, Window};
use x11rb::protocol::{ErrorKind, Event};
use x11rb::rust_connection::RustConnection;

use crate::action::{Action, Place};

/// Why a key is not had.
#[derive(Debug, thiserror::Error)]
pub enum GrabError {
    #[error("another program has it: choose another one")]
    Taken,
    #[error("this keyboard has no such key")]
    NoKey,
    #[error("the screen cannot be asked for it: {0}")]
    Screen(String),
}

/// A connection to the screen, with the keys that are held over it.
pub struct Grabs {
    connection: RustConnection,
    root: Window,
    held: Mutex<Option<(ModMask, Keycode)>>,
}

impl Grabs {
    /// Connects; each press of a key that is held shows the window.
    pub fn connect(actions: mpsc::Sender<Action>) -> Result<Arc<Self>, GrabError> {
        let (connection, screen) = x11rb::connect(None).map_err(screen_error)?;
        let root = connection.setup().roots.get(screen).ok_or(GrabError::NoKey)?.root;
        let grabs = Arc::new(Self { connection, root, held: Mutex::default() });
        let heard = grabs.clone();
        let listens = move || {
            // It ends with the connection, which lasts as long as the screen does.
            while let Ok(event) = heard.connection.wait_for_event() {
                if matches!(event, Event::KeyPress(_)) {
                    // Whoever presses faster than a window opens has pressed once.
                    let _ = actions.try_send(Action::Show(Place::Last));
                }
            }
        };
        std::thread::Builder::new().name("shortcut".into()).spawn(listens).map_err(screen_error)?;
        Ok(grabs)
    }

    /// Lets go of what is held.
    pub fn release(&self) {
        if let Some((modifiers, key)) = self.held().take() {
            for locks in locks() {
                let released = self.connection.ungrab_key(key, self.root, modifiers | locks);
                if let Err(error) = released.map_err(ReplyError::from).and_then(|cookie| cookie.check()) {
                    tracing::debug!(%error, "a key was not let go");
                }
            }
        }
    }

    /// Holds a key.
    pub fn hold(&self, shortcut: Shortcut) -> Result<(), GrabError> {
        let key = self.keycode(keysym(shortcut.key))?;
        let modifiers = modifiers(shortcut);
        *self.held() = Some((modifiers, key));
        let grabbed = locks().into_iter().try_for_each(|locks| self.grab(modifiers | locks, key));
        if grabbed.is_err() {
            self.release();
        }
        grabbed
    }

    fn grab(&self, modifiers: ModMask, key: Keycode) -> Result<(), GrabError> {
        let (root, mode) = (self.root, GrabMode::ASYNC);
        let asked =
            self.connection.grab_key(false, root, modifiers, key, mode, mode).map_err(screen_error)?;
        asked.check().map_err(|error| match error {
            ReplyError::X11Error(error) if error.error_kind == ErrorKind::Access => GrabError::Taken,
            error => screen_error(error),
        })
    }

    /// The key of this keyboard that types a symbol.
    fn keycode(&self, symbol: u32) -> Result<Keycode, GrabError> {
        let setup = self.connection.setup();
        let count = setup.max_keycode.saturating_sub(setup.min_keycode).saturating_add(1);
        let asked = self.connection.get_keyboard_mapping(setup.min_keycode, count).map_err(screen_error)?;
        let mapping = asked.reply().map_err(screen_error)?;
        let width = usize::from(mapping.keysyms_per_keycode).max(1);
        let at = mapping.keysyms.chunks(width).position(|symbols| symbols.contains(&symbol));
        let at =
            at.and_then(|at| Keycode::try_from(at).ok()).and_then(|at| setup.min_keycode.checked_add(at));
        at.ok_or(GrabError::NoKey)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<(ModMask, Keycode)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Grabs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grabs").field("held", &self.held).finish_non_exhaustive()
    }
}

fn screen_error(error: impl fmt::Display) -> GrabError {
    GrabError::Screen(error.to_string())
}

/// A grab is for modifiers as they are, and X11 counts Caps Lock and Num Lock among them.
fn locks() -> [ModMask; 4] {
    [ModMask::default(), ModMask::LOCK, ModMask::M2, ModMask::LOCK | ModMask::M2]
}

fn modifiers(shortcut: Shortcut) -> ModMask {
    let Shortcut { control, alt, shift, logo, key: _ } = shortcut;
    [(control, ModMask::CONTROL), (alt, ModMask::M1), (shift, ModMask::SHIFT), (logo, ModMask::M4)]
        .into_iter()
        .filter(|(is, _)| *is)
        .fold(ModMask::default(), |all, (_, one)| all | one)
}

/// X11's number for what a key types: of Latin characters their own, in lower case (X Window System Protocol,
/// appendix A).
fn keysym(key: Key) -> u32 {
    match key {
        Key::Character(c) => u32::from(c.to_ascii_lowercase()),
        Key::Function(number) => 0xffbd + u32::from(number),
        Key::Space => 0x20,
    }
}
