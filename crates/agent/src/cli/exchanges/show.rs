//! One exchange, for people, for programs, or byte for byte.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::super::output::{duration, print, print_line};
use super::{Format, Part, conversation, size, summary_json};
use crate::inspect::recorded::{Fields, parse_fields, parse_head, told_bytes};
use crate::inspect::{copy, har};
use crate::logging::escape;
use crate::store::exchanges::{Body, Exchange, FrameView, Half, ToldFrame};

/// Whether it is taken apart into messages or events, which are then shown in place of its bytes.
pub(super) fn is_conversation(exchange: &Exchange) -> bool {
    exchange.summary.frames > 0
}

pub(super) fn tell(exchange: &Exchange, frames: Vec<FrameView>, format: Option<Format>, part: Option<Part>) {
    match format {
        Some(Format::Raw) => print(&raw(exchange, part)),
        Some(Format::Curl) => print_line(copy::curl(&exchange.recorded_request()).trim_end()),
        Some(Format::Har) => {
            // Text and numbers only: nothing in it can fail to be written.
            print_line(&har::export([&exchange.recorded()]).unwrap_or_default());
        }
        Some(Format::Json) => print_line(&as_json(exchange, frames, part).to_string()),
        // A test needs more than the exchange, and is printed elsewhere.
        Some(Format::TestSh | Format::TestNode) | None => {
            print(for_people(exchange, &frames, part).as_bytes());
        }
    }
}

fn halves(exchange: &Exchange, part: Option<Part>) -> impl Iterator<Item = (&'static str, &Half)> {
    let request = (part != Some(Part::Response)).then_some(("request", &exchange.request));
    let response = exchange.response.as_ref().filter(|_| part != Some(Part::Request));
    request.into_iter().chain(response.map(|half| ("response", half)))
}

fn raw(exchange: &Exchange, part: Option<Part>) -> Vec<u8> {
    halves(exchange, part)
        .flat_map(|(_, half)| [half.head.as_slice(), &half.body.data])
        .collect::<Vec<_>>()
        .concat()
}

pub(super) fn as_json(exchange: &Exchange, frames: Vec<FrameView>, part: Option<Part>) -> Value {
    let mut value = summary_json(&exchange.summary);
    let text = |(name, value): &(String, Vec<u8>)| json!([name, String::from_utf8_lossy(value)]);
    for (name, half) in halves(exchange, part) {
        let (body, encoding) = told_bytes(&half.body.data);
        let (line, fields) = parse_head(&half.head);
        value[name] = json!({
            "line": line,
            "fields": fields.iter().map(text).collect::<Vec<_>>(),
            "trailers": parse_fields(&half.trailers).iter().map(text).collect::<Vec<_>>(),
            "body": body,
            "body_encoding": encoding,
            "body_bytes": half.body.bytes,
            "truncated": half.body.is_truncated(),
        });
    }
    if part != Some(Part::Response) {
        value["sent"] = exchange.sent.as_ref().map_or(Value::Null, |head| {
            let (line, fields) = parse_head(head);
            json!({ "line": line, "fields": fields.iter().map(text).collect::<Vec<_>>() })
        });
    }
    if is_conversation(exchange) {
        let told: Vec<ToldFrame> = frames.into_iter().map(ToldFrame::from).collect();
        value["conversation"] = json!(told);
    }
    value
}

fn for_people(exchange: &Exchange, frames: &[FrameView], part: Option<Part>) -> String {
    let summary = &exchange.summary;
    let mut out = String::new();
    let mapping = summary.mapping.as_deref().unwrap_or(&summary.mapping_id);
    let what = format!("{} {}", summary.method, summary.url());
    let _ = writeln!(out, "#{}  {}", summary.id, escape(what.trim()));
    if let Some(name) = &summary.name {
        let _ = writeln!(out, "{}", escape(name));
    }
    let _ = write!(out, "{}  {}, mapping {}", summary.started(), summary.kind, escape(mapping));
    if let Some(visitor) = &summary.visitor {
        let _ = write!(out, ", from {}", escape(visitor));
    }
    let outcome = match (&summary.error, summary.state.as_str()) {
        (_, "open") => "still open".to_owned(),
        (Some(error), state) => format!("{state}: {}", escape(error)),
        (None, state) => state.to_owned(),
    };
    let _ = write!(out, "\n{outcome}");
    if let ("stand-in", Some(id)) = (summary.source.as_str(), summary.original_id) {
        let _ = write!(out, ", the service was down: answered with what exchange {id} kept");
    }
    let times = [
        ("gateway", summary.gateway_us),
        ("link", summary.link_us),
        ("connected in", summary.connect_us),
        ("first byte after", summary.first_byte_us),
    ];
    for (name, us) in times {
        if let Some(us) = us {
            let _ = write!(out, ", {name} {}", duration(std::time::Duration::from_micros(us.max(0) as u64)));
        }
    }
    if let Some(total) = summary.duration() {
        let _ = write!(out, ", all in {}", duration(total));
    }
    out.push('\n');
    if summary.incomplete {
        out.push_str("incomplete: more came than the disk could take at that moment\n");
    }
    for (name, half) in halves(exchange, part) {
        let _ = writeln!(out, "\n── {name} ──");
        lines(&mut out, &String::from_utf8_lossy(&half.head));
        if is_conversation(exchange) && (name == "response" || exchange.summary.kind == "websocket") {
            continue;
        }
        body(&mut out, &half.body);
        trailers(&mut out, &half.trailers);
        if name == "request" {
            sent(&mut out, exchange);
        }
    }
    if is_conversation(exchange) {
        conversation::tell(&mut out, exchange, frames, &TimeZone::system());
    }
    if exchange.response.is_none() && part != Some(Part::Request) {
        out.push_str("\n── no response ──\n");
    }
    out
}

fn trailers(out: &mut String, trailers: &[u8]) {
    if !trailers.is_empty() {
        out.push_str("(after the body)\n");
        lines(out, &String::from_utf8_lossy(trailers));
    }
}

/// What the service got otherwise than it came.
fn sent(out: &mut String, exchange: &Exchange) {
    let Some(head) = &exchange.sent else { return };
    let (came, sent) = (exchange.request.fields(), parse_head(head).1);
    out.push_str("(what the service got otherwise)\n");
    let mut differences = |sign: &str, fields: &Fields, others: &Fields| {
        for (name, value) in fields.iter().filter(|field| !others.contains(field)) {
            let value = String::from_utf8_lossy(value);
            let _ = writeln!(out, "{sign} {}: {}", escape(name), escape(&value));
        }
    };
    differences("-", &came, &sent);
    differences("+", &sent, &came);
}

fn body(out: &mut String, body: &Body) {
    match std::str::from_utf8(whole_characters(body)) {
        Ok("") => {}
        Ok(text) if !text.contains('\0') => {
            lines(out, text);
            if !out.ends_with('\n') {
                out.push('\n');
            }
        }
        _ => {
            let kept = size(body.data.len() as u64);
            let _ = writeln!(out, "({kept} that are no text: --format raw prints them)");
        }
    }
    if body.is_truncated() {
        let _ = writeln!(out, "(first {} of {} kept)", size(body.data.len() as u64), size(body.bytes));
    }
}

/// A body cut off in the middle of a character is text all the same.
fn whole_characters(body: &Body) -> &[u8] {
    match std::str::from_utf8(&body.data) {
        Err(error) if error.error_len().is_none() && body.is_truncated() => &body.data[..error.valid_up_to()],
        _ => &body.data,
    }
}

/// Text with its lines and tabs, and nothing else that would steer a terminal.
fn lines(out: &mut String, text: &str) {
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line.strip_suffix('\r').unwrap_or(line), "\n"),
            None => (line, ""),
        };
        for (number, piece) in line.split('\t').enumerate() {
            if number > 0 {
                out.push('\t');
            }
            out.push_str(&escape(piece));
        }
        out.push_str(end);
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::tests::sample;
    use super::*;

    fn exchange(body: &[u8], bytes: u64) -> Exchange {
        Exchange {
            summary: sample(),
            request: Half {
                head: b"GET /a HTTP/1.1\r\nHost: x\r\nX-Odd:  \r\n\r\n".to_vec(),
                body: Body { data: Vec::new(), bytes: 0 },
                trailers: Vec::new(),
            },
            sent: None,
            response: Some(Half {
                head: b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
                body: Body { data: body.to_vec(), bytes },
                trailers: Vec::new(),
            }),
        }
    }

    #[test]
    fn a_truncated_body_is_told_and_cut_at_a_character() {
        let text = for_people(&exchange("aä".as_bytes().split_last().unwrap().1, 4096), &[], None);
        assert!(text.contains("\na\n(first 2 B of 4 KiB kept)"), "{text}");
    }

    #[test]
    fn a_binary_body_is_told_and_raw_prints_it() {
        let exchange = exchange(b"\x89PNG\x00\xff", 6);
        assert!(
            for_people(&exchange, &[], None).contains("(6 B that are no text: --format raw prints them)")
        );
        let raw = raw(&exchange, Some(Part::Response));
        assert_eq!(raw, b"HTTP/1.1 200 OK\r\n\r\n\x89PNG\x00\xff");
        let json = as_json(&exchange, Vec::new(), None);
        assert_eq!(json["response"]["body_encoding"], "base64");
        assert_eq!(json["request"]["fields"], json!([["Host", "x"], ["X-Odd", " "]]));
    }

    #[test]
    fn what_would_steer_a_terminal_is_escaped_and_lines_stay() {
        let text = for_people(&exchange(b"a\tb\r\nc\x1b[2Jd\rx", 14), &[], None);
        assert!(text.contains("a\tb\nc\\u{1b}[2Jd\\rx"), "{text}");
    }
}
