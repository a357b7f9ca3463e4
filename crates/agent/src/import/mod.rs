//! Takes in what was kept elsewhere: an HTTP archive (HAR 1.2) of another Porthole or a browser becomes exchanges
//! among the others, marked as imported. They are found, looked at, compared and sent again like any other, and
//! count for no traffic.
//!
//! In reading order: [`Importer`] (an archive to rows, by way of the one writer) → [`owner`] (which mapping a URL
//! belongs to; pure).

mod owner;

use std::time::Duration;

use jiff::Timestamp;

use crate::capture::{Brought, Paused, Recorder, Told};
pub use crate::door::archive::{LeftOut, Report};
use crate::gateway_url::GatewayUrl;
use crate::inspect::har;
pub use crate::inspect::har::MAX_HAR_BYTES;
use crate::inspect::recorded::Recorded;
use crate::mapping::MappingSpec;
use owner::owner;

/// Exchanges handed to the writer at once: what passes through waits some ten milliseconds for them.
const BATCH: usize = 200;
/// Or so many bytes of their bodies.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Entries left out that are told one by one: what a person reads. Of more, only how many.
const REASONS: usize = 100;

/// Why nothing, or nothing more, was taken in. Each is one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Archive(#[from] har::ImportError),
    #[error("another archive is being taken in: try again when that is done")]
    Busy,
    #[error("{taken_in} exchanges were taken in, and then no more: {why}")]
    Paused { taken_in: usize, why: String },
    #[error("the archive could not be read: {0}")]
    Unread(String),
}

impl ImportError {
    /// The stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Archive(har::ImportError::TooLarge) => "too-large",
            Self::Archive(_) => "invalid-archive",
            Self::Busy => "import-busy",
            Self::Paused { .. } => "capture-paused",
            Self::Unread(_) => "import",
        }
    }
}

/// What taking in needs of its surroundings.
#[derive(Debug)]
pub struct Importer {
    pub recorder: Recorder,
    /// Those there are, the served ones first.
    pub known: Vec<MappingSpec>,
    /// Under whose domain their names are, where that is known.
    pub gateway: Option<GatewayUrl>,
    /// How old an exchange may become.
    pub age: Duration,
}

impl Importer {
    /// Takes in an archive. One that is no HAR 1.2 is refused whole; single entries that cannot be exchanges are
    /// left out.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn import(&self, archive: Vec<u8>, now: Timestamp) -> Result<Report, ImportError> {
        let read = tokio::task::spawn_blocking(move || har::import(&archive)).await;
        let archive = read.map_err(|error| ImportError::Unread(error.to_string()))??;
        let told = |(entry, reason): (usize, &str)| LeftOut { entry, reason: reason.to_owned() };
        let mut left_out: Vec<LeftOut> = archive.left_out.into_iter().map(told).collect();
        let first = self.recorder.numbers(archive.exchanges.len());
        let mut report = Report::default();
        let mut batch = Batch::default();
        for (id, (entry, exchange)) in (first..).zip(archive.exchanges) {
            match self.told(id, exchange, now) {
                Ok(told) => batch.add(told),
                Err(reason) => left_out.push(LeftOut { entry, reason }),
            }
            if batch.told.len() >= BATCH || batch.bytes >= BATCH_BYTES {
                self.hand_over(&mut batch, &mut report).await?;
            }
        }
        self.hand_over(&mut batch, &mut report).await?;
        left_out.sort_by_key(|left| left.entry);
        report.left_out = left_out.len();
        left_out.truncate(REASONS);
        report.reasons = left_out;
        Ok(report)
    }

    fn told(&self, id: i64, exchange: Recorded, now: Timestamp) -> Result<Told, String> {
        let age = now.duration_since(exchange.started);
        if age > self.age.try_into().unwrap_or(jiff::SignedDuration::MAX) {
            let days = self.age.as_secs() / (24 * 60 * 60);
            return Err(format!(
                "it is older than the {days} days that exchanges are kept (see the settings)"
            ));
        }
        let mapping = owner(&exchange.request, &self.known, self.gateway.as_ref());
        let mapping = mapping.map(|spec| (spec.id.clone(), spec.name.clone().or_else(|| spec.host.clone())));
        self.recorder.brought(id, Brought { exchange, mapping }).map_err(str::to_owned)
    }

    async fn hand_over(&self, batch: &mut Batch, report: &mut Report) -> Result<(), ImportError> {
        let Batch { told, .. } = std::mem::take(batch);
        let (Some(first), Some(last)) = (told.first(), told.last()) else { return Ok(()) };
        let (first, last, count) = (first.id, last.id, told.len());
        self.recorder
            .import(told)
            .await
            .map_err(|Paused { message }| ImportError::Paused { taken_in: report.taken_in, why: message })?;
        report.first_id.get_or_insert(first);
        report.last_id = Some(last);
        report.taken_in += count;
        Ok(())
    }
}

/// What is handed over together.
#[derive(Debug, Default)]
struct Batch {
    told: Vec<Told>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, told: Told) {
        self.bytes += told.request.kept + told.response.kept;
        self.told.push(told);
    }
}

#[cfg(test)]
mod tests;
