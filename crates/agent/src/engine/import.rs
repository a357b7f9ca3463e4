//! Archives taken in by the running engine: among the mappings that it serves, one at a time.

use super::Shared;
use crate::door::archive::Part;
use crate::import::{ImportError, Importer, MAX_HAR_BYTES, Report};

/// An archive that comes in parts, as far as it has come: at most [`MAX_HAR_BYTES`] and one byte, which tells that
/// it is too large.
#[derive(Debug, Default)]
pub(super) struct Gathered(Vec<u8>);

impl Gathered {
    /// The whole archive, once the last part is there.
    pub(super) fn add(&mut self, part: Part) -> Option<Vec<u8>> {
        let room = (MAX_HAR_BYTES + 1).saturating_sub(self.0.len());
        self.0.extend_from_slice(&part.bytes[..part.bytes.len().min(room)]);
        part.last.then(|| std::mem::take(&mut self.0))
    }
}

impl Shared {
    /// Takes in an archive.
    pub(super) async fn import(&self, archive: Vec<u8>) -> Result<Report, ImportError> {
        let _turn = self.importing.try_acquire().map_err(|_| ImportError::Busy)?;
        let importer = Importer {
            recorder: self.recorder.clone(),
            known: self.known(),
            gateway: Some(self.gateway.clone()),
            age: self.settings.borrow().limits().age,
        };
        importer.import(archive, jiff::Timestamp::now()).await
    }
}
