//! Compressed WebSocket messages (RFC 7692) decoded for looking at.

use flate2::{Decompress, FlushDecompress, Status};
use serde::Serialize;

use super::decode::DECODED_BYTES;

/// Most bytes that come out of one message: what is larger is no text that somebody reads.
const MESSAGE_BYTES: usize = 1024 * 1024;

/// What a sender leaves off each message (§7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Room that is made at once for what comes out.
const STEP_BYTES: usize = 4096;

/// Why a message is shown as it passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InflateError {
    #[error("it is not compressed as it says")]
    Broken,
    /// Decoding stops there: a bomb gets no further.
    #[error("it is too large to be decoded for looking at")]
    Bound,
    /// Messages go on from what came before, and not all of that was kept.
    #[error("a message before it was not kept whole")]
    Lost,
}

/// Decodes the messages of one direction, in their order. Whether a sender begins each anew or not makes no
/// difference here.
#[derive(Debug, Default)]
pub struct Inflater {
    state: Option<Decompress>,
    lost: Option<InflateError>,
    /// Came out so far.
    total: usize,
}

impl Inflater {
    /// The next message; `whole`: all of its payload is there.
    ///
    /// # Errors
    /// [`InflateError`]; after one, no later message can be decoded either.
    pub fn message(&mut self, payload: &[u8], whole: bool) -> Result<Vec<u8>, InflateError> {
        if let Some(lost) = self.lost {
            return Err(lost);
        }
        let result = if whole { self.inflate(payload) } else { Err(InflateError::Lost) };
        if let Err(error) = result {
            self.lost = Some(if error == InflateError::Bound { error } else { InflateError::Lost });
        }
        result
    }

    fn inflate(&mut self, payload: &[u8]) -> Result<Vec<u8>, InflateError> {
        let bound = MESSAGE_BYTES.min(DECODED_BYTES - self.total);
        let state = self.state.get_or_insert_with(|| Decompress::new(false));
        let mut out = Vec::new();
        for mut input in [payload, &TAIL] {
            loop {
                out.reserve(STEP_BYTES);
                let (read, had) = (state.total_in(), out.len());
                let status = state
                    .decompress_vec(input, &mut out, FlushDecompress::Sync)
                    .map_err(|_| InflateError::Broken)?;
                input = &input[(state.total_in() - read) as usize..];
                if out.len() > bound {
                    return Err(InflateError::Bound);
                }
                if status == Status::StreamEnd {
                    // A sender may end its stream with a message (§7.2.3.4): the next one begins another.
                    self.state = None;
                    self.total += out.len();
                    return Ok(out);
                }
                // Nothing more comes out once there is room left.
                if input.is_empty() && out.len() < out.capacity() || out.len() == had && input.is_empty() {
                    break;
                }
                if out.len() == had && state.total_in() == read {
                    return Err(InflateError::Broken);
                }
            }
        }
        self.total += out.len();
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    /// Messages as a sender that keeps its window writes them.
    fn deflated(messages: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        let message = |message: &&[u8]| {
            encoder.write_all(message).unwrap();
            encoder.flush().unwrap();
            let mut payload = std::mem::take(encoder.get_mut());
            assert!(payload.ends_with(&TAIL));
            payload.truncate(payload.len() - TAIL.len());
            payload
        };
        messages.iter().map(message).collect()
    }

    /// §7.2.3.1 and §7.2.3.2.
    #[test]
    fn the_examples_of_the_standard_come_out() {
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let mut inflater = Inflater::default();
        assert_eq!(inflater.message(&hello, true).as_deref(), Ok(&b"Hello"[..]));
        assert_eq!(inflater.message(&[0xf2, 0x00, 0x11, 0x00, 0x00], true).as_deref(), Ok(&b"Hello"[..]));
        // §7.2.3.3 and §7.2.3.4: not compressed, and with an end of the stream.
        let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
        assert_eq!(Inflater::default().message(&stored, true).as_deref(), Ok(&b"Hello"[..]));
        let mut inflater = Inflater::default();
        for _ in 0..2 {
            let ended = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
            assert_eq!(inflater.message(&ended, true).as_deref(), Ok(&b"Hello"[..]));
        }
    }

    #[test]
    fn each_message_goes_on_from_those_before_it() {
        let long = b"all the same words over and over ".repeat(2000);
        let messages: [&[u8]; 4] = [b"all the same words", &long, b"", &long];
        let mut inflater = Inflater::default();
        for (payload, message) in deflated(&messages).iter().zip(messages) {
            assert!(inflater.message(payload, true).as_deref() == Ok(message), "{} bytes", message.len());
        }
    }

    #[test]
    fn after_a_message_that_is_cut_or_broken_none_is_decoded() {
        let payloads = deflated(&[b"one", b"two"]);
        let mut inflater = Inflater::default();
        assert_eq!(inflater.message(&payloads[0], false), Err(InflateError::Lost));
        assert_eq!(inflater.message(&payloads[1], true), Err(InflateError::Lost));
        let mut inflater = Inflater::default();
        assert_eq!(inflater.message(&[0xff; 20], true), Err(InflateError::Broken));
        assert_eq!(inflater.message(&payloads[0], true), Err(InflateError::Lost));
    }

    #[test]
    fn a_bomb_gets_no_further_than_the_bound() {
        for (size, fits) in [(MESSAGE_BYTES, true), (MESSAGE_BYTES + 1, false), (50 * MESSAGE_BYTES, false)] {
            let payload = deflated(&[&vec![0; size]]);
            let decoded = Inflater::default().message(&payload[0], true);
            assert_eq!(
                decoded.map(|decoded| decoded.len()),
                if fits { Ok(size) } else { Err(InflateError::Bound) }
            );
        }
        let large = vec![0; MESSAGE_BYTES];
        let payloads = deflated(&vec![large.as_slice(); DECODED_BYTES / MESSAGE_BYTES + 1]);
        let mut inflater = Inflater::default();
        let decoded = payloads.iter().filter(|payload| inflater.message(payload, true).is_ok());
        assert_eq!(decoded.count(), DECODED_BYTES / MESSAGE_BYTES);
    }
}
