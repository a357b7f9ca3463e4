//! A constant rate of requests, each timed from when it was due: one that had to wait for a slow one
//! before it is late, and says so.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::fd::OwnedFd;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use serde_json::Value;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use super::{Job, PATIENCE, Tally, wire};

#[derive(Debug, Default)]
struct Due {
    /// When each waiting request was due: at most rate × time of them.
    waiting: RefCell<VecDeque<Instant>>,
    more: Notify,
    tally: RefCell<Tally>,
    pending: std::cell::Cell<usize>,
}

pub async fn run(job: Job) -> Result<Value> {
    let due = Rc::new(Due::default());
    let job = Rc::new(job);
    let mut ready = Vec::new();
    for _ in 0..job.connections {
        // Connected before the clock starts: connections are another measurement's subject.
        let mut socket = wire::connect(job.to).await?;
        let request = wire::get(&job.host, &job.path, false);
        wire::exchange(&mut socket, &request).await?;
        ready.push(socket);
    }
    let began = Instant::now();
    for socket in ready {
        tokio::task::spawn_local(worker(job.clone(), due.clone(), socket, began + job.warm));
    }

    let period = Duration::from_secs(1) / job.rate;
    let timer = timer(period)?;
    let mut next = Instant::now();
    let end = began + job.warm + job.time;
    while next < end {
        let mut ready = timer.readable().await?;
        let mut count = [0; 8];
        if rustix::io::read(ready.get_inner(), &mut count).is_err() {
            ready.clear_ready();
            continue;
        }
        for _ in 0..u64::from_ne_bytes(count) {
            next += period;
            due.waiting.borrow_mut().push_back(next.min(Instant::now()));
            due.pending.set(due.pending.get() + 1);
            due.more.notify_one();
        }
    }
    let drained = async {
        while due.pending.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, drained).await.is_err() {
        // What never came is as late as we have waited.
        let mut tally = due.tally.borrow_mut();
        tally.failed(&anyhow::anyhow!("{} requests without an answer", due.pending.get()));
        let late = PATIENCE.as_micros() as u32;
        tally.micros.extend(std::iter::repeat_n(late, due.pending.get()));
    }
    let tally = std::mem::take(&mut *due.tally.borrow_mut());
    Ok(tally.report(job.time))
}

async fn worker(job: Rc<Job>, due: Rc<Due>, socket: tokio::net::TcpStream, counted_from: Instant) {
    let request = wire::get(&job.host, &job.path, false);
    let mut socket = Some(socket);
    loop {
        let next = due.waiting.borrow_mut().pop_front();
        let Some(since) = next else {
            due.more.notified().await;
            continue;
        };
        let done = async {
            let socket = match &mut socket {
                Some(socket) => socket,
                None => socket.insert(wire::connect(job.to).await?),
            };
            wire::exchange(socket, &request).await
        };
        let done = done.await;
        due.pending.set(due.pending.get() - 1);
        let mut tally = due.tally.borrow_mut();
        tally.answers += 1;
        if since >= counted_from {
            tally.micros.push(since.elapsed().as_micros() as u32);
        }
        if let Err(error) = done {
            tally.failed(&error);
            socket = None;
        }
    }
}

/// The runtime's own timer is good for a millisecond, which is more than there is to measure.
fn timer(period: Duration) -> Result<AsyncFd<OwnedFd>> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags).context("no timer")?;
    let period = Timespec { tv_sec: period.as_secs() as i64, tv_nsec: period.subsec_nanos().into() };
    let each = Itimerspec { it_interval: period, it_value: period };
    rustix::time::timerfd_settime(&timer, TimerfdTimerFlags::empty(), &each)?;
    #[expect(deprecated, reason = "its successor is unsafe; an OwnedFd keeps the promise that one asks for")]
    let timer = AsyncFd::new(timer)?;
    Ok(timer)
}
