//! Where the window was, for the next time.

use std::path::{Path, PathBuf};

use porthole_agent::paths::write_private;
use serde::{Deserialize, Serialize};
use tauri::{LogicalSize, PhysicalPosition, Runtime, WebviewWindow};

/// How large it is the first time.
const SIZE: (f64, f64) = (1180.0, 780.0);

/// Below this the lists are no use.
pub const LEAST: (f64, f64) = (720.0, 480.0);

/// Above this it is no screen's.
const MOST: (f64, f64) = (10_000.0, 10_000.0);

/// Size and position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    width: f64,
    height: f64,
    /// Of its upper left corner; none: where the desktop puts it.
    position: Option<(i32, i32)>,
    maximized: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self { width: SIZE.0, height: SIZE.1, position: None, maximized: false }
    }
}

impl Place {
    /// What was kept; the usual place where nothing was, or nothing that could be.
    pub fn read(file: &Path) -> Self {
        let kept = std::fs::read(file).ok().and_then(|text| serde_json::from_slice::<Self>(&text).ok());
        kept.filter(Self::is_possible).unwrap_or_default()
    }

    fn is_possible(&self) -> bool {
        (LEAST.0..=MOST.0).contains(&self.width) && (LEAST.1..=MOST.1).contains(&self.height)
    }

    pub fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    pub fn is_maximized(&self) -> bool {
        self.maximized
    }

    /// Puts a window there, if a screen is.
    pub fn put<R: Runtime>(&self, window: &WebviewWindow<R>) -> tauri::Result<()> {
        let Some((x, y)) = self.position else { return Ok(()) };
        let shows = window.available_monitors()?.iter().any(|screen| {
            let (from, size) = (screen.position(), screen.size());
            let right = from.x.saturating_add_unsigned(size.width);
            let bottom = from.y.saturating_add_unsigned(size.height);
            (from.x..right).contains(&x) && (from.y..bottom).contains(&y)
        });
        if shows { window.set_position(PhysicalPosition::new(x, y)) } else { Ok(()) }
    }

    /// Where a window is now.
    fn of<R: Runtime>(window: &WebviewWindow<R>) -> tauri::Result<Self> {
        let maximized = window.is_maximized()?;
        let size: LogicalSize<f64> = window.inner_size()?.to_logical(window.scale_factor()?);
        let corner = window.outer_position()?;
        let (width, height) = if maximized { SIZE } else { (size.width, size.height) };
        let position = (!maximized).then_some((corner.x, corner.y));
        Ok(Self { width, height, position, maximized })
    }
}

/// The file that keeps it.
#[derive(Debug, Clone)]
pub struct Keeper(pub PathBuf);

impl Keeper {
    /// Keeps where a window is, as it is closed.
    pub fn keep<R: Runtime>(&self, window: &WebviewWindow<R>) {
        let kept = Place::of(window).ok().and_then(|place| serde_json::to_vec(&place).ok());
        if let Some(Err(error)) = kept.map(|place| write_private(&self.0, &place)) {
            eprintln!("porthole-window: its place is not kept: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_again_and_nonsense_is_the_usual_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("window.json");
        assert_eq!(Place::read(&file), Place::default());
        let place = Place { width: 800.0, height: 600.0, position: Some((10, 20)), maximized: false };
        std::fs::write(&file, serde_json::to_vec(&place).unwrap()).unwrap();
        assert_eq!(Place::read(&file), place);
        for nonsense in ["", "{\"width\": 5}", "{\"height\": 1e9}"] {
            std::fs::write(&file, nonsense).unwrap();
            assert_eq!(Place::read(&file), Place::default(), "{nonsense}");
        }
    }
}
