//! zstd: frames one behind the other, those to skip skipped, and a cut one up to its last block.
//!
//! The decoder holds a window's worth back until a frame ends, so a cut frame would show nothing of
//! its first megabytes. Blocks say how long they are: those that are there are ended with an empty one.

use std::io::Read as _;

use ruzstd::decoding::StreamingDecoder;

use super::{End, read};

/// Largest window of a zstd frame, in bytes: what RFC 9659 allows on the web.
pub const ZSTD_WINDOW_BYTES: u64 = 8 * 1024 * 1024;

/// An empty raw block that is the last one, and room for a checksum.
const ENDING: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

pub(super) fn read_frames(mut input: &[u8], output: &mut Vec<u8>, bound: usize) -> End {
    while !input.is_empty() {
        let (length, whole) = match extent(input) {
            Some(Extent::Skip(length)) => match input.get(length..) {
                Some(rest) => {
                    input = rest;
                    continue;
                }
                None => return End::Cut,
            },
            Some(Extent::Whole(length)) => (length, true),
            Some(Extent::Blocks(length)) => (length, false),
            Some(Extent::Other) => return End::Broken,
            None => return End::Cut,
        };
        let ending: &[u8] = if whole { &[] } else { &ENDING };
        let frame = input[..length].chain(ending);
        let Ok(mut decoder) = StreamingDecoder::new_with_max_window_size(frame, ZSTD_WINDOW_BYTES) else {
            return End::Broken;
        };
        match read(&mut decoder, output, bound) {
            End::Whole if whole => input = &input[length..],
            End::Whole => return End::Cut,
            // The lengths of all blocks were right, so what is inside one is wrong.
            End::Cut => return End::Broken,
            end => return end,
        }
    }
    End::Whole
}

/// How far the frame at the front reaches.
enum Extent {
    /// So many bytes are to be skipped.
    Skip(usize),
    Whole(usize),
    /// The frame is cut; so many bytes of head and whole blocks are there.
    Blocks(usize),
    /// No zstd.
    Other,
}

/// Reads the head and the lengths of blocks (RFC 8878, 3.1); `None` when even the head is cut.
fn extent(input: &[u8]) -> Option<Extent> {
    const MAGIC: u32 = 0xfd2f_b528;
    const SKIPPABLE: u32 = 0x184d_2a50;
    let word = |at: usize| input.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
    let magic = word(0)?;
    if magic & !0xf == SKIPPABLE {
        return Some(Extent::Skip((word(4)? as usize).saturating_add(8)));
    }
    if magic != MAGIC {
        return Some(Extent::Other);
    }
    let descriptor = *input.get(4)?;
    let single_segment = descriptor & 0b10_0000 != 0;
    let window = usize::from(!single_segment);
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 0b11)];
    let content_size = [usize::from(single_segment), 2, 4, 8][usize::from(descriptor >> 6)];
    let mut at = 5 + window + dictionary + content_size;
    if at > input.len() {
        return None;
    }
    loop {
        let Some([a, b, c]) = input[at..].first_chunk::<3>() else {
            return Some(Extent::Blocks(at));
        };
        let head = u32::from_le_bytes([*a, *b, *c, 0]);
        // One byte, repeated.
        let length = if (head >> 1) & 0b11 == 1 { 1 } else { (head >> 3) as usize };
        let end = at + 3 + length;
        if end > input.len() {
            return Some(Extent::Blocks(at));
        }
        at = end;
        if head & 1 == 1 {
            break;
        }
    }
    let checksum = if descriptor & 0b100 != 0 { 4 } else { 0 };
    // Cut within the checksum, all blocks are there: nothing of the text is missing.
    Some(if at + checksum <= input.len() { Extent::Whole(at + checksum) } else { Extent::Blocks(at) })
}
