//! Exchanges that were kept elsewhere, on their way to the writer: numbered like those that pass through, but
//! handed over a batch at a time by somebody who waits.

use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;

use porthole_http1::{Fields, RequestHead, ResponseHead, Version, write_request_head, write_response_head};
use porthole_link::StreamKind;
use tokio::sync::oneshot;

use super::CHUNK_BYTES;
use super::queue::{Paused, Piece, Recorder, Reserved};
use super::told::{Source, Told, ToldHalf, kind, raw_lines, state, us};
use crate::inspect::name::Hint;
use crate::inspect::recorded::{self, Recorded};

/// Bytes kept of a word that says what went wrong: codes of browsers have thirty.
const ERROR_BYTES: usize = 128;

/// One exchange from elsewhere.
#[derive(Debug)]
pub struct Brought {
    pub exchange: Recorded,
    /// The mapping that it belongs to, if any: its id, and its name or host.
    pub mapping: Option<(String, Option<String>)>,
}

/// A batch of them, for the writer.
#[derive(Debug)]
pub struct Import {
    pub told: Vec<Told>,
    pub done: oneshot::Sender<Result<(), Paused>>,
}

impl Recorder {
    /// Numbers for so many exchanges, from this one on; nothing else gets them.
    pub fn numbers(&self, count: usize) -> i64 {
        self.queue.next_id.fetch_add(count as i64, Relaxed)
    }

    /// Waits until the writer has stored all of these, or none. Also where nothing that passes through is to
    /// be kept: these are brought on purpose.
    ///
    /// # Errors
    /// [`Paused`] where they cannot be stored now.
    pub async fn import(&self, told: Vec<Told>) -> Result<(), Paused> {
        let (done, stored) = oneshot::channel();
        let taken = {
            let mut state = self.lock();
            // Under the lock: whoever pauses or closes takes away what waits after that.
            let open = self.queue.writing.load(Relaxed) && !state.closed;
            if open {
                state.imports.push(Import { told, done });
            }
            open
        };
        if !taken {
            return Err(self.why_not());
        }
        self.queue.changed.notify_all();
        stored.await.unwrap_or_else(|_| Err(self.why_not()))
    }

    fn why_not(&self) -> Paused {
        let paused = self.queue.paused.borrow().clone();
        paused.unwrap_or_else(|| Paused { message: "this Porthole process is about to end".into() })
    }

    /// The exchange as the writer takes it, or why it is none that could have passed through.
    ///
    /// # Errors
    /// A few words about what is wrong with it.
    pub fn brought(&self, id: i64, brought: Brought) -> Result<Told, &'static str> {
        let Brought { exchange, mapping } = brought;
        let Recorded { started, mut request, response, error, timings, .. } = exchange;
        if recorded::field(&request.fields, "host").is_none() {
            // What HTTP/2 has in its place tells the same.
            request.fields.insert(0, ("Host".into(), request.host.clone().into_bytes()));
        }
        let head = RequestHead {
            method: request.method,
            target: request.target,
            version: Version::Http11,
            fields: fields(&request.fields),
        };
        let mut request_head = Vec::new();
        write_request_head(&head, &mut request_head)
            .map_err(|_| "its request has characters that no HTTP message may have")?;
        let mut pieces = Vec::new();
        let bound = self.body_bytes();
        let name = Hint::of(&head.method, &head.target, head.fields.iter());
        let coded = head.fields.contains("content-encoding");
        let name = name.and_then(|hint| hint.name(if coded { &[] } else { &request.body }));
        let mut half = |response,
                        head: Vec<u8>,
                        fields: &recorded::Fields,
                        trailers: &recorded::Fields,
                        mut body: Vec<u8>,
                        bytes| {
            body.truncate(bound);
            let kept = body.len();
            let chunks = (0..).zip(body.chunks(CHUNK_BYTES));
            pieces.extend(chunks.map(|(seq, data)| Piece {
                response,
                seq,
                data: data.to_vec(),
                _reserved: Reserved::nothing(self),
            }));
            ToldHalf {
                head: Some(head),
                trailers: (!trailers.is_empty()).then(|| raw_lines(&self::fields(trailers))),
                media_type: recorded::media_type(fields),
                encoded: recorded::field(fields, "content-encoding").is_some(),
                bytes,
                kept,
            }
        };
        let request_half =
            half(false, request_head, &request.fields, &request.trailers, request.body, request.body_bytes);
        let mut answer = None;
        let response_half = match response {
            None => {
                ToldHalf { head: None, ..half(true, Vec::new(), &Vec::new(), &Vec::new(), Vec::new(), 0) }
            }
            Some(response) => {
                let head = answer.insert(ResponseHead {
                    status: response.status,
                    reason: response.reason.into_bytes(),
                    version: Version::Http11,
                    fields: fields(&response.fields),
                });
                let mut raw = Vec::new();
                write_response_head(head, &mut raw)
                    .map_err(|_| "its response has characters that no HTTP message may have")?;
                half(true, raw, &response.fields, &response.trailers, response.body, response.body_bytes)
            }
        };
        let stream = if head.fields.contains("upgrade") { StreamKind::Upgrade } else { StreamKind::Http };
        let (mapping_id, mapping) = mapping.unwrap_or_default();
        let error = error.map(|error| recorded::beginning(&error, ERROR_BYTES).to_owned());
        Ok(Told {
            id,
            first: true,
            request_id: String::new(),
            mapping_id,
            mapping,
            source: Source::Import,
            kind: kind(stream, &head.fields, answer.as_ref(), response_half.media_type.as_deref()),
            started_us: started.as_microsecond(),
            method: head.method,
            scheme: request.scheme,
            host: request.host,
            target: head.target,
            visitor: None,
            status: answer.as_ref().map(|head| head.status),
            // An answer is what makes it whole: browsers do not always say why there was none.
            state: state(error.as_deref().or(answer.is_none().then_some("no answer"))),
            error: error.map(Cow::Owned),
            connect_us: timings.connect.map(us),
            first_byte_us: timings.first_byte.map(us),
            total_us: timings.total.map(us),
            link_us: timings.link.map(us),
            gateway_us: timings.gateway.map(us),
            name,
            request: request_half,
            response: response_half,
            sent_head: None,
            incomplete: false,
            pieces,
            frames_seen: 0,
            frames: None,
            _reserved: Reserved::nothing(self),
        })
    }
}

fn fields(fields: &recorded::Fields) -> Fields {
    fields.iter().map(|(name, value)| (name, value)).collect()
}
