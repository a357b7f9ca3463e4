//! Bodies of answers: whole, streamed, endless, broken.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::HeaderMap;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use sha2::{Digest, Sha256};

/// Why a body breaks off.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A body of any kind.
pub type Body = UnsyncBoxBody<Bytes, Error>;

/// Bytes of one piece of a generated body.
pub const PIECE: usize = 64 * 1024;

/// A body that is there at once.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// No body.
pub fn empty() -> Body {
    full(Bytes::new())
}

/// Frames as they come.
pub fn frames(frames: impl Stream<Item = Result<Frame<Bytes>, Error>> + Send + 'static) -> Body {
    StreamBody::new(frames).boxed_unsync()
}

/// Pieces as they come.
pub fn pieces(pieces: impl Stream<Item = Result<Bytes, Error>> + Send + 'static) -> Body {
    frames(pieces.map(|piece| piece.map(Frame::data)))
}

/// `count` bytes of [`pattern`], made as they are asked for.
pub fn generated(count: u64) -> Body {
    let piece = Bytes::from(pattern(PIECE));
    pieces(stream::unfold(count, move |left| {
        let piece = piece.clone();
        async move {
            if left == 0 {
                return None;
            }
            let size = left.min(PIECE as u64);
            Some((Ok(piece.slice(..size as usize)), left - size))
        }
    }))
}

/// `count` bytes, then the connection breaks.
pub fn broken_after(count: u64) -> Body {
    let (tail, pause) = (Err(Error::from("the service dies here")), Duration::from_millis(50));
    // A moment between data and failure, so that the server has written the data out.
    let failure = stream::once(async move {
        tokio::time::sleep(pause).await;
        tail
    });
    pieces(generated_stream(count).chain(failure))
}

fn generated_stream(count: u64) -> impl Stream<Item = Result<Bytes, Error>> + Send {
    let piece = Bytes::from(pattern(PIECE));
    stream::iter((0..count.div_ceil(PIECE as u64)).map(move |index| {
        let size = (count - index * PIECE as u64).min(PIECE as u64);
        Ok(piece.slice(..size as usize))
    }))
}

/// Data and then trailers.
pub fn with_trailers(data: impl Into<Bytes>, trailers: HeaderMap) -> Body {
    let parts = [Ok(Frame::data(data.into())), Ok(Frame::trailers(trailers))];
    frames(stream::iter(parts))
}

/// SHA-256 in hexadecimal, as the sample service's `/digest` answers with it.
pub fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes that repeat with a prime period, so that a shifted or lost piece shows.
pub fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index % 251) as u8).collect()
}

/// What [`generated`] makes: [`pattern`] begun anew with every [`PIECE`].
pub fn pattern_of(count: usize) -> Vec<u8> {
    (0..count).map(|index| ((index % PIECE) % 251) as u8).collect()
}
