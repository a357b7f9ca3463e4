#![no_main]
//! Requests: the first byte says how long the pieces are.

use judge::{request_heads_survive, requests};
use libfuzzer_sys::fuzz_target;
use porthole_http1::connection::{keeps_alive, strip_hop_by_hop, upgrade};

fuzz_target!(|input: &[u8]| {
    let Some((&step, bytes)) = input.split_first() else { return };
    let whole = requests(bytes, 0);
    assert_eq!(requests(bytes, usize::from(step).max(1)), whole);
    assert_eq!(requests(bytes, 1), whole);
    request_heads_survive(&whole);
    for (mut head, _) in whole.heads {
        keeps_alive(head.version, &head.fields);
        upgrade(&head);
        let hosts = head.fields.get_all("host").count();
        strip_hop_by_hop(&mut head.fields);
        assert_eq!(head.fields.get_all("host").count(), hosts);
        assert!(!head.fields.contains("connection") && !head.fields.contains("transfer-encoding"));
    }
});
