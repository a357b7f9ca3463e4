//! Tasks that carry streams, each kept for the next stream: to start one for every stream would move its
//! kilobytes of state four times and take as many from the allocator.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};

use porthole_link::stream::Incoming;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::route::Route;

/// Tasks kept without work, some kilobytes each: as many as connections to one service.
const IDLE_WORKERS: usize = super::pool::IDLE_CONNECTIONS;

/// One stream to carry.
#[derive(Debug)]
struct Job {
    route: Arc<Route>,
    incoming: Incoming,
    /// Counts the stream until it has ended.
    token: TaskTrackerToken,
}

/// Where a worker without work waits.
#[derive(Debug, Default)]
struct Slot(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    job: Option<Job>,
    waker: Option<Waker>,
    dismissed: bool,
}

type Idle = Mutex<Vec<Arc<Slot>>>;

/// How many streams there are, whoever asks.
#[derive(Debug, Clone, Default)]
pub struct Carried(TaskTracker);

impl Carried {
    /// At this moment.
    pub fn now(&self) -> usize {
        self.0.len()
    }
}

/// The workers of one [`super::Forwarder`].
#[derive(Debug, Default)]
pub(super) struct Workers {
    /// The one that worked last comes first: what it touches is still in the caches.
    idle: Arc<Idle>,
    streams: TaskTracker,
}

impl Workers {
    /// Has a stream carried.
    pub(super) fn carry(&self, route: Arc<Route>, incoming: Incoming) {
        let job = Job { route, incoming, token: self.streams.token() };
        let idle = lock(&self.idle).pop();
        match idle {
            Some(slot) => slot.tell(|waiting| waiting.job = Some(job)),
            None => drop(tokio::spawn(work(job, Arc::downgrade(&self.idle)))),
        }
    }

    /// For whoever wants to know how many streams there are.
    pub(super) fn carried(&self) -> Carried {
        Carried(self.streams.clone())
    }

    /// Waits until every stream has ended.
    pub(super) async fn finished(&self) {
        self.streams.close();
        self.streams.wait().await;
        self.streams.reopen();
    }
}

/// Streams that are carried go on; nobody waits for more.
impl Drop for Workers {
    fn drop(&mut self) {
        for slot in lock(&self.idle).drain(..) {
            slot.tell(|waiting| waiting.dismissed = true);
        }
    }
}

impl Slot {
    fn tell(&self, change: impl FnOnce(&mut Waiting)) {
        let waker = {
            let mut waiting = lock(&self.0);
            change(&mut waiting);
            waiting.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// None when nothing more comes.
    async fn next(&self) -> Option<Job> {
        poll_fn(|cx| {
            let mut waiting = lock(&self.0);
            if let Some(job) = waiting.job.take() {
                return Poll::Ready(Some(job));
            }
            if waiting.dismissed {
                return Poll::Ready(None);
            }
            waiting.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

/// Carries one stream after the other, as long as there is room to wait for the next.
async fn work(first: Job, idle: Weak<Idle>) {
    let slot = Arc::new(Slot::default());
    let mut next = Some(first);
    while let Some(Job { route, incoming, token }) = next {
        super::run(route, incoming).await;
        drop(token);
        {
            let Some(idle) = idle.upgrade() else { return };
            let mut idle = lock(&idle);
            if idle.len() >= IDLE_WORKERS {
                return;
            }
            idle.push(slot.clone());
        }
        next = slot.next().await;
    }
}

/// Nothing that holds these locks can panic half-way: what a poisoned one guards is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
