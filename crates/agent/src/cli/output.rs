//! What commands print: lines for people, or one JSON object a line.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::events::{Event, ExchangeSummary};
use crate::logging::{escape, mask_target};

/// Prints to standard output. A reader that has gone away is no reason to stop serving.
pub(crate) fn print(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// One line on standard output.
pub(crate) fn print_line(line: &str) {
    print(format!("{line}\n").as_bytes());
}

/// The sentence a command ends with.
pub(crate) fn print_error(message: &str) {
    let _ = writeln!(std::io::stderr().lock(), "porthole: {}", escape(message));
}

/// The same for programs.
pub(crate) fn print_error_json(code: &str, message: &str) {
    print_line(&Line::Error { code, message }.text());
}

/// Whether standard output is for eyes that want colours.
pub(crate) fn in_colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The colour of an outcome, and what ends it: green, yellow for what the visitor did wrong, red.
pub(crate) fn outcome_colour(status: Option<u16>, failed: bool) -> (&'static str, &'static str) {
    let colour = match status {
        Some(..400) if !failed => "\u{1b}[32m",
        Some(400..500) if !failed => "\u{1b}[33m",
        _ => "\u{1b}[31m",
    };
    (colour, "\u{1b}[0m")
}

/// One line of `--json`: a contract, so keys are added and never changed.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Ready {
        public_url: &'a str,
        mapping_id: &'a str,
        target: Option<&'a str>,
        /// The web page of the engine.
        inspector_url: Option<&'a str>,
    },
    /// Told by commands that may have no mapping to tell it with.
    Page {
        inspector_url: &'a str,
    },
    Disconnected {
        code: &'a str,
        message: &'a str,
        retry_in_ms: Option<u64>,
    },
    Exchange {
        mapping_id: &'a str,
        request_id: &'a str,
        method: &'a str,
        path: &'a str,
        status: Option<u16>,
        error: Option<&'a str>,
        duration_ms: f64,
        bytes_in: u64,
        bytes_out: u64,
        note: Option<&'a str>,
    },
    Warning {
        code: &'a str,
        message: &'a str,
        mapping_id: Option<&'a str>,
    },
    Note {
        code: &'a str,
        message: &'a str,
    },
    Error {
        code: &'a str,
        message: &'a str,
    },
}

impl Line<'_> {
    fn text(&self) -> String {
        // Text and numbers only: nothing in it can fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Prints what happens to a command's mappings. Lines are collected and written in one go by
/// [`Printer::flush`], which is called whenever nothing more is waiting.
#[derive(Debug)]
pub(crate) struct Printer {
    json: bool,
    colour: bool,
    /// What each mapping points to.
    targets: HashMap<String, String>,
    /// Mappings told to be live, and where.
    live: HashMap<String, String>,
    /// The last reason for being away, told once.
    away: Option<String>,
    /// Where the engine's page is.
    inspector_url: Option<String>,
    page_told: bool,
    lines: String,
    notes: String,
    clock: Clock,
}

impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        let colour = !json && in_colour();
        Self {
            json,
            colour,
            targets: HashMap::new(),
            live: HashMap::new(),
            away: None,
            inspector_url: None,
            page_told: false,
            lines: String::new(),
            notes: String::new(),
            clock: Clock::default(),
        }
    }

    /// Writes what was collected.
    pub(crate) fn flush(&mut self) {
        if !self.notes.is_empty() {
            let _ = std::io::stderr().lock().write_all(self.notes.as_bytes());
            self.notes.clear();
        }
        if !self.lines.is_empty() {
            print(self.lines.as_bytes());
            self.lines.clear();
            if self.lines.capacity() > 1024 * 1024 {
                self.lines = String::new();
            }
        }
    }

    /// The engine, another process, has gone away: what was live is not, until the next one tells anew.
    pub(crate) fn engine_gone(&mut self) {
        let was_live = !self.live.is_empty();
        self.live.clear();
        if was_live {
            let message = "the Porthole process that held the connection has ended; taking over";
            self.disconnected("engine-gone", message, Some(0));
        }
        self.flush();
    }

    /// True for a mapping that this command told about.
    pub(crate) fn knows(&self, mapping_id: &str) -> bool {
        self.targets.contains_key(mapping_id)
    }

    /// Something worth a line for people; programs get it as an event of its own.
    pub(crate) fn note(&mut self, code: &str, message: &str) {
        if self.json {
            self.object(&Line::Note { code, message });
        } else {
            self.notes.push_str(&escape(message));
            self.notes.push('\n');
        }
    }

    pub(crate) fn warning(&mut self, code: &str, message: &str, mapping_id: Option<&str>) {
        if self.json {
            self.object(&Line::Warning { code, message, mapping_id });
        } else {
            self.notes.push_str("warning: ");
            self.notes.push_str(&escape(message));
            self.notes.push('\n');
        }
    }

    /// Where the engine's page is.
    pub(crate) fn page(&mut self, url: Option<String>) {
        self.page_told &= self.inspector_url == url;
        self.inspector_url = url;
    }

    /// Tells where the page is, once something is served: a line for people; for programs a line of its own
    /// when `alone`, since it comes with each `ready` anyway.
    pub(crate) fn tell_page(&mut self, alone: bool) {
        if std::mem::replace(&mut self.page_told, true) {
            return;
        }
        let Some(url) = &self.inspector_url else { return };
        if !self.json {
            let _ = writeln!(self.notes, "Watch what comes through at {}", escape(url));
        } else if alone {
            let line = Line::Page { inspector_url: url }.text();
            self.line(&line);
        }
    }

    pub(crate) fn serving(&mut self, id: String, target: String) {
        self.targets.insert(id, target);
    }

    /// Tells an event.
    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Connecting { .. } | Event::Draining => {}
            Event::Connected { .. } => {
                self.away = None;
            }
            Event::MappingLive { id, public_url } => self.live(id, public_url),
            Event::MappingRefused { id, code, message } => {
                self.live.remove(id);
                self.warning(code, message, Some(id));
            }
            Event::Disconnected { code, message, retry_in } => {
                // Each reason is told once, not at every try.
                let again = self.away.as_deref() == Some(message);
                self.away = Some(message.clone());
                self.live.clear();
                if !again {
                    self.disconnected(code, message, retry_in.map(|wait| wait.as_millis() as u64));
                }
            }
            Event::Refused { .. } => self.live.clear(),
            Event::Exchange(exchange) => self.exchange(exchange),
            Event::Warning { code, message, mapping_id } => {
                self.warning(code, message, mapping_id.as_deref());
            }
        }
    }

    fn live(&mut self, id: &str, public_url: &str) {
        if self.live.get(id).is_some_and(|told| told == public_url) {
            return;
        }
        self.live.insert(id.to_owned(), public_url.to_owned());
        let target = self.targets.get(id).cloned();
        if self.json {
            let (target, inspector_url) = (target.as_deref(), self.inspector_url.as_deref());
            let line = Line::Ready { public_url, mapping_id: id, target, inspector_url }.text();
            self.line(&line);
            return;
        }
        let (strong, plain) = self.style("1");
        let line = match target {
            Some(target) => format!("{strong}{}{plain} → {target}\n", escape(public_url)),
            None => format!("{strong}{}{plain}\n", escape(public_url)),
        };
        self.lines.push_str(&line);
    }

    fn disconnected(&mut self, code: &str, message: &str, retry_in_ms: Option<u64>) {
        if self.json {
            self.object(&Line::Disconnected { code, message, retry_in_ms });
        } else {
            let _ = writeln!(self.notes, "not connected, trying again: {}", escape(message));
        }
    }

    fn exchange(&mut self, exchange: &ExchangeSummary) {
        let path = mask_target(&exchange.target);
        if self.json {
            self.object(&Line::Exchange {
                mapping_id: &exchange.mapping_id,
                request_id: &exchange.request_id,
                method: &exchange.method,
                path: &path,
                status: exchange.status,
                error: exchange.error.as_deref(),
                duration_ms: (exchange.duration.as_secs_f64() * 1e6).round() / 1e3,
                bytes_in: exchange.bytes_in,
                bytes_out: exchange.bytes_out,
                note: exchange.note.as_deref(),
            });
            return;
        }
        let colour = outcome_colour(exchange.status, exchange.error.is_some());
        let (colour, plain) = if self.colour { colour } else { ("", "") };
        let outcome = match (&exchange.error, exchange.status) {
            (Some(error), Some(status)) => format!("{status} {}", escape(error)),
            (Some(error), None) => escape(error).into_owned(),
            (None, Some(status)) => status.to_string(),
            (None, None) => "-".into(),
        };
        // Piece by piece: `{:<40}` writes its spaces one at a time, at every request.
        let line = &mut self.lines;
        line.push_str(self.clock.now());
        line.push_str("  ");
        left(line, &escape(&exchange.method), 7);
        line.push(' ');
        left(line, &escape(&path), 40);
        line.push_str("  ");
        line.push_str(colour);
        left(line, &outcome, 4);
        line.push_str(plain);
        line.push(' ');
        let took = duration(exchange.duration);
        spaces(line, 8usize.saturating_sub(took.len()));
        line.push_str(&took);
        line.push('\n');
        if let Some(note) = &exchange.note {
            let _ = writeln!(self.lines, "          {}", escape(note));
        }
    }

    fn style(&self, code: &str) -> (String, &'static str) {
        if self.colour { (format!("\u{1b}[{code}m"), "\u{1b}[0m") } else { (String::new(), "") }
    }

    fn object(&mut self, line: &Line<'_>) {
        self.line(&line.text());
    }

    fn line(&mut self, text: &str) {
        self.lines.push_str(text);
        self.lines.push('\n');
    }
}

/// `text`, then spaces up to `width` characters.
fn left(line: &mut String, text: &str, width: usize) {
    line.push_str(text);
    spaces(line, width.saturating_sub(text.chars().count()));
}

fn spaces(line: &mut String, count: usize) {
    const SPACES: &str = "                                        ";
    line.push_str(&SPACES[..count.min(SPACES.len())]);
}

/// The time of day as text, made once a second.
#[derive(Debug, Default)]
struct Clock {
    second: Option<u64>,
    text: String,
}

impl Clock {
    fn now(&mut self) -> &str {
        let second = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
        if second.is_none() || self.second != second {
            self.second = second;
            self.text = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
        }
        &self.text
    }
}

/// Rounded; in the largest unit of which there is one.
pub(crate) fn duration(duration: Duration) -> String {
    // Not in 128 bits, whose divisions are as dear as the rest of a line.
    let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    match us {
        0..9_950 => format!("{}.{} ms", (us + 50) / 1000, (us + 50) / 100 % 10),
        9_950..999_500 => format!("{} ms", (us + 500) / 1000),
        999_500..59_950_000 => format!("{}.{} s", (us + 50_000) / 1_000_000, (us + 50_000) / 100_000 % 10),
        _ => format!("{} min", (us + 30_000_000) / 60_000_000),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn live(url: &str) -> Event {
        Event::MappingLive { id: "a".into(), public_url: url.into() }
    }

    fn lost() -> Event {
        Event::Disconnected { code: "link-lost".into(), message: "gone".into(), retry_in: None }
    }

    #[test]
    fn ready_is_told_once_and_again_after_a_loss() {
        let mut printer = Printer::new(true);
        printer.page(Some("http://127.0.0.1:4040".into()));
        for event in [live("http://x"), live("http://x"), lost(), lost(), live("http://x"), live("http://y")]
        {
            printer.event(&event);
        }
        let events: Vec<Value> =
            printer.lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["ready", "disconnected", "ready", "ready"]);
        assert_eq!(events[0]["mapping_id"], "a");
        assert_eq!(events[0]["inspector_url"], "http://127.0.0.1:4040");
    }

    #[test]
    fn a_duration_is_rounded_in_the_largest_unit_that_fits() {
        for (us, text) in [
            (0, "0.0 ms"),
            (49, "0.0 ms"),
            (1_250, "1.3 ms"),
            (9_949, "9.9 ms"),
            (9_950, "10 ms"),
            (999_499, "999 ms"),
            (999_500, "1.0 s"),
            (59_949_999, "59.9 s"),
            (59_950_000, "1 min"),
            (3_600_000_000, "60 min"),
        ] {
            assert_eq!(duration(Duration::from_micros(us)), text, "{us} µs");
        }
    }

    #[test]
    fn an_exchange_is_one_line_with_its_secrets_masked() {
        let mut printer = Printer::new(false);
        printer.event(&Event::Exchange(std::sync::Arc::new(ExchangeSummary {
            mapping_id: "a".into(),
            request_id: "r".into(),
            method: "GET".into(),
            target: "/x?token=hunter2".into(),
            status: Some(200),
            error: None,
            duration: Duration::from_millis(12),
            bytes_in: 0,
            bytes_out: 3,
            note: None,
        })));
        assert_eq!(printer.lines.lines().count(), 1);
        assert!(printer.lines.contains("/x?token=***") && printer.lines.contains("12 ms"));
    }
}
