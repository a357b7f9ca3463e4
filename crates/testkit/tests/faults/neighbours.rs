//! A visitor who floods, and one beside who does not.
//!
//! Both use the same gateway, link and agent. The flood and the service that it goes to are threads that
//! yield the processor to everybody else, so that what is measured is what the programs make of the flood
//! and not how few processors the machine has.

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
/// What a flood may do to the quiet visitor's p99.
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

/// The quiet visitor's times, sorted.
async fn quiet(visitor: &Visitor, requests: usize) -> Vec<Duration> {
    let mut send = visitor.http1::<Empty<Bytes>>().await.expect("a connection");
    let mut times = Vec::with_capacity(requests);
    for _ in 0..requests {
        tokio::time::sleep(PAUSE).await;
        let asked = visitor.request("GET", "/hello").body(Empty::new()).expect("a request");
        let began = Instant::now();
        let reply =
            within("the quiet visitor's answer", async { collect(send.send_request(asked).await?).await });
        let reply = reply.await.expect("the quiet visitor's answer");
        times.push(began.elapsed());
        assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));
        within("the connection goes on", send.ready()).await.expect("the connection goes on");
    }
    times.sort();
    times
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort();
    values[values.len() / 2]
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
    let (visitor, flooder) = (world.visitor(), world.gateway.visitor("flooded"));
    quiet(&visitor, 20).await;
    let (mut alone, mut flooded) = (Vec::new(), Vec::new());
    let done = Arc::new(AtomicU64::new(0));
    for _ in 0..sized(1, 5) {
        let times = quiet(&visitor, sized(100, 1000)).await;
        alone.push((at(&times, 50), at(&times, 99)));
        let over = Arc::new(AtomicBool::new(false));
        let flooding = begin(flood, flooder.clone(), over.clone(), done.clone());
        let times = quiet(&visitor, sized(100, 1000)).await;
        flooded.push((at(&times, 50), at(&times, 99)));
        over.store(true, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || flooding.join()).await.expect("joined").expect("the flood ends");
    }
    ended.store(true, Ordering::Relaxed);
    tokio::task::spawn_blocking(move || serving.join()).await.expect("joined").expect("the service ends");
    let p99 = |rounds: &[(Duration, Duration)]| median(rounds.iter().map(|round| round.1).collect());
    let p50 = |rounds: &[(Duration, Duration)]| median(rounds.iter().map(|round| round.0).collect());
    let worse = p99(&flooded).as_secs_f64() / p99(&alone).as_secs_f64();
    println!(
        "{flood:?}: quiet p50 {:?} p99 {:?}, beside the flood ({} of its own) p50 {:?} p99 {:?}: {worse:.2} times",
        p50(&alone),
        p99(&alone),
        done.load(Ordering::Relaxed),
        p50(&flooded),
        p99(&flooded),
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
