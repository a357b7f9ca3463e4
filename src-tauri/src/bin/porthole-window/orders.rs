//! What the app tells the window, and what the window tells the app.

use std::io::{BufRead as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use porthole_desktop::window::{Ask, Facts, Order, Said};
use tauri::{AppHandle, Manager as _, State};

use crate::MAIN;

/// What orders and the window's own end have to do with each other.
#[derive(Debug)]
pub struct Standing {
    /// Closing ends the window.
    closable: AtomicBool,
    /// The window is about to end: whoever asks for it now gets another.
    closing: AtomicBool,
    /// What the app said last of itself.
    facts: Mutex<Facts>,
}

impl Default for Standing {
    fn default() -> Self {
        Self { closable: AtomicBool::new(true), closing: AtomicBool::new(false), facts: Mutex::default() }
    }
}

impl Standing {
    /// Somebody closes the window; whether it ends, or stays because there is nothing to come back from.
    pub fn close(&self) -> bool {
        let ends = self.closable.load(Ordering::SeqCst);
        self.closing.store(ends, Ordering::SeqCst);
        ends
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }
}

/// Reads orders on a thread of its own; their end is the window's, too.
pub fn listen(app: AppHandle) -> std::io::Result<()> {
    std::thread::Builder::new().name("orders".into()).spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                // Beside closing, which happens there: one of the two is first.
                Ok(order) => {
                    let for_main = app.clone();
                    let _ = app.run_on_main_thread(move || obey(&for_main, order));
                }
                Err(error) => eprintln!("porthole-window: not understood: {error}"),
            }
        }
        app.exit(0);
    })?;
    Ok(())
}

fn obey(app: &AppHandle, order: Order) {
    match order {
        Order::Closable(closable) => app.state::<Standing>().closable.store(closable, Ordering::SeqCst),
        Order::Facts(facts) => {
            *app.state::<Standing>().facts.lock().unwrap_or_else(PoisonError::into_inner) = facts;
        }
        // The app hears nothing, and opens another: this one would come back only to vanish.
        Order::Show { .. } if app.state::<Standing>().is_closing() => {}
        Order::Show { route } => {
            let Some(window) = app.get_webview_window(MAIN) else { return };
            if let Some(route) = route.filter(|route| route.starts_with("#/")) {
                let route = serde_json::Value::from(route);
                let _ = window.eval(format!("location.hash = {route}"));
            }
            let _ = window.unminimize();
            let _ = window.show();
            if window.set_focus().is_ok() {
                say(&Said::Shown);
            }
        }
    }
}

/// Asks the app to end, and this window with it.
#[tauri::command]
pub fn quit() {
    say(&Said::Quit);
}

/// Asks the app for something else.
#[tauri::command]
pub fn ask(what: Ask) {
    say(&Said::Asks(what));
}

/// What the app knows of itself.
#[tauri::command]
pub fn facts(standing: State<'_, Standing>) -> Facts {
    standing.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Tells the app.
pub fn say(said: &Said) {
    // Paths and addresses: nothing in it can fail to be written but a path that is no text.
    let Ok(line) = serde_json::to_string(said) else { return };
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
