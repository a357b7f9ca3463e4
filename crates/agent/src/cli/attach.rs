//! Reaching the engine of this data folder: the running one, or one started here.

use std::time::{Duration, Instant};

use super::connection::Asked;
use super::output::Printer;
use super::page::Page;
use super::{Context, Failure};
use crate::api::http::Listener;
use crate::door::Conversation;
use crate::engine::{DRAIN, Engine, EngineConfig, warning};
use crate::events::Event;
use crate::gateway_choice::{Choice, ChosenBy, Fixed};
use crate::gateway_url::GatewayUrl;
use crate::lock::EngineLock;
use crate::probe::Connection;
use crate::secrets::Secret;
use crate::store::{Mend, Store};
use crate::trial::TrialGateway;
use crate::uplink::failure;

/// How long a held lock without an open door is waited out: an engine that is starting, or finishing
/// its requests before it leaves.
const WAIT: Duration = Duration::from_secs(DRAIN.as_secs() + 10);

/// After this time the wait is worth a word.
const QUIET_WAIT: Duration = Duration::from_secs(2);

/// Between two looks at the lock. Short, because a dead engine's names are away meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// The code where no gateway was chosen and none can be had for a trial.
const NO_GATEWAY: &str = "no-gateway";

/// An engine that was reached.
#[derive(Debug)]
pub(super) struct Reached {
    /// Set when the engine runs in this process.
    pub(super) engine: Option<Engine>,
    pub(super) conversation: Conversation,
}

/// A data folder's engine, as it is found.
#[derive(Debug)]
pub(crate) enum Place {
    /// There is none, and nobody becomes it as long as this is held.
    Free(EngineLock),
    Taken(Conversation),
}

/// Becomes the engine, or attaches to the one that runs.
pub(super) async fn reach(
    context: &Context,
    asked: &Asked,
    page: &Page,
    printer: &mut Printer,
) -> Result<Reached, Failure> {
    let remark = |text: &str| {
        printer.note("waiting", text);
        printer.flush();
    };
    match place(context, remark).await? {
        Place::Free(lock) => {
            let prepared = prepare(context, asked, Starter::Command, |code, text| {
                printer.note(code, text);
                printer.flush();
            });
            let prepared = prepared.await?;
            let page = page.bind(printer)?;
            let engine = prepared.start(context, lock, page).await?;
            let conversation = engine.attach();
            Ok(Reached { engine: Some(engine), conversation })
        }
        Place::Taken(conversation) => Ok(Reached { engine: None, conversation }),
    }
}

/// Waits until the engine's place is free, or somebody in it answers. What is worth a word of a long wait is
/// told through `remark`, once.
pub(crate) async fn place(context: &Context, mut remark: impl FnMut(&str)) -> Result<Place, Failure> {
    let since = Instant::now();
    let mut told = false;
    loop {
        let lock = EngineLock::try_take(&context.paths).map_err(|error| {
            let lock = context.paths.lock();
            Failure::failed(
                "data-folder",
                format!(
                    "cannot use {}: {error}; make the folder writable or set PORTHOLE_HOME to another",
                    lock.display()
                ),
            )
        })?;
        if let Some(lock) = lock {
            return Ok(Place::Free(lock));
        }
        if let Some(conversation) = running(context).await {
            return Ok(Place::Taken(conversation));
        }
        if since.elapsed() > QUIET_WAIT && !told {
            told = true;
            remark("another Porthole process is about to leave; waiting for it");
        }
        if since.elapsed() > WAIT {
            return Err(Failure::failed(
                "engine-stuck",
                format!(
                    "another process holds {} but does not answer: end it, or set PORTHOLE_HOME to \
                     another folder",
                    context.paths.lock().display()
                ),
            ));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A conversation with the running engine, if there is one.
#[cfg(unix)]
pub(super) async fn running(context: &Context) -> Option<Conversation> {
    crate::door::socket::connect(&context.paths.socket()).await.ok()
}

/// Further commands cannot attach on this system yet: the engine's process is the only one.
#[cfg(not(unix))]
pub(super) async fn running(_context: &Context) -> Option<Conversation> {
    None
}

/// What an engine needs, but for its place and its page.
#[derive(Debug)]
pub(crate) struct Prepared {
    store: Store,
    connection: Connection,
    choice: Choice,
    missing: Option<failure::Failure>,
    trial: Option<TrialGateway>,
    warnings: Vec<Event>,
}

/// Who starts an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Starter {
    /// A command, which fails where there is no way to a gateway.
    Command,
    /// The app, in which a person chooses a gateway.
    App,
}

/// Opens the store and finds the gateway, or starts one for trying things out; that is told through `note`.
/// Only whoever holds the engine's lock may call this.
pub(crate) async fn prepare(
    context: &Context,
    asked: &Asked,
    starter: Starter,
    note: impl FnMut(&'static str, &str),
) -> Result<Prepared, Failure> {
    let mut warnings = Vec::new();
    let opened = Store::open(&context.paths.database(), Mend::CarryOn)
        .await
        .map_err(|error| Failure::failed("store", error))?;
    if let Some(aside) = &opened.set_aside {
        let text = format!("the database was damaged and is now {}; a new one was begun", aside.display());
        warnings.push(warning("database-damaged", text));
    }
    if opened.in_memory {
        let text = "the disk is full: traffic goes on, but nothing new is saved until there is space and this \
                    command starts again";
        warnings.push(warning("disk-full", text.into()));
    }
    let store = opened.store;
    let (by, url) = asked.chosen(context, Some(&store)).await?;
    let fixed = match by {
        _ if starter == Starter::Command => Some(Fixed::Command),
        ChosenBy::Option => Some(Fixed::Option),
        ChosenBy::File => Some(Fixed::File(context.paths.config_file().display().to_string())),
        ChosenBy::Login | ChosenBy::Trial | ChosenBy::Nobody => None,
    };
    let (connection, trial, missing) = match way(context, asked, &store, note).await {
        Ok((connection, trial)) => (connection, trial, None),
        Err(failure) if starter == Starter::Command => return Err(failure),
        Err(Failure { code, message, .. }) => {
            let code = if url.is_none() { NO_GATEWAY.into() } else { code };
            let gateway = url.and_then(|url| url.parse().ok()).unwrap_or_else(GatewayUrl::none);
            let connection = Connection { gateway, token: Secret::new(""), tls: asked.tls(context) };
            (connection, None, Some(failure::Failure { code, message, retry: false }))
        }
    };
    Ok(Prepared { store, connection, choice: Choice { by, fixed }, missing, trial, warnings })
}

/// The gateway that was chosen, or a trial one.
async fn way(
    context: &Context,
    asked: &Asked,
    store: &Store,
    mut note: impl FnMut(&'static str, &str),
) -> Result<(Connection, Option<TrialGateway>), Failure> {
    if let Some(connection) = asked.connection(context, store).await? {
        return Ok((connection, None));
    }
    let trial =
        TrialGateway::start(&context.paths).await.map_err(|error| Failure::failed("trial-gateway", error))?;
    note(
        "trial-gateway",
        &format!(
            "No gateway configured: using a trial gateway on this computer ({}), which only this \
             computer reaches. For the internet: porthole login https://your-gateway",
            trial.url
        ),
    );
    let tls = asked.tls(context);
    let connection = Connection { gateway: trial.url.clone(), token: trial.token.clone(), tls };
    Ok((connection, Some(trial)))
}

impl Prepared {
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Starts the engine in the place that the lock keeps.
    pub(crate) async fn start(
        self,
        context: &Context,
        lock: EngineLock,
        page: Option<Listener>,
    ) -> Result<Engine, Failure> {
        let Self { store, connection, choice, missing, trial, warnings } = self;
        Engine::start(EngineConfig {
            paths: context.paths.clone(),
            lock,
            store,
            gateway: connection.gateway,
            token: connection.token,
            tls: connection.tls,
            choice,
            missing,
            trial,
            file_mappings: context.config.mappings.clone(),
            warnings,
            page,
        })
        .await
        .map_err(|error| Failure::failed("engine", error))
    }
}
