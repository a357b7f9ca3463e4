//! One picture of a gateway, as plain text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use super::seen::{Agent, Status, Traffic};
use crate::logging::shown;

/// Rows of each table; more are counted.
const ROWS: usize = 20;
/// Codes of refusals told; more are counted.
const CODES: usize = 8;
/// Characters of a column.
const WIDEST: usize = 48;

/// A status, and when it came.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) status: Status,
}

/// `now` of the gateway at `base`; rates are since `before`, or since the gateway's start.
pub(super) fn picture(base: &str, now: &Sample, before: Option<&Sample>) -> String {
    let status = &now.status;
    // A gateway that was started again has counted less than before.
    let before = before.filter(|before| before.status.uptime_seconds <= status.uptime_seconds);
    let mut text = String::new();
    let state = if status.ready { "ready" } else { "DRAINING" };
    let (version, up) = (shown(&status.version), span(status.uptime_seconds));
    let _ = writeln!(text, "porthole-gateway {version} at {}: {state}, up {up}", shown(base));
    let _ =
        writeln!(text, "{} links, {} mappings, {} streams\n", status.links, status.endpoints, status.streams);
    traffic(&mut text, now, before);
    let mappings = status.agents.iter().flat_map(|agent| {
        agent
            .endpoints
            .iter()
            .map(|one| vec![one.label.clone(), one.public_url.clone(), agent.subject.clone()])
    });
    table(&mut text, &["MAPPING", "ADDRESS", "WHOSE"], mappings.collect());
    let heads = ["LINK OF", "AGENT", "VERSION", "CONNECTED", "LATENCY", "STREAMS", "MAPPINGS"];
    table(&mut text, &heads, status.agents.iter().map(link).collect());
    if let Some(acme) = &status.acme {
        let rows = acme.soonest.iter().map(|one| vec![one.name.clone(), one.days.to_string()]);
        table(&mut text, &["CERTIFICATE", "DAYS LEFT"], rows.collect());
        if let Some(last) = &acme.last_failure {
            let (name, problem, code) = (shown(&last.name), shown(&last.problem), shown(&last.code));
            let _ = writeln!(text, "last certificate that was not had: {name}: {problem} ({code})");
        }
    }
    if let Some(caddy) = &status.caddy {
        let problem = caddy.problem.as_deref().map(|problem| format!(": {}", shown(problem)));
        let (state, problem) = (shown(&caddy.state), problem.unwrap_or_default());
        let _ = writeln!(text, "Caddy in front: {state}, {} routes{problem}", caddy.routes);
    }
    text
}

fn traffic(text: &mut String, now: &Sample, before: Option<&Sample>) {
    let (new, old) = (&now.status.traffic, before.map(|before| &before.status.traffic));
    let (seconds, since) = match before {
        Some(before) => (now.at.duration_since(before.at).as_secs_f64(), "just now"),
        None => (now.status.uptime_seconds as f64, "since the start"),
    };
    let grown = |read: &dyn Fn(&Traffic) -> u64| read(new).saturating_sub(old.map_or(0, read));
    let rate = |read: &dyn Fn(&Traffic) -> u64| grown(read) as f64 / seconds.max(0.001);
    let errors = |of: &Traffic| of.answers.get("5xx").copied().unwrap_or_default();
    let _ = writeln!(
        text,
        "a second, {since}: {:.1} answers, {:.1} of them errors (5xx), {} received, {} sent",
        rate(&|of| of.answers.values().sum()),
        rate(&errors),
        size(rate(&|of| of.received_bytes)),
        size(rate(&|of| of.sent_bytes)),
    );
    let counts = new.latency.counts.iter().enumerate().map(|(at, count)| {
        count.saturating_sub(old.and_then(|old| old.latency.counts.get(at)).copied().unwrap_or_default())
    });
    let counts: Vec<u64> = counts.collect();
    let bounds = &new.latency.up_to_seconds;
    let (half, most) = (quantile(bounds, &counts, 0.5), quantile(bounds, &counts, 0.99));
    let _ = writeln!(text, "half of the exchanges take {half}, 99 % {most}");
    let mut refused: Vec<(String, u64)> = Vec::new();
    for (codes, of) in
        [(&new.refusals, ""), (&new.agents_refused, " (agents)"), (&new.mappings_refused, " (mappings)")]
    {
        refused.extend(counted(codes, of));
    }
    refused.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut told: Vec<String> =
        refused.iter().take(CODES).map(|(code, count)| format!("{code} {count}")).collect();
    if refused.len() > CODES {
        told.push(format!("{} more codes", refused.len() - CODES));
    }
    let told = if told.is_empty() { "nothing".to_owned() } else { told.join(", ") };
    let _ = writeln!(text, "refused since the start: {told}");
    if new.broken_answers > 0 {
        let _ = writeln!(text, "answers that broke off since the start: {}", new.broken_answers);
    }
    text.push('\n');
}

fn counted(codes: &BTreeMap<String, u64>, of: &str) -> impl Iterator<Item = (String, u64)> {
    codes.iter().map(move |(code, count)| (format!("{}{of}", shown(code)), *count))
}

fn link(agent: &Agent) -> Vec<String> {
    let leaving = if agent.draining { " (leaving)" } else { "" };
    vec![
        agent.subject.clone(),
        agent.agent_id.clone(),
        format!("{}{leaving}", agent.agent_version),
        span(agent.connected_seconds),
        agent.latency_ms.map_or("-".to_owned(), |ms| format!("{ms} ms")),
        agent.streams.to_string(),
        agent.endpoints.len().to_string(),
    ]
}

/// Columns as wide as what is in them. Nothing at all where there is no row.
fn table(text: &mut String, heads: &[&str], rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        return;
    }
    let more = rows.len().saturating_sub(ROWS);
    let cells = |row: Vec<String>| row.iter().map(|cell| cell_of(cell)).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = rows.into_iter().take(ROWS).map(cells).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heads[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (cell, width) in cells.zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line(&mut heads.iter().copied());
    for row in &rows {
        line(&mut row.iter().map(String::as_str));
    }
    if more > 0 {
        let _ = writeln!(text, "and {more} more");
    }
    text.push('\n');
}

/// What agents chose stands in a terminal without control characters, and not wider than a column may be.
fn cell_of(text: &str) -> String {
    let text = shown(text);
    if text.chars().count() <= WIDEST {
        return text;
    }
    text.chars().take(WIDEST - 1).chain(['…']).collect()
}

fn span(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("min", 60)];
    let unit = units.into_iter().find(|(_, size)| seconds >= *size);
    unit.map_or_else(|| format!("{seconds} s"), |(unit, size)| format!("{} {unit}", seconds / size))
}

fn size(bytes: f64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.into_iter().find(|(_, power)| bytes >= f64::from(1_u32 << power));
    unit.map_or_else(
        || format!("{bytes:.0} B"),
        |(unit, power)| format!("{:.1} {unit}", bytes / f64::from(1_u32 << power)),
    )
}

/// The bound of the bucket that holds this part of all: the histogram knows no more.
fn quantile(bounds: &[f64], counts: &[u64], part: f64) -> String {
    let all = counts.last().copied().unwrap_or_default();
    let bucket = counts.iter().position(|count| all > 0 && *count as f64 >= part * all as f64);
    let time = |seconds: f64| {
        if seconds < 1.0 { format!("{} ms", seconds * 1000.0) } else { format!("{seconds} s") }
    };
    match bucket.map(|bucket| bounds.get(bucket).copied()) {
        Some(Some(bound)) => format!("at most {}", time(bound)),
        Some(None) => format!("more than {}", bounds.last().copied().map(time).unwrap_or_default()),
        None => "no time yet".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sample(at: Instant, json: serde_json::Value) -> Sample {
        Sample { at, status: serde_json::from_value(json).unwrap() }
    }

    fn status(answers: u64, counts: [u64; 3]) -> serde_json::Value {
        serde_json::json!({
            "version": "0.1.0", "uptime_seconds": 7200, "ready": true, "links": 1, "endpoints": 1, "streams": 3,
            "agents": [{ "subject": "alice", "agent_id": "a1", "agent_version": "0.1\u{1b}[2J", "streams": 3,
                "connected_seconds": 61, "latency_ms": 7, "unknown": 1,
                "endpoints": [{ "label": "shop", "public_url": "https://shop.t.example" }] }],
            "traffic": { "answers": { "2xx": answers, "5xx": 2 }, "refusals": { "unknown-host": 4 },
                "agents_refused": { "token-invalid": 9 }, "received_bytes": 2048, "sent_bytes": 0,
                "latency": { "up_to_seconds": [0.005, 1.0], "counts": counts } },
            "acme": { "soonest": [{ "name": "t.example", "days": 12 }] },
            "caddy": { "state": "down", "routes": 2, "problem": "cannot reach it" },
        })
    }

    #[test]
    fn a_picture_tells_rates_since_the_last_one_and_the_first_since_the_start() {
        let begun = Instant::now();
        let first = sample(begun, status(7_198, [7_000, 7_190, 7_200]));
        let text = picture("http://gate:9090", &first, None);
        for line in [
            "porthole-gateway 0.1.0 at http://gate:9090: ready, up 2 h",
            "a second, since the start: 1.0 answers, 0.0 of them errors (5xx), 0 B received, 0 B sent",
            "half of the exchanges take at most 5 ms, 99 % at most 1 s",
            "refused since the start: token-invalid (agents) 9, unknown-host 4",
            "shop     https://shop.t.example  alice",
            "alice    a1     0.1\\u{1b}[2J  1 min      7 ms     3        1",
            "t.example    12",
            "Caddy in front: down, 2 routes: cannot reach it",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
        let later = sample(begun + Duration::from_secs(2), status(7_298, [7_000, 7_190, 7_300]));
        let text = picture("http://gate:9090", &later, Some(&first));
        assert!(text.contains("a second, just now: 50.0 answers, 0.0 of them"), "{text}");
        assert!(text.contains("half of the exchanges take more than 1 s"), "{text}");
    }

    #[test]
    fn long_tables_and_cells_are_cut_and_a_gateway_of_another_version_is_shown_as_far_as_it_goes() {
        let endpoints: Vec<_> = (0..25)
            .map(|number| serde_json::json!({ "label": format!("m{number}{}", "x".repeat(99)) }))
            .collect();
        let json = serde_json::json!({ "agents": [{ "endpoints": endpoints }] });
        let text = picture("http://gate:9090", &sample(Instant::now(), json), None);
        assert!(text.contains("and 5 more"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() < 120), "{text}");
        let text = picture("http://gate:9090", &sample(Instant::now(), serde_json::json!({})), None);
        assert!(text.contains("no time yet") && text.contains("refused since the start: nothing"), "{text}");
    }
}
