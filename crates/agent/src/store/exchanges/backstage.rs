//! Where crowds of exchanges are written: a second thread, which gets the processor when nobody else wants it.
//!
//! Not all are, since it may get nothing for seconds beside somebody's compiler: the few that a person makes
//! are to be seen at once. And one thread cannot do both, since Linux does not let it come back.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::writer::Desk;
use crate::capture::Work;

/// How far the writer stands back behind traffic where the processor is the bottleneck (`nice`).
#[cfg(target_os = "linux")]
const NICE: i32 = 19;

/// Linux has this per thread; elsewhere it would slow the whole engine down.
pub(super) fn stand_back() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// Takes the processor only where it idles, and leaves it at once: a thread that is merely `nice` may keep what
/// has just got work waiting for a millisecond or more.
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

/// The thread, and the way there and back; one job at a time. Begins with the first crowd, ends when dropped.
#[derive(Debug, Default)]
pub(super) struct Backstage(Option<Ways>);

#[derive(Debug)]
struct Ways {
    there: Sender<(Desk, Work)>,
    back: Receiver<(Desk, bool)>,
}

impl Backstage {
    /// As [`Desk::put_away`]; on this thread where there can be no other. None when what it had is lost.
    pub(super) fn put_away(&mut self, desk: Desk, work: Work) -> Option<(Desk, bool)> {
        if self.0.is_none() {
            self.0 = begin().inspect_err(|error| tracing::debug!(%error, "no thread for crowds")).ok();
        }
        let (mut desk, work) = match &self.0 {
            None => (desk, work),
            Some(ways) => match ways.there.send((desk, work)) {
                Ok(()) => return ways.back.recv().ok(),
                Err(unsent) => unsent.0,
            },
        };
        let goes_on = desk.put_away(work);
        Some((desk, goes_on))
    }
}

fn begin() -> std::io::Result<Ways> {
    let (there, jobs) = channel::<(Desk, Work)>();
    let (done, back) = channel();
    std::thread::Builder::new().name("exchanges-idle".into()).spawn(move || {
        stand_back_altogether();
        for (mut desk, work) in jobs {
            let goes_on = desk.put_away(work);
            if done.send((desk, goes_on)).is_err() {
                return;
            }
        }
    })?;
    Ok(Ways { there, back })
}
