//! Bodies decoded for looking at: gzip, deflate, br and zstd, one over the other if need be.
//!
//! What is kept stays as it came; this is a view. A body that was cut, or goes wrong half-way, gives
//! what there is and says so.

#[cfg(test)]
mod tests;
mod zstd;

use std::io::{self, Read};

use serde::Serialize;

pub use zstd::ZSTD_WINDOW_BYTES;

/// Most bytes that come out of any one coding: a view shows no more, and a bomb gets no further.
pub const DECODED_BYTES: usize = 16 * 1024 * 1024;

/// Most codings one over the other. Real ones have one, proxies that meddle make it two.
pub const MAX_CODINGS: usize = 4;

/// Bytes of input that a decoder takes at once.
const INPUT_BYTES: usize = 4096;

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    pub bytes: Vec<u8>,
    pub end: End,
}

/// How far decoding came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Everything is there.
    Whole,
    /// The encoded bytes ended early: they were cut at a bound, or the transfer broke.
    Cut,
    /// The output reached [`DECODED_BYTES`]; there is more.
    Bound,
    /// The encoded bytes went wrong; what came before is there.
    Broken,
}

/// Why nothing was decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the content coding “{0}” is not known here; gzip, deflate, br and zstd are")]
    Unknown(String),
    #[error("the body has more than {MAX_CODINGS} content codings")]
    TooMany,
}

/// A content coding of RFC 9110, RFC 7932 or RFC 8878.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Takes off what `Content-Encoding` names; several fields are joined with commas before.
///
/// # Errors
/// [`DecodeError`] for a coding that is not known, or too many of them.
pub fn decode(content_encoding: &str, body: &[u8]) -> Result<Decoded, DecodeError> {
    decode_to(content_encoding, body, DECODED_BYTES)
}

fn decode_to(content_encoding: &str, body: &[u8], bound: usize) -> Result<Decoded, DecodeError> {
    let mut codings = Vec::new();
    for name in content_encoding.split(',').map(str::trim) {
        let coding = match name.to_ascii_lowercase().as_str() {
            "" | "identity" => continue,
            "gzip" | "x-gzip" => Coding::Gzip,
            "deflate" => Coding::Deflate,
            "br" => Coding::Brotli,
            "zstd" => Coding::Zstd,
            _ => {
                return Err(DecodeError::Unknown(
                    name.chars().filter(|c| !c.is_control()).take(40).collect(),
                ));
            }
        };
        if codings.len() == MAX_CODINGS {
            return Err(DecodeError::TooMany);
        }
        codings.push(coding);
    }
    let mut decoded = Decoded { bytes: body.to_vec(), end: End::Whole };
    // The last one named was put on last.
    for coding in codings.into_iter().rev() {
        let (bytes, end) = coding.take_off(&decoded.bytes, bound);
        // A cut or broken outer layer is the reason for whatever happens further in.
        let end = if decoded.end == End::Whole { end } else { decoded.end };
        decoded = Decoded { bytes, end };
    }
    Ok(decoded)
}

impl Coding {
    fn take_off(self, input: &[u8], bound: usize) -> (Vec<u8>, End) {
        // No answer to HEAD has a body, and an empty one is not coded.
        if input.is_empty() {
            return (Vec::new(), End::Whole);
        }
        let mut output = Vec::new();
        let end = match self {
            Self::Gzip => read(&mut flate2::bufread::MultiGzDecoder::new(input), &mut output, bound),
            // Named “deflate” is zlib; some servers send it bare.
            Self::Deflate if is_zlib(input) => {
                read(&mut flate2::bufread::ZlibDecoder::new(input), &mut output, bound)
            }
            Self::Deflate => read(&mut flate2::bufread::DeflateDecoder::new(input), &mut output, bound),
            Self::Brotli => {
                let input = input.chain(Ended);
                read(&mut brotli_decompressor::Decompressor::new(input, INPUT_BYTES), &mut output, bound)
            }
            Self::Zstd => zstd::read_frames(input, &mut output, bound),
        };
        (output, end)
    }
}

/// The end of input as an error: the decoder for br, which reads no more than it needs, takes a plain
/// end for bytes that went wrong.
struct Ended;

impl Read for Ended {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// The two bytes in front of zlib's: method 8, a window that exists, and a check that adds up.
fn is_zlib(input: &[u8]) -> bool {
    matches!(input, [cmf, flg, ..]
        if cmf & 0x0f == 8 && cmf >> 4 <= 7 && (u16::from(*cmf) << 8 | u16::from(*flg)).is_multiple_of(31))
}

/// Reads until the end, the bound or an error; `bound` counts everything in `output`.
fn read(decoder: &mut impl Read, output: &mut Vec<u8>, bound: usize) -> End {
    let mut buffer = vec![0; INPUT_BYTES * 4];
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return End::Whole,
            Ok(n) => {
                let room = bound - output.len();
                output.extend_from_slice(&buffer[..n.min(room)]);
                if n > room {
                    return End::Bound;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_cut(&error) => return End::Cut,
            Err(_) => return End::Broken,
        }
    }
}

/// The input ended where more was due, whichever error says so at the bottom.
fn is_cut(error: &io::Error) -> bool {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return true;
    }
    let mut source: Option<&(dyn std::error::Error + 'static)> =
        error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
    while let Some(inner) = source {
        if inner.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
        {
            return true;
        }
        source = inner.source();
    }
    false
}
