//! The clipboard. On Linux what was copied is given out by its owner, so a thread of ours owns it for good.

use std::sync::mpsc;
use std::thread;

/// Texts that wait to be copied; beyond, the newest is dropped: nobody pastes the others.
const WAITING: usize = 4;

/// A way to the clipboard.
#[derive(Debug, Clone)]
pub struct Clipboard {
    texts: mpsc::SyncSender<String>,
}

impl Clipboard {
    /// Begins the thread; the desktop is asked for its clipboard when there is something to copy.
    pub fn start() -> std::io::Result<Self> {
        let (texts, waiting) = mpsc::sync_channel::<String>(WAITING);
        thread::Builder::new().name("clipboard".into()).spawn(move || {
            let mut clipboard = None;
            for text in waiting {
                if let Err(error) = copy(&mut clipboard, text) {
                    tracing::warn!(%error, "nothing was copied");
                    clipboard = None;
                }
            }
        })?;
        Ok(Self { texts })
    }

    pub fn copy(&self, text: &str) {
        if self.texts.try_send(text.to_owned()).is_err() {
            tracing::warn!("the clipboard does not answer");
        }
    }
}

fn copy(clipboard: &mut Option<arboard::Clipboard>, text: String) -> Result<(), arboard::Error> {
    let clipboard = match clipboard {
        Some(clipboard) => clipboard,
        None => clipboard.insert(arboard::Clipboard::new()?),
    };
    clipboard.set_text(text)
}
