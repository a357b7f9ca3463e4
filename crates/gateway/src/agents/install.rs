//! Gives a link what it asks for, in one step.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use porthole_link::control::{MappingResult, codes};
use porthole_link::{Link, Mapping};

use super::plan::{Plan, Refusal, Site, label, plan};
use super::{Held, Serving, State};
use crate::allowance::Allowance;
use crate::claims::{ClaimRefusal, Claimant, Holder, Key, LinkId, Pulse, Slot, Verdict};
use crate::config::{Config, PublicBase};
use crate::policy::Compiled;
use crate::router::Endpoint;
use crate::server::Gateway;
use crate::tcp::Port;
use crate::tokens::Identity;

/// What pings of holders brought.
pub(super) type Pulses = HashMap<LinkId, bool>;

fn pulse(pulses: &Pulses) -> impl Fn(LinkId) -> Pulse {
    |link| match pulses.get(&link) {
        None => Pulse::NotAsked,
        Some(true) => Pulse::Answered,
        Some(false) => Pulse::Silent,
    }
}

/// Who asks, for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub identity: &'a Identity,
    pub agent: &'a Arc<str>,
    pub mappings: &'a [Mapping],
    pub base: Option<&'a PublicBase>,
    /// The token's, where its streams are limited.
    pub allowance: Option<&'a Arc<Allowance>>,
}

impl<'a> Request<'a> {
    fn site(&self, gateway: &'a Gateway) -> Site<'a> {
        let public = gateway.config.public.as_ref();
        let Config { single_host, ref floor, .. } = gateway.config;
        let behind_caddy = gateway.config.caddy_admin.is_some();
        Site { public, base: public.or(self.base), single_host, behind_caddy, floor }
    }

    /// Whether `held` is the link of another agent with the same token.
    fn is_beside(&self, held: &Held) -> bool {
        held.identity.token() == self.identity.token() && held.agent != *self.agent
    }

    fn claimant(&self) -> Claimant<'a> {
        Claimant { subject: &self.identity.subject, agent: self.agent }
    }
}

/// Links that hold something which is asked for and are to be pinged before it is decided.
pub(super) fn holders(gateway: &Gateway, request: Request<'_>) -> Vec<(LinkId, Link)> {
    let now = Timestamp::now();
    let state = gateway.registry.state();
    let mut found = HashSet::new();
    for mapping in request.mappings {
        let slot = match plan(mapping, request.identity, request.site(gateway)) {
            Ok(Plan::Http { slot, .. } | Plan::Tls { slot, .. }) => slot,
            Ok(Plan::Tcp { wanted: Some(port), .. }) => Slot::new(Key::Tcp(port), &[]),
            Ok(Plan::Tcp { wanted: None, .. }) | Err(_) => continue,
        };
        if let Verdict::Ask(link) = state.board.ask(&slot, request.claimant(), |_| Pulse::NotAsked, now) {
            found.insert(link);
        }
    }
    found.into_iter().filter_map(|id| Some((id, state.links.get(&id)?.link.clone()))).collect()
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Installed {
    pub results: Vec<MappingResult>,
    /// Links that lost something because they no longer answer; to be closed.
    pub silent: Vec<Link>,
}

/// Replaces what link `id` serves by what `request` asks for. What stays the same is never absent.
pub(super) fn install(
    gateway: &Arc<Gateway>,
    state: &mut State,
    id: LinkId,
    link: &Link,
    request: Request<'_>,
    pulses: &Pulses,
) -> Installed {
    let now = Timestamp::now();
    let before = state.links.get_mut(&id).map(|held| std::mem::take(&mut held.serving)).unwrap_or_default();
    let same: HashMap<&str, &Endpoint> =
        before.iter().map(|serving| (serving.endpoint.mapping.id.as_str(), &*serving.endpoint)).collect();
    // The agent's own older slots must not stand in the way of its new ones: they are its own, so the
    // rules let it take them over, and what it does not take is released at the end.
    let mut results = Vec::with_capacity(request.mappings.len());
    let mut serving: Vec<Serving> = Vec::new();
    let mut taken = HashSet::new();
    let kept = request.mappings.iter().filter(|mapping| same.contains_key(mapping.id.as_str())).count();
    let mut room = room(state, id, request, pulses).map(|room| room.saturating_sub(kept));
    for mapping in request.mappings {
        let is_kept = same.contains_key(mapping.id.as_str());
        let served = plan(mapping, request.identity, request.site(gateway)).and_then(|mut plan| {
            if !is_kept && room == Some(0) {
                crate::allowance::met(&gateway.allowances.told.mappings);
                return Err(too_many_mappings(request.identity));
            }
            if let Some(same) = same.get(mapping.id.as_str()) {
                plan.policy_mut().go_on_from(&same.policy);
            }
            let mut place = Placing { gateway, state, id, link, request, pulses, taken: &mut taken, now };
            match plan {
                Plan::Http { slot, place: at, extra, public_url, policy } => {
                    place.claim(&slot, label(mapping), true, mapping)?;
                    let mut slots = vec![slot];
                    if let Some(extra) = extra
                        && place.claim(&extra, label(mapping), false, mapping).is_ok()
                    {
                        slots.push(extra);
                    }
                    let endpoint = place.endpoint(mapping, public_url, policy);
                    Ok(Serving { endpoint, place: Some(at), server_name: None, slots })
                }
                Plan::Tcp { wanted, policy } => place.port(mapping, wanted, policy),
                Plan::Tls { slot, host, public_url, policy } => {
                    place.own_whole(&host, mapping)?;
                    place.claim(&slot, label(mapping), true, mapping)?;
                    let endpoint = place.endpoint(mapping, public_url, policy);
                    Ok(Serving { endpoint, place: None, server_name: Some(host), slots: vec![slot] })
                }
            }
        });
        results.push(match served {
            Ok(serves) => {
                if !is_kept {
                    room = room.map(|room| room.saturating_sub(1));
                }
                let url = serves.endpoint.public_url.clone();
                serving.push(serves);
                MappingResult { id: mapping.id.clone(), public_url: Some(url), ..MappingResult::default() }
            }
            Err(refusal) => {
                gateway.counters.mappings_refused.count(refusal.code);
                MappingResult {
                    id: mapping.id.clone(),
                    code: Some(refusal.code.to_owned()),
                    message: Some(refusal.message),
                    public_url: None,
                }
            }
        });
    }
    for slot in before.iter().flat_map(|serving| &serving.slots).filter(|slot| !taken.contains(*slot)) {
        state.board.release(slot, id, now);
        state.leave(slot, now);
    }
    state.drop_lost(id, &taken);
    if let Some(held) = state.links.get_mut(&id) {
        held.serving = serving;
    }
    state.close_unserved_ports();
    state.generation += 1;
    let silent = pulses.iter().filter(|(_, answered)| !**answered);
    let silent = silent.filter_map(|(link, _)| Some(state.links.get(link)?.link.clone())).collect();
    Installed { results, silent }
}

/// Mappings that the token may have on link `id`: what its other agents serve leaves so many. None: any number.
fn room(state: &State, id: LinkId, request: Request<'_>, pulses: &Pulses) -> Option<usize> {
    let most = request.identity.limits.mappings?;
    let others = state.links.iter().filter(|(other, held)| **other != id && request.is_beside(held));
    // What fell silent is about to lose what it serves.
    let others = others.filter(|(other, _)| pulses.get(*other) != Some(&false));
    Some((most as usize).saturating_sub(others.map(|(_, held)| held.serving.len()).sum()))
}

fn too_many_mappings(identity: &Identity) -> Refusal {
    let most = identity.limits.mappings.unwrap_or_default();
    Refusal::new(
        codes::TOKEN_LIMIT,
        format!(
            "This token allows {most} mapping(s) at once, on all computers together; disable another one, or ask the gateway's operator for more."
        ),
    )
}

impl State {
    /// Other links no longer serve what was taken from them.
    fn drop_lost(&mut self, winner: LinkId, taken: &HashSet<Slot>) {
        for held in self.links.iter_mut().filter(|(id, _)| **id != winner).map(|(_, held)| held) {
            drop_taken(held, taken);
        }
    }
}

fn drop_taken(held: &mut Held, taken: &HashSet<Slot>) {
    // The main slot decides; an extra one that went to another link just goes.
    held.serving.retain(|serving| serving.slots.first().is_none_or(|slot| !taken.contains(slot)));
    for serving in &mut held.serving {
        serving.slots.retain(|slot| !taken.contains(slot));
    }
}

struct Placing<'p, 'r> {
    gateway: &'p Arc<Gateway>,
    state: &'p mut State,
    id: LinkId,
    link: &'p Link,
    request: Request<'r>,
    pulses: &'p Pulses,
    taken: &'p mut HashSet<Slot>,
    now: Timestamp,
}

impl Placing<'_, '_> {
    fn claim(&mut self, slot: &Slot, label: &str, keep: bool, mapping: &Mapping) -> Result<(), Refusal> {
        if self.taken.contains(slot) {
            return Err(Refusal::new(
                codes::NAME_IN_USE,
                "Two of this agent's mappings ask for the same address; change one.",
            ));
        }
        let holder = Holder {
            link: self.id,
            subject: self.request.identity.subject.clone(),
            agent: self.request.agent.clone(),
            draining: false,
        };
        let outcome = self.state.board.take(slot, holder, label, pulse(self.pulses), self.now, keep);
        outcome.map_err(|refusal| refused(refusal, mapping))?;
        self.state.left.remove(&slot.key);
        self.taken.insert(slot.clone());
        Ok(())
    }

    /// Refuses a host whose paths belong to somebody else, in part: all its connections are asked for.
    fn own_whole(&self, host: &str, mapping: &Mapping) -> Result<(), Refusal> {
        if self.state.board.is_shared(host, &self.request.identity.subject, self.now) {
            return Err(refused(ClaimRefusal::HeldByOther, mapping));
        }
        Ok(())
    }

    fn endpoint(&self, mapping: &Mapping, public_url: String, policy: Compiled) -> Arc<Endpoint> {
        Arc::new(Endpoint {
            mapping: mapping.clone(),
            link: self.link.clone(),
            subject: self.request.identity.subject.clone(),
            agent_id: self.request.agent.clone(),
            public_url,
            policy,
            allowance: self.request.allowance.cloned(),
        })
    }

    /// A TCP port: the one asked for, the one this mapping had before, or a free one.
    fn port(&mut self, mapping: &Mapping, wanted: Option<u16>, policy: Compiled) -> Result<Serving, Refusal> {
        let subject = &self.request.identity.subject;
        let Some(range) = self.request.identity.tcp.range() else {
            return Err(Refusal::new(codes::PORT_NOT_ALLOWED, "This token allows no TCP port."));
        };
        let before =
            self.state.board.port_of(subject, label(mapping), self.now).filter(|&port| range.contains(port));
        let candidates: Vec<u16> = match wanted {
            Some(port) => vec![port],
            None => before.into_iter().chain(range.ports()).collect(),
        };
        let mut last = Refusal::new(
            codes::PORT_IN_USE,
            format!("All TCP ports that this token allows ({range}) are in use."),
        );
        for port in candidates {
            let slot = Slot::new(Key::Tcp(port), &[]);
            let reserved = port == self.gateway.config.listen.port()
                || self.gateway.config.admin_listen.is_some_and(|admin| admin.port() == port)
                || self.gateway.config.http_listen.is_some_and(|clear| clear.port() == port);
            let fresh = wanted.is_some() || before == Some(port);
            let free =
                match self.state.board.ask(&slot, self.request.claimant(), pulse(self.pulses), self.now) {
                    Verdict::Free => {
                        // A port kept for another mapping of the same subject is not taken unasked.
                        fresh || !self.state.board.is_claimed(&slot.key, self.now)
                    }
                    Verdict::TakeOver(_) => fresh,
                    Verdict::Ask(_) | Verdict::HeldByOwn | Verdict::HeldByOther => false,
                };
            if reserved || !free || self.taken.contains(&slot) {
                if wanted.is_some() {
                    last = Refusal::new(
                        codes::PORT_IN_USE,
                        format!(
                            "TCP port {port} is in use; choose another with --remote-port, or leave it out."
                        ),
                    );
                }
                continue;
            }
            let listener = match self.state.ports.get(&port) {
                Some(listener) => listener.clone(),
                None => match Port::open(self.gateway, port) {
                    Ok(listener) => listener,
                    Err(error) => {
                        tracing::warn!(port, %error, "cannot listen for a TCP mapping");
                        if wanted.is_some() {
                            last = Refusal::new(
                                codes::PORT_IN_USE,
                                format!(
                                    "The gateway cannot listen on TCP port {port}: {error}; choose another with --remote-port."
                                ),
                            );
                        }
                        continue;
                    }
                },
            };
            if let Err(refusal) = self.claim(&slot, label(mapping), true, mapping) {
                if !self.state.ports.contains_key(&port) {
                    listener.close();
                }
                return Err(refusal);
            }
            let host = self.request.site(self.gateway).base.map_or("localhost", |base| base.host.as_str());
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            let endpoint = self.endpoint(mapping, format!("tcp://{host}:{port}"), policy);
            listener.serve(endpoint.clone());
            self.state.ports.insert(port, listener);
            return Ok(Serving { endpoint, place: None, server_name: None, slots: vec![slot] });
        }
        Err(last)
    }
}

fn refused(refusal: ClaimRefusal, mapping: &Mapping) -> Refusal {
    let shown = crate::logging::shown(label(mapping));
    match refusal {
        ClaimRefusal::HeldByOwn => Refusal::new(
            codes::NAME_IN_USE,
            format!(
                "\"{shown}\" is served by another agent that uses the same token name; stop that one, or choose another name."
            ),
        ),
        ClaimRefusal::HeldByOther => {
            Refusal::new(codes::NAME_IN_USE, format!("\"{shown}\" is in use; choose another name."))
        }
        ClaimRefusal::TooMany => Refusal::new(
            codes::LIMIT,
            "No more names can be claimed with this token; take mappings away, or wait until unused names lapse.",
        ),
    }
}
