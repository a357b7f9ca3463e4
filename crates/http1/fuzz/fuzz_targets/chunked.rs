#![no_main]
//! Chunked bodies, behind a fixed head: however they are cut they mean the same, and what was read is
//! written so that it is read again as the same body and trailers.

use judge::{requests, requests_within};
use libfuzzer_sys::fuzz_target;
use porthole_http1::{BodyWriter, Framing, Limits};

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

fuzz_target!(|input: &[u8]| {
    let Some((&step, body)) = input.split_first() else { return };
    let bytes = [HEAD, body].concat();
    let whole = requests(&bytes, 0);
    assert_eq!(requests(&bytes, usize::from(step).max(1)), whole);
    assert_eq!(requests(&bytes, 1), whole);

    let Some(trailers) = whole.ends.first() else { return };
    let mut again = HEAD.to_vec();
    let mut writer = BodyWriter::new(Framing::Chunked);
    for piece in whole.data[0].chunks(usize::from(step).max(1)) {
        writer.data(piece, &mut again).expect("chunks have no length to overrun");
    }
    writer.end(trailers.as_ref(), &mut again).expect("trailers that were read can be written");
    // Written with a space after each colon, trailers may outgrow the small bound.
    let again = requests_within(&again, 0, Limits::default());
    assert_eq!(again.refusal, None);
    assert!(again.data[0] == whole.data[0] && again.ends[0] == *trailers);
});
