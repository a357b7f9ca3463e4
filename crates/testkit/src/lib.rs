//! A world of real processes and sockets for tests.
//!
//! [`World`] starts the real `porthole-gateway` and `porthole` on free ports with data folders of their
//! own, beside a programmable [`LocalService`]; a [`Visitor`] is anyone on the internet. Tests wait on
//! conditions ([`wait`]), never for a time. Nothing here leaves the loopback interface, and nothing asks
//! a name server: visitors connect to 127.0.0.1 and say the public name in their `Host`.
//!
//! Hostile ends of a link are here too ([`FalseGateway`], [`BareLink`]), and agents light enough for a
//! crowd ([`LightAgent`]). What is absent: fakes for tests of one side; those live beside the code they
//! stand in for.

pub mod wait;

pub mod binaries;
pub mod certificates;
pub mod node;
pub mod process;

pub mod admin;
pub mod agent;
pub mod exchanges;
pub mod gateway;

pub mod front;
pub mod issuer;

pub mod bare_link;
pub mod false_gateway;
pub mod light_agent;
pub mod local_page;
pub mod pebble;

pub mod cgroup;
pub mod h2_frames;
#[cfg(target_os = "linux")]
pub mod lab;

pub mod service;
pub mod visitor;
pub mod world;

pub use admin::Admin;
pub use agent::Agent;
pub use bare_link::BareLink;
pub use false_gateway::FalseGateway;
pub use gateway::Gateway;
pub use issuer::Issuer;
pub use light_agent::LightAgent;
pub use local_page::LocalPage;
pub use pebble::Pebble;
pub use process::Process;
pub use service::LocalService;
pub use visitor::{Reply, Visitor};
pub use world::World;

/// Whether a test may use `program`. It may be missing only where `cargo xtask test` could not install it
/// and said so; then the test says that it is skipped.
///
/// # Panics
/// When the program is missing for any other reason: a test that never runs proves nothing.
pub fn has_program(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    found || excused(program, &format!("`{program}` is missing"))
}

/// Whether a test may do what only root can; the same holds where nobody is root.
///
/// # Panics
/// When it was not `cargo xtask test` that found out.
pub fn is_root(what_for: &str) -> bool {
    rustix::process::geteuid().is_root() || excused("root", &format!("only root can {what_for}"))
}

/// Says that a test is skipped, since it has to do without `what`.
fn excused(what: &str, why: &str) -> bool {
    let without = std::env::var("PORTHOLE_TEST_WITHOUT").unwrap_or_default();
    assert!(without.split(',').any(|name| name == what), "{why}: run `cargo xtask test`");
    eprintln!("skipped: {why}");
    false
}

/// Whether the long form was asked for (`cargo xtask test --long`): the same tests with larger numbers,
/// and with times asserted that a noisy machine cannot be held to.
pub fn long() -> bool {
    std::env::var_os("PORTHOLE_TEST_LONG").is_some()
}
