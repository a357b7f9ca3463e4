//! Carries frames between the two ends of a line.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt, socket, sockopt,
};

use super::lane::{Conditions, Lane};
use super::place::Place;

/// The longest frame: nothing on these interfaces has a larger MTU than Ethernet's.
const FRAME_BYTES: usize = 2048;
/// Frames of one direction before the other gets its turn.
const FRAMES_PER_TURN: usize = 64;
/// Bytes of frames that wait for the bridge to have its turn on a busy machine.
const SOCKET_BYTES: usize = 8 * 1024 * 1024;
/// The longest wait before the bridge looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(20);

/// Directions of a line, seen from the laptop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    Both,
    /// From the laptop to the internet.
    Up,
    /// From the internet to the laptop.
    Down,
}

/// The line between laptop and internet, which can be changed while it carries traffic.
#[derive(Debug)]
pub struct Line {
    lanes: Arc<Mutex<Lanes>>,
    stop: Arc<AtomicBool>,
    carrier: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Lanes {
    up: Lane,
    down: Lane,
}

impl Line {
    /// Joins two interfaces of `place`.
    ///
    /// # Panics
    /// When there are no such interfaces.
    pub(super) fn new(place: &Place, left: &str, right: &str) -> Self {
        let [left, right] = [left, right].map(|interface| {
            let end = place.run(|| open(interface));
            place.command(&format!("ip link set {interface} up"));
            end.unwrap_or_else(|error| panic!("cannot read frames off {interface}: {error}"))
        });
        let lanes = Arc::new(Mutex::new(Lanes { up: Lane::new(1), down: Lane::new(2) }));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (lanes.clone(), stop.clone());
        let carrier = std::thread::spawn(move || carry(&left, &right, &shared, &stopped));
        Self { lanes, stop, carrier: Some(carrier) }
    }

    /// From now on frames fare like this.
    pub fn set(&self, sides: Sides, conditions: Conditions) {
        self.each(sides, |lane| lane.conditions = conditions);
    }

    /// A perfect line again, but for connections that were forgotten.
    pub fn heal(&self) {
        self.set(Sides::Both, Conditions::default());
    }

    /// Nothing passes any more.
    pub fn silence(&self, sides: Sides) {
        self.each(sides, |lane| lane.conditions.silent = true);
    }

    /// Connections that there are now are dead and nobody is told, while new ones work: what a router
    /// does that was switched off and on.
    pub fn forget_connections(&self, sides: Sides) {
        self.each(sides, Lane::forget);
    }

    fn each(&self, sides: Sides, mut change: impl FnMut(&mut Lane)) {
        let mut lanes = lock(&self.lanes);
        if sides != Sides::Down {
            change(&mut lanes.up);
        }
        if sides != Sides::Up {
            change(&mut lanes.down);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(carrier) = self.carrier.take() {
            let _ = carrier.join();
        }
    }
}

fn lock(lanes: &Mutex<Lanes>) -> MutexGuard<'_, Lanes> {
    lanes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket that sees every frame on an interface of this thread's network and can send any.
fn open(interface: &str) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)?;
    let found = getifaddrs()?.find_map(|address| {
        let link = address.address?.as_link_addr().copied();
        link.filter(|_| address.interface_name == interface)
    });
    bind(socket.as_raw_fd(), &found.ok_or(Errno::ENODEV)?)?;
    setsockopt(&socket, sockopt::RcvBufForce, &SOCKET_BYTES)?;
    setsockopt(&socket, sockopt::SndBuf, &SOCKET_BYTES)?;
    Ok(socket)
}

/// Until it is stopped. A frame that cannot be read or sent (an interface that is down) is a frame lost.
fn carry(left: &OwnedFd, right: &OwnedFd, lanes: &Mutex<Lanes>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let next = {
            let mut lanes = lock(lanes);
            let Lanes { up, down } = &mut *lanes;
            for (from, lane, to) in [(left, up, right), (right, down, left)] {
                read(from, lane);
                let now = Instant::now();
                while let Some(bytes) = lane.arrived(now) {
                    let _ = send(to.as_raw_fd(), &bytes, MsgFlags::empty());
                }
            }
            [&lanes.up, &lanes.down].into_iter().filter_map(Lane::next).min()
        };
        let wait = next.map_or(LOOK, |next| next.saturating_duration_since(Instant::now()).min(LOOK));
        // Whole milliseconds, and never a busy wait for the rest of one.
        let wait = u16::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(1);
        let mut ends = [left, right].map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN));
        let _ = poll(&mut ends, PollTimeout::from(wait));
    }
}

fn read(from: &OwnedFd, lane: &mut Lane) {
    let mut frame = [0; FRAME_BYTES];
    for _ in 0..FRAMES_PER_TURN {
        match recv(from.as_raw_fd(), &mut frame, MsgFlags::empty()) {
            Ok(size) => lane.take(&frame[..size], Instant::now()),
            Err(_) => return,
        }
    }
}
