//! Where an exchange comes from, when it does not come from a visitor.

use std::sync::OnceLock;

use tokio::sync::watch;

/// One exchange that is sent again. Its capture tells it its number, the writer when it is stored.
#[derive(Debug)]
pub struct Replaying {
    pub original_id: i64,
    /// Something of the request is not as it was.
    pub edited: bool,
    id: OnceLock<i64>,
    stored: watch::Sender<bool>,
}

impl Replaying {
    pub(super) fn new(original_id: i64, edited: bool) -> Self {
        Self { original_id, edited, id: OnceLock::new(), stored: watch::Sender::new(false) }
    }

    pub(super) fn begun(&self, id: i64) {
        // A replay is one exchange: the first number stays.
        let _ = self.id.set(id);
    }

    /// The number it is stored under; none while nothing of it was captured.
    pub fn id(&self) -> Option<i64> {
        self.id.get().copied()
    }

    /// Its end is on disk.
    pub fn tell_stored(&self) {
        self.stored.send_replace(true);
    }

    /// Waits until its end is on disk.
    pub async fn stored(&self) {
        // The sender lives as long as `self`.
        let _ = self.stored.subscribe().wait_for(|stored| *stored).await;
    }
}
