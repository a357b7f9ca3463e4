//! One network namespace, and how to be in it.

use std::fs::File;
use std::future::Future;
use std::marker::PhantomData;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::process::Command;

use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace. It ends when nobody is in it and nobody holds this: also when the process that
/// does is killed.
#[derive(Debug)]
pub struct Place {
    namespace: File,
}

/// As long as it lives, this thread is in the place: sockets that it makes belong there, and programs that
/// it starts begin there.
#[derive(Debug)]
pub struct Inside {
    before: File,
    /// Belongs to this thread.
    thread: PhantomData<*const ()>,
}

impl Place {
    /// A network with nothing in it but a loopback interface.
    ///
    /// # Panics
    /// When the kernel makes none.
    pub fn new() -> Self {
        // On a thread of its own, which takes the namespace on and leaves it behind.
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)
                .expect("this root may make network namespaces (in a container: one started as privileged)");
            own_namespace()
        });
        let place = Self { namespace: made.join().expect("a network namespace") };
        place.command("ip link set lo up");
        place
    }

    /// Enters it with this thread.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn enter(&self) -> Inside {
        let before = own_namespace();
        setns(&self.namespace, CloneFlags::CLONE_NEWNET).expect("a thread of root's may change its network");
        Inside { before, thread: PhantomData }
    }

    /// Does something there.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _inside = self.enter();
        work()
    }

    /// Does something there that has to wait: the thread is there whenever `work` goes on, and elsewhere
    /// meanwhile. Tasks that `work` spawns are not there.
    pub async fn visit<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        std::future::poll_fn(|cx| self.run(|| work.as_mut().poll(cx))).await
    }

    /// Runs a command there: words with single spaces between them.
    ///
    /// # Panics
    /// When it fails.
    pub fn command(&self, line: &str) {
        let mut words = line.split(' ');
        let mut command = Command::new(words.next().unwrap_or_default());
        let done = self.run(|| command.args(words).output());
        let done = done.unwrap_or_else(|error| panic!("`{line}` cannot be run: {error}"));
        assert!(done.status.success(), "`{line}` failed: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// A path under which other programs find it while this process lives.
    pub(super) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.namespace.as_raw_fd())
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        setns(&self.before, CloneFlags::CLONE_NEWNET).expect("the network that the thread came from is held");
    }
}

/// The network namespace of this thread.
fn own_namespace() -> File {
    File::open("/proc/thread-self/ns/net").expect("every thread has a network namespace")
}
