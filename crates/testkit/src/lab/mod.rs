//! A network of its own for a test: a laptop, the internet, and a line between them that can be bad.
//!
//! Three network namespaces, joined by two pairs of virtual Ethernet ends. In the middle one there is no
//! IP at all, only the [`bridge`], which carries frames from one side to the other and does to them on
//! the way what the [`Conditions`] of each direction say. Kernels without `sch_netem` can do that too.
//!
//! Nothing is left behind, however a test ends: namespaces have no names, so that they go with the
//! process that holds them, and their interfaces with them. Only root may make them ([`possible`]).

mod bridge;
mod flow;
mod lane;
mod place;
mod world;

pub use bridge::{Line, Sides};
pub use lane::Conditions;
pub use place::{Inside, Place};
pub use world::LabWorld;

/// The laptop's address, and its router's, in the network that it starts in.
pub const HOME: Network = Network { laptop: "10.77.0.2/24", router: "10.77.0.1" };
/// Another network that the laptop may move to.
pub const CAFE: Network = Network { laptop: "10.88.0.23/24", router: "10.88.0.1" };
/// Where the gateway listens: an address that no network of the laptop's has (RFC 5737).
pub const GATEWAY: &str = "203.0.113.10";

/// The laptop's interface.
const WIRELESS: &str = "wlan0";

/// A network in which the laptop can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// With the length of the prefix.
    pub laptop: &'static str,
    pub router: &'static str,
}

/// The three places and the line between them.
#[derive(Debug)]
pub struct Lab {
    pub laptop: Place,
    pub internet: Place,
    pub line: Line,
}

/// Whether networks can be made here. They cannot only where nobody is root or a program is missing, and
/// `cargo xtask test` said so; then the test says that it is skipped.
///
/// # Panics
/// When something is missing for any other reason: a test that never runs proves nothing.
pub fn possible() -> bool {
    crate::is_root("make networks for tests") && crate::has_program("ip") && crate::has_program("ethtool")
}

impl Lab {
    /// A laptop at [`HOME`], [`GATEWAY`] on the internet, a perfect line.
    ///
    /// # Panics
    /// When the network cannot be made.
    pub fn new() -> Self {
        let (laptop, middle, internet) = (Place::new(), Place::new(), Place::new());
        for place in [&laptop, &middle, &internet] {
            // It would add frames to the bridge's interfaces, and addresses to the laptop's seconds after
            // its start.
            place.run(|| set("ipv6/conf/default/disable_ipv6", "1"));
        }
        for (place, interface, end) in [(&laptop, WIRELESS, "left"), (&internet, "eth0", "right")] {
            place.command(&format!(
                "ip link add {interface} type veth peer name {end} netns {}",
                middle.path()
            ));
            // Without this the kernel leaves checksums and the cutting into frames to hardware that is
            // not there, and no TCP connection comes to be.
            place.command(&format!("ethtool -K {interface} tx off sg off tso off gso off gro off"));
            // A sender that takes loss for congestion, as users' mostly do, whatever this machine is set to.
            // Cubic is not everywhere allowed in a namespace.
            place.run(|| set("ipv4/tcp_congestion_control", "reno"));
        }
        internet.command(&format!("ip addr add {GATEWAY}/32 dev lo"));
        for network in [HOME, CAFE] {
            internet.command(&format!("ip addr add {}/24 dev eth0", network.router));
        }
        let line = Line::new(&middle, "left", "right");
        internet.command("ip link set eth0 up");
        let lab = Self { laptop, internet, line };
        lab.plug_in();
        lab.join(HOME);
        lab
    }

    /// Gives the laptop an address and a way out.
    pub fn join(&self, network: Network) {
        let Network { laptop, router } = network;
        self.laptop.command(&format!("ip addr add {laptop} dev {WIRELESS}"));
        self.laptop.command(&format!("ip route add default via {router} dev {WIRELESS}"));
    }

    /// Takes the laptop's address and with it every route.
    pub fn leave(&self) {
        self.laptop.command(&format!("ip -4 addr flush dev {WIRELESS}"));
    }

    /// The laptop's interface goes down, as when wireless is switched off. Routes are lost, the address
    /// stays.
    pub fn unplug(&self) {
        self.laptop.command(&format!("ip link set {WIRELESS} down"));
    }

    /// The laptop's interface comes up.
    pub fn plug_in(&self) {
        self.laptop.command(&format!("ip link set {WIRELESS} up"));
    }

    /// The way out that [`Self::unplug`] took.
    pub fn route(&self, network: Network) {
        self.laptop.command(&format!("ip route add default via {} dev {WIRELESS}", network.router));
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

/// Sets one of the kernel's variables of the network that this thread is in.
fn set(variable: &str, value: &str) {
    let path = format!("/proc/sys/net/{variable}");
    std::fs::write(&path, value).unwrap_or_else(|error| panic!("cannot set {path}: {error}"));
}
