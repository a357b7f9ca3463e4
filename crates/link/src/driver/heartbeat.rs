//! When to ping, and when a silent peer is dead. Pure: the clock comes in as an argument.

use std::time::{Duration, Instant};

use crate::limits::{DEAD_AFTER, HEARTBEAT};

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing before this moment.
    Nothing(Instant),
    Ping,
    Dead(Duration),
}

/// The heartbeat of one end of a link.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    heard: Instant,
    pinged: Instant,
}

impl Heartbeat {
    pub fn new(now: Instant) -> Self {
        Self { heard: now, pinged: now }
    }

    /// Something arrived.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// A ping was sent.
    pub fn pinged(&mut self, now: Instant) {
        self.pinged = now;
    }

    /// What is to be done at `now`.
    pub fn due(&self, now: Instant) -> Due {
        let silent = now.saturating_duration_since(self.heard);
        if silent >= DEAD_AFTER {
            return Due::Dead(silent);
        }
        let next = self.pinged + HEARTBEAT;
        if now >= next { Due::Ping } else { Due::Nothing(next.min(self.heard + DEAD_AFTER)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_peer_is_pinged_each_heartbeat_and_dead_at_the_bound() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(start);
        assert_eq!(heartbeat.due(start), Due::Nothing(start + HEARTBEAT));
        assert_eq!(heartbeat.due(start + HEARTBEAT), Due::Ping);
        heartbeat.pinged(start + HEARTBEAT);
        let almost = start + DEAD_AFTER.saturating_sub(Duration::from_millis(1));
        assert_eq!(heartbeat.due(almost), Due::Nothing(start + DEAD_AFTER));
        assert_eq!(heartbeat.due(start + DEAD_AFTER), Due::Dead(DEAD_AFTER));
        heartbeat.heard(almost);
        assert_eq!(heartbeat.due(start + 2 * HEARTBEAT), Due::Ping);
    }
}
