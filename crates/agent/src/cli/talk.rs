//! A command that stays: it reaches the engine, says what it wants served, prints what happens, takes
//! over when the engine goes away, and drains when asked to end.

use std::convert::Infallible;
use std::future::Future;

use tokio::sync::broadcast;
use tokio::sync::mpsc::error::TryRecvError;

use super::attach::{Reached, reach};
use super::connection::Asked;
use super::output::Printer;
use super::page::Page;
use super::signals::Signals;
use super::{Context, Failure, RunArgs};
use crate::door::{Conversation, FromEngine, Refusal, ToEngine, Wanted};
use crate::events::Event;

/// What is to be served as long as the command stays.
#[derive(Debug)]
pub(super) enum Want {
    Mapping(Box<Wanted>),
    Stored,
}

/// How a conversation ended.
enum End {
    EngineGone,
    Failed(Failure),
}

/// Serves until asked to end. `remark` may add one warning while that goes on.
pub(super) async fn stay(
    context: &Context,
    asked: &Asked,
    page: &Page,
    mut want: Want,
    run: RunArgs,
    remark: impl Future<Output = Option<(&'static str, String)>>,
) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(|error| Failure::failed("signals", error))?;
    let mut printer = Printer::new(run.json);
    let mut remark = std::pin::pin!(Once(Some(Box::pin(remark))));
    loop {
        let reached = tokio::select! {
            reached = reach(context, asked, page, &mut printer) => reached?,
            () = signals.next() => return Ok(()),
        };
        let Reached { engine, mut conversation } = reached;
        let own = engine.is_some();
        if !own && page.is_asked() {
            let text = "another Porthole process serves the web page already: --listen and the login count only \
                        for the first one";
            printer.note("listen-ignored", text);
        }
        let end = tokio::select! {
            end = talk(&mut conversation, asked, &mut want, run, &mut printer, own, remark.as_mut().get_mut()) => Some(end),
            () = signals.next() => None,
        };
        printer.flush();
        let result = match end {
            Some(End::EngineGone) if !own => {
                printer.engine_gone();
                continue;
            }
            Some(End::EngineGone) => {
                Err(Failure::failed("engine", "the engine ended unexpectedly: start the command again"))
            }
            Some(End::Failed(failure)) => Err(failure),
            None => Ok(()),
        };
        if let Some(engine) = engine {
            let mut events = engine.events();
            // A second signal leaves at once.
            tokio::select! {
                () = engine.leave() => {}
                () = signals.next() => {}
                // Requests in flight end, and are told, while it leaves.
                never = last_exchanges(&mut events, &mut printer) => match never {},
            }
            // What ended with the very last of them.
            while let Ok(event) = events.try_recv() {
                tell_exchange(&event, &mut printer);
            }
            printer.flush();
        }
        return result;
    }
}

async fn talk<F: Future<Output = Option<(&'static str, String)>>>(
    conversation: &mut Conversation,
    asked: &Asked,
    want: &mut Want,
    run: RunArgs,
    printer: &mut Printer,
    own: bool,
    remark: &mut Once<F>,
) -> End {
    let begin = match want {
        Want::Mapping(wanted) => ToEngine::Serve(wanted.clone()),
        Want::Stored => ToEngine::ServeStored,
    };
    for message in [ToEngine::Hello(asked.hello()), begin] {
        if conversation.send.send(message).await.is_err() {
            break; // Why is told on the way back.
        }
    }
    let mut connected = false;
    loop {
        let message = match conversation.receive.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Disconnected) => return End::EngineGone,
            Err(TryRecvError::Empty) => {
                printer.flush();
                tokio::select! {
                    message = conversation.receive.recv() => match message {
                        Some(message) => message,
                        None => return End::EngineGone,
                    },
                    Some((code, text)) = remark.take() => {
                        printer.warning(code, &text, None);
                        continue;
                    }
                }
            }
        };
        match message {
            FromEngine::Welcome(welcome) => {
                tracing::debug!(pid = welcome.pid, gateway = welcome.gateway, own, "reached the engine");
                printer.page(welcome.inspector_url);
            }
            FromEngine::Refused { refusal, message } => return End::Failed(refused(refusal, &message)),
            FromEngine::Serving { id, name, target } => {
                if let Want::Mapping(wanted) = want {
                    // Should the engine go away, the next one is asked for the same.
                    wanted.spec.id.clone_from(&id);
                    wanted.spec.name = name;
                }
                printer.serving(id, target);
                printer.tell_page(false);
            }
            FromEngine::Standing { mappings } => {
                printer.tell_page(true);
                if mappings == 0 {
                    let text = "no mapping is enabled for this gateway: add one with `porthole mappings add 3000 --name shop`";
                    printer.warning("no-mappings", text, None);
                }
            }
            FromEngine::Event { event } => {
                match &event {
                    Event::Connected { .. } => connected = true,
                    Event::Disconnected { code, message, .. } if run.no_wait && !connected => {
                        return End::Failed(Failure::unreachable(code, message));
                    }
                    Event::Refused { code, message } => return End::Failed(Failure::refused(code, message)),
                    Event::MappingRefused { code, message, .. } if matches!(want, Want::Mapping(_)) => {
                        return End::Failed(Failure::refused(code, message));
                    }
                    _ => {}
                }
                printer.event(&event);
            }
            FromEngine::Leaving => return End::EngineGone,
            FromEngine::Status(_)
            | FromEngine::Reloaded
            | FromEngine::Replayed { .. }
            | FromEngine::ReplayEnded { .. }
            | FromEngine::Imported { .. }
            | FromEngine::ImportRefused { .. } => {}
        }
    }
}

/// Tells the exchanges that end while the engine leaves.
async fn last_exchanges(events: &mut broadcast::Receiver<Event>, printer: &mut Printer) -> Infallible {
    loop {
        match events.recv().await {
            Ok(event) => tell_exchange(&event, printer),
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return std::future::pending().await,
        }
    }
}

fn tell_exchange(event: &Event, printer: &mut Printer) {
    if let Event::Exchange(exchange) = event
        && printer.knows(&exchange.mapping_id)
    {
        printer.event(event);
        printer.flush();
    }
}

fn refused(refusal: Refusal, message: &str) -> Failure {
    match refusal {
        Refusal::OtherGateway => Failure::usage("other-gateway", message),
        Refusal::Version => Failure::failed("engine-version", message),
        Refusal::AlreadyUp => Failure::failed("already-up", message),
        Refusal::Store => Failure::failed("store", message),
        Refusal::Limit => Failure::failed("limit", message),
    }
}

/// A future that is waited for once, and never ready afterwards.
struct Once<F>(Option<std::pin::Pin<Box<F>>>);

impl<F: Future<Output = Option<(&'static str, String)>>> Once<F> {
    /// Cancel safe: what was begun goes on with the next call.
    async fn take(&mut self) -> Option<(&'static str, String)> {
        match &mut self.0 {
            Some(future) => {
                let output = future.as_mut().await;
                self.0 = None;
                match output {
                    Some(output) => Some(output),
                    None => std::future::pending().await,
                }
            }
            None => std::future::pending().await,
        }
    }
}
