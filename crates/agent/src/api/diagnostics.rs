//! What somebody who helps wants to know, as text to be pasted anywhere: no names, addresses, paths or tokens.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::{Api, Problem};
use crate::engine::{Kind, Outlook, Shown, Source, Standing};
use crate::gateway_choice::ChosenBy;
use crate::store::connections::ConnectionEntry;

/// Lines of the link's log.
const ENTRIES: usize = 20;

/// Mappings that are listed; of more, only how many.
const MAPPINGS: usize = 50;

/// How things are, without anything private.
#[utoipa::path(get, path = "/diagnostics", operation_id = "diagnostics", tag = "status",
    responses((status = OK, body = String, content_type = "text/plain")))]
pub(super) async fn read(State(api): State<Api>) -> Result<impl IntoResponse, Problem> {
    let (_, entries) = api.engine.connections().await?;
    let gateway = (api.engine.kind(), api.engine.choice().by);
    let text = text(&api.engine.outlook(), gateway, &api.engine.mappings(), &entries);
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

fn text(
    outlook: &Outlook,
    (kind, by): (Kind, ChosenBy),
    mappings: &[Shown],
    entries: &[ConnectionEntry],
) -> String {
    let report = &outlook.report;
    let mut text = format!("Porthole {} on {}\n", report.version, system());
    let code = outlook.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    let latency = report.latency_ms.map(|ms| format!(", {ms:.1} ms")).unwrap_or_default();
    let version = report.gateway_version.as_ref().map(|version| format!(", gateway {version}"));
    let secure = if report.gateway.starts_with("https") { "https" } else { "http" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "gateway: {kind:?}, chosen by {by:?}, {secure}");
    let _ = writeln!(text, "link: {}{code}{}{latency}", report.state, version.unwrap_or_default());
    let _ = writeln!(text, "up for: {} s", report.uptime_ms / 1000);
    let _ = writeln!(text, "capture: {}", if outlook.paused.is_some() { "paused" } else { "running" });
    let codes: Vec<&str> = outlook.warnings.iter().map(|warning| warning.code.as_str()).collect();
    let _ = writeln!(text, "warnings: {}", if codes.is_empty() { "none".into() } else { codes.join(", ") });
    let _ = writeln!(text, "mappings: {}", mappings.len());
    for shown in mappings.iter().take(MAPPINGS) {
        let _ = writeln!(text, "- {}", mapping(shown));
    }
    let _ = writeln!(text, "link's log, the newest first:");
    for entry in entries.iter().take(ENTRIES) {
        let _ = writeln!(text, "- {}", line(entry));
    }
    text
}

/// The system, as far as somebody who helps needs it.
fn system() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = name.map_or(std::env::consts::OS, |name| name.trim_matches('"'));
    let session = ["XDG_CURRENT_DESKTOP", "XDG_SESSION_TYPE"]
        .into_iter()
        .filter_map(|variable| std::env::var(variable).ok())
        .map(|value| format!(", {value}"));
    format!("{name}, {}{}", std::env::consts::ARCH, session.collect::<String>())
}

fn mapping(shown: &Shown) -> String {
    let spec = &shown.mapping.spec;
    let source = match shown.source {
        Source::Stored => "stored",
        Source::File => "of the file",
        Source::Command => "of a command",
    };
    let state = match &shown.standing {
        Standing::Live { .. } => "live",
        Standing::Connecting => "connecting",
        Standing::Refused { code, .. } => code,
        Standing::Off => "off",
    };
    let policy = [
        (!spec.policy.basic_auth.is_empty(), ", password"),
        (!spec.policy.bearer_keys.is_empty(), ", keys"),
        (spec.policy.jwt.is_some(), ", tokens"),
        (!spec.policy.allow_ip.is_empty() || !spec.policy.deny_ip.is_empty(), ", addresses"),
        (spec.policy.rate_limit.is_some() || spec.policy.visitor_rate_limit.is_some(), ", rate limits"),
        (spec.policy.max_concurrent.is_some(), ", requests at once"),
        (spec.policy.max_body.is_some(), ", length of bodies"),
        (spec.policy.maintenance.is_some(), ", maintenance"),
        (!spec.policy.allow_methods.is_empty(), ", methods"),
        (!spec.policy.public_paths.is_empty(), ", public paths"),
        (!spec.policy.private_paths.is_empty(), ", private paths"),
        (!spec.policy.answers.is_empty(), ", answers"),
        (!spec.policy.request_headers.is_empty(), ", request headers"),
        (!spec.policy.response_headers.is_empty(), ", response headers"),
        (spec.policy.cors.is_some(), ", CORS"),
        (!spec.policy.rewrites.is_empty(), ", rewritten paths"),
        (spec.host.is_some(), ", own host"),
        (spec.path.is_some(), ", path"),
    ];
    let policy = policy.into_iter().filter_map(|(is, word)| is.then_some(word)).collect::<String>();
    format!("{:?}, {source}, {state}{policy}", spec.target.scheme)
}

fn line(entry: &ConnectionEntry) -> String {
    let at = jiff::Timestamp::from_microsecond(entry.at_us).map(|at| at.to_string()).unwrap_or_default();
    let code = entry.code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
    let lasted = entry.lasted_ms.map(|ms| format!(", lasted {} s", ms / 1000)).unwrap_or_default();
    format!("{at} {:?}{code}, {} tries{lasted}", entry.event, entry.tries)
}
