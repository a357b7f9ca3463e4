#![no_main]
//! Conversations as they pass: WebSocket messages and server-sent events, in any pieces.

use libfuzzer_sys::fuzz_target;
use porthole_agent::capture::frames::{EventReader, FRAME_BYTES, Frame, MessageReader};

fn messages(bytes: &[u8], piece: usize) -> Vec<Frame> {
    let (mut reader, mut frames) = (MessageReader::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        reader.read(piece, &mut |frame| frames.push(frame));
    }
    frames
}

fn events(bytes: &[u8], piece: usize) -> Vec<Frame> {
    let (mut reader, mut frames) = (EventReader::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        reader.read(piece, &mut |frame| frames.push(frame));
    }
    frames
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = (usize::from(input.0).max(1), input.1);
    for read in [messages, events] {
        let whole = read(bytes, bytes.len().max(1));
        assert_eq!(read(bytes, piece), whole, "the same in any pieces");
        for frame in whole {
            assert!(frame.payload.len() <= FRAME_BYTES && frame.payload.len() as u64 <= frame.bytes);
        }
    }
});
