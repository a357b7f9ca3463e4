//! A kept answer in the place of a service that is down.
//!
//! Looked for only once connecting has failed: it costs nothing while a service answers, whatever it answers.

use std::time::Duration;

use bytes::Bytes;
use porthole_http1::{Fields, ResponseHead, Version, standard_reason};
use porthole_link::limits::INLINE_BYTES;
use porthole_link::{Item, RecvHalf, SendHalf};

use super::outcome::ForwardError;
use super::record::{Record, Traffic};
use super::rewrite::PublicOrigin;
use crate::capture::Side;
use crate::inspect::recorded::{self, parse_fields, parse_head};
use crate::stand_in::{FIELD, path_of};
use crate::store::Store;
use crate::store::stand_ins::Found;

/// How long the store may take to say whether there is one: it answers in less than a millisecond, unless a
/// search of a hundred thousand exchanges comes first. Beyond, the visitor hears at once that the service is down.
const LOOK_UP: Duration = Duration::from_secs(2);

/// The longest a request is taken in before it is answered: a webhook is there in milliseconds, and whoever uploads
/// for longer need not be waited for.
const TAKE: Duration = Duration::from_secs(10);

/// The link's side of a request that no service took.
#[derive(Debug)]
pub struct Visitor<'a> {
    pub send: &'a mut SendHalf,
    pub recv: &'a mut RecvHalf,
    /// Nothing of the request comes after what was there with its head.
    pub ended: bool,
    /// Where a response's Location is turned back to, if it is.
    pub public: Option<&'a PublicOrigin>,
}

/// Gives the answer that stands in for this request; `error` where there is none.
pub async fn answer(
    record: &mut Record,
    visitor: Visitor<'_>,
    error: ForwardError,
) -> Result<(), ForwardError> {
    let Some((store, found)) = find(record).await else { return Err(error) };
    let Some(mut head) = head(&found) else { return Err(error) };
    if let Some(public) = visitor.public {
        record.route.rule.turn_back(&mut head, public);
    }
    let id = found.exchange_id;
    tracing::debug!(request = %record.request_id, exchange = id, %error, "a kept answer stands in");
    record.status = Some(head.status);
    record.note = Some(format!("{error}: answered with what exchange {id} kept"));
    let traffic = &record.traffic;
    // The request is taken whole, and kept so: it can be sent again once the service is back. A visitor who has
    // its answer sends no more.
    if visitor.ended {
        traffic.request_ended();
    } else if !traffic.has_request_ended() {
        if record.head.fields.contains("expect") {
            visitor.send.send_interim(&go_on())?;
        }
        let _ = tokio::time::timeout(TAKE, take(visitor.recv, traffic)).await;
    }
    traffic.stood_in(id);
    traffic.answered(&head);
    give(&store, &found, &head, visitor.send, traffic).await
}

/// What a service says to a visitor that waits for its word (`Expect: 100-continue`).
fn go_on() -> ResponseHead {
    let reason = standard_reason(100).into();
    ResponseHead { status: 100, reason, version: Version::Http11, fields: Fields::new() }
}

async fn find(record: &Record) -> Option<(Store, Found)> {
    let store = record.route.stand_ins.clone()?;
    let (mapping, head) = (record.route.served.wire.id.clone(), &record.head);
    let asked = store.stand_in_for(mapping, head.method.clone(), path_of(&head.target).to_owned());
    match tokio::time::timeout(LOOK_UP, asked).await {
        Ok(Ok(found)) => found.map(|found| (store, found)),
        Ok(Err(error)) => {
            tracing::warn!(%error, "whether an answer stands in could not be read");
            None
        }
        Err(_) => {
            tracing::warn!("whether an answer stands in was not known within {LOOK_UP:?}");
            None
        }
    }
}

/// The kept head, with the field that tells whose it is.
fn head(found: &Found) -> Option<ResponseHead> {
    let (line, fields) = parse_head(&found.head);
    let mut words = line.splitn(3, ' ').skip(1);
    let status = words.next()?.parse().ok()?;
    let reason = words.next().unwrap_or_default().as_bytes().to_vec();
    let mut fields = codec_fields(&fields);
    fields.push(FIELD, found.exchange_id.to_string());
    Some(ResponseHead { status, reason, version: Version::Http11, fields })
}

fn codec_fields(fields: &recorded::Fields) -> Fields {
    fields.iter().map(|(name, value)| (name, value)).collect()
}

/// Sends the answer, piece by piece and no faster than the visitor takes it.
async fn give(
    store: &Store,
    found: &Found,
    head: &ResponseHead,
    send: &mut SendHalf,
    traffic: &Traffic,
) -> Result<(), ForwardError> {
    let trailers = codec_fields(&parse_fields(&found.trailers));
    let mut piece = Bytes::from(found.first.clone());
    let mut given = piece.len() as u64;
    traffic.response_data(&piece);
    let rest = piece.split_off(piece.len().min(INLINE_BYTES));
    let whole = rest.is_empty() && given == found.body_bytes && trailers.is_empty();
    send.send_head(head, piece, whole)?;
    if whole {
        return Ok(());
    }
    if !rest.is_empty() {
        send.send(rest).await?;
    }
    let mut seq = 1;
    while given < found.body_bytes {
        let piece = match store.stand_in_piece(found, seq).await {
            Ok(Some(piece)) if !piece.is_empty() => Bytes::from(piece),
            // Half an answer must not look whole.
            Ok(_) => return Err(gone("it was removed while it was sent")),
            Err(error) => return Err(gone(&error.to_string())),
        };
        given += piece.len() as u64;
        seq += 1;
        traffic.response_data(&piece);
        send.send(piece).await?;
    }
    if trailers.is_empty() {
        return Ok(send.end(None)?);
    }
    traffic.trailers(Side::Response, &trailers);
    Ok(send.end(Some(&trailers))?)
}

fn gone(why: &str) -> ForwardError {
    ForwardError::BadAnswer(format!("what stood in for it broke off: {why}"))
}

/// Takes what is left of the request.
async fn take(recv: &mut RecvHalf, traffic: &Traffic) {
    loop {
        match recv.recv().await {
            Ok(Item::Data(data)) => traffic.request_data(&data),
            Ok(Item::End(trailers)) => {
                if let Some(trailers) = &trailers {
                    traffic.trailers(Side::Request, trailers);
                }
                return traffic.request_ended();
            }
            Ok(Item::Interim(_) | Item::Head(_)) | Err(_) => return,
        }
    }
}
