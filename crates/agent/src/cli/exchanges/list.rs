//! Exchanges as a table.

use jiff::tz::TimeZone;

use super::super::output::{duration, in_colour, outcome_colour, print, print_line};
use super::{outcome, size};
use crate::logging::{escape, mask_target};
use crate::store::exchanges::Summary;

/// Characters of a path shown; a longer one would push everything else off the screen.
const PATH_WIDTH: usize = 60;

/// Columns that are aligned to the right: numbers.
const RIGHT: [usize; 3] = [0, 6, 7];

pub(super) fn tell(rows: &[Summary], filtered: bool) {
    if rows.is_empty() {
        print_line(if filtered {
            "No exchange matches the filter. Without one, `porthole exchanges list` shows the newest."
        } else {
            "No exchanges yet. Requests to a public URL of `porthole http 3000` show up here."
        });
        return;
    }
    print(table(rows, in_colour(), &TimeZone::system()).as_bytes());
}

/// Further rows, below those of before.
pub(super) fn go_on(rows: &[Summary]) {
    if !rows.is_empty() {
        let table = table(rows, in_colour(), &TimeZone::system());
        let rows = table.split_once('\n').map_or("", |(_header, rows)| rows);
        print(rows.as_bytes());
    }
}

fn table(rows: &[Summary], colour: bool, zone: &TimeZone) -> String {
    let today = jiff::Timestamp::now().to_zoned(zone.clone()).date();
    let header = ["ID", "TIME", "METHOD", "STATUS", "MAPPING", "PATH", "SIZE", "DURATION"].map(str::to_owned);
    let cells: Vec<[String; 8]> = rows.iter().map(|row| cells(row, today, zone)).collect();
    let mut widths = header.each_ref().map(|cell| cell.len());
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    line(&mut out, &header, &widths, None);
    for (row, cells) in rows.iter().zip(&cells) {
        let outcome = outcome_colour(row.status, row.error.is_some());
        line(&mut out, cells, &widths, (colour && row.state != "open").then_some(outcome));
    }
    out
}

fn line(out: &mut String, cells: &[String; 8], widths: &[usize; 8], outcome: Option<(&str, &str)>) {
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let spaces = " ".repeat(width - cell.chars().count());
        let (before, after) = outcome.filter(|_| column == 3).unwrap_or_default();
        let (left, right) =
            if RIGHT.contains(&column) { (spaces.as_str(), "") } else { ("", spaces.as_str()) };
        for piece in [if column > 0 { "  " } else { "" }, left, before, cell, after, right] {
            line.push_str(piece);
        }
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

fn cells(row: &Summary, today: jiff::civil::Date, zone: &TimeZone) -> [String; 8] {
    let started = row.started().to_zoned(zone.clone());
    let format = if started.date() == today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    let method = if row.kind == "http" { row.method.clone() } else { format!("{} {}", row.method, row.kind) };
    let mapping = row.mapping.as_deref().unwrap_or(&row.mapping_id);
    [
        row.id.to_string(),
        started.strftime(format).to_string(),
        escape(method.trim()).into_owned(),
        outcome(row),
        escape(mapping).into_owned(),
        path(row),
        size(row.response_bytes.max(0) as u64),
        row.duration().map(duration).unwrap_or_default(),
    ]
}

/// The path, and what the request calls itself.
fn path(row: &Summary) -> String {
    let path = shortened(&escape(&mask_target(&row.target)));
    match &row.name {
        Some(name) => format!("{path}  {}", shortened(&escape(name))),
        None => path,
    }
}

fn shortened(path: &str) -> String {
    match path.char_indices().nth(PATH_WIDTH - 1) {
        Some((end, _)) if path[end..].chars().nth(1).is_some() => format!("{}…", &path[..end]),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn sample() -> Summary {
        Summary {
            id: 7,
            request_id: "r".into(),
            mapping_id: "m".into(),
            mapping: Some("shop".into()),
            source: "visitor".into(),
            original_id: None,
            kind: "http".into(),
            started_us: 1_000_000,
            method: "GET".into(),
            scheme: "https".into(),
            host: "shop.example.com".into(),
            target: "/a?token=hunter2".into(),
            visitor: Some("203.0.113.7".into()),
            status: Some(200),
            error: None,
            state: "done".into(),
            request_type: None,
            response_type: None,
            connect_us: None,
            first_byte_us: Some(9_000),
            total_us: Some(12_000),
            link_us: None,
            gateway_us: None,
            request_bytes: 0,
            response_bytes: 1536,
            request_kept: 0,
            response_kept: 1536,
            incomplete: false,
            edited: false,
            pinned: false,
            note: None,
            frames: 0,
            name: Some("orders/create".into()),
        }
    }

    #[test]
    fn columns_stand_under_their_names_and_secrets_and_control_bytes_do_not_show() {
        let mut other = sample();
        other.id = 12345;
        other.status = None;
        other.error = Some("service-down".into());
        other.state = "failed".into();
        other.target = "/\u{1b}[2J".into();
        let text = table(&[other, sample()], false, &TimeZone::UTC);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        let at =
            |line: usize, what: &str| lines[line].find(what).unwrap_or_else(|| panic!("{what} in {text}"));
        assert_eq!(at(0, "STATUS"), at(1, "service-down"));
        assert_eq!(at(0, "STATUS"), at(2, "200"));
        assert_eq!(at(0, "MAPPING"), at(2, "shop"));
        assert_eq!(lines[0].len(), lines[2].len(), "{text}");
        assert!(
            text.contains("token=***") && !text.contains("hunter2") && !text.contains('\u{1b}'),
            "{text}"
        );
        assert!(lines[2].ends_with("1.5 KiB     12 ms"), "{text}");
    }

    #[test]
    fn a_long_path_is_shortened_at_its_width() {
        let exact = "x".repeat(PATH_WIDTH);
        assert_eq!(shortened(&exact), exact);
        let long = shortened(&format!("{exact}x"));
        assert_eq!(long.chars().count(), PATH_WIDTH);
        assert!(long.ends_with('…'));
    }
}
