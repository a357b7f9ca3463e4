//! The log: human or JSON lines on standard error.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{Handle, Layer};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

use crate::config::{LogFormat, LogSettings};

/// The HTTP/2 library warns of each frame that makes no sense: a visitor could fill the disk with such
/// lines. Whoever wants them says `h2=debug`.
const LIBRARIES: &str = "h2=error";

/// Exchanges have a log of their own; whoever wants them in both says `access=info`.
const ELSEWHERE: &str = "access=off,";

/// What is logged, once logging has started.
static FILTER: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

/// Starts logging; later calls change nothing. `access_elsewhere`: exchanges are told in a log of their own.
pub fn init(settings: &LogSettings, access_elsewhere: bool) {
    let filter = EnvFilter::try_new(filter(&settings.filter, access_elsewhere))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let (filter, handle) = Layer::new(filter);
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // JSON escapes control characters itself; the human format's own escaping is on by default.
    let started = match settings.format {
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
        LogFormat::Human => {
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            registry.with(layer.with_ansi(colour)).try_init()
        }
    };
    if started.is_ok() {
        let _ = FILTER.set(handle);
    }
}

/// Logs by another filter from now on; the format stays.
///
/// # Errors
/// A sentence, where the filter is none; it was the same before then.
pub fn change(settings: &LogSettings, access_elsewhere: bool) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter(&settings.filter, access_elsewhere))
        .map_err(|error| format!("the log's filter is not usable: {error}"))?;
    // Somebody else's logging, in tests, has no such handle.
    let Some(handle) = FILTER.get() else { return Ok(()) };
    handle.reload(filter).map_err(|error| format!("the log's filter stays: {error}"))
}

/// What was asked for, behind what holds unless it says otherwise: of two directives for one target the
/// later counts.
fn filter(asked: &str, access_elsewhere: bool) -> String {
    let elsewhere = if access_elsewhere { ELSEWHERE } else { "" };
    format!("{LIBRARIES},{elsewhere}{asked}")
}

/// A peer's text for a log line: control characters escaped, cut at 200 characters.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    text.chars().take(LONGEST).flat_map(|c| c.escape_debug()).collect()
}
