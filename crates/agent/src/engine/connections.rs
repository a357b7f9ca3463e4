//! Keeps the log of the link: what happened to it becomes lines, and what they come to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::broadcast;

use super::Shared;
use crate::door::LastDisconnect;
use crate::events::{Event, LinkState};
use crate::store::connections::{CurrentLink, LinkEvent, NewConnectionEntry};

/// What the link is and was, as far as this engine has seen it.
#[derive(Debug, Default)]
pub(super) struct LinkLog {
    link: Link,
    last: Option<LastDisconnect>,
}

#[derive(Debug, Default, Clone, Copy)]
enum Link {
    #[default]
    Never,
    Up(Instant),
    Lost(Instant),
}

type Line = (LinkEvent, NewConnectionEntry);

impl LinkLog {
    /// The lines that an event makes.
    fn event(&mut self, event: &Event, now: Instant, at_us: i64) -> Vec<Line> {
        let entry = NewConnectionEntry { at_us, ..NewConnectionEntry::default() };
        match event {
            Event::Connected { gateway_version, .. } => {
                let mut lines =
                    Vec::from_iter(self.lost("replaced", "A new link took its place.", now, at_us));
                let away = match self.link {
                    Link::Lost(since) => Some(now.saturating_duration_since(since)),
                    Link::Never | Link::Up(_) => None,
                };
                self.link = Link::Up(now);
                let gateway_version = Some(gateway_version.clone());
                lines.push((LinkEvent::Connected, NewConnectionEntry { gateway_version, away, ..entry }));
                lines
            }
            Event::Disconnected { code, message, .. } => {
                let lost = self.lost(code, message, now, at_us);
                vec![lost.unwrap_or_else(|| (LinkEvent::Failed, with_reason(entry, code, message)))]
            }
            Event::Refused { code, message } => {
                let mut lines = Vec::from_iter(self.lost(code, message, now, at_us));
                lines.push((LinkEvent::Refused, with_reason(entry, code, message)));
                lines
            }
            Event::Draining => {
                let message = "The gateway asked for a new link, as it does before it ends.";
                Vec::from_iter(self.lost("gateway-draining", message, now, at_us))
            }
            // There is no link while one is being made: somebody asked for a new one.
            Event::Connecting { .. } => {
                Vec::from_iter(self.lost("reconnect", "A new link was asked for.", now, at_us))
            }
            _ => Vec::new(),
        }
    }

    /// The line of a link that is there no more; none where there was none.
    fn lost(&mut self, code: &str, message: &str, now: Instant, at_us: i64) -> Option<Line> {
        let Link::Up(since) = self.link else { return None };
        self.link = Link::Lost(now);
        self.last = Some(LastDisconnect { at_us, code: code.to_owned(), message: message.to_owned() });
        let entry = NewConnectionEntry {
            at_us,
            lasted: Some(now.saturating_duration_since(since)),
            ..NewConnectionEntry::default()
        };
        Some((LinkEvent::Disconnected, with_reason(entry, code, message)))
    }

    pub(super) fn now(&self, now: Instant) -> CurrentLink {
        let since = |then: Instant| -> Duration { now.saturating_duration_since(then) };
        match self.link {
            Link::Never => CurrentLink::Never,
            Link::Up(then) => CurrentLink::Up(since(then)),
            Link::Lost(then) => CurrentLink::Lost(since(then)),
        }
    }

    /// The last time that a link was lost.
    pub(super) fn last(&self) -> Option<&LastDisconnect> {
        self.last.as_ref()
    }
}

fn with_reason(entry: NewConnectionEntry, code: &str, message: &str) -> NewConnectionEntry {
    NewConnectionEntry { code: Some(code.to_owned()), message: Some(message.to_owned()), ..entry }
}

/// Writes the log until the engine leaves.
pub(super) async fn log(shared: Arc<Shared>, mut events: broadcast::Receiver<Event>) {
    let mut link = shared.link.clone();
    // The connection whose latency is not known yet.
    let mut unmeasured = None;
    loop {
        let event = tokio::select! {
            biased;
            () = shared.leaving.cancelled() => {
                let lost = shared.lock().link_log.lost("left", "Porthole was ended.", Instant::now(), now_us());
                write(&shared, lost.into_iter().collect()).await;
                return;
            }
            event = events.recv() => event,
            Ok(()) = link.changed(), if unmeasured.is_some() => {
                let latency = match &*link.borrow_and_update() {
                    LinkState::Connected { latency, .. } => *latency,
                    _ => None,
                };
                if let (Some(id), Some(latency)) = (unmeasured, latency) {
                    unmeasured = None;
                    match shared.store.log_latency(id, latency).await {
                        Ok(()) => shared.logged.send_replace(()),
                        Err(error) => tracing::debug!(%error, "a latency was not logged"),
                    }
                }
                continue;
            }
        };
        match event {
            // By far the most frequent, and nothing that happens to a link.
            Ok(Event::Exchange(_)) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Ok(event) => {
                let lines = shared.lock().link_log.event(&event, Instant::now(), now_us());
                if lines.is_empty() {
                    continue;
                }
                let id = write(&shared, lines).await;
                unmeasured = id.filter(|_| matches!(event, Event::Connected { .. }));
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// Writes lines and gives the last one's number. What cannot be written is missing from the log, and nothing else.
async fn write(shared: &Shared, lines: Vec<Line>) -> Option<i64> {
    let mut last = None;
    for (event, entry) in lines {
        match shared.store.log_connection(event, entry).await {
            Ok(id) => last = Some(id),
            Err(error) => tracing::debug!(%error, "the link's log was not written"),
        }
    }
    shared.logged.send_replace(());
    last
}

fn now_us() -> i64 {
    Timestamp::now().as_microsecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected() -> Event {
        Event::Connected { session_id: "s".into(), gateway_version: "1.2".into(), latency: None }
    }

    fn disconnected(code: &str) -> Event {
        Event::Disconnected { code: code.into(), message: "Gone.".into(), retry_in: None }
    }

    #[test]
    fn what_happens_to_a_link_becomes_lines() {
        let (mut log, start) = (LinkLog::default(), Instant::now());
        let mut told = Vec::new();
        let events = [
            Event::Connecting { r#try: 1 },
            disconnected("gateway-unreachable"),
            connected(),
            disconnected("link-lost"),
            disconnected("gateway-unreachable"),
            connected(),
            Event::Connecting { r#try: 1 },
            connected(),
            Event::Draining,
            connected(),
            Event::Refused { code: "token-revoked".into(), message: "No more.".into() },
        ];
        for (second, event) in (0..).zip(&events) {
            let now = start + Duration::from_secs(second);
            for (event, entry) in log.event(event, now, second as i64) {
                let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
                told.push((second, event, entry.code, seconds(entry.lasted), seconds(entry.away)));
            }
        }
        let line = |second, event, code: Option<&str>, lasted, away| {
            (second, event, code.map(str::to_owned), lasted, away)
        };
        use LinkEvent::{Connected, Disconnected, Failed, Refused};
        assert_eq!(
            told,
            [
                line(1, Failed, Some("gateway-unreachable"), None, None),
                line(2, Connected, None, None, None),
                line(3, Disconnected, Some("link-lost"), Some(1), None),
                line(4, Failed, Some("gateway-unreachable"), None, None),
                line(5, Connected, None, None, Some(2)),
                line(6, Disconnected, Some("reconnect"), Some(1), None),
                line(7, Connected, None, None, Some(1)),
                line(8, Disconnected, Some("gateway-draining"), Some(1), None),
                line(9, Connected, None, None, Some(1)),
                line(10, Disconnected, Some("token-revoked"), Some(1), None),
                line(10, Refused, Some("token-revoked"), None, None),
            ]
        );
        assert_eq!(log.last().map(|last| last.code.as_str()), Some("token-revoked"));
        assert_eq!(log.now(start + Duration::from_secs(12)), CurrentLink::Lost(Duration::from_secs(2)));
    }
}
