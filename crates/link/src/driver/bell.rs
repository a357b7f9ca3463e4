//! Tells a task which of the things it waits for woke it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;

/// As a waker: wakes the task and remembers that it was this that did. Rung to begin with.
#[derive(Debug)]
pub(super) struct Bell {
    rung: AtomicBool,
    task: AtomicWaker,
}

impl Default for Bell {
    fn default() -> Self {
        Self { rung: AtomicBool::new(true), task: AtomicWaker::new() }
    }
}

impl Bell {
    /// Whether it was rung since the last call; from now on it wakes `task`.
    pub(super) fn answer(&self, task: &Waker) -> bool {
        // In this order: one that rings in between is heard here or wakes the task.
        self.task.register(task);
        self.rung.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Debug, Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_is_heard_once_for_each_time_it_was_rung() {
        let (bell, count) = (Arc::new(Bell::default()), Arc::new(Count::default()));
        let task = Waker::from(count.clone());
        assert!(bell.answer(&task), "there may be something from the beginning");
        assert!(!bell.answer(&task));
        let ring = Waker::from(bell.clone());
        ring.wake_by_ref();
        ring.wake_by_ref();
        assert_eq!(count.0.load(Ordering::Relaxed), 1, "a task that was woken is not woken again");
        assert!(bell.answer(&task));
        assert!(!bell.answer(&task));
        ring.wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }
}
