//! How far the writer stands back behind traffic where the processor is the bottleneck.

use std::time::Duration;

/// Its own `nice`.
#[cfg(target_os = "linux")]
const NICE: i32 = 19;

/// How long the rows of one crowd may wait until nobody else wants the processor: with a rest before and another
/// crowd behind, what is stored is not a second old.
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// Crowds that do not wait after one that did for too long: where the processor is somebody else's for good, few
/// have to find that out.
const IMPATIENT: u32 = 16;

/// Linux has this per thread; elsewhere it would slow the whole engine down.
pub(super) fn stand_back() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// Does the work where the processor idles, and leaves that at once when somebody wants it: a thread that is merely
/// `nice` may keep what has just got work waiting for a millisecond or more. On a thread of its own, since Linux lets
/// none come back from there.
pub(super) fn behind<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    // Elsewhere there is no such place.
    if !cfg!(target_os = "linux") {
        return work();
    }
    let mut done = None;
    let mut work = Some(work);
    std::thread::scope(|scope| {
        let whole = || {
            stand_back_altogether();
            done = work.take().map(|work| work());
        };
        // Joined by the scope.
        let _ = std::thread::Builder::new().name("exchanges-idle".into()).spawn_scoped(scope, whole);
    });
    match (done, work) {
        (Some(done), _) => done,
        // There could be no such thread.
        (None, Some(work)) => work(),
        (None, None) => unreachable!("the scope panics where the work did"),
    }
}

fn stand_back_altogether() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
            thread_native_id,
        };
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        // It fails to set the niceness, too, which means nothing then.
        let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    }
}

/// Whether crowds wait.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Crowds still to come that do not.
    out: u32,
}

impl Patience {
    /// Whether this batch waits until nobody else wants the processor.
    pub(super) fn waits(&mut self, crowd: bool) -> bool {
        if crowd && self.out > 0 {
            self.out -= 1;
            return false;
        }
        crowd
    }

    /// A crowd that waited was written after so long.
    pub(super) fn waited(&mut self, time: Duration) {
        if time >= LONGEST_WAIT {
            self.out = IMPATIENT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_done_behind_takes_only_what_nobody_wants() {
        const SCHED_IDLE: u32 = 5;
        /// As Linux numbers it: the 41st word of a thread's `stat`, of which the state is the 3rd.
        fn policy() -> u32 {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.rsplit_once(") ").unwrap().1.split(' ').nth(41 - 3).unwrap().parse().unwrap()
        }
        let before = policy();
        assert_eq!(behind(policy), SCHED_IDLE);
        assert_eq!(policy(), before);
    }

    #[test]
    fn after_a_crowd_that_waited_for_too_long_some_do_not_wait() {
        let mut patience = Patience::default();
        assert!(!patience.waits(false), "no crowd");
        assert!(patience.waits(true));
        patience.waited(LONGEST_WAIT / 2);
        assert!(patience.waits(true));
        patience.waited(LONGEST_WAIT);
        for _ in 0..IMPATIENT {
            assert!(!patience.waits(false), "no crowd, and none of those to come");
            assert!(!patience.waits(true));
        }
        assert!(patience.waits(true));
    }
}
