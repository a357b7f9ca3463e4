//! One link from its welcome to its end.

use std::sync::Arc;
use std::time::Duration;

use porthole_link::Link;
use porthole_link::control::{MappingResult, ToAgent};
use porthole_link::driver::LinkError;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::connect::Established;
use super::failure::{Failure, link_lost};
use super::{Order, Retired, announce};
use crate::events::{Event, Events, LinkState, MappingSet};
use crate::forward::{Forwarder, Routes};
use crate::wake::{self, Change, Watcher};

/// How long a link may take to show a sign of life after a network change: longer than an answer takes
/// behind bulk on a slow line.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// The same after sleep, when nothing is under way that could hold an answer up.
const SIGN_OF_WAKING: Duration = Duration::from_secs(1);
/// After the gateway took a changed mapping, requests that it had begun to hand over before may still come under
/// the mapping's former number: as long as they may be on their way.
const ON_THE_WAY: Duration = Duration::from_secs(2);
/// Between two looks at how far the gateway is: as often as heartbeats measure it.
const LATENCY_LOOK: Duration = Duration::from_secs(5);
/// The same for the first time, soon after connecting.
const FIRST_LOOK: Duration = Duration::from_millis(50);
/// The longest a link that the gateway wants to be rid of is kept for its streams.
const RETIREMENT: Duration = Duration::from_secs(60);

/// Why a session is over.
pub enum End {
    Lost(Failure),
    /// The computer left the network that the link went through.
    Left,
    /// The gateway leaves; its link goes on until its streams are done.
    Draining(Retired),
    /// Somebody asked for a new connection.
    Reconnect,
    /// We leave, by this deadline.
    Leave(Instant),
}

/// Everything a session shares with what comes before and after it.
pub struct Shared<'a> {
    pub forwarder: &'a Arc<Forwarder>,
    pub mappings: &'a mut watch::Receiver<Arc<MappingSet>>,
    pub orders: &'a mut mpsc::Receiver<Order>,
    pub events: &'a Events,
    /// Where the link's latency is kept up to date.
    pub state: &'a watch::Sender<LinkState>,
    pub watcher: &'a mut Watcher,
}

/// Serves a link's streams until something ends it. `set` is what the hello announced.
pub async fn hold(established: Established, set: Arc<MappingSet>, shared: Shared<'_>) -> End {
    let Established { link, welcome, mut control, local } = established;
    let Shared { forwarder, mappings, orders, events, state, watcher } = shared;
    let (routes, current) = watch::channel(Arc::new(forwarder.routes(&set)));
    let accepting = AbortOnDropHandle::new(tokio::spawn(accept(link.clone(), current, forwarder.clone())));
    tell(events, welcome.results);
    let announce = |set: &MappingSet| {
        let (announcement, refused) = announce::announcement(set, &welcome.policies);
        tell(events, refused);
        if !link.send_control(&announcement) {
            link.close();
        }
    };
    if announce::owes(&set) {
        announce(&set);
    }
    let mut revision = set.revision;
    let mut newest = routes.borrow().clone();
    // What the gateway has by all that it said.
    let mut taken = newest.clone();
    let mut forget_at: Option<Instant> = None;
    // Dropping it ends the check: the link is then over anyway.
    let mut checking: Option<AbortOnDropHandle<bool>> = None;
    // The first measurement is asked for: nobody should wait for a heartbeat to see it.
    let mut measured = false;
    forwarder.measured(None);
    let mut first = std::pin::pin!(first_latency(link.clone()));
    let mut look = tokio::time::interval(LATENCY_LOOK);
    loop {
        tokio::select! {
            biased;
            error = link.closed() => return End::Lost(reason(error, &mut control)),
            message = control.recv() => match message {
                Some(ToAgent::Mapped { revision: answered, results }) => {
                    if answered == revision {
                        taken = newest.clone();
                        routes.send_modify(|routes| *routes = Arc::new(routes.changed_to(&newest)));
                        forget_at.get_or_insert_with(|| Instant::now() + ON_THE_WAY);
                    }
                    tell(events, results);
                }
                Some(ToAgent::Draining { deadline_ms }) => {
                    let within = Duration::from_millis(deadline_ms).min(RETIREMENT);
                    return End::Draining(Retired { link, control, accepting, until: Instant::now() + within });
                }
                Some(ToAgent::Refused(refused)) => {
                    link.close();
                    return End::Lost(link_lost(&LinkError::Refused(refused)));
                }
                // The rest is answered below us.
                Some(_) => {}
                None => return End::Lost(link_lost(&link.closed().await)),
            },
            order = orders.recv() => match order {
                Some(Order::Reconnect) => {
                    link.close();
                    return End::Reconnect;
                }
                Some(Order::Leave(deadline)) => {
                    let _ = events.send(Event::Draining);
                    leave(&link, &mut control, deadline).await;
                    return End::Leave(deadline);
                }
                None => {
                    link.close();
                    return End::Leave(Instant::now());
                }
            },
            Ok(()) = mappings.changed() => {
                let set = mappings.borrow_and_update().clone();
                revision = set.revision;
                newest = Arc::new(forwarder.routes(&set));
                // Numbers of the set before stay until the gateway has the new one.
                let mut both = Routes::clone(&routes.borrow());
                both.add(&newest);
                routes.send_replace(Arc::new(both));
                announce(&set);
            }
            () = tokio::time::sleep_until(forget_at.unwrap_or_else(Instant::now)), if forget_at.is_some() => {
                forget_at = None;
                let mut both = Routes::clone(&taken);
                both.add(&newest);
                routes.send_replace(Arc::new(both));
            }
            () = &mut first, if !measured => {
                measured = true;
                refresh(state, &link, forwarder);
            }
            _ = look.tick() => refresh(state, &link, forwarder),
            alive = async {
                match &mut checking {
                    Some(check) => check.await.unwrap_or(true),
                    None => std::future::pending().await,
                }
            } => {
                checking = None;
                if !alive {
                    link.close();
                    return End::Lost(link_lost(&LinkError::Silent(SIGN_OF_LIFE)));
                }
            }
            change = watcher.changed() => {
                tracing::debug!(?change, "looking whether the link is alive");
                let within = match change {
                    Change::Woke => {
                        tracing::info!("the computer woke up: checking the link");
                        SIGN_OF_WAKING
                    }
                    Change::Network if local.is_some_and(|ip| !wake::has_address(ip)) => {
                        link.close();
                        return End::Left;
                    }
                    Change::Network => SIGN_OF_LIFE,
                };
                let link = link.clone();
                let check = tokio::spawn(async move { link.alive(within).await });
                checking = Some(AbortOnDropHandle::new(check));
            }
        }
    }
}

/// Asks for a pong and waits for it; anything else may be heard before.
async fn first_latency(link: Link) {
    let until = Instant::now() + SIGN_OF_LIFE;
    link.alive(SIGN_OF_LIFE).await;
    while link.latency().is_none() && Instant::now() < until {
        tokio::time::sleep(FIRST_LOOK).await;
    }
}

/// Keeps what is shown of the link's latency true, and what exchanges are told of it.
fn refresh(state: &watch::Sender<LinkState>, link: &Link, forwarder: &Forwarder) {
    forwarder.measured(link.latency());
    state.send_if_modified(|state| match state {
        LinkState::Connected { latency, .. } if *latency != link.latency() => {
            *latency = link.latency();
            true
        }
        _ => false,
    });
}

/// Why a link is over: what the gateway said last counts more than how the connection ended.
fn reason(error: LinkError, control: &mut mpsc::Receiver<ToAgent>) -> Failure {
    while let Ok(message) = control.try_recv() {
        if let ToAgent::Refused(refused) = message {
            return link_lost(&LinkError::Refused(refused));
        }
    }
    link_lost(&error)
}

/// Takes streams off the link and hands each on with the mappings of that moment.
async fn accept(link: Link, mut current: watch::Receiver<Arc<Routes>>, forwarder: Arc<Forwarder>) {
    let mut routes = current.borrow_and_update().clone();
    while let Some(incoming) = link.accept().await {
        if current.has_changed().unwrap_or(false) {
            routes = current.borrow_and_update().clone();
        }
        forwarder.forward(&routes, incoming);
    }
}

/// Tells what became of each mapping.
fn tell(events: &Events, results: Vec<MappingResult>) {
    for MappingResult { id, public_url, code, message } in results {
        let _ = events.send(match (public_url, code) {
            (Some(public_url), None) => Event::MappingLive { id, public_url },
            (_, code) => Event::MappingRefused {
                id,
                code: code.unwrap_or_else(|| "refused".into()),
                message: message.unwrap_or_else(|| "The gateway refused the mapping.".into()),
            },
        });
    }
}

/// Says goodbye and waits for the streams in flight.
async fn leave(link: &Link, control: &mut mpsc::Receiver<ToAgent>, deadline: Instant) {
    link.drain(deadline.saturating_duration_since(Instant::now()));
    let drained = async { while control.recv().await.is_some() {} };
    let _ = tokio::time::timeout_at(deadline, async {
        tokio::select! {
            () = link.idle() => {}
            // Never ends before the link does; it only keeps the queue empty.
            () = drained => {}
        }
    })
    .await;
    link.close();
    // What is queued still goes out; the link bounds that by itself.
    let _ = tokio::time::timeout(SIGN_OF_LIFE, link.closed()).await;
}

impl Retired {
    /// Keeps the old link until the gateway closes it or its time is over: while it drains, the gateway
    /// serves visitors that still come. When the agent itself leaves, until its streams are done.
    pub async fn finish(self, leaving: CancellationToken) {
        let Self { link, mut control, accepting, until } = self;
        let drained = async { while control.recv().await.is_some() {} };
        let idle = async {
            leaving.cancelled().await;
            link.idle().await;
        };
        let _ = tokio::time::timeout_at(until, async {
            tokio::select! {
                () = idle => {}
                () = drained => {}
            }
        })
        .await;
        link.close();
        drop(accepting);
    }
}
