//! One link's life: hello, rules, welcome, changes, end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use porthole_link::control::{
    Hello, KINDS, MappingResult, POLICIES, Refused, ToAgent, ToGateway, Welcome, codes,
};
use porthole_link::{Link, Mapping, gateway_handshake};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::install::{Pulses, Request, holders, install};
use super::plan::check_set;
use super::{Held, MAX_LINKS, MAX_MAPPINGS};
use crate::allowance::Allowance;
use crate::claims::LinkId;
use crate::config::PublicBase;
use crate::logging::shown;
use crate::server::Gateway;
use crate::tokens::{Identity, TokenError};

/// How long the holder of a name has to show that it lives.
const HOLDER_ANSWERS: Duration = Duration::from_secs(2);
/// Characters of an agent's id and of its version.
const MAX_AGENT_ID: usize = 64;
/// A timer's longest run; a token that expires later is looked at again then.
const LONGEST_TIMER: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes an authenticated WebSocket through handshake, rules and routes, then holds the control
/// conversation until the link is over. `base` is how the agent reached the gateway; it makes the
/// public URLs where no public URL is configured.
pub async fn accept_link<IO>(
    gateway: Arc<Gateway>,
    socket: porthole_link::Socket<IO>,
    identity: Identity,
    peer: IpAddr,
    base: Option<PublicBase>,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut pending = match gateway_handshake(socket).await {
        Ok(pending) => pending,
        Err(error) => {
            tracing::info!(%peer, subject = %identity.subject, %error, "an agent's handshake failed");
            return;
        }
    };
    let hello = &pending.hello;
    if let Err(refused) = admit(&gateway, &identity, hello) {
        tracing::info!(%peer, subject = %identity.subject, agent = %shown(&hello.agent_id), code = refused.code, "refused an agent");
        gateway.counters.refused_link(&refused.code);
        pending.refuse(refused).await;
        return;
    }
    let mappings = std::mem::take(&mut pending.hello.mappings);
    let hello = pending.hello.clone();
    let agent: Arc<str> = hello.agent_id.as_str().into();
    // Held by the link itself: the token's next link is to find what this one counted.
    let allowance = gateway.allowances.of(identity.token(), identity.limits);
    let allowance = allowance.as_ref();
    let request =
        Request { identity: &identity, agent: &agent, mappings: &mappings, base: base.as_ref(), allowance };
    let pulses = ping(holders(&gateway, request)).await;
    // Asked again: a newer start of the same agent may have come while holders were pinged.
    if let Err(refused) = admit(&gateway, &identity, &hello) {
        pending.refuse(refused).await;
        return;
    }
    let (link, messages) = pending.start();
    let session = uuid::Uuid::new_v4().simple().to_string();
    let newcomer = Newcomer { link: &link, hello: &hello, session: &session };
    let (id, results) = enter(&gateway, &newcomer, request, &pulses).await;
    tracing::info!(
        %peer, subject = %identity.subject, agent = %agent, %session, epoch = hello.epoch,
        version = %shown(&hello.agent_version), mappings = %summary(&mappings, &results), "an agent is connected"
    );
    // An agent that begins without mappings is about to say which it has.
    if !mappings.is_empty() {
        gateway.audit.note_mappings(&identity, &agent, &mappings, &results);
    }
    let welcome = ToAgent::Welcome(Welcome {
        protocol: hello.protocol.min(porthole_link::PROTOCOL),
        gateway_version: env!("CARGO_PKG_VERSION").to_owned(),
        session_id: session.clone(),
        revision: hello.revision,
        results,
        policies: POLICIES.iter().chain(KINDS).map(|&name| name.to_owned()).collect(),
    });
    link.send_control(&welcome);
    let base = base.as_ref();
    let life =
        Life { gateway: &gateway, id, link: &link, identity: &identity, agent: &agent, base, allowance };
    let reason = life.hold(messages).await;
    gateway.registry.remove(id).await;
    link.close();
    tracing::info!(subject = %identity.subject, agent = %agent, %session, %reason, "an agent is gone");
}

/// Whether this agent may have a link at all.
fn admit(gateway: &Gateway, identity: &Identity, hello: &Hello) -> Result<(), Refused> {
    let refuse = |code: &str, message: &str, retry: bool| {
        Err(Refused { code: code.to_owned(), message: message.to_owned(), retry })
    };
    if gateway.draining.is_cancelled() {
        return refuse(codes::DRAINING, "The gateway is about to stop; connect again in a moment.", true);
    }
    let id = &hello.agent_id;
    if id.is_empty() || id.len() > MAX_AGENT_ID || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return refuse(
            codes::PROTOCOL,
            "The agent's id is not 1 to 64 visible characters; update the agent.",
            false,
        );
    }
    if hello.mappings.len() > MAX_MAPPINGS {
        let message = format!("An agent may have at most {MAX_MAPPINGS} mappings; disable some.");
        return refuse(codes::LIMIT, &message, false);
    }
    if let Err(refusal) = check_set(&hello.mappings) {
        return refuse(refusal.code, &refusal.message, false);
    }
    let state = gateway.registry.state();
    let agent = (identity.subject.clone(), Arc::from(id.as_str()));
    let older = state.by_agent.get(&agent).and_then(|id| state.links.get(id));
    // Links of its own agent are about to be replaced, or have just been.
    let beside = |held: &&Held| held.identity.token() == identity.token() && *held.agent != **id;
    let most = identity.limits.links.map_or(usize::MAX, |most| most as usize);
    match older {
        Some(older) if older.epoch > hello.epoch => {
            refuse(codes::REPLACED, "A newer start of this agent is connected; stop one of the two.", false)
        }
        None if state.links.len() >= MAX_LINKS => {
            refuse(codes::LIMIT, "The gateway has no room for another agent; try again later.", true)
        }
        _ if most < usize::MAX && state.links.values().filter(beside).count() >= most => {
            crate::allowance::met(&gateway.allowances.told.links);
            // Perhaps one that fell silent and is found out in a moment.
            let message = format!(
                "This token allows {most} agent(s) at once, and as many are connected; stop another one, or ask the gateway's operator for more."
            );
            refuse(codes::TOKEN_LIMIT, &message, true)
        }
        _ => Ok(()),
    }
}

/// Asks all holders at once.
async fn ping(holders: Vec<(LinkId, Link)>) -> Pulses {
    let asked = holders.into_iter().map(|(id, link)| async move { (id, link.alive(HOLDER_ANSWERS).await) });
    join_all(asked).await.into_iter().collect()
}

struct Newcomer<'a> {
    link: &'a Link,
    hello: &'a Hello,
    session: &'a str,
}

/// Puts the link in place of an older one of its agent and its mappings in the routes, in one step.
async fn enter(
    gateway: &Arc<Gateway>,
    newcomer: &Newcomer<'_>,
    request: Request<'_>,
    pulses: &Pulses,
) -> (LinkId, Vec<MappingResult>) {
    let now = Timestamp::now();
    let (id, installed, replaced, generation, made) = {
        let mut state = gateway.registry.state();
        let id = state.next;
        state.next += 1;
        let key = (request.identity.subject.clone(), request.agent.clone());
        let older = state.by_agent.insert(key, id);
        state.links.insert(
            id,
            Held {
                link: newcomer.link.clone(),
                identity: request.identity.clone(),
                agent: request.agent.clone(),
                epoch: newcomer.hello.epoch,
                session: newcomer.session.to_owned(),
                version: shown(&newcomer.hello.agent_version),
                draining: false,
                serving: Vec::new(),
            },
        );
        let installed = install(gateway, &mut state, id, newcomer.link, request, pulses);
        let replaced = older.and_then(|older| Some((older, state.links.remove(&older)?)));
        if let Some((older, held)) = &replaced {
            for slot in held.serving.iter().flat_map(|serving| &serving.slots) {
                state.board.release(slot, *older, now);
                state.leave(slot, now);
            }
            state.close_unserved_ports();
        }
        (id, installed, replaced.map(|(_, held)| held), state.generation, state.board.made())
    };
    gateway.registry.publish(generation).await;
    gateway.registry.changed.notify_one();
    gateway.counters.accepted_link();
    if let Some(older) = replaced {
        // The same start came again: its old connection is half-open, there is nobody to tell.
        if older.epoch < newcomer.hello.epoch {
            older.link.send_control(&ToAgent::Refused(Refused {
                code: codes::REPLACED.to_owned(),
                message: "A newer start of this agent has connected; this one stops.".to_owned(),
                retry: false,
            }));
        }
        older.link.close();
    }
    for link in installed.silent {
        link.close();
    }
    gateway.registry.keep(made).await;
    announced(gateway, generation).await;
    (id, installed.results)
}

/// Resolves once whoever is in front knows of the mappings.
async fn announced(gateway: &Gateway, generation: u64) {
    if let Some(caddy) = &gateway.caddy {
        caddy.announced(generation).await;
    }
}

/// What became of each mapping, for the log: `shop=https://…, cart!name-in-use`.
fn summary(mappings: &[Mapping], results: &[MappingResult]) -> String {
    const SHOWN: usize = 20;
    let mut parts: Vec<String> = mappings
        .iter()
        .zip(results)
        .take(SHOWN)
        .map(|(mapping, result)| {
            let label = shown(super::plan::label(mapping));
            match (&result.public_url, &result.code) {
                (Some(url), _) => format!("{label}={}", shown(url)),
                (None, code) => format!("{label}!{}", code.as_deref().unwrap_or("refused")),
            }
        })
        .collect();
    if mappings.len() > SHOWN {
        parts.push(format!("and {} more", mappings.len() - SHOWN));
    }
    parts.join(", ")
}

/// What the conversation needs to know.
struct Life<'a> {
    gateway: &'a Arc<Gateway>,
    id: LinkId,
    link: &'a Link,
    identity: &'a Identity,
    agent: &'a Arc<str>,
    base: Option<&'a PublicBase>,
    allowance: Option<&'a Arc<Allowance>>,
}

impl Life<'_> {
    /// Until the link is over; says why.
    async fn hold(&self, mut messages: mpsc::Receiver<ToGateway>) -> String {
        let mut changes = self.gateway.tokens.changes();
        // What changed between the token's check and here.
        changes.mark_changed();
        let mut told = false;
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Some(ToGateway::Mappings { revision, mappings }) => self.replace(revision, &mappings).await,
                    Some(ToGateway::Draining { .. }) => self.drain(),
                    Some(_) => {}
                    None => return self.link.closed().await.to_string(),
                },
                reason = self.link.closed() => return reason.to_string(),
                _ = changes.changed() => {
                    if let Err(error) = self.gateway.tokens.still_good(self.identity, Timestamp::now()) {
                        return self.end(&error).await;
                    }
                }
                () = self.expiry() => {
                    if let Err(error) = self.gateway.tokens.still_good(self.identity, Timestamp::now()) {
                        return self.end(&error).await;
                    }
                }
                () = self.gateway.draining.cancelled(), if !told => {
                    told = true;
                    self.tell_draining();
                }
                () = self.gateway.links_end.cancelled() => {
                    // A gateway with nothing in flight does both at once.
                    if !told {
                        self.tell_draining();
                    }
                    self.link.close();
                    return self.link.closed().await.to_string();
                }
            }
        }
    }

    fn tell_draining(&self) {
        let deadline_ms = self.gateway.settings.load().grace.as_millis() as u64;
        self.link.send_control(&ToAgent::Draining { deadline_ms });
    }

    /// Resolves when the token's time is over, or a day from now.
    async fn expiry(&self) {
        match self.identity.expires {
            None => std::future::pending().await,
            Some(expires) => {
                let left = expires.duration_since(Timestamp::now());
                // A little more: `still_good` must find it over, not about to be.
                let left = Duration::try_from(left).unwrap_or_default() + Duration::from_millis(10);
                tokio::time::sleep(left.min(LONGEST_TIMER)).await;
            }
        }
    }

    async fn end(&self, error: &TokenError) -> String {
        self.gateway.registry.remove(self.id).await;
        self.link.send_control(&ToAgent::Refused(Refused {
            code: error.code().to_owned(),
            message: error.to_string(),
            retry: false,
        }));
        self.link.close();
        self.link.closed().await;
        error.to_string()
    }

    fn drain(&self) {
        let mut state = self.gateway.registry.state();
        let slots = match state.links.get_mut(&self.id) {
            Some(held) => {
                held.draining = true;
                held.serving.iter().flat_map(|serving| serving.slots.clone()).collect()
            }
            None => Vec::new(),
        };
        state.board.drain(self.id, slots);
    }

    /// The agent's whole set of mappings is another one now.
    async fn replace(&self, revision: u64, mappings: &[Mapping]) {
        let refusal = if mappings.len() > MAX_MAPPINGS {
            Some((codes::LIMIT, format!("An agent may have at most {MAX_MAPPINGS} mappings; disable some.")))
        } else {
            check_set(mappings).err().map(|refusal| (refusal.code, refusal.message))
        };
        let results = match refusal {
            // What was served before goes on.
            Some((code, message)) => mappings
                .iter()
                .inspect(|_| self.gateway.counters.mappings_refused.count(code))
                .map(|mapping| MappingResult {
                    id: mapping.id.clone(),
                    public_url: None,
                    code: Some(code.to_owned()),
                    message: Some(message.clone()),
                })
                .collect(),
            None => self.install(mappings).await,
        };
        tracing::info!(
            subject = %self.identity.subject, agent = %self.agent, revision,
            mappings = %summary(mappings, &results), "an agent's mappings changed"
        );
        self.link.send_control(&ToAgent::Mapped { revision, results });
    }

    async fn install(&self, mappings: &[Mapping]) -> Vec<MappingResult> {
        let Self { identity, agent, base, allowance, .. } = *self;
        let request = Request { identity, agent, mappings, base, allowance };
        let pulses = ping(holders(self.gateway, request)).await;
        let (installed, generation, made) = {
            let mut state = self.gateway.registry.state();
            if !state.links.contains_key(&self.id) {
                // Replaced by a newer start while holders were pinged: this link is being closed.
                return Vec::new();
            }
            let installed = install(self.gateway, &mut state, self.id, self.link, request, &pulses);
            (installed, state.generation, state.board.made())
        };
        self.gateway.registry.publish(generation).await;
        self.gateway.registry.changed.notify_one();
        for link in installed.silent {
            link.close();
        }
        self.gateway.registry.keep(made).await;
        self.gateway.audit.note_mappings(self.identity, self.agent, mappings, &installed.results);
        announced(self.gateway, generation).await;
        installed.results
    }
}
