//! A body, read in whichever framing its head announced.

use bytes::BytesMut;

use crate::chunked::Chunked;
use crate::{Event, Framing, Limits, Refusal};

#[derive(Debug)]
pub(crate) enum Body {
    /// So many bytes are left.
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

impl Body {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::None => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunked::new()),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    /// The next piece or the end; what is handed out is taken off `buf`, not copied.
    pub(crate) fn read<H>(
        &mut self,
        buf: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<Event<H>>, Refusal> {
        match self {
            Self::Length(0) => Ok(Some(Event::End(None))),
            Self::Chunked(chunked) => chunked.read(buf, limits),
            _ if buf.is_empty() => Ok(None),
            Self::Length(left) => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(buf.len());
                *left -= len as u64;
                Ok(Some(Event::Data(buf.split_to(len).freeze())))
            }
            Self::UntilClose => Ok(Some(Event::Data(buf.split().freeze()))),
        }
    }
}
