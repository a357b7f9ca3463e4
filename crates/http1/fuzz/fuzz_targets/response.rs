#![no_main]
//! Responses: the first byte says how long the pieces are, its last bit with which method was asked.

use judge::{response_heads_survive, responses};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&step, bytes)) = input.split_first() else { return };
    let methods = if step & 1 == 0 { ["GET", "HEAD", "GET"] } else { ["HEAD", "GET", "CONNECT"] };
    let whole = responses(bytes, 0, &methods);
    assert_eq!(responses(bytes, usize::from(step).max(1), &methods), whole);
    assert_eq!(responses(bytes, 1, &methods), whole);
    response_heads_survive(&whole);
});
