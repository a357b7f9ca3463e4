#![no_main]
//! Archives that others wrote: what was read of one is written so that it is read again as the same, and what a
//! request calls itself is told within its bound.

use libfuzzer_sys::fuzz_target;
use porthole_agent::inspect::har::{export, import};
use porthole_agent::inspect::name::Hint;
use porthole_agent::inspect::recorded::{Fields, Recorded};

/// A field that no message can have is not written as it was: its lines would be several fields.
fn is_possible(exchange: &Recorded) -> bool {
    let one_line = |fields: &Fields| fields.iter().all(|(_, value)| !value.contains(&b'\n'));
    let (request, response) = (&exchange.request, exchange.response.as_ref());
    let answer = response.is_none_or(|response| one_line(&response.fields) && one_line(&response.trailers));
    answer && one_line(&request.fields) && one_line(&request.trailers)
}

fuzz_target!(|archive: &[u8]| {
    let Ok(archive) = import(archive) else { return };
    let mut exchanges: Vec<Recorded> = archive.exchanges.into_iter().map(|(_, exchange)| exchange).collect();
    for Recorded { request, .. } in &exchanges {
        let fields = request.fields.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
        let name =
            Hint::of(&request.method, &request.target, fields).and_then(|hint| hint.name(&request.body));
        assert!(name.is_none_or(|name| !name.is_empty() && name.len() <= 128));
    }
    exchanges.retain(is_possible);
    let written = export(&exchanges).expect("an archive");
    let again = import(written.as_bytes()).expect("our own archive");
    assert!(again.left_out.is_empty());
    assert_eq!(again.exchanges.into_iter().map(|(_, exchange)| exchange).collect::<Vec<_>>(), exchanges);
});
