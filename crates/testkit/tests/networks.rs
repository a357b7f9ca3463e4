//! Networks that fail: lines that lose, delay and mix up, and ones that fall silent; a laptop that moves.
//!
//! Everything happens in namespaces of the test's own (`testkit::lab`). Short: small transfers, times
//! printed. Long: large ones, times asserted.

#![cfg(target_os = "linux")]

use std::pin::Pin;

use porthole_testkit::{lab, long};

#[path = "networks/bad_lines.rs"]
mod bad_lines;
#[path = "networks/changes.rs"]
mod changes;
#[path = "networks/silence.rs"]
mod silence;

/// What happens in one network of its own, under a name for what is printed.
type Scenario = (&'static str, fn(&'static str) -> Pin<Box<dyn Future<Output = ()>>>);

/// Plays scenarios, each on a thread and a runtime of its own: at once, since all of them mostly wait.
fn at_once(scenarios: &[Scenario]) {
    play(scenarios, scenarios.len());
}

/// The same, but in the long form one after the other: they have work to do then.
fn at_once_if_short(scenarios: &[Scenario]) {
    play(scenarios, if long() { 1 } else { scenarios.len() });
}

fn play(scenarios: &[Scenario], at_once: usize) {
    if !lab::possible() {
        return;
    }
    for some in scenarios.chunks(at_once) {
        std::thread::scope(|scope| {
            for &(name, scenario) in some {
                scope.spawn(move || {
                    let mut runtime = tokio::runtime::Builder::new_current_thread();
                    runtime.enable_all().build().expect("a runtime").block_on(scenario(name));
                });
            }
        });
    }
}
