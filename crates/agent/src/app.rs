//! What the desktop app starts from: the same configuration, store and engine as the commands.

use std::convert::Infallible;

use clap::Parser;

use crate::api::http::{Listen, Listener};
use crate::app_settings::AppSettings;
use crate::cli::attach::{Place, Starter, place, prepare};
use crate::cli::connection::Asked;
use crate::cli::{ConnectionArgs, Context, Failure};
use crate::door::{Conversation, FromEngine, Refusal, ToEngine};
use crate::engine::{Anew, Engine};
use crate::log_file::LogFile;
use crate::logging::LogOptions;
use crate::paths::Paths;
use crate::secrets::Secret;
use crate::store::Store;

/// The app's log, in the folder of logs.
pub const LOG_NAME: &str = "porthole-desktop.log";

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
    /// A porthole://connect?… link: its gateway is offered in the window
    #[arg(value_name = "LINK", value_parser = secret)]
    pub link: Option<Secret>,
}

/// Whether it is whole is told where somebody sees it: a link is clicked, not typed.
#[allow(clippy::unnecessary_wraps, reason = "what clap calls")]
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// This user's Porthole.
#[derive(Debug)]
pub struct Home {
    context: Context,
    asked: Asked,
    /// A gateway's origin and its token, where that is kept nowhere.
    session: Option<(String, Secret)>,
}

/// The engine of the data folder, which serves what is stored as long as this is held.
#[derive(Debug)]
pub struct Reached {
    /// Set when it runs in this process.
    pub own: Option<Engine>,
    conversation: Conversation,
}

/// How an engine ended.
#[derive(Debug)]
pub enum Ended {
    /// Its place is free.
    Left,
    /// It is this program's own, still runs, and is to start anew.
    Anew(Anew),
    /// It does not want this app: why, in one sentence.
    Unwanted(String),
}

impl Home {
    /// Reads the configuration, and begins the log.
    pub fn open(args: &AppArgs) -> Result<Self, Failure> {
        let mut unkept = None;
        let file =
            |paths: &Paths| LogFile::open(&paths.logs, LOG_NAME).map_err(|error| unkept = Some(error)).ok();
        let (context, wrong) = Context::load_with(&args.log, false, file)?;
        if let Some(error) = unkept {
            tracing::warn!(%error, "there is no log file in {}", context.paths.logs.display());
        }
        let asked = Asked::read(&args.connection)?;
        if let Some(error) = wrong {
            return Err(Failure::usage("config", error));
        }
        context.paths.create_data().map_err(|error| Failure::failed("data-folder", error))?;
        Ok(Self { context, asked, session: None })
    }

    pub fn paths(&self) -> &Paths {
        &self.context.paths
    }

    /// What an engine that is about to start anew hands to the next.
    pub fn hand_on(&mut self, anew: Anew) {
        if let Anew::Gateway { session } = anew {
            self.session = session;
        }
    }

    /// Where the API is had over HTTP, if somebody wants that. Without it the app works all the same.
    async fn page(&self, store: &Store, note: impl Fn(&str)) -> Result<Option<Listener>, Failure> {
        let settings = AppSettings::load(store).await.map_err(|error| Failure::failed("store", error))?;
        if !settings.local_api {
            return Ok(None);
        }
        let bound = Listener::bind(&Listen::default(), None);
        Ok(bound.inspect_err(|error| note(&format!("there is no local API over HTTP: {error}"))).ok())
    }

    /// Becomes the engine, or attaches to the one that runs. What is worth a word of that is told through `note`.
    pub async fn reach(&self, note: impl Fn(&str)) -> Result<Reached, Failure> {
        let (own, conversation) = match place(&self.context, &note).await? {
            Place::Free(lock) => {
                let asked = match &self.session {
                    Some((origin, token)) => self.asked.with_token(origin, token),
                    None => self.asked.clone(),
                };
                let prepared = prepare(&self.context, &asked, Starter::App, |_, text| note(text)).await?;
                let page = self.page(prepared.store(), &note).await?;
                let engine = prepared.start(&self.context, lock, page).await?;
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
    /// Waits for the engine's end. What it says meanwhile is for its API to tell.
    pub async fn ended(&mut self) -> Ended {
        let Self { own, conversation } = self;
        let anew = async {
            match own {
                Some(own) => own.anew().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            anew = anew => Ended::Anew(anew),
            ended = heard(conversation) => ended,
        }
    }
}

async fn heard(conversation: &mut Conversation) -> Ended {
    while let Some(message) = conversation.receive.recv().await {
        match message {
            // What is stored is served already: by a `porthole up`.
            FromEngine::Refused { refusal: Refusal::AlreadyUp, .. } => {}
            FromEngine::Refused { message, .. } => return Ended::Unwanted(message),
            FromEngine::Leaving => return Ended::Left,
            _ => {}
        }
    }
    Ended::Left
}
