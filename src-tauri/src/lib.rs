//! The desktop app: the engine with a tray around it, and a window that comes and goes.
//!
//! Two programs. `porthole-desktop` is this library: it holds the engine, draws the tray and stays. It loads no
//! toolkit and no WebKit. `porthole-window` (`src/bin/porthole-window`) is Tauri with the page of `ui/`, started
//! when a window is wanted and gone when it is closed: its memory goes with it, and whatever happens to the page,
//! no tunnel notices. Both see the engine through its local API, over a socket that only this user can open; so
//! the engine may as well be that of a `porthole up`.
//!
//! In reading order: [`client`] and [`shapes`] (the way to the engine, what is read of it) → [`picture`] (what is
//! known) → [`notices`] (what is worth telling) → [`tray`] → [`action`] (what may be asked) → [`perform`] → [`engine`], [`follow`], [`window`],
//! [`single`], [`clipboard`], [`notify`], [`settings`] with [`autostart`],
//! [`shortcut`], [`update`], [`crash`] (what runs) → [`app`].
//!
//! What is absent: state that matters. Mappings, settings and exchanges are the engine's.

pub mod action;
pub mod app;
pub mod autostart;
pub mod client;
pub mod clipboard;
pub mod crash;
pub mod engine;
pub mod follow;
pub mod notices;
pub mod notify;
pub mod perform;
pub mod picture;
pub mod settings;
pub mod shapes;
pub mod shortcut;
pub mod single;
pub mod tray;
pub mod update;
pub mod window;
