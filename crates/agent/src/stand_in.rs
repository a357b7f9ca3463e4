//! Answers that stand in while a local service is down: “answer with this when down”.
//!
//! Decisions only: which exchange can lend its answer, to which requests, and what is kept of it. Rows are kept
//! by [`crate::store`], answers given by [`crate::forward`] when nothing accepted a connection. The way of a
//! service that answers never comes past here.

use jiff::Timestamp;
use porthole_http1::connection::strip_hop_by_hop;
use porthole_http1::{Fields, ResponseHead, Version, write_response_head};
use serde::Serialize;
use utoipa::ToSchema;

use crate::inspect::recorded::{RecordedResponse, media_type};
use crate::mapping::MappingSpec;
use crate::store::exchanges::Exchange;
use crate::store::{Store, StoreError};

/// The field that tells whoever got such an answer which exchange it is from.
pub const FIELD: &str = "porthole-stand-in";

/// Stand-ins of one mapping: more than anybody clicks together, few enough for a list.
pub const MOST_OF_A_MAPPING: u32 = 100;

/// Stand-ins altogether, also of mappings that are no more: with bodies as they are kept by default, at most what
/// exchanges may take, twice.
pub const MOST: u32 = 1000;

/// Why an exchange's answer cannot stand in. Each is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StandInError {
    #[error("exchange {id} is a conversation ({kind}): only the answer to a request can stand in")]
    Conversation { id: i64, kind: String },
    #[error("exchange {0} has not ended yet: wait for its answer")]
    Open(i64),
    #[error("exchange {0} has no whole answer that could stand in")]
    NoAnswer(i64),
    #[error(
        "only the first {kept} of {bytes} bytes of the answer of exchange {id} were kept: a part cannot stand in"
    )]
    Truncated { id: i64, kept: usize, bytes: u64 },
    #[error("the answer of exchange {0} cannot be sent again: its head is not valid HTTP")]
    Unsendable(i64),
    #[error("the mapping of exchange {0} is gone: nobody would ask for its answer")]
    MappingGone(i64),
    #[error("this mapping has {MOST_OF_A_MAPPING} stand-ins already: remove one first")]
    TooManyOfMapping,
    #[error("there are {MOST} stand-ins already: remove one first")]
    TooMany,
    #[error("exchange {0} does not stand in for anything")]
    None(i64),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StandInError {
    /// The stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Conversation { .. } => "not-a-request",
            Self::Open(_) | Self::NoAnswer(_) => "no-response",
            Self::Truncated { .. } => "body-truncated",
            Self::Unsendable(_) => "invalid-head",
            Self::MappingGone(_) => "mapping-gone",
            Self::TooManyOfMapping | Self::TooMany => "too-many-stand-ins",
            Self::None(_) => "no-stand-in",
            Self::Store(StoreError::NoExchange(_)) => "no-exchange",
            Self::Store(_) => "store",
        }
    }
}

/// One of them, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StandIn {
    /// The exchange whose answer it is, which may be gone itself.
    pub exchange_id: i64,
    pub mapping_id: String,
    /// The mapping's name or host when it was made.
    pub mapping: Option<String>,
    pub method: String,
    /// Requests for this path are answered, whatever their query.
    pub path: String,
    pub status: u16,
    /// Like `application/json`.
    pub media_type: Option<String>,
    pub body_bytes: u64,
    /// RFC 3339, UTC.
    pub made: String,
}

/// What is kept of an answer, beside what a list shows: its own copy, whatever becomes of the exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub shown: StandIn,
    /// Raw, as it will be sent but for [`FIELD`].
    pub head: Vec<u8>,
    /// Raw lines of what follows the body.
    pub trailers: Vec<u8>,
    pub body: Vec<u8>,
}

/// The part of a request's target by which it is found: the path as it came, without the query. Browsers, caches
/// and providers of webhooks put what changes each time behind the question mark.
pub fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

/// Has the answer of this exchange stand in from now on; `known` are the mappings there are. One that ended with
/// its command counts while its target is remembered: the next command for it gets the same mapping again.
///
/// # Errors
/// [`StandInError`].
pub async fn stand_in(store: &Store, id: i64, known: &[MappingSpec]) -> Result<StandIn, StandInError> {
    let exchange = store.exchange(id).await?;
    let kept = keep(&exchange, Timestamp::now())?;
    let mapping_id = &kept.shown.mapping_id;
    if store.target_of(mapping_id, known).await?.is_none() {
        return Err(StandInError::MappingGone(id));
    }
    store.add_stand_in(kept).await
}

/// What is kept of this exchange's answer.
///
/// # Errors
/// [`StandInError`] where it has none that could be given whole.
pub fn keep(exchange: &Exchange, now: Timestamp) -> Result<Kept, StandInError> {
    let summary = &exchange.summary;
    let id = summary.id;
    if summary.kind != "http" {
        return Err(StandInError::Conversation { id, kind: summary.kind.clone() });
    }
    if summary.state == "open" {
        return Err(StandInError::Open(id));
    }
    let half = exchange.response.as_ref().filter(|_| summary.state == "done");
    let (Some(half), Some(answer)) = (half, exchange.recorded_response()) else {
        return Err(StandInError::NoAnswer(id));
    };
    let (kept, bytes) = (answer.body.len(), answer.body_bytes);
    if (kept as u64) < bytes {
        return Err(StandInError::Truncated { id, kept, bytes });
    }
    let head = head(&answer, &summary.method, !half.trailers.is_empty());
    let mut raw = Vec::new();
    write_response_head(&head, &mut raw).map_err(|_| StandInError::Unsendable(id))?;
    Ok(Kept {
        shown: StandIn {
            exchange_id: id,
            mapping_id: summary.mapping_id.clone(),
            mapping: summary.mapping.clone(),
            method: summary.method.clone(),
            path: path_of(&summary.target).to_owned(),
            status: answer.status,
            media_type: media_type(&answer.fields),
            body_bytes: bytes,
            made: now.to_string(),
        },
        head: raw,
        trailers: half.trailers.clone(),
        body: answer.body,
    })
}

/// The answer's head without what belonged to that one time: its connection, its date, its framing.
fn head(answer: &RecordedResponse, method: &str, trailers: bool) -> ResponseHead {
    let mut fields: Fields = answer.fields.iter().map(|(name, value)| (name, value)).collect();
    strip_hop_by_hop(&mut fields);
    fields.remove("date");
    fields.remove(FIELD);
    // Where no body belongs to it, the length tells of another answer's, and stays.
    if method != "HEAD" && !matches!(answer.status, 204 | 304) {
        fields.remove("content-length");
        if !trailers {
            fields.push("Content-Length", answer.body.len().to_string());
        }
    }
    let reason = answer.reason.clone().into_bytes();
    ResponseHead { status: answer.status, reason, version: Version::Http11, fields }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::exchanges::{Body, Half, Summary};

    fn exchange() -> Exchange {
        let half = |head: &[u8], body: &[u8]| Half {
            head: head.to_vec(),
            body: Body { data: body.to_vec(), bytes: body.len() as u64 },
            trailers: Vec::new(),
        };
        Exchange {
            summary: Summary {
                id: 7,
                mapping_id: "m".into(),
                method: "GET".into(),
                target: "/orders?page=2".into(),
                kind: "http".into(),
                state: "done".into(),
                status: Some(404),
                ..Summary::default()
            },
            request: half(b"GET /orders?page=2 HTTP/1.1\r\n\r\n", b""),
            response: Some(half(
                b"HTTP/1.1 404 Gone Fishing\r\nDate: now\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\
                  Transfer-Encoding: chunked\r\nContent-Type: text/plain; a=b\r\nX-Two: b\r\nx-two: a\r\n\
                  Porthole-Stand-In: 3\r\n\r\n",
                b"none",
            )),
            sent: None,
        }
    }

    #[test]
    fn an_answer_is_kept_without_what_belonged_to_its_own_time() {
        let kept = keep(&exchange(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(
            String::from_utf8(kept.head).unwrap(),
            "HTTP/1.1 404 Gone Fishing\r\nContent-Type: text/plain; a=b\r\nX-Two: b\r\nx-two: a\r\n\
             Content-Length: 4\r\n\r\n"
        );
        assert_eq!((kept.shown.path.as_str(), kept.shown.status), ("/orders", 404));
        assert_eq!(kept.shown.media_type.as_deref(), Some("text/plain"));
        assert_eq!((kept.body.as_slice(), kept.shown.body_bytes), (&b"none"[..], 4));
    }

    #[test]
    fn the_length_that_an_answer_without_body_tells_of_stays() {
        let mut exchange = exchange();
        (exchange.summary.method, exchange.summary.status) = ("HEAD".into(), Some(200));
        let half = exchange.response.as_mut().unwrap();
        half.head = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n".to_vec();
        half.body = Body { data: Vec::new(), bytes: 0 };
        let kept = keep(&exchange, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(kept.head, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
    }

    #[test]
    fn an_exchange_without_a_whole_answer_is_refused_with_the_reason() {
        let why = |change: fn(&mut Exchange)| {
            let mut exchange = exchange();
            change(&mut exchange);
            keep(&exchange, Timestamp::UNIX_EPOCH).map(|_| ()).unwrap_err()
        };
        for kind in ["sse", "websocket", "upgrade", "tcp"] {
            let mut exchange = exchange();
            exchange.summary.kind = kind.into();
            let error = keep(&exchange, Timestamp::UNIX_EPOCH).unwrap_err();
            assert_eq!(error, StandInError::Conversation { id: 7, kind: kind.into() });
        }
        assert_eq!(why(|exchange| exchange.summary.state = "open".into()), StandInError::Open(7));
        assert_eq!(why(|exchange| exchange.summary.state = "failed".into()), StandInError::NoAnswer(7));
        assert_eq!(why(|exchange| exchange.response = None), StandInError::NoAnswer(7));
        assert_eq!(
            why(|exchange| exchange.response.as_mut().unwrap().body.bytes = 5),
            StandInError::Truncated { id: 7, kept: 4, bytes: 5 }
        );
    }
}
