//! The uplink by a clock that tests turn: a gateway in memory that comes and goes, and hours that take
//! no time.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use porthole_link::control::{Hello, Refused, ToGateway, Welcome, codes};
use porthole_link::driver::LinkError;
use porthole_link::mux::Role;
use porthole_link::{PROTOCOL, agent_handshake, gateway_handshake, socket};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::connect::Established;
use super::failure::{Answer, ConnectError};
use super::*;
use crate::events::events;
use crate::wake::Sight;

/// What a try costs.
const COST: Duration = Duration::from_millis(5);
const MINUTE: Duration = Duration::from_secs(60);

/// How the gateway answers now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Up,
    Down,
    /// A proxy in front asks to be left alone for so many seconds.
    Busy(u32),
    /// It refuses the token.
    Refuses,
}

#[derive(Debug)]
struct Script {
    mode: Mode,
    tries: Vec<Instant>,
    /// The gateway's end of the live link, with its messages.
    link: Option<(Link, mpsc::Receiver<ToGateway>)>,
}

/// A gateway in memory.
#[derive(Debug, Clone)]
struct Gateway(Arc<Mutex<Script>>);

impl Gateway {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, mode: Mode) {
        let mut script = self.script();
        script.mode = mode;
        if mode != Mode::Up
            && let Some((link, _)) = script.link.take()
        {
            link.close();
        }
    }

    /// When tries began, since the last time this was asked.
    fn tries(&self) -> Vec<Instant> {
        std::mem::take(&mut self.script().tries)
    }
}

impl Dial for Gateway {
    async fn dial(&mut self, _: &UplinkConfig, hello: Hello) -> Result<Established, ConnectError> {
        let mode = {
            let mut script = self.script();
            script.tries.push(Instant::now());
            script.mode
        };
        tokio::time::sleep(COST).await;
        let refused = Refused { code: codes::TOKEN_REVOKED.into(), message: "No.".into(), retry: false };
        match mode {
            Mode::Down => Err(ConnectError::Timeout),
            Mode::Refuses => Err(LinkError::Refused(refused).into()),
            Mode::Busy(seconds) => Err(ConnectError::Answer(Box::new(Answer {
                status: 429,
                retry_after: Some(seconds.to_string()),
                ..Answer::default()
            }))),
            Mode::Up => {
                let (one, two) = tokio::io::duplex(64 * 1024);
                let (one, two) = tokio::join!(
                    socket(one, Vec::new(), Role::Agent),
                    socket(two, Vec::new(), Role::Gateway)
                );
                let greeting = async {
                    let (link, messages) = gateway_handshake(two).await?.start();
                    let welcome = Welcome {
                        protocol: PROTOCOL,
                        gateway_version: "0".into(),
                        session_id: "s".into(),
                        revision: 1,
                        results: Vec::new(),
                        policies: Vec::new(),
                    };
                    link.send_control(&ToAgent::Welcome(welcome));
                    Ok::<_, LinkError>((link, messages))
                };
                let (mine, theirs) = tokio::join!(agent_handshake(one, hello), greeting);
                let (link, welcome, control) = mine?;
                self.script().link = Some(theirs?);
                Ok(Established { link, welcome, control, local: None })
            }
        }
    }
}

std::thread_local! {
    /// What the computer's network looks like, and for how long it slept.
    static COMPUTER: Cell<(u64, Duration)> = const { Cell::new((0, Duration::ZERO)) };
}

/// Nothing happens to this computer but what a test says.
fn watcher() -> Watcher {
    // One moment for all: the machine that runs the test may pause.
    static AWAKE: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    Watcher::of(|| {
        let (network, always) = COMPUTER.get();
        Sight { awake: *AWAKE, always, network }
    })
}

fn world(mode: Mode) -> (Gateway, Uplink, watch::Sender<Arc<MappingSet>>) {
    let gateway = Gateway(Arc::new(Mutex::new(Script { mode, tries: Vec::new(), link: None })));
    let (mappings, seen) = watch::channel(Arc::new(MappingSet::default()));
    let config = UplinkConfig {
        gateway: "http://gateway.example".parse().unwrap(),
        token: Secret::new("t"),
        tls: crate::tls::Files::default(),
        agent_id: "a".into(),
        epoch: 1,
        recorder: None,
        stand_ins: None,
    };
    let uplink = start_with(config, seen, events(), gateway.clone(), watcher());
    (gateway, uplink, mappings)
}

async fn connected(uplink: &Uplink) {
    let mut state = uplink.state();
    state.wait_for(|state| matches!(state, LinkState::Connected { .. })).await.unwrap();
}

/// From the beginning of each try to that of the next.
fn gaps(tries: &[Instant]) -> Vec<Duration> {
    tries.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_try_is_at_once_and_later_ones_come_in_jittered_steps_up_to_their_bound() {
    let start = Instant::now();
    let (gateway, _uplink, _mappings) = world(Mode::Down);
    tokio::time::sleep(MINUTE).await;
    let tries = gateway.tries();
    assert_eq!(tries[0], start);
    let first = gaps(&tries);
    assert!(first[0] >= Backoff::FIRST / 2 && first[0] <= Backoff::FIRST + 2 * COST, "{:?}", first[0]);
    assert!(first.iter().all(|gap| *gap <= Backoff::BOUND_SHORT + 2 * COST), "{first:?}");
    assert!(first[4..].iter().all(|gap| *gap >= Backoff::BOUND_SHORT / 2), "{first:?}");
    let distinct: std::collections::BTreeSet<_> = first.iter().collect();
    assert!(distinct.len() > first.len() / 2, "no jitter in {first:?}");
    tokio::time::sleep(10 * MINUTE).await;
    let later = gaps(&gateway.tries());
    let range = Backoff::BOUND_LONG / 2..=Backoff::BOUND_LONG + 2 * COST;
    assert!(later[2..].iter().all(|gap| range.contains(gap)), "{later:?}");
}

#[tokio::test(start_paused = true)]
async fn after_hundreds_of_outages_the_agent_is_back_in_time_each_time() {
    let seed: u64 = if std::env::var_os("PORTHOLE_TEST_LONG").is_some() { rand::random() } else { 3 };
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (gateway, uplink, _mappings) = world(Mode::Up);
    for _ in 0..300 {
        connected(&uplink).await;
        tokio::time::sleep(WORKED).await;
        // From 10 ms to five minutes, as many short ones as long ones.
        let length = Duration::from_secs_f64(0.01 * 30_000_f64.powf(rng.random()));
        gateway.set(Mode::Down);
        tokio::time::sleep(length).await;
        gateway.set(Mode::Up);
        let back = Instant::now();
        connected(&uplink).await;
        let bound = Duration::from_secs(if length < MINUTE { 1 } else { 5 });
        assert!(back.elapsed() <= bound, "{:?} after {length:?}", back.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_network_and_a_wake_have_it_try_at_once_and_begin_anew() {
    let (gateway, _uplink, _mappings) = world(Mode::Down);
    for change in [(1, Duration::ZERO), (1, 10 * MINUTE)] {
        tokio::time::sleep(5 * MINUTE).await;
        gateway.tries();
        COMPUTER.set(change);
        let changed = Instant::now();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let tries = gateway.tries();
        let steps = gaps(&tries);
        let begun = steps.iter().position(|gap| *gap <= Backoff::FIRST + 2 * COST);
        let begun = tries[begun.expect("short steps again")];
        assert!(begun - changed <= Duration::from_secs(1) + COST, "{:?}", begun - changed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_asks_for_time_gets_it_up_to_a_minute() {
    for (asked, least, most) in [(30, 30, 33), (100_000, 60, 60)] {
        let (gateway, _uplink, _mappings) = world(Mode::Busy(asked));
        tokio::time::sleep(5 * MINUTE).await;
        let steps = gaps(&gateway.tries());
        let range = Duration::from_secs(least)..=Duration::from_secs(most) + 2 * COST;
        assert!(steps.len() >= 3 && steps.iter().all(|gap| range.contains(gap)), "{asked}: {steps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_ends_the_trying() {
    let (gateway, uplink, _mappings) = world(Mode::Up);
    connected(&uplink).await;
    gateway.set(Mode::Refuses);
    tokio::time::sleep(60 * MINUTE).await;
    assert_eq!(gateway.tries().len(), 2, "the one that worked and the one that was refused");
    assert!(
        matches!(&*uplink.state().borrow(), LinkState::Refused { code, .. } if code == codes::TOKEN_REVOKED)
    );
}
