//! Reads whole byte strings and tells what came of them.
#![allow(dead_code, reason = "each test file uses its part")]

use bytes::BytesMut;
use porthole_http1::{
    Event, Fields, Framing, Limits, Refusal, RequestHead, RequestReader, ResponseHead, ResponseReader,
};

/// One message, its data joined: how the pieces fall depends on how the bytes came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<H> {
    pub head: H,
    pub framing: Framing,
    pub body: Vec<u8>,
    /// `None` while the message has not ended; then its trailers, if it had any.
    #[allow(clippy::option_option, reason = "these are two questions")]
    pub end: Option<Option<Fields>>,
}

/// Everything read: messages, the refusal if there was one, bytes left over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<H> {
    pub messages: Vec<Message<H>>,
    pub refusal: Option<Refusal>,
    pub left: Vec<u8>,
    pub idle: bool,
}

impl<H> Default for Outcome<H> {
    fn default() -> Self {
        Self { messages: Vec::new(), refusal: None, left: Vec::new(), idle: false }
    }
}

impl<H> Outcome<H> {
    fn take(&mut self, event: Event<H>) {
        match event {
            Event::Head(head, framing) => {
                self.messages.push(Message { head, framing, body: Vec::new(), end: None });
            }
            Event::Data(data) => {
                assert!(!data.is_empty(), "a piece of data is never empty");
                self.last().body.extend_from_slice(&data);
            }
            Event::End(trailers) => {
                assert!(self.last().end.replace(trailers).is_none(), "a message ends once");
            }
        }
    }

    fn last(&mut self) -> &mut Message<H> {
        self.messages.last_mut().expect("a head came first")
    }
}

/// Reads requests out of `input` as it comes in `pieces`.
pub fn requests_in<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> Outcome<RequestHead> {
    let mut reader = RequestReader::new(limits);
    let mut buf = BytesMut::new();
    let mut outcome = Outcome::default();
    for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            match reader.read(&mut buf) {
                Ok(Some(event)) => outcome.take(event),
                Ok(None) => break,
                Err(refusal) => {
                    assert_eq!(reader.read(&mut buf), Err(refusal), "a refusal is for good");
                    outcome.refusal.get_or_insert(refusal);
                    break;
                }
            }
        }
    }
    outcome.idle = reader.is_idle();
    if outcome.refusal.is_none() {
        outcome.left = buf.to_vec();
    }
    outcome
}

/// Reads answers to requests with `methods` out of `pieces`; then the connection closes if `close`.
pub fn responses_in<'a>(
    methods: &[&str],
    pieces: impl IntoIterator<Item = &'a [u8]>,
    close: bool,
    limits: Limits,
) -> Outcome<ResponseHead> {
    let mut reader = ResponseReader::new(limits);
    for method in methods {
        reader.expect(method);
    }
    let mut buf = BytesMut::new();
    let mut outcome = Outcome::default();
    for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            match reader.read(&mut buf) {
                Ok(Some(event)) => outcome.take(event),
                Ok(None) => break,
                Err(refusal) => {
                    assert_eq!(reader.read(&mut buf), Err(refusal), "a refusal is for good");
                    outcome.refusal.get_or_insert(refusal);
                    break;
                }
            }
        }
    }
    if close && outcome.refusal.is_none() {
        match reader.eof() {
            Ok(Some(event)) => outcome.take(event),
            Ok(None) => {}
            Err(refusal) => outcome.refusal = Some(refusal),
        }
    }
    outcome.idle = reader.is_idle();
    if outcome.refusal.is_none() {
        outcome.left = buf.to_vec();
    }
    outcome
}

pub fn requests(input: impl AsRef<[u8]>) -> Outcome<RequestHead> {
    requests_in([input.as_ref()], Limits::default())
}

pub fn responses(methods: &[&str], input: impl AsRef<[u8]>) -> Outcome<ResponseHead> {
    responses_in(methods, [input.as_ref()], false, Limits::default())
}

/// The one complete request in `input`.
#[track_caller]
pub fn request(input: impl AsRef<[u8]>) -> Message<RequestHead> {
    one(requests(input))
}

/// The one complete answer to a request with `method` in `input`.
#[track_caller]
pub fn response(method: &str, input: impl AsRef<[u8]>) -> Message<ResponseHead> {
    one(responses(&[method], input))
}

#[track_caller]
fn one<H>(outcome: Outcome<H>) -> Message<H> {
    assert_eq!(outcome.refusal, None);
    assert_eq!(outcome.messages.len(), 1);
    assert!(outcome.idle && outcome.left.is_empty());
    outcome.messages.into_iter().next().expect("counted")
}

/// Why `input` is refused; nothing of its message may have been given out.
#[track_caller]
pub fn refused(input: impl AsRef<[u8]>) -> Refusal {
    let input = input.as_ref();
    let outcome = requests(input);
    assert!(outcome.messages.is_empty(), "read: {}", input.escape_ascii());
    outcome.refusal.unwrap_or_else(|| panic!("not refused: {}", input.escape_ascii()))
}

#[track_caller]
pub fn response_refused(input: impl AsRef<[u8]>) -> Refusal {
    let input = input.as_ref();
    let outcome = responses(&["GET"], input);
    assert!(outcome.messages.is_empty(), "read: {}", input.escape_ascii());
    outcome.refusal.unwrap_or_else(|| panic!("not refused: {}", input.escape_ascii()))
}

/// A GET of `/` for `a` with these further lines.
pub fn get_with(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}
