//! One attached command, seen from the engine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};

use super::import::Gathered;
use super::set::standing;
use super::{Answer, Shared, warning};
use crate::door::archive::Part;
use crate::door::{FromEngine, Hello, MAX_CLIENTS, PROTOCOL, Problem, Refusal, ToEngine, Wanted, Welcome};
use crate::events::{Event, LinkState};
use crate::mapping::{MappingSpec, random_id};
use crate::replay::Ask;
use crate::store::{Remembered, StoredMapping};
use crate::target::Scheme;

/// A command that says nothing in this time is no command.
const HELLO_WAIT: Duration = Duration::from_secs(5);

/// Random names tried for one mapping before its refusal is passed on.
const NAME_TRIES: u32 = 5;

/// Serves one command until it or the engine leaves; its mappings end with it.
pub(super) async fn serve(
    shared: Arc<Shared>,
    mut from: mpsc::Receiver<ToEngine>,
    to: mpsc::Sender<FromEngine>,
) {
    let Ok(Some(ToEngine::Hello(hello))) = tokio::time::timeout(HELLO_WAIT, from.recv()).await else {
        return;
    };
    if let Err((refusal, message)) = admit(&shared, &hello) {
        let _ = to.send(FromEngine::Refused { refusal, message }).await;
        return;
    }
    let (number, warnings) = {
        let mut state = shared.lock();
        state.clients += 1;
        state.next_client += 1;
        (state.next_client, std::mem::take(&mut state.warnings))
    };
    let mut client = Client {
        archive: Gathered::default(),
        events: shared.events.subscribe(),
        shared: Arc::clone(&shared),
        number,
        own: HashMap::new(),
        standing: false,
        to,
    };
    client.run(&mut from, warnings).await;
    drop(client);
}

fn admit(shared: &Shared, hello: &Hello) -> Result<(), (Refusal, String)> {
    let refused = |refusal, message| Err((refusal, message));
    let origin = shared.gateway.origin();
    if hello.protocol != PROTOCOL {
        return refused(
            Refusal::Version,
            format!(
                "the running engine is Porthole {} and this command is {}: stop the engine and start it again",
                env!("CARGO_PKG_VERSION"),
                hello.version
            ),
        );
    }
    if hello.gateway.as_ref().is_some_and(|asked| *asked != origin) {
        let asked = hello.gateway.as_deref().unwrap_or_default();
        return refused(
            Refusal::OtherGateway,
            format!(
                "the running engine is connected to {origin}, not to {asked}: stop it first, or set \
                 PORTHOLE_HOME to another folder for a second engine"
            ),
        );
    }
    if hello.subject.as_ref().is_some_and(|asked| *asked != shared.subject) {
        return refused(
            Refusal::OtherGateway,
            format!(
                "the running engine is connected to {origin} as “{}” and the given token is somebody else's: \
                 stop it first, or set PORTHOLE_HOME to another folder for a second engine",
                shared.subject
            ),
        );
    }
    if shared.lock().clients >= MAX_CLIENTS {
        return refused(
            Refusal::Limit,
            format!("{MAX_CLIENTS} commands are attached already: end some first"),
        );
    }
    Ok(())
}

/// A mapping of this command.
#[derive(Debug)]
struct Own {
    spec: MappingSpec,
    exact_name: bool,
    exact_port: bool,
    save: bool,
    tries: u32,
    remembered: bool,
}

#[derive(Debug)]
struct Client {
    shared: Arc<Shared>,
    number: u64,
    own: HashMap<String, Own>,
    /// Everything stored is this command's to tell about.
    standing: bool,
    archive: Gathered,
    events: broadcast::Receiver<Event>,
    to: mpsc::Sender<FromEngine>,
}

/// The command is gone.
struct Gone;

impl Client {
    async fn run(&mut self, from: &mut mpsc::Receiver<ToEngine>, warnings: Vec<Event>) {
        let leaving = self.shared.leaving.clone();
        let work = async {
            self.welcome(warnings).await?;
            loop {
                tokio::select! {
                    message = from.recv() => match message {
                        Some(message) => self.message(message).await?,
                        None => return Err(Gone),
                    },
                    event = self.events.recv() => match event {
                        Ok(event) => self.event(event).await?,
                        Err(broadcast::error::RecvError::Lagged(missed)) => {
                            let text = format!("{missed} events went by unseen: too many requests at once");
                            self.tell(warning("events-missed", text)).await?;
                        }
                        Err(broadcast::error::RecvError::Closed) => return Ok::<(), Gone>(()),
                    },
                }
            }
        };
        tokio::select! {
            _ = work => {}
            () = leaving.cancelled() => {
                let _ = self.to.try_send(FromEngine::Leaving);
            }
        }
    }

    async fn say(&self, message: FromEngine) -> Result<(), Gone> {
        self.to.send(message).await.map_err(|_| Gone)
    }

    async fn tell(&self, event: Event) -> Result<(), Gone> {
        self.say(FromEngine::Event { event }).await
    }

    /// Introduces the engine, and passes on what went wrong when it started.
    async fn welcome(&self, warnings: Vec<Event>) -> Result<(), Gone> {
        self.say(FromEngine::Welcome(Welcome {
            protocol: PROTOCOL,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            gateway: self.shared.gateway.origin(),
            trial: self.shared.is_own(),
            inspector_url: self.shared.inspector_url.clone(),
        }))
        .await?;
        for event in warnings {
            self.tell(event).await?;
        }
        Ok(())
    }

    /// Tells a command that is let in how the link is at the moment.
    async fn tell_link(&self) -> Result<(), Gone> {
        let link = self.shared.link.borrow().clone();
        let now = match link {
            LinkState::Connecting | LinkState::Closed => None,
            LinkState::Connected { session_id, gateway_version, latency } => {
                Some(Event::Connected { session_id, gateway_version, latency })
            }
            LinkState::Waiting { code, message } => {
                Some(Event::Disconnected { code, message, retry_in: None })
            }
            LinkState::Refused { code, message } => Some(Event::Refused { code, message }),
        };
        match now {
            Some(event) => self.tell(event).await,
            None => Ok(()),
        }
    }

    async fn message(&mut self, message: ToEngine) -> Result<(), Gone> {
        match message {
            ToEngine::Hello(_) => Ok(()),
            ToEngine::Status => self.say(FromEngine::Status(self.shared.status())).await,
            ToEngine::Reload => match self.shared.reload().await {
                Ok(()) => self.say(FromEngine::Reloaded).await,
                Err(error) => {
                    let message = error.to_string();
                    self.say(FromEngine::Refused { refusal: Refusal::Store, message }).await
                }
            },
            ToEngine::Replay(ask) => self.replay(&ask).await,
            ToEngine::Import(part) => self.import(part).await,
            ToEngine::ServeStored => self.serve_stored().await,
            ToEngine::Serve(wanted) => self.serve(*wanted).await,
        }
    }

    /// Sends kept requests again, one after the other, until one cannot be sent.
    async fn replay(&self, ask: &Ask) -> Result<(), Gone> {
        let error = match ask.turns() {
            Ok(turns) => {
                let mut error = None;
                for id in turns {
                    match self.shared.replay(id, ask).await {
                        Ok(id) => self.say(FromEngine::Replayed { id }).await?,
                        Err(problem) => {
                            error = Some(problem);
                            break;
                        }
                    }
                }
                error
            }
            Err(problem) => Some(problem),
        };
        let error = error.map(|error| Problem { code: error.code().into(), message: error.to_string() });
        self.say(FromEngine::ReplayEnded { error }).await
    }

    /// Gathers an archive, and takes it in once it is whole.
    async fn import(&mut self, part: Part) -> Result<(), Gone> {
        let Some(archive) = self.archive.add(part) else { return Ok(()) };
        let told = match self.shared.import(archive).await {
            Ok(report) => FromEngine::Imported { report },
            Err(error) => {
                let error = Problem { code: error.code().into(), message: error.to_string() };
                FromEngine::ImportRefused { error }
            }
        };
        self.say(told).await
    }

    async fn serve_stored(&mut self) -> Result<(), Gone> {
        if let Err(error) = self.shared.reload().await {
            self.tell(warning("store", error.to_string())).await?;
        }
        let Some((mappings, already)) = self.begin_standing() else {
            return self
                .say(FromEngine::Refused {
                    refusal: Refusal::AlreadyUp,
                    message: format!(
                        "`porthole up` is running already for this data folder (engine process {}): stop it \
                         first, or set PORTHOLE_HOME to another folder for a second engine",
                        std::process::id()
                    ),
                })
                .await;
        };
        self.say(FromEngine::Standing { mappings }).await?;
        self.tell_link().await?;
        for event in already {
            self.event(event).await?;
        }
        Ok(())
    }

    /// Puts the stored mappings into the set; None when another command has done so. Returns what the
    /// gateway said to them already.
    fn begin_standing(&mut self) -> Option<(usize, Vec<Event>)> {
        let mut state = self.shared.lock();
        if state.up.is_some_and(|up| up != self.number) {
            return None;
        }
        state.up = Some(self.number);
        self.standing = true;
        let already = state.answers.iter().map(|(id, answer)| event_of(id, answer)).collect();
        self.shared.publish(&mut state);
        let gateway = self.shared.gateway_key();
        let standing = standing(&state.stored, &self.shared.file_mappings, &gateway).count();
        Some((standing, already))
    }

    async fn serve(&mut self, wanted: Wanted) -> Result<(), Gone> {
        let Wanted { mut spec, exact_name, exact_port, save } = wanted;
        let key = (self.shared.gateway_key(), spec.target.to_string());
        let remembered = match self.shared.store.remembered(key.0, key.1).await {
            Ok(remembered) => remembered,
            Err(error) => {
                self.tell(warning("store", error.to_string())).await?;
                None
            }
        };
        let (id, fresh) = {
            let mut state = self.shared.lock();
            let free = |id: &String| !state.ephemeral.values().flatten().any(|other| other.id == *id);
            let id = Some(spec.id.clone())
                .filter(|id| !id.is_empty())
                .or_else(|| remembered.as_ref().map(|remembered| remembered.mapping_id.clone()))
                .filter(free);
            let fresh = id.is_none();
            spec.id = id.unwrap_or_else(random_id);
            let tcp = spec.target.scheme == Scheme::Tcp;
            if !tcp && spec.name.is_none() && spec.host.is_none() && spec.path.is_none() {
                spec.path = self.shared.gateway.mapping_path.clone();
            }
            let nameless = spec.name.is_none() && spec.host.is_none() && spec.path.is_none();
            if !fresh && let Some(remembered) = remembered {
                if tcp && spec.remote_port.is_none() && spec.host.is_none() {
                    spec.remote_port = remembered.remote_port;
                }
                if !tcp && nameless {
                    spec.name = remembered.name;
                }
            }
            if !tcp && nameless && spec.name.is_none() {
                spec.name = Some(self.shared.new_name());
            }
            state.ephemeral.entry(self.number).or_default().push(spec.clone());
            (spec.id.clone(), fresh)
        };
        tracing::debug!(%id, fresh, "serving a command's mapping");
        if save {
            self.save(&spec).await?;
        }
        self.own.insert(id.clone(), Own { spec, exact_name, exact_port, save, tries: 0, remembered: false });
        let known = {
            let mut state = self.shared.lock();
            let before = state.answers.get(&id).cloned();
            self.shared.publish(&mut state);
            // Unchanged (a stored mapping served already): the gateway will not say it again.
            before.filter(|_| state.answers.contains_key(&id))
        };
        self.announce(&id).await?;
        self.tell_link().await?;
        match known {
            Some(answer) => self.event(event_of(&id, &answer)).await,
            None => Ok(()),
        }
    }

    /// Says what a mapping is called and where it leads.
    async fn announce(&self, id: &str) -> Result<(), Gone> {
        let serving = {
            let state = self.shared.lock();
            state.numbering.served().find(|served| served.wire.id == id).map(|served| FromEngine::Serving {
                id: id.to_owned(),
                name: served.wire.name.clone(),
                target: served.target.to_string(),
            })
        };
        match serving {
            Some(serving) => self.say(serving).await,
            None => Ok(()),
        }
    }

    async fn save(&self, spec: &MappingSpec) -> Result<(), Gone> {
        let gateway = (!self.shared.is_own()).then(|| self.shared.gateway.origin());
        match self.shared.store.save_mapping(StoredMapping::new(spec.clone(), gateway)).await {
            Ok(()) => {
                if let Ok(stored) = self.shared.store.mappings().await {
                    self.shared.lock().stored = stored;
                }
                Ok(())
            }
            Err(error) => {
                self.tell(warning("not-saved", format!("the mapping was not saved: {error}"))).await
            }
        }
    }

    async fn event(&mut self, event: Event) -> Result<(), Gone> {
        match &event {
            Event::Exchange(exchange) if !self.concerns(&exchange.mapping_id) => return Ok(()),
            Event::Warning { mapping_id: Some(id), .. } if !self.concerns(id) => return Ok(()),
            Event::MappingLive { id, public_url } => {
                if !self.concerns(id) {
                    return Ok(());
                }
                self.announce(id).await?;
                self.remember(id, public_url).await?;
            }
            Event::MappingRefused { id, code, .. } if !self.concerns(id) || self.try_another(id, code) => {
                return Ok(());
            }
            _ => {}
        }
        self.tell(event).await
    }

    fn concerns(&self, id: &str) -> bool {
        self.own.contains_key(id) || (self.standing && !self.belongs_to_another(id))
    }

    fn belongs_to_another(&self, id: &str) -> bool {
        let state = self.shared.lock();
        state
            .ephemeral
            .iter()
            .any(|(client, specs)| *client != self.number && specs.iter().any(|spec| spec.id == id))
    }

    /// A name that nobody asked for is free to change; true when another is tried.
    fn try_another(&mut self, id: &str, code: &str) -> bool {
        use porthole_link::control::codes;
        let name = self.shared.new_name();
        let Some(own) = self.own.get_mut(id) else { return false };
        let asked_port = own.spec.target.scheme == Scheme::Tcp && own.spec.remote_port.is_some();
        match code {
            codes::NAME_IN_USE if !own.exact_name && own.spec.name.is_some() && own.tries < NAME_TRIES => {
                own.spec.name = Some(name);
            }
            // The port of last time is gone; any other will do.
            codes::PORT_IN_USE | codes::PORT_NOT_ALLOWED if !own.exact_port && asked_port => {
                own.spec.remote_port = None;
            }
            _ => return false,
        }
        own.tries += 1;
        let spec = own.spec.clone();
        let mut state = self.shared.lock();
        if let Some(kept) =
            state.ephemeral.get_mut(&self.number).and_then(|specs| specs.iter_mut().find(|s| s.id == id))
        {
            *kept = spec;
        }
        self.shared.publish(&mut state);
        true
    }

    /// The gateway agreed: the next command for the same target gets the same again.
    async fn remember(&mut self, id: &str, public_url: &str) -> Result<(), Gone> {
        let key = self.shared.gateway_key();
        let Some(own) = self.own.get_mut(id).filter(|own| !own.remembered) else { return Ok(()) };
        own.remembered = true;
        let (spec, save) = (own.spec.clone(), own.save && own.tries > 0);
        let remote_port = (spec.target.scheme == Scheme::Tcp && spec.host.is_none())
            .then(|| public_url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()))
            .flatten();
        let what = Remembered { mapping_id: spec.id.clone(), name: spec.name.clone(), remote_port };
        if save {
            self.save(&spec).await?;
        }
        match self.shared.store.remember(key, spec.target.to_string(), what).await {
            Ok(()) => Ok(()),
            Err(error) => {
                self.tell(warning("store", format!("the name is not remembered for next time: {error}")))
                    .await
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.clients -= 1;
        state.ephemeral.remove(&self.number);
        if state.up == Some(self.number) {
            state.up = None;
        }
        // A leaving engine drains with its mappings in place.
        if !self.shared.leaving.is_cancelled() {
            self.shared.publish(&mut state);
        }
    }
}

fn event_of(id: &str, answer: &Answer) -> Event {
    let id = id.to_owned();
    match answer.clone() {
        Answer::Live { public_url } => Event::MappingLive { id, public_url },
        Answer::Refused { code, message } => Event::MappingRefused { id, code, message },
    }
}
