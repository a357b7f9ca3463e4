//! Requests sent again by the running engine: with the mappings that it serves, link or no link.

use super::Shared;
use crate::mapping::MappingSpec;
use crate::replay::{Ask, ReplayError, Replayer};

impl Shared {
    /// Sends one exchange again; the number of the new one, once it has ended and is stored.
    pub(super) async fn replay(&self, id: i64, ask: &Ask) -> Result<i64, ReplayError> {
        let replayer = Replayer {
            store: self.store.clone(),
            recorder: self.recorder.clone(),
            events: self.events.clone(),
        };
        replayer.send(id, ask, &self.known()).await
    }

    /// Every mapping there is, those of commands first.
    pub(super) fn known(&self) -> Vec<MappingSpec> {
        let state = self.lock();
        let stored = state.stored.iter().map(|mapping| &mapping.spec);
        state.ephemeral.values().flatten().chain(stored).chain(&self.file_mappings).cloned().collect()
    }
}
