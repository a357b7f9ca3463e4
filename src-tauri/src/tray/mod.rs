//! The tray: what it shows is decided by [`menu`] and [`icon`], plain functions of the picture; [`host`] hands it
//! to the desktop.

pub mod host;
pub mod icon;
pub mod menu;
