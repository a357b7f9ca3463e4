//! Holds the link to the gateway: connects, serves, connects again.
//!
//! In reading order: [`connect`] (one try, with [`proxy`]) → [`session`] (one link) → the loop here →
//! [`failure`] (every way to have no link, in words).

mod announce;
#[cfg(test)]
mod clock_tests;
mod connect;
pub mod failure;
mod proxy;
mod session;

use std::sync::Arc;
use std::time::Duration;

use porthole_link::Link;
use porthole_link::backoff::Backoff;
use porthole_link::control::ToAgent;
use rand::RngExt;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::capture::Recorder;
use crate::events::{Event, Events, LinkState, MappingSet};
use crate::forward::{Carried, Forwarder};
use crate::gateway_url::GatewayUrl;
use crate::secrets::Secret;
use crate::store::Store;
use crate::wake::Watcher;
use connect::{Dial, Trust};
use failure::Failure;
use session::{End, Shared};

/// Orders waiting for the uplink: a person does not press faster.
const ORDERS: usize = 16;
/// The part of a wait that was asked for (`Retry-After`) over which agents are spread beyond it.
const ASKED_SPREAD: f64 = 0.1;
/// A link that lived shorter did not really work: the next try waits its turn, so that a gateway
/// which accepts and drops is not hammered.
const WORKED: Duration = Duration::from_secs(5);

/// Links kept for their streams at once though their gateway wants to be rid of them. One is usual, a
/// few where several gateways restart one after the other; a gateway that sends away whoever comes gets
/// no more.
const RETIRED_LINKS: usize = 8;

/// Everything the uplink must know before its first try.
#[derive(Debug, Clone)]
pub struct UplinkConfig {
    pub gateway: GatewayUrl,
    pub token: Secret,
    /// What is trusted beside the operating system's authorities, and what is shown.
    pub tls: crate::tls::Files,
    /// Random, kept in the data folder.
    pub agent_id: String,
    /// Grows with every start.
    pub epoch: u64,
    /// Where exchanges are captured to, if at all.
    pub recorder: Option<Recorder>,
    /// Where answers are that stand in for services that are down, if anywhere.
    pub stand_ins: Option<Store>,
}

/// A running uplink. Dropping it cuts everything off; [`Uplink::drain`] is the polite way.
#[derive(Debug)]
pub struct Uplink {
    state: watch::Receiver<LinkState>,
    orders: mpsc::Sender<Order>,
    carried: Carried,
    task: AbortOnDropHandle<()>,
}

/// The button that a person presses.
#[derive(Debug, Clone)]
pub struct Reconnect(mpsc::Sender<Order>);

impl Reconnect {
    /// Gives up the present connection, if any, and tries at once.
    pub fn now(&self) {
        // A full queue holds the same order already.
        let _ = self.0.try_send(Order::Reconnect);
    }
}

/// What the owner of an uplink asks of it.
#[derive(Debug)]
enum Order {
    Reconnect,
    Leave(Instant),
}

/// A link that the gateway wants to be rid of, kept for its streams.
#[derive(Debug)]
struct Retired {
    link: Link,
    control: mpsc::Receiver<ToAgent>,
    accepting: AbortOnDropHandle<()>,
    until: Instant,
}

/// Starts connecting, on the current runtime.
pub fn start(config: UplinkConfig, mappings: watch::Receiver<Arc<MappingSet>>, events: Events) -> Uplink {
    start_with(config, mappings, events, Trust::default(), Watcher::default())
}

/// An uplink with nowhere to go, for this reason: it waits to be asked to leave.
pub fn nowhere(why: Failure) -> Uplink {
    let Failure { code, message, .. } = why;
    let (state, seen) = watch::channel(LinkState::Refused { code, message });
    let (orders, mut taken) = mpsc::channel(ORDERS);
    let wait = async move {
        while let Some(Order::Reconnect) = taken.recv().await {}
        state.send_replace(LinkState::Closed);
    };
    let carried = Carried::default();
    Uplink { state: seen, orders, carried, task: AbortOnDropHandle::new(tokio::spawn(wait)) }
}

fn start_with(
    config: UplinkConfig,
    mappings: watch::Receiver<Arc<MappingSet>>,
    events: Events,
    dialer: impl Dial,
    watcher: Watcher,
) -> Uplink {
    let (state, seen) = watch::channel(LinkState::default());
    let (orders, taken) = mpsc::channel(ORDERS);
    let forwarder =
        Arc::new(Forwarder::new(events.clone(), config.recorder.clone(), config.stand_ins.clone()));
    let carried = forwarder.carried();
    let keeper = Keeper {
        config,
        mappings,
        state,
        orders: taken,
        forwarder,
        events,
        retired: JoinSet::new(),
        leaving: CancellationToken::new(),
    };
    let task = AbortOnDropHandle::new(tokio::spawn(keeper.run(dialer, watcher)));
    Uplink { state: seen, orders, carried, task }
}

impl Uplink {
    /// For whoever may ask for a new connection.
    pub fn reconnect(&self) -> Reconnect {
        Reconnect(self.orders.clone())
    }

    /// Tells the gateway that the agent leaves, waits for streams in flight up to `deadline` (counted
    /// from now), closes.
    pub async fn drain(self, deadline: Duration) {
        let until = Instant::now() + deadline;
        if self.orders.send(Order::Leave(until)).await.is_ok() {
            // The task keeps to the deadline itself; the rest is for closing.
            let _ = tokio::time::timeout_at(until + WORKED, self.task).await;
        }
    }

    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// How many requests run, those of links that are about to end among them.
    pub fn carried(&self) -> Carried {
        self.carried.clone()
    }
}

/// The task behind an [`Uplink`].
struct Keeper {
    config: UplinkConfig,
    mappings: watch::Receiver<Arc<MappingSet>>,
    state: watch::Sender<LinkState>,
    orders: mpsc::Receiver<Order>,
    forwarder: Arc<Forwarder>,
    events: Events,
    retired: JoinSet<()>,
    /// Cancelled when retired links need not take new streams any more.
    leaving: CancellationToken,
}

/// What comes after a wait or a try that was interrupted.
enum Next {
    Try,
    /// Something changed: try at once, as if for the first time.
    Afresh,
    Leave(Instant),
}

impl Keeper {
    async fn run(mut self, mut dialer: impl Dial, mut watcher: Watcher) {
        let mut backoff = Backoff::default();
        let mut tries = 0;
        let mut away_since = Instant::now();
        // The first wait is none.
        let mut wait = backoff.next(Duration::ZERO, 0.0);
        loop {
            match self.wait(wait, &mut watcher).await {
                Next::Try => {}
                Next::Afresh => {
                    backoff.reset();
                    backoff.next(Duration::ZERO, 0.0);
                }
                Next::Leave(deadline) => return self.leave(deadline).await,
            }
            tries += 1;
            self.tell(Event::Connecting { r#try: tries });
            let set = self.mappings.borrow_and_update().clone();
            let hello = announce::hello(&self.config, &set);
            let began = Instant::now();
            let established = tokio::select! {
                biased;
                established = dialer.dial(&self.config, hello) => established,
                order = self.orders.recv() => match order {
                    Some(Order::Reconnect) => {
                        wait = Duration::ZERO;
                        continue;
                    }
                    Some(Order::Leave(deadline)) => return self.leave(deadline).await,
                    None => return,
                },
                // What was begun on another network, or before a long sleep, leads nowhere.
                change = watcher.changed() => {
                    tracing::debug!(?change, "trying anew");
                    wait = Duration::ZERO;
                    continue;
                }
            };
            // Counted from the try's beginning: one that waited in vain has waited enough.
            let mut waited = Duration::ZERO;
            let mut asked = Duration::ZERO;
            let failure = match established {
                Ok(established) => {
                    tries = 0;
                    let since = Instant::now();
                    self.connected(&established);
                    let shared = Shared {
                        forwarder: &self.forwarder,
                        mappings: &mut self.mappings,
                        orders: &mut self.orders,
                        events: &self.events,
                        state: &self.state,
                        watcher: &mut watcher,
                    };
                    let end = session::hold(established, set, shared).await;
                    away_since = Instant::now();
                    if since.elapsed() >= WORKED {
                        backoff.reset();
                    }
                    match end {
                        End::Lost(failure) => failure,
                        End::Left => {
                            // However short the link lived: the gateway had no part in its end.
                            backoff.reset();
                            failure::network_left()
                        }
                        End::Draining(retired) => {
                            self.tell(Event::Draining);
                            self.retire(retired);
                            // At once where the link worked.
                            wait = backoff.next(Duration::ZERO, rand::rng().random());
                            self.state.send_replace(LinkState::Connecting);
                            continue;
                        }
                        End::Reconnect => {
                            backoff.reset();
                            wait = backoff.next(Duration::ZERO, 0.0);
                            self.state.send_replace(LinkState::Connecting);
                            continue;
                        }
                        End::Leave(deadline) => return self.leave(deadline).await,
                    }
                }
                Err(error) => {
                    let now = jiff::Timestamp::now();
                    waited = began.elapsed();
                    asked = error.asked_to_wait(now).unwrap_or_default();
                    failure::explain(&error, &self.config.gateway, now)
                }
            };
            if !failure.retry {
                return self.refused(failure);
            }
            let random: f64 = rand::rng().random();
            // Asked for the same wait, agents still do not come all at once.
            let asked = asked.mul_f64(1.0 + ASKED_SPREAD * random).min(failure::LONGEST_ASKED);
            wait = backoff.next(away_since.elapsed(), random).saturating_sub(waited).max(asked);
            self.disconnected(&failure, wait);
        }
    }

    async fn wait(&mut self, wait: Duration, watcher: &mut Watcher) -> Next {
        if wait.is_zero() {
            return Next::Try;
        }
        tokio::select! {
            biased;
            order = self.orders.recv() => match order {
                Some(Order::Reconnect) => Next::Afresh,
                Some(Order::Leave(deadline)) => Next::Leave(deadline),
                None => Next::Leave(Instant::now()),
            },
            () = tokio::time::sleep(wait) => Next::Try,
            _ = watcher.changed() => Next::Afresh,
        }
    }

    fn retire(&mut self, retired: Retired) {
        while self.retired.try_join_next().is_some() {}
        if self.retired.len() < RETIRED_LINKS {
            self.retired.spawn(retired.finish(self.leaving.clone()));
        } else {
            tracing::info!("the gateway drains one link after the other; closing this one at once");
            retired.link.close();
        }
    }

    fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    fn connected(&self, established: &connect::Established) {
        let session_id = established.welcome.session_id.clone();
        let gateway_version = established.welcome.gateway_version.clone();
        let latency = established.link.latency();
        tracing::info!(session = %session_id, gateway = %self.config.gateway, "connected to the gateway");
        self.state.send_replace(LinkState::Connected {
            session_id: session_id.clone(),
            gateway_version: gateway_version.clone(),
            latency,
        });
        self.tell(Event::Connected { session_id, gateway_version, latency });
    }

    fn disconnected(&self, failure: &Failure, wait: Duration) {
        let Failure { code, message, .. } = failure.clone();
        tracing::info!(%code, retry_in = ?wait, "no link: {message}");
        self.state.send_replace(LinkState::Waiting { code: code.clone(), message: message.clone() });
        self.tell(Event::Disconnected { code, message, retry_in: Some(wait) });
    }

    fn refused(&self, failure: Failure) {
        let Failure { code, message, .. } = failure;
        tracing::warn!(%code, "the link was refused for good: {message}");
        self.state.send_replace(LinkState::Refused { code: code.clone(), message: message.clone() });
        self.tell(Event::Refused { code, message });
    }

    /// The end: streams of retired links and their tasks finish by the deadline.
    async fn leave(mut self, deadline: Instant) {
        self.leaving.cancel();
        let _ = tokio::time::timeout_at(deadline, async {
            while self.retired.join_next().await.is_some() {}
            self.forwarder.finished().await;
        })
        .await;
        self.state.send_replace(LinkState::Closed);
    }
}
