//! Notices that the computer slept or that its network changed.
//!
//! Both only mean “look again now”: a false alarm costs one ping.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::Read;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How often is looked. A second, because names are to be back two seconds after the network is.
const LOOK: Duration = Duration::from_secs(1);
/// Time that passed without this process by which it must have slept. Above what a clock adjustment
/// or a busy machine makes of a second.
const SLEPT: Duration = Duration::from_secs(3);

/// Bytes of each of the kernel's tables that are compared: a laptop's are a few KiB, and a router's
/// megabytes are not to be read every second.
const TABLE_BYTES: u64 = 64 * 1024;

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The computer slept, or this process was stopped for a while.
    Woke,
    /// Addresses or routes are others than before.
    Network,
}

/// Watches for a [`Change`]; look with [`Watcher::changed`].
#[derive(Debug)]
pub struct Watcher {
    look: fn() -> Sight,
    last: Sight,
}

/// What is seen at one look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight {
    /// Stands still while the computer sleeps.
    pub(crate) awake: Instant,
    /// Goes on while it sleeps.
    pub(crate) always: Duration,
    pub(crate) network: u64,
}

impl Default for Watcher {
    fn default() -> Self {
        Self::of(|| Sight { awake: Instant::now(), always: always(), network: network() })
    }
}

impl Watcher {
    /// Watches what `look` sees.
    pub(crate) fn of(look: fn() -> Sight) -> Self {
        Self { look, last: look() }
    }

    /// Resolves at the next change. Cancel safe: what happens between two calls is noticed by the
    /// later one.
    pub async fn changed(&mut self) -> Change {
        loop {
            let now = (self.look)();
            let last = std::mem::replace(&mut self.last, now);
            if now.network != last.network {
                return Change::Network;
            }
            if slept(now.awake - last.awake, now.always.saturating_sub(last.always), LOOK) {
                return Change::Woke;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Decides whether time passed that this process did not live through, from how far two clocks went
/// where the next look was due after `due`.
fn slept(awake: Duration, always: Duration, due: Duration) -> bool {
    always > awake + SLEPT || awake > due * 10
}

/// A clock that goes on during sleep.
#[cfg(target_os = "linux")]
fn always() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// A clock that goes on during sleep; it may also be set, which costs a ping.
#[cfg(not(target_os = "linux"))]
fn always() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

/// Whether this computer has that address. A connection from one that it no longer has is dead, though
/// nobody says so.
pub fn has_address(ip: IpAddr) -> bool {
    let bound = std::net::UdpSocket::bind((ip, 0));
    // Anything else that is wrong (no more files) says nothing about the address.
    !bound.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrNotAvailable)
}

/// A number that changes with the computer's addresses and routes.
fn network() -> u64 {
    let mut hasher = DefaultHasher::new();
    if cfg!(target_os = "linux") {
        for file in ["/proc/net/route", "/proc/net/if_inet6", "/proc/net/fib_trie"] {
            head_of(file).hash(&mut hasher);
        }
    } else {
        for (from, to) in [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")] {
            source_address(from, to).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// The beginning of a file; empty where there is none.
fn head_of(path: &str) -> Vec<u8> {
    let mut head = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        let _ = file.take(TABLE_BYTES).read_to_end(&mut head);
    }
    head
}

/// The address this computer would speak from; nothing is sent (the destinations are examples'
/// addresses, RFC 5737 and 3849).
fn source_address(from: &str, to: &str) -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind(from).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn sleep_is_told_from_a_busy_moment() {
        assert!(!slept(SECOND, SECOND, SECOND));
        assert!(!slept(SECOND * 2, SECOND * 2, SECOND));
        assert!(!slept(SECOND, SECOND * 4, SECOND));
        assert!(slept(SECOND, SECOND * 4 + Duration::from_millis(1), SECOND));
        assert!(slept(SECOND, SECOND * 3600, SECOND));
        assert!(slept(SECOND * 11, SECOND * 11, SECOND), "the process itself was stopped");
    }

    #[test]
    fn a_network_left_alone_looks_the_same() {
        assert_eq!(network(), network());
        assert!(source_address("0.0.0.0:0", "127.0.0.1:9").is_some_and(|ip| ip.is_loopback()));
    }

    #[test]
    fn own_addresses_are_told_from_others() {
        assert!(has_address([127, 0, 0, 1].into()));
        // An example's (RFC 5737): nobody has it.
        assert!(!has_address([192, 0, 2, 1].into()));
    }

    #[tokio::test]
    async fn an_undisturbed_second_is_no_change() {
        let mut watcher = Watcher::default();
        let quiet = tokio::time::timeout(Duration::from_millis(50), watcher.changed()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    }
}
