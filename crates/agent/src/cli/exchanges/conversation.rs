//! A WebSocket or a stream of events, a line for each message.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::size;
use crate::capture::frames::Frame;
use crate::logging::escape;
use crate::store::exchanges::{Exchange, FrameView};

/// Characters of a message shown; `--format json` has all that is kept.
const TEXT_WIDTH: usize = 160;

pub(super) fn tell(out: &mut String, exchange: &Exchange, frames: &[FrameView], zone: &TimeZone) {
    let (sse, seen) = (exchange.summary.kind == "sse", exchange.summary.frames);
    let _ = writeln!(out, "\n── {} ──", if sse { "events" } else { "messages" });
    for frame in frames {
        let time = Timestamp::from_microsecond(frame.at_us).unwrap_or_default().to_zoned(zone.clone());
        let direction = if frame.from_visitor { "→" } else { "←" };
        let what = if sse { event(frame) } else { opcode(frame.opcode).to_owned() };
        let bytes = size(frame.bytes.max(0) as u64);
        let line =
            format!("{}  {direction} {what:<8}  {bytes:>9}  {}", time.strftime("%H:%M:%S%.3f"), text(frame));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if frames.len() as i64 != seen {
        let _ = writeln!(out, "({} of {seen} kept)", frames.len());
    }
}

fn event(frame: &FrameView) -> String {
    let name = frame.event.as_deref().unwrap_or("message");
    match &frame.event_id {
        Some(id) => format!("{} #{}", escape(name), escape(id)),
        None => escape(name).into_owned(),
    }
}

fn opcode(opcode: u8) -> &'static str {
    match opcode {
        Frame::TEXT => "text",
        Frame::BINARY => "binary",
        Frame::CLOSE => "close",
        Frame::PING => "ping",
        Frame::PONG => "pong",
        _ => "other",
    }
}

fn text(frame: &FrameView) -> String {
    if let Some(close) = frame.close() {
        return format!("{} {}", close.code, escape(&close.reason));
    }
    let mut text = match std::str::from_utf8(&frame.payload) {
        _ if frame.decode_error.is_some() => "(compressed)".to_owned(),
        Ok(text) if frame.opcode != Frame::BINARY => escape(text).into_owned(),
        _ => {
            let bytes: Vec<String> =
                frame.payload.iter().take(TEXT_WIDTH / 3).map(|byte| format!("{byte:02x}")).collect();
            bytes.join(" ")
        }
    };
    if let Some((end, _)) = text.char_indices().nth(TEXT_WIDTH) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::list::tests::sample;
    use super::*;
    use crate::store::exchanges::{Body, Half};

    fn told(kind: &str, frames: &[FrameView], seen: i64) -> String {
        let summary = crate::store::exchanges::Summary { kind: kind.into(), frames: seen, ..sample() };
        let body = Body { data: Vec::new(), bytes: 0 };
        let exchange = Exchange {
            summary,
            request: Half { head: Vec::new(), body, trailers: Vec::new() },
            response: None,
            sent: None,
        };
        let mut out = String::new();
        tell(&mut out, &exchange, frames, &TimeZone::UTC);
        out
    }

    fn frame(opcode: u8, payload: &[u8]) -> FrameView {
        FrameView {
            seq: 0,
            at_us: 1_500_000,
            from_visitor: opcode == Frame::TEXT,
            opcode,
            bytes: payload.len() as i64,
            payload: payload.to_vec(),
            truncated: false,
            compressed: false,
            decode_error: None,
            event: None,
            event_id: None,
        }
    }

    #[test]
    fn each_message_is_a_line_that_cannot_steer_a_terminal() {
        let long = "x".repeat(TEXT_WIDTH + 1);
        let frames = [
            frame(Frame::TEXT, b"hi\n\x1b[2J"),
            frame(Frame::BINARY, &[0, 255]),
            frame(Frame::TEXT, long.as_bytes()),
            frame(Frame::CLOSE, &[3, 0xe8, b'o', b'k']),
        ];
        let text = told("websocket", &frames, 9);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "── messages ──");
        assert_eq!(lines[2], "00:00:01.500  → text            7 B  hi\\n\\u{1b}[2J");
        assert!(lines[3].contains("← binary") && lines[3].ends_with("  00 ff"), "{text}");
        assert!(lines[4].ends_with("x…"), "{text}");
        assert!(lines[5].ends_with("1000 ok"), "{text}");
        assert_eq!(lines[6], "(4 of 9 kept)");
    }

    #[test]
    fn events_have_names_and_ids() {
        let event = FrameView {
            event: Some("add".into()),
            event_id: Some("7".into()),
            from_visitor: false,
            ..frame(Frame::TEXT, b"1")
        };
        let text = told("sse", &[event, FrameView { from_visitor: false, ..frame(Frame::TEXT, b"2") }], 2);
        assert!(text.contains("← add #7") && text.contains("← message"), "{text}");
        assert!(!text.contains("kept"), "{text}");
    }
}
