//! Server-sent events, as the HTML standard reads them (“Interpreting an event stream”).

use super::{FRAME_BYTES, Frame};

/// Bytes kept of an event's name and id.
const NAME_BYTES: usize = 256;

/// Bytes kept of one line: a field's name, and as much data as an event keeps.
const LINE_BYTES: usize = FRAME_BYTES + 16;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Takes a stream apart. An event that the stream's end cuts off is none.
#[derive(Debug, Default)]
pub struct EventReader {
    /// A line without its end, as far as it is kept.
    line: Vec<u8>,
    /// Of the line, not kept.
    more: u64,
    /// A line feed now belongs to the carriage return before it.
    after_return: bool,
    begun: bool,
    /// Some line of the event held data.
    has_data: bool,
    event: Frame,
    /// Stays until it is changed.
    last_id: Option<String>,
}

impl EventReader {
    /// Takes what comes next, in any pieces; `tell` gets each event that is complete.
    pub fn read(&mut self, mut data: &[u8], tell: &mut impl FnMut(Frame)) {
        while !data.is_empty() {
            if std::mem::take(&mut self.after_return) && data[0] == b'\n' {
                data = &data[1..];
                continue;
            }
            let end = data.iter().position(|&byte| matches!(byte, b'\r' | b'\n'));
            let part = &data[..end.unwrap_or(data.len())];
            let room = LINE_BYTES - self.line.len();
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            self.more += part.len().saturating_sub(room) as u64;
            let Some(end) = end else { return };
            self.after_return = data[end] == b'\r';
            data = &data[end + 1..];
            self.end_line(tell);
        }
    }

    fn end_line(&mut self, tell: &mut impl FnMut(Frame)) {
        let mut line = std::mem::take(&mut self.line);
        let more = std::mem::take(&mut self.more);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        if line.is_empty() {
            self.end_event(tell);
        } else {
            self.field(&line, more);
        }
        // What a long line took is kept for the next one, unless it was seldom long.
        line.clear();
        line.shrink_to(NAME_BYTES);
        self.line = line;
    }

    fn field(&mut self, line: &[u8], more: u64) {
        let (name, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.add(b"\n");
                }
                self.event.add(value);
                self.event.bytes += more;
            }
            b"event" => self.event.event = Some(text(value)).filter(|name| !name.is_empty()),
            b"id" if !value.contains(&0) => {
                self.last_id = Some(text(value)).filter(|id| !id.is_empty());
            }
            // Comments, times to wait, and what nobody knows.
            _ => {}
        }
    }

    fn end_event(&mut self, tell: &mut impl FnMut(Frame)) {
        let event = std::mem::take(&mut self.event);
        if std::mem::take(&mut self.has_data) {
            tell(Frame { opcode: Frame::TEXT, event_id: self.last_id.clone(), ..event });
        }
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(&value[..value.len().min(NAME_BYTES)]).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(stream: &[u8], piece: usize) -> Vec<Frame> {
        let (mut reader, mut events) = (EventReader::default(), Vec::new());
        for piece in stream.chunks(piece.max(1)) {
            reader.read(piece, &mut |event| events.push(event));
        }
        events
    }

    fn told(stream: &str) -> Vec<(Option<String>, Option<String>, String)> {
        let events = read(stream.as_bytes(), stream.len());
        for piece in 1..5 {
            assert_eq!(read(stream.as_bytes(), piece), events, "in pieces of {piece}");
        }
        let told = |event: Frame| (event.event, event.event_id, String::from_utf8(event.payload).unwrap());
        events.into_iter().map(told).collect()
    }

    fn event(name: Option<&str>, id: Option<&str>, data: &str) -> (Option<String>, Option<String>, String) {
        (name.map(str::to_owned), id.map(str::to_owned), data.to_owned())
    }

    /// The examples of the standard.
    #[test]
    fn streams_are_read_as_the_standard_reads_them() {
        let stock = "data: YHOO\ndata: +2\ndata: 10\n\n";
        assert_eq!(told(stock), [event(None, None, "YHOO\n+2\n10")]);
        let four =
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n";
        assert_eq!(
            told(four),
            [
                event(None, Some("1"), "first event"),
                event(None, None, "second event"),
                event(None, None, " third event")
            ]
        );
        assert_eq!(told("data\n\ndata\ndata\n\ndata:"), [event(None, None, ""), event(None, None, "\n")]);
        assert_eq!(told("event: add\ndata: 1\n\ndata: 2\n\n")[0].0.as_deref(), Some("add"));
        assert_eq!(told("event: add\ndata: 1\n\ndata: 2\n\n")[1].0, None);
    }

    #[test]
    fn any_end_of_line_will_do_and_an_id_stays() {
        let wanted = [event(None, Some("7"), "a"), event(None, Some("7"), "b")];
        for end in ["\n", "\r", "\r\n"] {
            let stream = "\u{feff}id: 7\ndata: a\n\ndata: b\n\n: comment\nretry: 10\nevent: x\n\n";
            assert_eq!(told(&stream.replace('\n', end)), wanted, "{end:?}");
        }
    }

    #[test]
    fn of_a_large_event_the_beginning_is_kept_and_all_of_it_counted() {
        for size in [FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES] {
            let events = read(format!("data: {}\n\n", "x".repeat(size)).as_bytes(), 1000);
            assert_eq!((events[0].bytes, events[0].payload.len()), (size as u64, size.min(FRAME_BYTES)));
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_without_harm_and_the_same_in_any_pieces(
            stream in "(data|event|id|:|\u{feff}|x|\0| |\r|\n){0,60}",
            piece in 1usize..20,
        ) {
            prop_assert_eq!(read(stream.as_bytes(), piece), read(stream.as_bytes(), stream.len()));
        }
    }
}
