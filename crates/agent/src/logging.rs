//! The program's log: to standard error, for people or as JSON, one line an event.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use clap::{ArgAction, Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::log_file::LogFile;

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Human,
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, Default, Args)]
pub struct LogOptions {
    /// How the log on standard error looks [default: human]
    #[arg(long, global = true, value_name = "human|json", env = "PORTHOLE_LOG_FORMAT", display_order = 900)]
    pub log_format: Option<LogFormat>,
    /// Log more; twice: everything
    #[arg(short, long, global = true, action = ArgAction::Count, display_order = 901)]
    pub verbose: u8,
}

/// Starts logging. `PORTHOLE_LOG` may hold a filter such as `porthole_agent::uplink=debug`; a service
/// tells a little more than a command that somebody watches. A `file` gets as much as a service tells, whatever
/// is printed, as lines for people.
///
/// # Errors
/// A sentence, when the filter cannot be read.
pub fn start(
    options: &LogOptions,
    file_format: Option<&str>,
    service: bool,
    file: Option<LogFile>,
) -> Result<(), String> {
    let level = match (options.verbose, service) {
        (0, false) => "error",
        (0, true) => "info",
        (1, _) => "debug",
        (_, _) => "trace",
    };
    let filter = match std::env::var("PORTHOLE_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(&text)
            .map_err(|error| format!("PORTHOLE_LOG is no log filter ({error}): write it like debug"))?,
        _ => EnvFilter::new(own(level)),
    };
    let format = options.log_format.unwrap_or(match file_format {
        Some("json") => LogFormat::Json,
        _ => LogFormat::Human,
    });
    let printed = tracing_subscriber::fmt::layer().with_ansi(false);
    let printed = match format {
        LogFormat::Human => printed.with_writer(Escaped).boxed(),
        LogFormat::Json => printed.json().with_writer(io::stderr).boxed(),
    };
    let kept = file.map(|file| {
        let kept = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Arc::new(file));
        kept.with_filter(EnvFilter::new(own("info")))
    });
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::registry().with(printed.with_filter(filter)).with(kept).try_init();
    Ok(())
}

/// What our own parts tell from this level on, and others of errors.
fn own(level: &str) -> String {
    let own =
        ["porthole_agent", "porthole_link", "porthole_desktop"].map(|own| format!(",{own}={level}")).concat();
    // The verifier logs as an error what we tell in a sentence.
    format!("error,rustls_platform_verifier=off{own}")
}

/// Standard error with control characters made visible: a log line is one line, whatever a visitor or
/// a gateway put into it. (JSON escapes them by itself.)
#[derive(Debug, Clone, Copy)]
struct Escaped;

impl<'a> MakeWriter<'a> for Escaped {
    type Writer = Escaped;

    fn make_writer(&'a self) -> Escaped {
        Escaped
    }
}

impl io::Write for Escaped {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(one_line(line).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One event as one line: the formatter hands over one whole event at a time, ended by its own newline.
pub(crate) fn one_line(event: &[u8]) -> String {
    let body = event.strip_suffix(b"\n").unwrap_or(event);
    let mut text = escape(&String::from_utf8_lossy(body)).into_owned();
    text.push('\n');
    text
}

/// What steers a terminal instead of being shown on it, as `\u{..}`, everything else as it is.
pub fn escape(text: &str) -> Cow<'_, str> {
    // Bytes first: those of ASCII text are looked at many at a time.
    let plain = text.bytes().fold(true, |plain, byte| plain & (b' '..0x7f).contains(&byte));
    if plain || !text.chars().any(steers) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out.into()
}

/// Control characters, line and paragraph separators, and what turns the direction of writing around, so
/// that an address reads like another (UAX #9 §2).
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Query parameters whose values are hidden in what is printed or logged.
const SECRET_PARAMETERS: &[&str] = &[
    "token",
    "access_token",
    "id_token",
    "refresh_token",
    "key",
    "api_key",
    "apikey",
    "api-key",
    "secret",
    "client_secret",
    "password",
    "passwd",
    "pwd",
    "pass",
    "auth",
    "authorization",
    "sig",
    "signature",
    "code",
    "jwt",
    "session",
    "sessionid",
    "sid",
    "assertion",
    "samlresponse",
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "x-goog-signature",
];

/// A request target with the values of secret-looking query parameters replaced by `***`.
pub fn mask_target(target: &str) -> Cow<'_, str> {
    let Some((path, query)) = target.split_once('?') else { return target.into() };
    let secret = |parameter: &str| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            !value.is_empty() && SECRET_PARAMETERS.iter().any(|known| known.eq_ignore_ascii_case(name))
        })
    };
    if !query.split('&').any(secret) {
        return target.into();
    }
    let masked: Vec<String> = query
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if secret(parameter) => format!("{name}=***"),
            _ => parameter.to_owned(),
        })
        .collect();
    format!("{path}?{}", masked.join("&")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_a_query_are_masked_and_the_rest_is_left() {
        assert_eq!(mask_target("/a?b=1&Token=hunter2&c"), "/a?b=1&Token=***&c");
        assert_eq!(mask_target("/a?b=1"), "/a?b=1");
        assert_eq!(mask_target("/token=1"), "/token=1");
    }

    #[test]
    fn control_characters_cannot_start_a_new_line() {
        assert_eq!(escape("a\nb\u{1b}[2J"), "a\\nb\\u{1b}[2J");
        assert_eq!(escape("ä"), "ä");
        assert_eq!(escape("http://a\u{202e}moc.b"), "http://a\\u{202e}moc.b");
    }
}
