//! A command in the engine's place for a moment, where none runs: it may write exchanges, and number them.

use super::super::mappings::failed;
use super::super::{Context, Failure};
use super::known;
use crate::capture::Recorder;
use crate::lock::EngineLock;
use crate::mapping::MappingSpec;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::exchanges::Writer;

/// What an engine would have, without a link. Ends with [`Self::close`].
pub(super) struct Solo {
    pub(super) recorder: Recorder,
    pub(super) known: Vec<MappingSpec>,
    pub(super) settings: Settings,
    writer: Writer,
    _lock: EngineLock,
}

impl Solo {
    pub(super) async fn start(context: &Context, store: &Store, lock: EngineLock) -> Result<Self, Failure> {
        let known = known(context, store).await?;
        let settings = Settings::load(store).await.map_err(failed)?;
        let recorder = Recorder::default();
        recorder.keep(settings.capture, settings.body_bytes as usize);
        let writer = Writer::start(&context.paths.database(), recorder.clone(), settings.limits()).await;
        Ok(Self { recorder, known, settings, writer, _lock: lock })
    }

    /// Writes what is left, and gives the place back.
    pub(super) async fn close(self) {
        self.writer.close().await;
    }
}
