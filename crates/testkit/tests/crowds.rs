//! A thousand agents at once: light ones, all in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use porthole_link::backoff::Backoff;
use porthole_testkit::light_agent::{LightAgent, hello, named, raise_open_files};
use porthole_testkit::wait::{eventually, within};
use porthole_testkit::{Gateway, long};
use rustix::process::Signal;
use tokio::task::JoinSet;

/// How long the crowd may take to be back in the long form.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// KiB of a gateway without agents, and of each agent's link with all that comes with it while everybody
/// reconnects: the aim for an idle link is 64.
const GATEWAY_KIB: u64 = 48 * 1024;
const AGENT_KIB: u64 = 128;

fn agents() -> usize {
    if long() { 1_000 } else { 200 }
}

/// Agents that connect, serve, and connect again when they lose their link, as the real one does.
struct Crowd {
    /// How many have a link and their name on it.
    connected: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Crowd {
    fn gather(gateway: &Gateway, token: &str, count: usize) -> Self {
        let connected = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for number in 0..count {
            tasks.spawn(live(gateway.address, token.to_owned(), number, connected.clone()));
        }
        Self { connected, _tasks: tasks }
    }

    fn connected(&self) -> usize {
        self.connected.load(Ordering::SeqCst)
    }
}

/// One agent's life. Its epoch grows with each connection: nobody has to stop for it.
async fn live(gateway: std::net::SocketAddr, token: String, number: usize, connected: Arc<AtomicUsize>) {
    let mut backoff = Backoff::default();
    // Spread like random ones, and the same in each run.
    let spread = number as f64 * 0.618_034 % 1.0;
    let mut away = Instant::now();
    for epoch in 0.. {
        tokio::time::sleep(backoff.next(away.elapsed(), spread)).await;
        let hello = hello(&format!("agent-{number}"), epoch, vec![named(1, &format!("crowd-{number}"))]);
        let Ok(agent) = LightAgent::connect(gateway, &token, hello).await else { continue };
        assert!(agent.welcome.results[0].public_url.is_some(), "{:?}", agent.welcome);
        agent.serve("here");
        backoff.reset();
        connected.fetch_add(1, Ordering::SeqCst);
        agent.link.closed().await;
        connected.fetch_sub(1, Ordering::SeqCst);
        away = Instant::now();
    }
}

/// Every name answers, each by its own agent.
async fn all_answer(gateway: &Gateway, count: usize) {
    let asked = (0..count)
        .step_by(count / 20)
        .map(|number| async move { gateway.visitor(&format!("crowd-{number}")).get("/").await.text() });
    assert!(join_all(asked).await.iter().all(|text| text == "here"));
}

#[tokio::test]
async fn a_crowd_of_agents_is_back_after_its_gateway_was_killed_or_restarted() {
    raise_open_files();
    let count = agents();
    let mut gateway = Gateway::start().await;
    let token = gateway.token("crowd", &[]).await.token;
    let began = Instant::now();
    let crowd = Crowd::gather(&gateway, &token, count);
    eventually("the whole crowd", || crowd.connected() == count).await;
    println!("{count} agents: first connected in {:?}", began.elapsed());
    all_answer(&gateway, count).await;

    for signal in [Signal::KILL, Signal::TERM, Signal::KILL] {
        gateway.process.signal(signal);
        gateway.process.exit_code().await;
        eventually("everybody to have noticed", || crowd.connected() == 0).await;
        gateway.restart().await;
        let began = Instant::now();
        eventually("the whole crowd", || crowd.connected() == count).await;
        let took = began.elapsed();
        let (cpu, peak) = (gateway.process.cpu(), gateway.process.peak_memory_kib());
        println!(
            "{count} agents: back in {took:?} after {signal:?}; gateway {cpu:?} of CPU, {} MiB at most",
            peak / 1024
        );
        assert!(!long() || took < BACK_WITHIN, "{took:?}");
        assert!(peak < GATEWAY_KIB + count as u64 * AGENT_KIB, "{peak} KiB");
        all_answer(&gateway, count).await;
    }
    let status = within("the status", gateway.own().get("/api/v1/status")).await.json();
    assert_eq!(status["links"], count, "{status}");
    assert_eq!(status["endpoints"], count, "{status}");
}
