#![no_main]
//! Payloads of open and head frames: whatever is read is written so that it is read again as the same.

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use porthole_link::frame::{put_head, put_open, read_head, read_open, take};

fuzz_target!(|input: &[u8]| {
    let payload = Bytes::copy_from_slice(input);
    if let Ok((open, data)) = read_open(payload.clone()) {
        let mut out = BytesMut::new();
        put_open(&mut out, 1, &open, &data, false);
        let frame = take(&mut out.freeze()).expect("a whole frame").expect("one frame");
        assert_eq!(read_open(frame.payload), Ok((open, data)));
    }
    if let Ok((head, data)) = read_head(payload) {
        let mut out = BytesMut::new();
        put_head(&mut out, 1, &head, 0, &data);
        let frame = take(&mut out.freeze()).expect("a whole frame").expect("one frame");
        assert_eq!(read_head(frame.payload), Ok((head, data)));
    }
});
