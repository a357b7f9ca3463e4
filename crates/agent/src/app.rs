//! What the desktop app starts from: the same configuration, store and engine as the commands.

use clap::Parser;

use crate::cli::attach::{Place, place, prepare};
use crate::cli::connection::Asked;
use crate::cli::{ConnectionArgs, Context, Failure};
use crate::door::{Conversation, FromEngine, Refusal, ToEngine};
use crate::engine::Engine;
use crate::logging::LogOptions;
use crate::paths::Paths;

/// Porthole in the tray and in a window
#[derive(Debug, Parser)]
#[command(name = "porthole-desktop", version, max_term_width = 100)]
pub struct AppArgs {
    #[command(flatten)]
    log: LogOptions,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Start in the tray alone; the window comes when it is asked for
    #[arg(long)]
    pub hidden: bool,
}

/// This user's Porthole.
#[derive(Debug)]
pub struct Home {
    context: Context,
    asked: Asked,
}

/// The engine of the data folder, which serves what is stored as long as this is held.
#[derive(Debug)]
pub struct Reached {
    /// Set when it runs in this process.
    pub own: Option<Engine>,
    conversation: Conversation,
}

/// The engine does not want this app: in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unwanted(String);

impl Home {
    /// Reads the configuration, and begins the log.
    pub fn open(args: &AppArgs) -> Result<Self, Failure> {
        let (context, wrong) = Context::load(&args.log, false)?;
        let asked = Asked::read(&args.connection)?;
        if let Some(error) = wrong {
            return Err(Failure::usage("config", error));
        }
        context.paths.create_data().map_err(|error| Failure::failed("data-folder", error))?;
        Ok(Self { context, asked })
    }

    pub fn paths(&self) -> &Paths {
        &self.context.paths
    }

    /// Becomes the engine, or attaches to the one that runs. What is worth a word of that is told through `note`.
    pub async fn reach(&self, note: impl Fn(&str)) -> Result<Reached, Failure> {
        let (own, conversation) = match place(&self.context, &note).await? {
            Place::Free(lock) => {
                let prepared = prepare(&self.context, &self.asked, |_, text| note(text)).await?;
                let engine = prepared.start(&self.context, lock, None).await?;
                let conversation = engine.attach();
                (Some(engine), conversation)
            }
            Place::Taken(conversation) => (None, conversation),
        };
        for message in [ToEngine::Hello(self.asked.hello()), ToEngine::ServeStored] {
            // Why it does not listen is told on the way back.
            let _ = conversation.send.send(message).await;
        }
        Ok(Reached { own, conversation })
    }
}

impl Reached {
    /// Ends when the engine does. What it says meanwhile is for its API to tell.
    pub async fn ended(&mut self) -> Result<(), Unwanted> {
        while let Some(message) = self.conversation.receive.recv().await {
            match message {
                // What is stored is served already: by a `porthole up`.
                FromEngine::Refused { refusal: Refusal::AlreadyUp, .. } => {}
                FromEngine::Refused { message, .. } => return Err(Unwanted(message)),
                FromEngine::Leaving => return Ok(()),
                _ => {}
            }
        }
        Ok(())
    }
}
