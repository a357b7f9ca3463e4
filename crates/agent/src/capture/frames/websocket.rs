//! RFC 6455: one direction of a WebSocket, as messages.

use super::Frame;

/// Payload of a control frame, at most (§5.5).
const CONTROL_BYTES: u64 = 125;

const FIN: u8 = 0x80;
/// Of the first frame of a message: compressed (RFC 7692 §6).
const RSV1: u8 = 0x40;
const OPCODE: u8 = 0x0f;
const CONTROL: u8 = 0x08;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;

/// Takes frames apart and puts messages together. Both ends are somebody else's: that only one of them masks is
/// not looked at.
#[derive(Debug, Default)]
pub struct MessageReader {
    state: State,
    /// A message of which not all frames came.
    message: Option<Frame>,
}

#[derive(Debug)]
enum State {
    /// In a frame's head, of which so much is there.
    Head {
        bytes: [u8; 14],
        have: usize,
    },
    Payload(Payload),
    /// What came is no WebSocket: nothing more is read.
    Lost,
}

#[derive(Debug)]
struct Payload {
    left: u64,
    mask: Option<[u8; 4]>,
    /// Bytes unmasked so far.
    at: usize,
    last: bool,
    /// A control frame, which may stand between the frames of a message.
    control: Option<Frame>,
}

impl Default for State {
    fn default() -> Self {
        Self::Head { bytes: [0; 14], have: 0 }
    }
}

impl MessageReader {
    /// Takes what comes next, in any pieces; `tell` gets each message that is complete.
    pub fn read(&mut self, mut data: &[u8], tell: &mut impl FnMut(Frame)) {
        loop {
            match &mut self.state {
                State::Lost => return,
                State::Head { bytes, have } => {
                    let needed = head_bytes(&bytes[..*have]);
                    if *have < needed {
                        let Some((&byte, rest)) = data.split_first() else { return };
                        bytes[*have] = byte;
                        *have += 1;
                        data = rest;
                        continue;
                    }
                    let head = bytes[..needed].to_vec();
                    self.state = match self.begin(&head) {
                        Some(payload) => State::Payload(payload),
                        None => State::Lost,
                    };
                }
                State::Payload(payload) => {
                    let part = data.len().min(usize::try_from(payload.left).unwrap_or(usize::MAX));
                    if payload.left > 0 && part == 0 {
                        return;
                    }
                    let (now, rest) = data.split_at(part);
                    data = rest;
                    payload.left -= part as u64;
                    let Some(frame) = payload.control.as_mut().or(self.message.as_mut()) else {
                        self.state = State::Lost;
                        return;
                    };
                    add(frame, now, payload.mask, &mut payload.at);
                    if payload.left > 0 {
                        return;
                    }
                    let done = match payload.control.take() {
                        Some(control) => Some(control),
                        None if payload.last => self.message.take(),
                        None => None,
                    };
                    self.state = State::default();
                    if let Some(frame) = done {
                        tell(frame);
                    }
                }
            }
        }
    }

    /// What a whole head announces; None where it cannot be one.
    fn begin(&mut self, head: &[u8]) -> Option<Payload> {
        let (first, second) = (head[0], head[1]);
        let extended = &head[2..head.len() - if second & MASKED == 0 { 0 } else { 4 }];
        let left = match extended {
            [] => u64::from(second & LENGTH),
            _ => extended.iter().fold(0, |length, &byte| length << 8 | u64::from(byte)),
        };
        // §5.2: the highest bit of the longest form is 0.
        if left >> 63 != 0 {
            return None;
        }
        let (last, opcode) = (first & FIN != 0, first & OPCODE);
        let mask = (second & MASKED != 0).then(|| {
            let mask = &head[head.len() - 4..];
            [mask[0], mask[1], mask[2], mask[3]]
        });
        let frame = || Frame { opcode, compressed: first & RSV1 != 0, ..Frame::default() };
        let mut control = None;
        match opcode {
            0 if self.message.is_some() => {}
            Frame::TEXT | Frame::BINARY if self.message.is_none() => self.message = Some(frame()),
            Frame::CLOSE | Frame::PING | Frame::PONG if last && left <= CONTROL_BYTES => {
                control = Some(Frame { compressed: false, ..frame() });
            }
            // Neither known, nor in its place.
            _ => return None,
        }
        debug_assert_eq!(control.is_some(), opcode & CONTROL != 0);
        Some(Payload { left, mask, at: 0, last, control })
    }
}

/// How long a head is that begins like this, as far as it is known.
fn head_bytes(begun: &[u8]) -> usize {
    let Some(second) = begun.get(1) else { return 2 };
    let length = match second & LENGTH {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & MASKED == 0 { 0 } else { 4 }
}

/// Unmasks only what is kept.
fn add(frame: &mut Frame, data: &[u8], mask: Option<[u8; 4]>, at: &mut usize) {
    let had = frame.payload.len();
    frame.add(data);
    if let Some(mask) = mask {
        for (place, byte) in frame.payload[had..].iter_mut().enumerate() {
            *byte ^= mask[(*at + place) % 4];
        }
    }
    *at = (*at + data.len()) % 4;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::FRAME_BYTES;
    use super::*;

    /// A frame as an end writes it.
    fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        let masked = if mask.is_some() { MASKED } else { 0 };
        match payload.len() {
            0..=125 => out.push(masked | payload.len() as u8),
            126..=0xffff => {
                out.push(masked + 126);
                out.extend((payload.len() as u16).to_be_bytes());
            }
            _ => {
                out.push(masked + 127);
                out.extend((payload.len() as u64).to_be_bytes());
            }
        }
        out.extend(mask.iter().flatten());
        let key = mask.unwrap_or_default();
        out.extend(payload.iter().enumerate().map(|(place, byte)| byte ^ key[place % 4]));
        out
    }

    fn read(bytes: &[u8], piece: usize) -> Vec<Frame> {
        let (mut reader, mut frames) = (MessageReader::default(), Vec::new());
        for piece in bytes.chunks(piece.max(1)) {
            reader.read(piece, &mut |frame| frames.push(frame));
        }
        frames
    }

    fn text(opcode: u8, payload: &[u8]) -> Frame {
        Frame { opcode, bytes: payload.len() as u64, payload: payload.to_vec(), ..Frame::default() }
    }

    const MASK: Option<[u8; 4]> = Some([1, 2, 3, 0xff]);

    #[test]
    fn a_message_in_frames_is_one_and_control_frames_stand_between() {
        let bytes = [
            frame(Frame::TEXT, MASK, b"one "),
            frame(FIN | Frame::PING, MASK, b"?"),
            frame(0, MASK, b"two "),
            frame(FIN, MASK, b"three"),
            frame(FIN | Frame::BINARY, None, b""),
            frame(FIN | Frame::CLOSE, MASK, &[3, 0xe8]),
        ]
        .concat();
        let wanted = [
            text(Frame::PING, b"?"),
            text(Frame::TEXT, b"one two three"),
            text(Frame::BINARY, b""),
            text(Frame::CLOSE, &[3, 0xe8]),
        ];
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(read(&bytes, piece), wanted, "in pieces of {piece}");
        }
    }

    #[test]
    fn of_a_large_message_the_beginning_is_kept_and_all_of_it_counted() {
        for size in [FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1] {
            let payload: Vec<u8> = (0..size).map(|byte| byte as u8).collect();
            let frames = read(&frame(FIN | Frame::BINARY, MASK, &payload), 4096);
            assert_eq!((frames[0].bytes, frames[0].payload.len()), (size as u64, size.min(FRAME_BYTES)));
            assert!(payload.starts_with(&frames[0].payload));
        }
    }

    #[test]
    fn a_compressed_message_is_marked() {
        let frames = read(&frame(FIN | RSV1 | Frame::TEXT, MASK, b"\xf2H"), 100);
        assert!(frames[0].compressed);
    }

    #[test]
    fn what_is_no_websocket_ends_the_reading() {
        let fine = frame(FIN | Frame::TEXT, None, b"fine");
        for wrong in [
            frame(FIN | 3, None, b""),
            frame(FIN, None, b"goes on with nothing"),
            frame(Frame::PING, None, b"in parts"),
            frame(FIN | Frame::PING, None, &[0; 126]),
            vec![FIN | Frame::TEXT, 127, 0x80, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(read(&[&fine[..], &wrong, &fine].concat(), 5).len(), 1, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_without_harm_and_the_same_in_any_pieces(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            piece in 1usize..50,
        ) {
            prop_assert_eq!(read(&bytes, piece), read(&bytes, bytes.len()));
        }

        #[test]
        fn messages_come_back_as_they_were_sent(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5),
            mask: Option<[u8; 4]>,
            piece in 1usize..50,
        ) {
            let bytes: Vec<u8> =
                payloads.iter().flat_map(|payload| frame(FIN | Frame::BINARY, mask, payload)).collect();
            let frames = read(&bytes, piece);
            prop_assert_eq!(frames.into_iter().map(|frame| frame.payload).collect::<Vec<_>>(), payloads);
        }
    }
}
