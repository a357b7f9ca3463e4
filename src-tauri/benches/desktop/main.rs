//! `cargo xtask bench --desktop`: how soon the app is there, and what it takes, as a person has it: on a screen and
//! a session bus of its own, connected to a gateway. `--pictures FOLDER` takes pictures instead.

#![allow(dead_code, unused_imports, reason = "the desk of the tests has more than is needed here")]

#[path = "../../tests/desktop/browser.rs"]
mod browser;
#[path = "../../tests/desktop/desk.rs"]
mod desk;
#[path = "../../tests/desktop/notifications.rs"]
mod notifications;
mod processes;
mod report;
#[path = "../../tests/desktop/tray.rs"]
mod tray;

use std::time::{Duration, Instant};

use porthole_testkit::Gateway;
use porthole_testkit::process::{self, Process};
use porthole_testkit::wait::eventually;

use desk::{Desk, of, program};
use processes::Family;
use report::{Report, Taken};

/// Starts of each kind; the median counts.
const STARTS: usize = 11;

/// Until nothing more happens after a change.
const SETTLE: Duration = Duration::from_secs(5);

/// How long the processor's time is looked at.
const IDLE: Duration = Duration::from_secs(60);

/// Between two looks where milliseconds count.
const LOOK: Duration = Duration::from_millis(1);

/// No start takes this long.
const START_WAIT: Duration = Duration::from_secs(60);

/// What the app logs once its page has all it needs.
const USABLE: &str = "the window is usable";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let gateway = Gateway::start().await;
        let desk = Desk::new().await;
        let mut report = Report { tray_ms: Vec::new(), window_ms: Vec::new(), states: Vec::new() };
        for _ in 0..STARTS {
            let before = desk.tray.items();
            let took = started(&desk, &gateway, &["--hidden"], |_| desk.tray.items() > before).await;
            report.tray_ms.push(took);
            let took = started(&desk, &gateway, &[], |app| app.stderr().contains(USABLE)).await;
            report.window_ms.push(took);
        }
        report.states = states(&desk, &gateway).await;
        report.print_and_write();
    });
}

/// Milliseconds from a start until something holds.
async fn started(
    desk: &Desk,
    gateway: &Gateway,
    arguments: &[&str],
    there: impl Fn(&Process) -> bool,
) -> f64 {
    let began = Instant::now();
    let mut app = start(desk, gateway, arguments).await;
    let began = began.max(app.1);
    while !there(&app.0) {
        assert!(began.elapsed() < START_WAIT, "the app does not start: {}", app.0.stderr());
        tokio::time::sleep(LOOK).await;
    }
    let took = began.elapsed();
    app.0.signal(rustix::process::Signal::TERM);
    assert_eq!(app.0.exit_code().await, Some(0));
    took.as_secs_f64() * 1000.0
}

/// The app, and when its process began.
async fn start(desk: &Desk, gateway: &Gateway, arguments: &[&str]) -> (Process, Instant) {
    let mut command = desk.command(program());
    command.args(arguments).envs(of(gateway).await);
    let began = Instant::now();
    (Process::start("porthole-desktop", command), began)
}

/// What the app takes before its window was ever there, while it is, and after.
async fn states(desk: &Desk, gateway: &Gateway) -> Vec<Taken> {
    let (mut app, _) = start(desk, gateway, &["--hidden"]).await;
    desk.tray.line(&["Connected"]).await;
    let family = Family::of(app.pid());
    let never = taken("tray, window never opened", &family).await;
    let second = process::finish("a second start", desk.command(program())).await;
    assert_eq!(second.code, Some(0), "{second:?}");
    eventually("the window", || app.stderr().contains(USABLE)).await;
    let open = taken("window open", &family).await;
    desk.close_window("Porthole").await;
    eventually("the end of the window", || family.members().len() == 1).await;
    let closed = taken("window closed again", &family).await;
    app.signal(rustix::process::Signal::TERM);
    assert_eq!(app.exit_code().await, Some(0));
    vec![never, open, closed]
}

async fn taken(state: &'static str, family: &Family) -> Taken {
    tokio::time::sleep(SETTLE).await;
    let pss_mib = family.pss_mib();
    let (before, began) = (family.processor_time(), Instant::now());
    tokio::time::sleep(IDLE).await;
    let used = family.processor_time().saturating_sub(before);
    let cpu_percent = used.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    Taken { state, processes: family.members().len(), pss_mib, cpu_percent }
}
