//! The link's own code under a scheduler that decides at every lock and every wait who runs next: what
//! must hold whichever way the tasks take turns. A wake-up that gets lost shows as a deadlock.
//!
//! The sources are taken in as they are, with the scheduler's lock and tasks in place of
//! `src/sync.rs`; the socket is a pipe, and the clock stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use shuttle::future::{block_on, spawn};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};
use tokio::sync::mpsc;

#[path = "../src"]
#[allow(dead_code, unused_imports, reason = "the whole of it, of which these tests use a part")]
mod porthole_link {
    pub mod control;
    pub mod driver;
    pub mod frame;
    pub mod head;
    pub mod limits;
    pub mod mux;
    pub mod stream;
}

/// What `src/sync.rs` stands for here.
mod sync {
    pub(crate) use shuttle::future::spawn;
    pub(crate) use shuttle::sync::{Mutex, MutexGuard};
    use tokio::sync::futures::Notified;

    /// Others get a turn before each step, as between any two steps of threads.
    #[derive(Debug)]
    pub(crate) struct Notify(tokio::sync::Notify);

    impl Notify {
        pub(crate) fn new() -> Self {
            Self(tokio::sync::Notify::new())
        }

        pub(crate) fn notified(&self) -> Notified<'_> {
            shuttle::thread::yield_now();
            self.0.notified()
        }

        pub(crate) fn notify_waiters(&self) {
            shuttle::thread::yield_now();
            self.0.notify_waiters();
        }
    }
}

/// As in `src/lib.rs`, whose place this file takes.
const PROTOCOL: u16 = 1;
const PROTOCOL_OLDEST: u16 = 1;

use control::{Hello, ToAgent, ToGateway, Welcome};
use driver::{Link, agent_handshake, gateway_handshake, socket};
use frame::{Open, ResetCode, StreamKind};
use mux::Role;
use porthole_link::{control, driver, frame, head, limits, mux, stream};
use stream::{Item, LinkStream, OpenError, RecvHalf, SendHalf, Stopped};

/// Bytes in the pipe: few, so that both ends wait for each other.
const PIPE_BYTES: usize = 16 * 1024;
/// Body bytes that use up the first window and the sender's queue.
const MANY_BYTES: usize = 150 * 1024;
/// Body bytes that make the window grow beyond the sender's queue.
const MUCH_BYTES: usize = 1024 * 1024;
/// Bytes of a task's stack: the scheduler's own 32 KiB are too few for an unoptimised WebSocket.
const STACK_BYTES: usize = 512 * 1024;
/// Interleavings tried for each test; the short form tries the same ones each time.
const SHORT_RUNS: usize = 48;
const LONG_RUNS: usize = 1000;

/// Tries many interleavings of `world`, which costs as much as `weight` ordinary ones.
fn explore<F: Future<Output = ()> + 'static>(weight: usize, world: fn() -> F) {
    let long = std::env::var_os("PORTHOLE_TEST_LONG").is_some();
    let runs = if long { LONG_RUNS } else { SHORT_RUNS } / weight;
    let seed: u64 = if long { rand::random() } else { 7 };
    println!("{runs} interleavings from seed {seed}");
    run(RandomScheduler::new_from_seed(seed, runs), world);
    run(PctScheduler::new_from_seed(seed, 3, runs / 2), world);
}

fn run<F: Future<Output = ()> + 'static>(scheduler: impl Scheduler + 'static, world: fn() -> F) {
    // Timers need a runtime to belong to. Nobody drives it: time stands still.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    Runner::new(scheduler, config).run(move || block_on(world()));
}

struct Pair {
    gateway: Link,
    agent: Link,
    from_agent: mpsc::Receiver<ToGateway>,
    from_gateway: mpsc::Receiver<ToAgent>,
}

async fn pair() -> Pair {
    let (one, two) = tokio::io::duplex(PIPE_BYTES);
    let agent = socket(one, Vec::new(), Role::Agent).await;
    let gateway = socket(two, Vec::new(), Role::Gateway).await;
    let hello = Hello {
        protocol: PROTOCOL,
        protocol_oldest: PROTOCOL_OLDEST,
        agent_version: String::new(),
        agent_id: "a".into(),
        epoch: 1,
        revision: 1,
        mappings: Vec::new(),
    };
    let welcomed = spawn(agent_handshake(agent, hello));
    let (gateway, from_agent) = gateway_handshake(gateway).await.expect("a hello").start();
    gateway.send_control(&ToAgent::Welcome(Welcome {
        protocol: PROTOCOL,
        gateway_version: String::new(),
        session_id: "s".into(),
        revision: 1,
        results: Vec::new(),
        policies: Vec::new(),
    }));
    let (agent, _, from_gateway) = welcomed.await.expect("a task").expect("a welcome");
    Pair { gateway, agent, from_agent, from_gateway }
}

impl Pair {
    /// Nothing is left on either end.
    async fn rest(self) {
        self.gateway.idle().await;
        self.agent.idle().await;
        assert_eq!((self.gateway.streams(), self.agent.streams()), (0, 0));
        self.agent.close();
        self.gateway.closed().await;
        self.agent.closed().await;
    }
}

fn tcp() -> Open {
    Open {
        kind: StreamKind::Tcp,
        mapping: 7,
        request_id: "r".into(),
        visitor: "192.0.2.1:4711".parse().expect("an address"),
        gateway_us: None,
        head: None,
    }
}

fn body(bytes: usize) -> Bytes {
    (0..bytes).map(|at| (at % 251) as u8).collect::<Vec<_>>().into()
}

async fn send_all(mut send: SendHalf, bytes: usize) -> Result<(), Stopped> {
    send.send(body(bytes)).await?;
    send.end(None)
}

/// Reads to the end; asserts that what came is the beginning of [`body`], and returns how much.
async fn read_all(mut recv: RecvHalf) -> Result<usize, Stopped> {
    let wanted = body(MUCH_BYTES);
    let mut read = 0;
    loop {
        match recv.recv().await? {
            Item::Data(data) => {
                assert!(wanted[read..].starts_with(&data), "other bytes at {read}");
                read += data.len();
            }
            Item::End(_) => return Ok(read),
            other => panic!("{other:?} on a TCP stream"),
        }
    }
}

/// Both directions at once, each in a task of its own.
async fn both(stream: LinkStream) -> (Result<(), Stopped>, Result<usize, Stopped>) {
    let (send, recv) = stream.split();
    let sending = spawn(send_all(send, MANY_BYTES));
    let read = read_all(recv).await;
    (sending.await.expect("a task"), read)
}

#[test]
fn bodies_arrive_whole_both_ways_whoever_runs_when() {
    explore(1, || async {
        let pair = pair().await;
        let stream = pair.gateway.open(tcp(), Bytes::new(), false).expect("the first stream");
        let agent = pair.agent.clone();
        let there = spawn(async move { both(agent.accept().await.expect("a stream").stream).await });
        assert_eq!(both(stream).await, (Ok(()), Ok(MANY_BYTES)));
        assert_eq!(there.await.expect("a task"), (Ok(()), Ok(MANY_BYTES)));
        pair.rest().await;
    });
}

#[test]
fn a_writer_ahead_of_its_queue_is_woken_as_it_empties() {
    explore(8, || async {
        let pair = pair().await;
        let stream = pair.gateway.open(tcp(), Bytes::new(), true).expect("the first stream");
        let agent = pair.agent.clone();
        let there = spawn(async move {
            let (send, _recv) = agent.accept().await.expect("a stream").stream.split();
            send_all(send, MUCH_BYTES).await
        });
        let (send, recv) = stream.split();
        drop(send);
        assert_eq!(read_all(recv).await, Ok(MUCH_BYTES));
        assert_eq!(there.await.expect("a task"), Ok(()));
        pair.rest().await;
    });
}

#[test]
fn a_reset_meeting_data_on_its_way_ends_each_direction_once() {
    explore(1, || async {
        let pair = pair().await;
        let stream = pair.gateway.open(tcp(), Bytes::new(), false).expect("the first stream");
        let agent = pair.agent.clone();
        let there = spawn(async move { both(agent.accept().await.expect("a stream").stream).await });
        let (mut send, recv) = stream.split();
        let kind = thread_rng().gen_range(0..4);
        let reading = spawn(async move {
            if kind == 0 {
                drop(recv);
                return Err(Stopped(ResetCode::Cancelled));
            }
            read_all(recv).await
        });
        let sent = send.send(body(MANY_BYTES)).await;
        match kind {
            1 => send.reset(ResetCode::Cancelled),
            2 => {}
            _ => drop(send.end(None)),
        }
        drop(send);
        let read = reading.await.expect("a task");
        let (their_sent, their_read) = there.await.expect("a task");
        // An end is clean where everything came, and an error otherwise; `both` has both ends seen.
        assert!(read.is_err() || read == Ok(MANY_BYTES), "{read:?}");
        assert!(their_read.is_err() || their_read == Ok(MANY_BYTES), "{their_read:?}");
        assert!(sent.is_ok() || kind == 0, "{sent:?}");
        if kind == 3 {
            assert_eq!((read, their_sent, their_read), (Ok(MANY_BYTES), Ok(()), Ok(MANY_BYTES)));
        }
        pair.rest().await;
    });
}

#[test]
fn whoever_waits_is_told_when_the_link_closes() {
    explore(1, || async {
        let Pair { gateway, agent, mut from_agent, mut from_gateway } = pair().await;
        let mut waiting = Vec::new();
        // Nobody reads these: their writers wait for credit.
        let mut unread = Vec::new();
        for _ in 0..2 {
            let (send, mut recv) = gateway.open(tcp(), Bytes::new(), false).expect("a stream").split();
            waiting.push(spawn(async move { assert!(send_all(send, MANY_BYTES).await.is_err()) }));
            waiting.push(spawn(async move { assert!(recv.recv().await.is_err()) }));
            let (mut send, recv) = agent.accept().await.expect("a stream").stream.split();
            waiting.push(spawn(async move { assert_eq!(send.stopped().await, ResetCode::LinkLost) }));
            unread.push(recv);
        }
        let accepting = agent.clone();
        waiting.push(spawn(async move { assert!(accepting.accept().await.is_none()) }));
        for link in [&gateway, &agent] {
            let idle = link.clone();
            waiting.push(spawn(async move { idle.idle().await }));
            let alive = link.clone();
            waiting.push(spawn(async move {
                let _ = alive.alive(Duration::from_secs(1)).await;
            }));
            let over = link.clone();
            waiting.push(spawn(async move {
                let _ = over.closed().await;
            }));
        }
        waiting.push(spawn(async move { while from_agent.recv().await.is_some() {} }));
        waiting.push(spawn(async move { while from_gateway.recv().await.is_some() {} }));
        let closing = if thread_rng().r#gen() { &gateway } else { &agent };
        closing.close();
        for task in waiting {
            task.await.expect("a task");
        }
        assert!(matches!(gateway.open(tcp(), Bytes::new(), false), Err(OpenError::Gone)));
        drop(unread);
        assert_eq!((gateway.streams(), agent.streams()), (0, 0));
    });
}

#[test]
fn a_drain_meeting_new_streams_serves_each_or_refuses_it() {
    explore(1, || async {
        let pair = pair().await;
        let opened = Arc::new(AtomicUsize::new(0));
        let visitors: Vec<_> = (0..3)
            .map(|_| {
                let (gateway, opened) = (pair.gateway.clone(), opened.clone());
                spawn(async move {
                    match gateway.open(tcp(), Bytes::from_static(b"hi"), true) {
                        Ok(stream) => {
                            opened.fetch_add(1, Ordering::Relaxed);
                            let (_send, mut recv) = stream.split();
                            assert_eq!(recv.recv().await, Ok(Item::Data(Bytes::from_static(b"served"))));
                            assert_eq!(recv.recv().await, Ok(Item::End(None)));
                        }
                        Err(error) => assert!(matches!(error, OpenError::Draining | OpenError::Gone)),
                    }
                })
            })
            .collect();
        let agent = pair.agent.clone();
        let serving = spawn(async move {
            let mut served = 0;
            while let Some(incoming) = agent.accept().await {
                assert!(incoming.ended && &incoming.data[..] == b"hi");
                let (mut send, _recv) = incoming.stream.split();
                send.send(Bytes::from_static(b"served")).await.expect("it is open");
                send.end(None).expect("it is open");
                served += 1;
            }
            served
        });
        pair.agent.drain(Duration::from_secs(30));
        pair.agent.idle().await;
        // Nothing comes any more: an agent leaves at once.
        pair.agent.close();
        for visitor in visitors {
            visitor.await.expect("a task");
        }
        pair.gateway.closed().await;
        assert_eq!(serving.await.expect("a task"), opened.load(Ordering::Relaxed));
    });
}

#[test]
fn control_messages_of_several_tasks_all_arrive_each_tasks_in_order() {
    const EACH: u64 = 5;
    explore(1, || async {
        let mut pair = pair().await;
        let tasks: Vec<_> = [0, 100]
            .map(|first| {
                let gateway = pair.gateway.clone();
                spawn(async move {
                    for revision in first..first + EACH {
                        assert!(gateway.send_control(&ToAgent::Mapped { revision, results: Vec::new() }));
                        shuttle::future::yield_now().await;
                    }
                })
            })
            .into();
        let mut seen = Vec::new();
        while seen.len() < 2 * EACH as usize {
            match pair.from_gateway.recv().await {
                Some(ToAgent::Mapped { revision, .. }) => seen.push(revision),
                other => panic!("{other:?}"),
            }
        }
        for task in tasks {
            task.await.expect("a task");
        }
        for first in [0, 100] {
            let own: Vec<u64> =
                seen.iter().copied().filter(|at| (first..first + EACH).contains(at)).collect();
            assert_eq!(own, (first..first + EACH).collect::<Vec<_>>());
        }
        assert!(pair.from_agent.try_recv().is_err());
        pair.rest().await;
    });
}
