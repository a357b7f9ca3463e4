//! A visitor who floods, and one beside who does not.
//!
//! Both use the same gateway, link and agent. The flood and the service that it goes to are threads that
//! yield the processor to everybody else, so that what is measured is what the programs make of the flood
//! and not how few processors the machine has. What a busy machine makes of any request, the programs left
//! out, is measured beside it: the kernel lets a thread wait for milliseconds where there are more than
//! processors.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use porthole_testkit::visitor::collect;
use porthole_testkit::wait::within;
use porthole_testkit::{LocalService, Visitor, World, long};

use super::sized;

/// Connections of a flood.
const FLOOD: usize = 32;
/// Those of a bulk flood whose visitor stopped reading.
const STALLED: usize = 8;
/// Between two requests of the quiet visitor.
const PAUSE: Duration = Duration::from_millis(2);
/// How many times the quiet visitor's p99 may be under a flood, on top of what the flood does to a request
/// that goes to the service directly.
const WORSE: f64 = 3.0;

#[derive(Debug, Clone, Copy)]
enum Flood {
    Requests,
    Downloads,
    Connections,
    Uploads,
}

/// Runs the flood on a thread of its own until told to end; counts what it did.
fn begin(flood: Flood, visitor: Visitor, over: Arc<AtomicBool>, done: Arc<AtomicU64>) -> JoinHandle<()> {
    yielding_thread(async move {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..FLOOD {
            tasks.spawn(one(flood, number, visitor.clone(), over.clone(), done.clone()));
        }
        while !over.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
}

/// Runs `work` on a thread of its own that gets what processor time others leave.
fn yielding_thread(work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    std::thread::spawn(move || {
        // Of this thread alone, on Linux.
        let _ = rustix::process::nice(19);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(work);
    })
}

/// One connection (or one after the other) of a flood. What becomes of it is nobody's concern.
async fn one(flood: Flood, number: usize, visitor: Visitor, over: Arc<AtomicBool>, done: Arc<AtomicU64>) {
    while !over.load(Ordering::Relaxed) {
        let _ = match flood {
            Flood::Requests => requests(&visitor, &over, &done).await,
            Flood::Downloads => download(&visitor, number < STALLED).await,
            Flood::Connections => connection(&visitor).await,
            Flood::Uploads => upload(&visitor).await,
        };
        done.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
}

type Outcome = Result<(), porthole_testkit::visitor::Broken>;

async fn requests(visitor: &Visitor, over: &AtomicBool, done: &AtomicU64) -> Outcome {
    let mut send = visitor.http1::<Empty<Bytes>>().await?;
    while !over.load(Ordering::Relaxed) {
        send.ready().await?;
        collect(send.send_request(visitor.request("GET", "/hello").body(Empty::new())?).await?).await?;
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn download(visitor: &Visitor, stalled: bool) -> Outcome {
    let asked = visitor.request("GET", "/bytes?200000000").body(Empty::<Bytes>::new())?;
    let mut body = visitor.send(asked).await?.into_body();
    if stalled {
        std::future::pending::<()>().await;
    }
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}

async fn connection(visitor: &Visitor) -> Outcome {
    visitor.try_fetch(visitor.request("GET", "/hello").body(Empty::<Bytes>::new())?).await?;
    Ok(())
}

async fn upload(visitor: &Visitor) -> Outcome {
    let body = Full::new(Bytes::from(vec![b'x'; 8 * 1024 * 1024]));
    visitor.try_fetch(visitor.request("POST", "/sink").body(body)?).await?;
    Ok(())
}

/// The medians over all rounds of a visitor's p50 and p99.
#[derive(Debug, Default)]
struct Times(Vec<(Duration, Duration)>);

impl Times {
    fn add(&mut self, sorted: &[Duration]) {
        let at = |percent: usize| sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)];
        self.0.push((at(50), at(99)));
    }

    fn p50(&self) -> Duration {
        median(self.0.iter().map(|round| round.0).collect())
    }

    fn p99(&self) -> Duration {
        median(self.0.iter().map(|round| round.1).collect())
    }
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort();
    values[values.len() / 2]
}

/// The quiet visitor's times through the tunnel, and past it, sorted.
async fn quiet(visitors: &[Visitor; 2], requests: usize) -> [Vec<Duration>; 2] {
    let [through, past] = visitors;
    let (mut through_times, mut past_times) = (Vec::new(), Vec::new());
    let mut connections = (connect(through).await, connect(past).await);
    for _ in 0..requests {
        tokio::time::sleep(PAUSE).await;
        through_times.push(ask(through, &mut connections.0).await);
        tokio::time::sleep(PAUSE).await;
        past_times.push(ask(past, &mut connections.1).await);
    }
    through_times.sort();
    past_times.sort();
    [through_times, past_times]
}

type Connection = hyper::client::conn::http1::SendRequest<Empty<Bytes>>;

async fn connect(visitor: &Visitor) -> Connection {
    visitor.http1().await.expect("a connection")
}

/// How long one answer takes.
async fn ask(visitor: &Visitor, send: &mut Connection) -> Duration {
    let asked = visitor.request("GET", "/hello").body(Empty::new()).expect("a request");
    let began = Instant::now();
    let reply =
        within("the quiet visitor's answer", async { collect(send.send_request(asked).await?).await });
    let reply = reply.await.expect("the quiet visitor's answer");
    let time = began.elapsed();
    assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));
    within("the connection goes on", send.ready()).await.expect("the connection goes on");
    time
}

async fn beside(flood: Flood) {
    let world = World::new().await;
    let (tell, port) = tokio::sync::oneshot::channel();
    let ended = Arc::new(AtomicBool::new(false));
    let end = ended.clone();
    let serving = yielding_thread(async move {
        let service = LocalService::sample().await;
        tell.send(service.port()).expect("the test waits for it");
        while !end.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let port = port.await.expect("a service").to_string();
    let mut second = world.start_agent(world.agent.home(), &port, &["--name", "flooded"]);
    second.ready().await;
    let past = Visitor::new(([127, 0, 0, 1], world.service.port()).into(), "app.localhost");
    let (visitors, flooder) = ([world.visitor(), past], world.gateway.visitor("flooded"));
    quiet(&visitors, 20).await;
    let [mut alone, mut flooded, mut past] = [Times::default(), Times::default(), Times::default()];
    let done = Arc::new(AtomicU64::new(0));
    for _ in 0..sized(1, 5) {
        let [through, _] = quiet(&visitors, sized(100, 1000)).await;
        alone.add(&through);
        let over = Arc::new(AtomicBool::new(false));
        let flooding = begin(flood, flooder.clone(), over.clone(), done.clone());
        let [through, past_meanwhile] = quiet(&visitors, sized(100, 1000)).await;
        flooded.add(&through);
        past.add(&past_meanwhile);
        over.store(true, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || flooding.join()).await.expect("joined").expect("the flood ends");
    }
    ended.store(true, Ordering::Relaxed);
    tokio::task::spawn_blocking(move || serving.join()).await.expect("joined").expect("the service ends");
    let machine = past.p99();
    let ours = flooded.p99().saturating_sub(machine);
    let worse = ours.as_secs_f64() / alone.p99().as_secs_f64();
    println!(
        "{flood:?}: quiet p50 {:?} p99 {:?}; beside the flood ({} of its own) p50 {:?} p99 {:?}, of which \
         {machine:?} past the tunnel: {worse:.2} times",
        alone.p50(),
        alone.p99(),
        done.load(Ordering::Relaxed),
        flooded.p50(),
        flooded.p99(),
    );
    if long() {
        assert!(worse < WORSE, "{flood:?} makes a quiet visitor's p99 {worse:.2} times worse");
    }
}

#[tokio::test]
async fn a_flood_of_small_requests_leaves_other_visitors_alone() {
    beside(Flood::Requests).await;
}

#[tokio::test]
async fn a_flood_of_downloads_with_stalled_readers_leaves_other_visitors_alone() {
    beside(Flood::Downloads).await;
}

#[tokio::test]
async fn a_flood_of_new_connections_leaves_other_visitors_alone() {
    beside(Flood::Connections).await;
}

#[tokio::test]
async fn a_flood_of_uploads_leaves_other_visitors_alone() {
    beside(Flood::Uploads).await;
}
