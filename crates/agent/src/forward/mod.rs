//! Carries each stream of the link to the local service that its mapping names.
//!
//! In reading order: [`workers`] (tasks) → [`route`] (a mapping, ready) → [`rewrite`] (host fields) → [`pool`]
//! (connections) → [`http1`] with [`upload`] and [`answer`] → [`relay`] and [`tcp`] → [`h2`] → [`stand_in`]
//! (what answers for a service that is down) → [`record`] (what is told) → [`outcome`] (what can go wrong).

mod answer;
pub mod devserver;
mod h2;
mod http1;
pub mod outcome;
mod pool;
mod record;
mod relay;
pub mod rewrite;
mod route;
mod service_tls;
mod stand_in;
mod tcp;
mod upload;
mod workers;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use porthole_http1::{Fields, RequestHead, Version};
use porthole_link::stream::Incoming;
use porthole_link::{Item, RecvHalf, ResetCode, StreamKind};
use tokio_util::task::AbortOnDropHandle;

use crate::capture::Recorder;
use crate::events::{Events, MappingSet};
use crate::store::Store;
use crate::target::{Scheme, Target};
use outcome::ForwardError;
use pool::Pool;
use record::Record;
use route::Route;
pub use workers::Carried;
use workers::Workers;

/// How often idle connections are looked at; they may live that much longer than their time.
const SWEEP: Duration = Duration::from_secs(10);

/// How long the rest of a request may still be carried once its answer is complete. The gateway drains
/// an unread body for 2 s at most; this only bounds one that forgets to.
const AFTERMATH: Duration = Duration::from_secs(10);

type Pools = Mutex<HashMap<(Target, bool), Arc<Pool>>>;

/// Forwards streams. Connections to local services outlive links: a reconnect finds them warm.
#[derive(Debug)]
pub struct Forwarder {
    pools: Arc<Pools>,
    /// The newest set's routes by mapping id: one that did not change remembers what it has told.
    known: Mutex<HashMap<String, Arc<Route>>>,
    tls: Arc<service_tls::ServiceTls>,
    events: Events,
    recorder: Option<Recorder>,
    stand_ins: Option<Store>,
    workers: Workers,
    _sweeper: AbortOnDropHandle<()>,
}

/// The mappings of one link by number.
#[derive(Debug, Clone, Default)]
pub struct Routes(HashMap<u32, Arc<Route>>);

impl Routes {
    /// Adds `newer`'s mappings; where both have a number, the newer one counts.
    pub fn add(&mut self, newer: &Self) {
        self.0.extend(newer.0.iter().map(|(number, route)| (*number, route.clone())));
    }

    /// `newer`, with the former numbers of mappings that it still has.
    pub fn changed_to(&self, newer: &Self) -> Self {
        let stays: HashSet<&str> = newer.0.values().map(|route| route.served.wire.id.as_str()).collect();
        let mut both = self.clone();
        both.0.retain(|_, route| stays.contains(route.served.wire.id.as_str()));
        both.add(newer);
        both
    }
}

impl Forwarder {
    /// Must be called on a runtime. Exchanges of mappings that are inspected go to `recorder`; what answers for
    /// services that are down is in `stand_ins`.
    pub fn new(events: Events, recorder: Option<Recorder>, stand_ins: Option<Store>) -> Self {
        let pools = Arc::new(Pools::default());
        let swept = pools.clone();
        let sweeper = tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let pools: Vec<_> =
                    swept.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
                for pool in pools {
                    pool.sweep();
                }
            }
        });
        Self {
            pools,
            known: Mutex::default(),
            tls: Arc::default(),
            events,
            recorder,
            stand_ins,
            workers: Workers::default(),
            _sweeper: AbortOnDropHandle::new(sweeper),
        }
    }

    /// Tells what the link takes both ways, as measured just now, for the exchanges that come over it.
    pub fn measured(&self, link: Option<Duration>) {
        if let Some(recorder) = &self.recorder {
            recorder.measured(link);
        }
    }

    /// Makes a set of mappings ready. Targets that stay keep their connections.
    pub fn routes(&self, set: &MappingSet) -> Routes {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let routes: HashMap<u32, Arc<Route>> = set
            .mappings
            .iter()
            .map(|served| {
                if let Some(route) = known.get(&served.wire.id)
                    && route.served == *served
                {
                    return (served.wire.number, route.clone());
                }
                let key = (served.target.clone(), served.allow_invalid_certs);
                let pool = pools
                    .entry(key)
                    .or_insert_with_key(|(target, allow)| {
                        let beside = Arc::downgrade(&self.pools);
                        Arc::new(Pool::new(target.clone(), *allow, self.tls.clone(), beside))
                    })
                    .clone();
                let route = Route::new(
                    served.clone(),
                    pool,
                    self.events.clone(),
                    self.recorder.clone(),
                    self.stand_ins.clone(),
                );
                (served.wire.number, Arc::new(route))
            })
            .collect();
        *known = routes.values().map(|route| (route.served.wire.id.clone(), route.clone())).collect();
        pools.retain(|_, pool| Arc::strong_count(pool) > 1);
        Routes(routes)
    }

    /// Takes over one stream.
    pub fn forward(&self, routes: &Routes, incoming: Incoming) {
        let Some(route) = routes.0.get(&incoming.open.mapping) else {
            let (mut send, _recv) = incoming.stream.split();
            tracing::debug!(request = %incoming.open.request_id, "a stream for an unknown mapping");
            send.reset(ResetCode::NoMapping);
            return;
        };
        self.workers.carry(route.clone(), incoming);
    }

    /// How many streams were taken over and have not ended.
    pub fn carried(&self) -> Carried {
        self.workers.carried()
    }

    /// Waits until every stream taken over has ended.
    pub async fn finished(&self) {
        self.workers.finished().await;
    }
}

/// One stream from its opening to its end.
async fn run(route: Arc<Route>, incoming: Incoming) {
    let Incoming { open, data, ended, stream } = incoming;
    let (mut send, mut recv) = stream.split();
    let has_head = open.head.is_some();
    let head = open.head.unwrap_or_else(|| RequestHead {
        method: String::new(),
        target: String::new(),
        version: Version::Http11,
        fields: Fields::new(),
    });
    let scheme = route.served.target.scheme;
    let mut record = Record::new(route, head, open.request_id);
    let gateway = open.gateway_us.map(|us| Duration::from_micros(us.into()));
    record.capture(open.kind, open.visitor, gateway);
    let result = match (open.kind, scheme) {
        (StreamKind::Tcp, Scheme::Tcp) => {
            Box::pin(tcp::connection(&mut record, &mut send, &mut recv, open.visitor, (data, ended))).await
        }
        (StreamKind::Http | StreamKind::Upgrade, Scheme::Http | Scheme::Https | Scheme::H2c) if has_head => {
            let public = record.route.rule.apply(&mut record.head);
            let upgrade = open.kind == StreamKind::Upgrade;
            if !upgrade {
                // At once: also where no service takes it, it is there to be looked at.
                record.traffic.request_data(&data);
            }
            let public = public.as_ref();
            let visitor = http1::Visitor { send: &mut send, recv: &mut recv, data, ended, upgrade, public };
            let result = if scheme == Scheme::H2c {
                Box::pin(h2::exchange(&mut record, visitor)).await
            } else {
                http1::exchange(&mut record, visitor).await
            };
            match result {
                Err(error) if error.is_unreachable() && !upgrade => {
                    let visitor = stand_in::Visitor { send: &mut send, recv: &mut recv, ended, public };
                    Box::pin(stand_in::answer(&mut record, visitor, error)).await
                }
                result => result,
            }
        }
        _ => Err(ForwardError::BadRequest),
    };
    if let Err(error) = &result {
        if let ForwardError::Certificate(fault) = error {
            record.route.warn_certificate(fault);
        }
        if let ForwardError::BadAnswer(_) = error {
            record.note.get_or_insert_with(|| error.to_string());
        }
        send.reset(error.reset_code());
    }
    let unread = result.is_ok() && !record.traffic.has_request_ended();
    record.finish(&result);
    drop(record);
    if unread {
        // Dropping the stream now would reset it, and with it what is still queued of the answer.
        let _ = tokio::time::timeout(AFTERMATH, discard(&mut recv)).await;
    }
}

/// Reads the rest of a request that its service did not want.
async fn discard(recv: &mut RecvHalf) {
    while matches!(recv.recv().await, Ok(Item::Data(_))) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker without work keeps this much, and starting one moves it: the ways that are seldom taken
    /// are boxed.
    #[test]
    fn an_exchange_is_small_to_keep() {
        fn size<A, B, F: Future>(_: fn(A, B) -> F) -> usize {
            size_of::<F>()
        }
        assert!(size(run) <= 4096, "{} bytes", size(run));
    }
}
