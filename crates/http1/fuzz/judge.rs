//! What every target checks: that bytes mean the same however they come, and that a head which was
//! read can be written and read again.

use bytes::BytesMut;
use porthole_http1::{
    Event, Fields, Framing, Limits, Refusal, RequestHead, RequestReader, ResponseHead, ResponseReader,
    write_request_head, write_response_head,
};

/// Small bounds, so that short inputs meet them.
pub fn limits() -> Limits {
    Limits { head_bytes: 512, fields: 8, trailer_bytes: 128, chunk_line_bytes: 32, ..Limits::default() }
}

/// What came of some bytes; data is joined, because how it is cut depends on how it came.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome<H> {
    pub heads: Vec<(H, Framing)>,
    pub data: Vec<Vec<u8>>,
    pub ends: Vec<Option<Fields>>,
    pub refusal: Option<Refusal>,
    pub left: usize,
    pub idle: bool,
}

impl<H> Outcome<H> {
    fn new() -> Self {
        Self { heads: vec![], data: vec![], ends: vec![], refusal: None, left: 0, idle: false }
    }

    fn take(&mut self, event: Event<H>) {
        match event {
            Event::Head(head, framing) => {
                self.heads.push((head, framing));
                self.data.push(Vec::new());
            }
            Event::Data(data) => {
                assert!(!data.is_empty());
                self.data.last_mut().expect("a head comes before its data").extend_from_slice(&data);
            }
            Event::End(trailers) => {
                self.ends.push(trailers);
                assert_eq!(self.ends.len(), self.heads.len(), "each head has one end");
            }
        }
    }
}

/// Cuts `bytes` into `step` bytes a piece; 0 leaves them whole.
fn pieces(bytes: &[u8], step: usize) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(if step == 0 { bytes.len().max(1) } else { step })
}

pub fn requests(bytes: &[u8], step: usize) -> Outcome<RequestHead> {
    requests_within(bytes, step, limits())
}

pub fn requests_within(bytes: &[u8], step: usize, limits: Limits) -> Outcome<RequestHead> {
    let mut reader = RequestReader::new(limits);
    let mut outcome = Outcome::new();
    let mut buf = BytesMut::new();
    for piece in pieces(bytes, step) {
        buf.extend_from_slice(piece);
        loop {
            match reader.read(&mut buf) {
                Ok(Some(event)) => outcome.take(event),
                Ok(None) => break,
                Err(refusal) => {
                    outcome.refusal = Some(refusal);
                    return outcome;
                }
            }
        }
    }
    outcome.left = buf.len();
    outcome.idle = reader.is_idle();
    outcome
}

pub fn responses(bytes: &[u8], step: usize, methods: &[&str]) -> Outcome<ResponseHead> {
    let mut reader = ResponseReader::new(limits());
    for method in methods {
        reader.expect(method);
    }
    let mut outcome = Outcome::new();
    let mut buf = BytesMut::new();
    for piece in pieces(bytes, step) {
        buf.extend_from_slice(piece);
        loop {
            match reader.read(&mut buf) {
                Ok(Some(event)) => outcome.take(event),
                Ok(None) => break,
                Err(refusal) => {
                    outcome.refusal = Some(refusal);
                    return outcome;
                }
            }
        }
    }
    outcome.left = buf.len();
    outcome.idle = reader.is_idle();
    match reader.eof() {
        Ok(Some(event)) => outcome.take(event),
        Ok(None) => {}
        Err(refusal) => outcome.refusal = Some(refusal),
    }
    outcome
}

/// Every head that was read is written so that it is read again as the same head.
pub fn request_heads_survive(outcome: &Outcome<RequestHead>) {
    for (head, framing) in &outcome.heads {
        let mut out = Vec::new();
        write_request_head(head, &mut out).expect("what was read can be written");
        let mut reader = RequestReader::new(Limits::default());
        let again = reader.read(&mut BytesMut::from(&out[..]));
        // The version written is always 1.1, where a request without Host is refused.
        if head.authority().is_some() && head.fields.contains("host") {
            let Ok(Some(Event::Head(again, framing_again))) = again else { panic!("{again:?}") };
            assert_eq!((&again.method, &again.target), (&head.method, &head.target));
            assert!(again.fields == head.fields && framing_again == *framing);
            assert_eq!(again.origin_form(), head.origin_form());
        } else {
            assert_eq!(again, Err(Refusal::Host));
        }
    }
}

pub fn response_heads_survive(outcome: &Outcome<ResponseHead>) {
    for (head, _) in &outcome.heads {
        let mut out = Vec::new();
        write_response_head(head, &mut out).expect("what was read can be written");
        let mut reader = ResponseReader::new(Limits::default());
        reader.expect("GET");
        let again = reader.read(&mut BytesMut::from(&out[..]));
        let Ok(Some(Event::Head(again, _))) = again else { panic!("{again:?}") };
        assert!(again.status == head.status && again.fields == head.fields);
        assert!(again.reason == head.reason || head.reason.is_empty());
    }
}
