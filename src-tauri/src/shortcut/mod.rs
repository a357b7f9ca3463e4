//! A key that opens the window from anywhere, where somebody chose one and the session lets a program have it.

mod x11;

use std::sync::Arc;

use porthole_agent::shortcut::Shortcut;
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use crate::action::{Action, Place};
use crate::notify::{Notice, Notifier};
use crate::picture::Picture;
use x11::{GrabError, Grabs};

/// Whether the shortcut holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Standing {
    #[default]
    Off,
    Held,
    /// Somebody chose one, and it is not had.
    Refused {
        why: String,
    },
    /// This session gives none to programs.
    Absent,
}

/// Follows the settings, for good.
pub async fn obey(picture: &watch::Sender<Picture>, actions: &mpsc::Sender<Action>, notifier: &Notifier) {
    if !is_offered(|name| std::env::var(name).ok()) {
        picture.send_modify(|picture| picture.shortcut = Standing::Absent);
        return std::future::pending().await;
    }
    let mut pictures = picture.subscribe();
    let mut grabs: Option<Arc<Grabs>> = None;
    let mut known = None;
    loop {
        let news = |picture: &Picture| picture.settings().shortcut != known;
        let Ok(wanted) = pictures.wait_for(news).await.map(|picture| picture.settings().shortcut) else {
            return;
        };
        known = wanted;
        let (now, standing) = hold(grabs.take(), wanted, actions.clone()).await;
        grabs = now;
        if let (Standing::Refused { why }, Some(shortcut)) = (&standing, wanted) {
            tracing::warn!("{shortcut} does not open the window: {why}");
            let notice = Notice::new(format!("{shortcut} does not open Porthole"), why);
            notifier.show(notice.opens(Place::Settings));
        }
        picture.send_modify(|picture| picture.shortcut = standing);
    }
}

/// Lets go of what was held, and holds what is wanted. The screen is asked off the runtime's thread: whoever draws
/// it may be slow to answer.
async fn hold(
    grabs: Option<Arc<Grabs>>,
    wanted: Option<Shortcut>,
    actions: mpsc::Sender<Action>,
) -> (Option<Arc<Grabs>>, Standing) {
    let held = tokio::task::spawn_blocking(move || {
        if let Some(grabs) = &grabs {
            grabs.release();
        }
        let Some(shortcut) = wanted else { return (grabs, Ok(Standing::Off)) };
        let grabs = match grabs.map_or_else(|| Grabs::connect(actions), Ok) {
            Ok(grabs) => grabs,
            Err(error) => return (None, Err(error)),
        };
        let held = grabs.hold(shortcut).map(|()| Standing::Held);
        (Some(grabs), held)
    });
    let (grabs, held) = held.await.unwrap_or_else(|error| (None, Err(GrabError::Screen(error.to_string()))));
    (grabs, held.unwrap_or_else(|error| Standing::Refused { why: error.to_string() }))
}

/// X11 gives keys to whoever asks first. Under Wayland they are the desktop's own, and X11's programs there hear
/// only what is typed into their own windows.
fn is_offered(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    set("DISPLAY").is_some()
        && set("WAYLAND_DISPLAY").is_none()
        && set("XDG_SESSION_TYPE").is_none_or(|session| session != "wayland")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortcut_is_offered_where_the_session_is_x11() {
        let offered = |variables: &[(&str, &str)]| {
            is_offered(|name| {
                let value = variables.iter().find(|(known, _)| *known == name);
                value.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(offered(&[("DISPLAY", ":0")]));
        assert!(offered(&[("DISPLAY", ":0"), ("XDG_SESSION_TYPE", "x11"), ("WAYLAND_DISPLAY", "")]));
        assert!(!offered(&[("DISPLAY", ":0"), ("XDG_SESSION_TYPE", "wayland")]));
        assert!(!offered(&[("DISPLAY", ":0"), ("WAYLAND_DISPLAY", "wayland-0")]));
        assert!(!offered(&[]));
    }
}
