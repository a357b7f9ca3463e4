//! An answer's body on its way to an HTTP/2 visitor.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame};
use porthole_http1::{Fields, Framing};
use porthole_link::{Item, Stopped};
use tokio::sync::oneshot;

use super::h2::OpenStream;
use crate::access::Record;
use crate::allowance::{Receiving, Sending};
use crate::exchange::Stay;
use crate::server::Gateway;

/// The answer broke off; the stream is reset and so cannot look whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer broke off")]
pub(super) struct BrokenOff;

/// The body, whoever makes it.
#[derive(Debug, Default)]
pub(super) struct AnswerBody {
    source: Source,
    /// Dropped with this body: the connection is busy until then.
    _open: Option<OpenStream>,
    /// The same for what the exchange takes up.
    _stay: Stay,
}

#[derive(Debug, Default)]
enum Source {
    #[default]
    Empty,
    Whole(Bytes),
    Link(Box<FromLink>),
}

#[derive(Debug)]
struct FromLink {
    recv: Receiving,
    /// Kept where nothing is uploaded: dropped early, it would reset the stream.
    _send: Option<Sending>,
    /// Dropped with this body: ends the upload.
    _answering: oneshot::Sender<Infallible>,
    /// Bytes still due; None when no length was announced.
    left: Option<u64>,
    gateway: Arc<Gateway>,
    record: Option<Record>,
    status: u16,
    /// Was looked at ahead.
    next: Option<Result<Item, Stopped>>,
}

impl AnswerBody {
    pub(super) fn whole(body: Bytes) -> Self {
        Self::of(if body.is_empty() { Source::Empty } else { Source::Whole(body) })
    }

    fn of(source: Source) -> Self {
        Self { source, _open: None, _stay: Stay::default() }
    }

    /// The same, as what keeps a connection busy.
    pub(super) fn during(self, open: OpenStream) -> Self {
        Self { _open: Some(open), ..self }
    }

    /// The same, as what takes up what is bounded.
    pub(super) fn staying(self, stay: Stay) -> Self {
        Self { _stay: stay, ..self }
    }

    pub(super) fn link(
        recv: Receiving,
        send: Option<Sending>,
        answering: oneshot::Sender<Infallible>,
        framing: Framing,
        gateway: Arc<Gateway>,
        record: Option<Record>,
        status: u16,
    ) -> Self {
        let left = match framing {
            Framing::None => Some(0),
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::UntilClose => None,
        };
        let mut link =
            FromLink { recv, _send: send, _answering: answering, left, gateway, record, status, next: None };
        // An end that is there already goes out in the same frame as the head: gRPC's trailers-only
        // answers want it so.
        let mut nobody = Context::from_waker(std::task::Waker::noop());
        match link.recv.poll_recv(&mut nobody) {
            Poll::Ready(Ok(Item::End(None))) if matches!(link.left, None | Some(0)) => {
                link.finish("done");
                return Self::of(Source::Empty);
            }
            Poll::Ready(next) => link.next = Some(next),
            Poll::Pending => {}
        }
        Self::of(Source::Link(Box::new(link)))
    }
}

impl FromLink {
    /// The next frame, or the end: None, trailers or an error.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let item = match self.next.take() {
            Some(item) => item,
            None => ready!(self.recv.poll_recv(cx)),
        };
        let frame = match item {
            Ok(Item::Data(data)) if self.count(data.len()) => {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            Ok(Item::End(trailers)) if matches!(self.left, None | Some(0)) => {
                trailers.as_ref().map(|trailers| Ok(Frame::trailers(header_map(trailers))))
            }
            _ => {
                self.gateway.counters.broken_off();
                self.finish("broken");
                return Poll::Ready(Some(Err(BrokenOff)));
            }
        };
        self.finish("done");
        Poll::Ready(frame)
    }

    /// False when the announced length has no place for so many bytes.
    fn count(&mut self, len: usize) -> bool {
        if let Some(record) = &mut self.record {
            record.moved.sent += len as u64;
        }
        match self.left.map(|left| left.checked_sub(len as u64)) {
            Some(None) => false,
            left => {
                self.left = left.flatten();
                true
            }
        }
    }

    fn finish(&mut self, outcome: &'static str) {
        if let Some(record) = self.record.take() {
            record.finish(&self.gateway, self.status, outcome);
        }
    }
}

impl Drop for FromLink {
    fn drop(&mut self) {
        self.finish("cancelled");
    }
}

/// Trailers that HTTP/2 has no way to write are left out: they are metadata after the fact.
fn header_map(fields: &Fields) -> HeaderMap {
    fields
        .iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
        })
        .collect()
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let frame = match &mut self.source {
            Source::Empty => return Poll::Ready(None),
            Source::Whole(body) => Some(Ok(Frame::data(std::mem::take(body)))),
            Source::Link(link) => ready!(link.poll_frame(cx)),
        };
        if !matches!((&self.source, &frame), (Source::Link(_), Some(Ok(frame))) if frame.is_data()) {
            self.source = Source::Empty;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.source, Source::Empty)
    }
}
