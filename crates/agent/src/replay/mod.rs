//! Sends kept requests again, straight to the local service: as they were, changed, elsewhere, often. With
//! or without a link to the gateway, with or without an engine.
//!
//! In reading order: [`ask`] (what is wanted) → [`prepare`] (the request to send and where to; pure) →
//! [`local`] (a link within this process, so that it takes the way of every other request: forwarded and
//! captured by the same code).

mod ask;
mod local;
mod prepare;

pub use crate::door::ask::{Ask, Edit, To};
pub use ask::{MOST_IDS, MOST_TIMES, header_line};

use crate::capture::Recorder;
use crate::events::Events;
use crate::mapping::MappingSpec;
use crate::store::{Store, StoreError};
use crate::target::TargetError;

/// Why a request was not sent again. Each is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    #[error("nothing was asked for: name the exchanges to send again")]
    Nothing,
    #[error("at most {MOST_IDS} exchanges are sent again at once")]
    TooMany,
    #[error("a request is sent again 1 to {MOST_TIMES} times, not {0} times")]
    Times(u32),
    #[error("exchange {id} is a conversation ({kind}), not a request: it cannot be sent again")]
    Conversation { id: i64, kind: String },
    #[error(
        "only the first {kept} bytes of the body of exchange {id} were kept: give a whole one in its place (--body)"
    )]
    Truncated { id: i64, kept: usize },
    #[error("exchange {id} ended before its request was complete: give a whole body in its place (--body)")]
    Incomplete { id: i64 },
    #[error("exchange {id} cannot be sent like this: {problem}")]
    Unsendable { id: i64, problem: String },
    #[error("a body given in place of the old one has at most {} MiB", crate::capture::BODY_BYTES / 1024 / 1024)]
    LargeBody,
    #[error("a header line reads “Name: value”, not “{0}”")]
    HeaderLine(String),
    #[error("the mapping of exchange {id} is gone: say where to send it (--port or --mapping)")]
    MappingGone { id: i64 },
    #[error("no mapping is called “{0}”: `porthole mappings list` shows them")]
    NoMapping(String),
    #[error("the mapping “{0}” forwards raw TCP: a request needs one for HTTP")]
    TcpMapping(String),
    #[error(
        "no mapping names {0}: requests are sent to this computer, or to what a mapping names (`porthole mappings add {0}`)"
    )]
    NotNamed(String),
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Without a trace it would look as if nothing had been sent.
    #[error("not sent again, because {0}")]
    Paused(String),
    #[error("sent, but nothing of it was kept: too much waited for the disk just then")]
    Unkept,
    #[error("not sent again, because this computer has no room for it: try again")]
    Busy,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReplayError {
    /// The stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Nothing
            | Self::TooMany
            | Self::Times(_)
            | Self::LargeBody
            | Self::HeaderLine(_)
            | Self::Target(_)
            | Self::Unsendable { .. } => "invalid-replay",
            Self::Conversation { .. } => "not-a-request",
            Self::Truncated { .. } | Self::Incomplete { .. } => "body-truncated",
            Self::MappingGone { .. } => "mapping-gone",
            Self::NoMapping(_) => "no-mapping",
            Self::TcpMapping(_) => "tcp-mapping",
            Self::NotNamed(_) => "target-not-named",
            Self::Paused(_) => "capture-paused",
            Self::Unkept => "not-kept",
            Self::Busy => "busy",
            Self::Store(StoreError::NoExchange(_)) => "no-exchange",
            Self::Store(_) => "store",
        }
    }
}

/// What sending again needs of its surroundings.
#[derive(Debug)]
pub struct Replayer {
    pub store: Store,
    pub recorder: Recorder,
    pub events: Events,
}

impl Replayer {
    /// Sends one exchange again and gives the number of the new one, once that has ended and is stored.
    /// `known` are the mappings there are, the served ones first.
    ///
    /// # Errors
    /// [`ReplayError`]. A service that fails is none: the new exchange tells of it.
    pub async fn send(&self, id: i64, ask: &Ask, known: &[MappingSpec]) -> Result<i64, ReplayError> {
        let exchange = self.store.exchange(id).await?;
        let mut known = known.to_vec();
        let mapping_id = &exchange.summary.mapping_id;
        if !known.iter().any(|spec| spec.id == *mapping_id)
            && let Some(target) = self.store.remembered_target(mapping_id.clone()).await?
        {
            // Of a command's own mapping, which ended with it: where it led is known still.
            known.push(MappingSpec::new(mapping_id.clone(), target.parse()?));
        }
        let prepared = prepare::prepare(&exchange, ask, &known)?;
        local::send(prepared, &self.recorder, &self.events).await
    }
}
