//! What the writer is told of an exchange: made on the writer's thread, out of what the exchange left.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use porthole_http1::{Fields, RequestHead, ResponseHead, write_request_head, write_response_head};
use porthole_link::StreamKind;

use super::PROGRESS;
use super::exchange::{Capture, Progress, Side};
use super::frames::{Batch, Rows};
use super::queue::{Piece, Reserved};
use super::replaying::Replaying;
use crate::inspect::name::Hint;
use crate::inspect::recorded::media_type_of;

/// A row of `exchanges`, with the parts of its bodies that are not stored yet.
#[derive(Debug)]
pub struct Told {
    pub id: i64,
    /// There is no row yet.
    pub first: bool,
    pub request_id: String,
    pub mapping_id: String,
    pub mapping: Option<String>,
    pub source: Source,
    pub kind: &'static str,
    pub started_us: i64,
    pub method: String,
    pub scheme: String,
    pub host: String,
    pub target: String,
    /// None where there is none: it is sent again.
    pub visitor: Option<String>,
    pub status: Option<u16>,
    pub error: Option<Cow<'static, str>>,
    pub state: &'static str,
    pub connect_us: Option<i64>,
    pub first_byte_us: Option<i64>,
    pub total_us: Option<i64>,
    pub link_us: Option<i64>,
    pub gateway_us: Option<i64>,
    pub name: Option<String>,
    pub request: ToldHalf,
    pub response: ToldHalf,
    /// Raw, as the service got it; None: as it came.
    pub sent_head: Option<Vec<u8>>,
    pub incomplete: bool,
    pub pieces: Vec<Piece>,
    /// Messages or events that passed, kept or not.
    pub frames_seen: u64,
    pub frames: Option<Batch>,
    pub(super) _reserved: Reserved,
}

/// Where an exchange comes from.
#[derive(Debug, Clone)]
pub enum Source {
    Visitor,
    /// It is sent again.
    Replay(Arc<Replaying>),
    /// The service was down, and the answer is that of this exchange.
    StandIn(i64),
    /// It was kept elsewhere.
    Import,
}

/// One direction of it.
#[derive(Debug)]
pub struct ToldHalf {
    /// Raw; None where there was none.
    pub head: Option<Vec<u8>>,
    pub media_type: Option<String>,
    /// Raw lines; None where there were none.
    pub trailers: Option<Vec<u8>>,
    /// Compressed, say: no text as it is.
    pub encoded: bool,
    pub bytes: u64,
    pub kept: usize,
}

impl Told {
    pub fn is_open(&self) -> bool {
        self.state == "open"
    }
}

impl Capture {
    /// What is new; None where nothing is, or only a little more of what was told a moment ago. An exchange
    /// that has ended is told when its end is due, not before.
    pub fn news(&self, now: Instant) -> Option<Told> {
        let mut progress = self.progress();
        let due = match progress.told {
            None => true,
            Some((_, answered)) if answered != progress.response.is_some() => true,
            Some((last, _)) => progress.changed && now.saturating_duration_since(last) >= PROGRESS,
        };
        (due && progress.end.is_none()).then(|| self.tell_of(&mut progress, now, false))
    }

    /// The exchange as an open one, if the writer has not heard of it before: what a part of a body needs to
    /// stand on, also where the end is waiting already.
    pub fn introduce(&self, now: Instant) -> Option<Told> {
        let mut progress = self.progress();
        progress.told.is_none().then(|| self.tell_of(&mut progress, now, false))
    }

    /// All of it, as far as it is not stored yet.
    pub fn tell(&self, now: Instant) -> Told {
        self.tell_of(&mut self.progress(), now, true)
    }

    fn tell_of(&self, progress: &mut Progress, now: Instant, whole: bool) -> Told {
        let first = progress.told.is_none();
        progress.told = Some((now, progress.response.is_some()));
        progress.changed = false;
        let Progress {
            request, sent, response, stand_in, trailers, bodies, rows, name, reserved, end, ..
        } = progress;
        let end = end.as_ref().filter(|_| whole);
        let sides = [Side::Request, Side::Response];
        let pieces: Vec<Piece> =
            sides.into_iter().filter_map(|side| bodies[side as usize].take(side, reserved)).collect();
        let frames_seen = rows.as_deref().map(Rows::seen).unwrap_or_default();
        let frames = rows.as_mut().and_then(|rows| rows.take(reserved));
        let half = |side: Side, fields: Option<&Fields>, head| ToldHalf {
            head,
            trailers: trailers[side as usize].as_ref().map(raw_lines),
            media_type: fields.and_then(|fields| fields.get_str("content-type")).and_then(media_type_of),
            encoded: fields.is_some_and(|fields| fields.contains("content-encoding")),
            bytes: bodies[side as usize].bytes,
            kept: bodies[side as usize].kept,
        };
        let response_half = half(
            Side::Response,
            response.as_ref().map(|head| &head.fields),
            response.as_ref().map(|head| raw(|out| write_response_head(head, out))),
        );
        let request_half = half(
            Side::Request,
            Some(&request.fields),
            Some(if self.stream == StreamKind::Tcp {
                Vec::new()
            } else {
                raw(|out| write_request_head(request, out))
            }),
        );
        let named = call(request, pieces.iter().find(|piece| !piece.response && piece.seq == 0));
        if named.is_some() {
            *name = named;
        }
        let sent_head = sent.as_ref().map(|fields| {
            let head = RequestHead { fields: fields.clone(), ..request.clone() };
            raw(|out| write_request_head(&head, out))
        });
        let text = |name| request.fields.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
        let error = end.and_then(|end| end.error);
        let scheme = match self.stream {
            StreamKind::Tcp => "tcp".to_owned(),
            _ => text("x-forwarded-proto").unwrap_or_else(|| "http".to_owned()).to_ascii_lowercase(),
        };
        let wire = &self.served.wire;
        Told {
            id: self.id,
            first,
            request_id: self.request_id.clone(),
            mapping_id: wire.id.clone(),
            mapping: wire.name.clone().or_else(|| wire.host.clone()),
            source: match (self.sent_again(), *stand_in) {
                (Some(replaying), _) => Source::Replay(replaying.clone()),
                (None, Some(original_id)) => Source::StandIn(original_id),
                (None, None) => Source::Visitor,
            },
            kind: kind(self.stream, &request.fields, response.as_ref(), response_half.media_type.as_deref()),
            started_us: self.started_us,
            method: request.method.clone(),
            scheme,
            host: text("host").unwrap_or_default(),
            target: request.target.clone(),
            visitor: self.sent_again().is_none().then(|| self.visitor.ip().to_string()),
            status: response.as_ref().map(|head| head.status),
            error: error.map(Cow::Borrowed),
            state: end.map_or("open", |_| state(error)),
            connect_us: progress.connect.map(us),
            first_byte_us: progress.first_byte.map(us),
            total_us: end.map(|end| us(end.total)),
            link_us: self.link.map(us),
            gateway_us: self.gateway.map(us),
            name: name.clone(),
            request: request_half,
            response: response_half,
            sent_head,
            incomplete: progress.incomplete,
            pieces,
            frames_seen,
            frames,
            // An exchange that goes on keeps its share.
            _reserved: reserved.split(if end.is_some() { usize::MAX } else { 0 }),
        }
    }
}

/// What the request calls itself, with this beginning of its body.
fn call(request: &RequestHead, body: Option<&Piece>) -> Option<String> {
    let body = body.map(|piece| piece.data.as_slice()).unwrap_or_default();
    // What is compressed is not looked into.
    let body = if request.fields.contains("content-encoding") { &[] } else { body };
    Hint::of(&request.method, &request.target, request.fields.iter())?.name(body)
}

pub(super) fn raw_lines(fields: &Fields) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields.iter() {
        for part in [name, b": ", value, b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    out
}

/// How one that is over ended.
pub(super) fn state(error: Option<&str>) -> &'static str {
    match error {
        None => "done",
        Some("cancelled") => "cancelled",
        Some(_) => "failed",
    }
}

pub(super) fn us(duration: Duration) -> i64 {
    duration.as_micros().try_into().unwrap_or(i64::MAX)
}

/// What the writers refuse was refused on its way, too: nothing was sent that could be shown.
fn raw<E>(write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Vec<u8> {
    let mut out = Vec::new();
    let _ = write(&mut out);
    out
}

pub(super) fn kind(
    stream: StreamKind,
    asked: &Fields,
    response: Option<&ResponseHead>,
    media_type: Option<&str>,
) -> &'static str {
    let switches = response.is_none_or(|head| head.status == 101);
    match stream {
        StreamKind::Tcp => "tcp",
        StreamKind::Upgrade if switches => {
            let upgrade = response.map_or(asked, |head| &head.fields).get_str("upgrade");
            let websocket = upgrade.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"));
            if websocket { "websocket" } else { "upgrade" }
        }
        StreamKind::Upgrade | StreamKind::Http if media_type == Some("text/event-stream") => "sse",
        StreamKind::Upgrade | StreamKind::Http => "http",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_is_what_its_answer_says() {
        let asked = Fields::from_iter([("Upgrade", "WebSocket")]);
        let mut answer = ResponseHead {
            status: 101,
            reason: Vec::new(),
            version: porthole_http1::Version::Http11,
            fields: asked.clone(),
        };
        assert_eq!(kind(StreamKind::Upgrade, &asked, None, None), "websocket");
        assert_eq!(kind(StreamKind::Upgrade, &asked, Some(&answer), None), "websocket");
        answer.fields.set("upgrade", "h9");
        assert_eq!(kind(StreamKind::Upgrade, &asked, Some(&answer), None), "upgrade");
        answer.status = 426;
        assert_eq!(kind(StreamKind::Upgrade, &asked, Some(&answer), None), "http");
        assert_eq!(kind(StreamKind::Http, &asked, None, Some("text/event-stream")), "sse");
    }
}
