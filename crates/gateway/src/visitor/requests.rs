//! The codec's reader with the question it cannot answer: is the current request's body over?

use bytes::{Bytes, BytesMut};
use porthole_http1::{Event, Fields, Framing, Limits, Refusal, RequestHead, RequestReader};

/// Requests off one connection.
#[derive(Debug)]
pub(super) struct Requests {
    reader: RequestReader,
    in_body: bool,
}

/// A piece of the current body.
#[derive(Debug)]
pub(super) enum Part {
    Data(Bytes),
    /// The last one, with trailers where the body had any.
    End(Option<Fields>),
}

impl Requests {
    pub(super) fn new(limits: Limits) -> Self {
        Self { reader: RequestReader::new(limits), in_body: false }
    }

    /// The next request's head; only when [`Self::body_read`].
    pub(super) fn head(&mut self, input: &mut BytesMut) -> Result<Option<(RequestHead, Framing)>, Refusal> {
        debug_assert!(!self.in_body);
        match self.reader.read(input)? {
            Some(Event::Head(head, framing)) => {
                self.in_body = true;
                Ok(Some((head, framing)))
            }
            // Bodies are read to their end before; the codec agrees, or the bytes are not to be trusted.
            Some(_) => Err(Refusal::Framing),
            None => Ok(None),
        }
    }

    /// The current body's next part; `Ok(None)` when more bytes are needed or it is over.
    pub(super) fn body(&mut self, input: &mut BytesMut) -> Result<Option<Part>, Refusal> {
        if !self.in_body {
            return Ok(None);
        }
        match self.reader.read(input)? {
            Some(Event::Data(data)) => Ok(Some(Part::Data(data))),
            Some(Event::End(trailers)) => {
                self.in_body = false;
                Ok(Some(Part::End(trailers)))
            }
            Some(Event::Head(..)) => Err(Refusal::Framing),
            None => Ok(None),
        }
    }

    /// The current body (if there is one at all) was read to its end.
    pub(super) fn body_read(&self) -> bool {
        !self.in_body
    }
}
