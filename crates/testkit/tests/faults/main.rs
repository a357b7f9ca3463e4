//! Faults on the machine: no descriptors, no space, services and programs that die or freeze, torn
//! files, a clock that jumps, a neighbour who floods. Long form: `cargo xtask test faults --long`.
#![cfg(target_os = "linux")]

mod agent_death;
mod clock;
mod descriptors;
mod disk;
mod flapping;
mod frozen;
mod gateway_death;
mod neighbours;
mod torn;

use porthole_testkit::long;

/// `short` in the ordinary run, `full` in the long form.
fn sized<T>(short: T, full: T) -> T {
    if long() { full } else { short }
}

/// Numbers that follow each other without a pattern, the same ones for the same seed.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    /// Seeded anew for each run, and printed, so that a failure can be had again.
    fn new(what: &str) -> Self {
        let asked = std::env::var("PORTHOLE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let time = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = asked.unwrap_or_else(|| time().map_or(1, |now| now.as_nanos() as u64 | 1));
        println!("{what}: PORTHOLE_TEST_SEED={seed}");
        Self(seed)
    }

    /// Less than `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64, whose constants these are.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}
