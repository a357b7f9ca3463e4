//! Warns while exchanges are not kept: because they cannot be stored at all, or not as fast as they come.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{Shared, warning};
use crate::capture::Paused;
use crate::events::Event;

/// Nothing is kept, and the end of it.
const PAUSED: &str = "capture-paused";
const RESUMED: &str = "capture-resumed";

/// Some are left out, and the end of it.
const LEFT_OUT: &str = "capture-left-out";
const CAUGHT_UP: &str = "capture-caught-up";

/// Between two warnings of one flood.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// Without one left out for so long, the flood is over; people have seen the warning.
const OVER: Duration = Duration::from_secs(60);

/// The warning that is over with this one, if it ends one.
pub(super) fn ends(code: &str) -> Option<&'static str> {
    match code {
        RESUMED => Some(PAUSED),
        CAUGHT_UP => Some(LEFT_OUT),
        _ => None,
    }
}

/// The warning that nothing is kept.
pub(super) fn paused(paused: &Paused) -> Event {
    warning(PAUSED, paused.message.clone())
}

/// Warns as long as the engine runs.
pub(super) async fn warn(shared: Arc<Shared>, mut is_paused: watch::Receiver<Option<Paused>>) {
    let mut unseen = shared.recorder.unseen();
    // Of floods that are over.
    let mut before = 0;
    let mut flood: Option<Flood> = None;
    loop {
        let next = flood.as_ref().map(Flood::next);
        let event = tokio::select! {
            () = shared.leaving.cancelled() => return,
            changed = is_paused.changed() => {
                if changed.is_err() {
                    return;
                }
                match &*is_paused.borrow_and_update() {
                    Some(why) => paused(why),
                    None => warning(RESUMED, "exchanges are kept again".into()),
                }
            }
            Ok(()) = unseen.changed() => {
                let (left_out, now) = (*unseen.borrow_and_update() - before, Instant::now());
                if let Some(flood) = &mut flood {
                    flood.grows(left_out, now);
                    continue;
                }
                flood.insert(Flood::new(left_out, now)).tell(now)
            }
            () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                let now = Instant::now();
                let Some(current) = flood.take() else { continue };
                if current.is_over(now) {
                    before += current.left_out;
                    warning(CAUGHT_UP, format!("all exchanges are kept again; {}", current.loss()))
                } else {
                    flood.insert(current).tell(now)
                }
            }
        };
        let _ = shared.events.send(event);
    }
}

/// Exchanges that come faster than they are stored.
#[derive(Debug)]
struct Flood {
    /// Of this one.
    left_out: u64,
    told: u64,
    told_at: Instant,
    grew_at: Instant,
}

impl Flood {
    fn new(left_out: u64, now: Instant) -> Self {
        Self { left_out, told: 0, told_at: now, grew_at: now }
    }

    fn grows(&mut self, left_out: u64, now: Instant) {
        self.left_out = left_out;
        self.grew_at = now;
    }

    /// When there is something to do.
    fn next(&self) -> Instant {
        let over = self.grew_at + OVER;
        if self.left_out > self.told { over.min(self.told_at + TELL_AGAIN) } else { over }
    }

    fn is_over(&self, now: Instant) -> bool {
        now >= self.grew_at + OVER
    }

    fn tell(&mut self, now: Instant) -> Event {
        (self.told, self.told_at) = (self.left_out, now);
        warning(LEFT_OUT, self.loss())
    }

    fn loss(&self) -> String {
        let (count, were) = if self.left_out == 1 {
            ("1 exchange".into(), "was")
        } else {
            (format!("{} exchanges", self.left_out), "were")
        };
        format!("{count} {were} not kept: more came than can be stored")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_at_once_then_now_and_then_and_is_over_after_a_while() {
        let start = Instant::now();
        let mut flood = Flood::new(1, start);
        let message = |event| match event {
            Event::Warning { message, .. } => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(message(flood.tell(start)), "1 exchange was not kept: more came than can be stored");
        assert_eq!(flood.next(), start + OVER);
        let later = start + Duration::from_secs(2);
        flood.grows(30, later);
        assert_eq!(flood.next(), start + TELL_AGAIN);
        let told = start + TELL_AGAIN;
        assert!(!flood.is_over(told));
        assert_eq!(message(flood.tell(told)), "30 exchanges were not kept: more came than can be stored");
        assert_eq!(flood.next(), later + OVER);
        assert!(flood.is_over(later + OVER));
    }
}
