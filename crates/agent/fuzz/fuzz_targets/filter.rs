#![no_main]
//! What people type to find exchanges: refused in a sentence, or of one form that reads back as the same.

use jiff::{Timestamp, tz::TimeZone};
use libfuzzer_sys::fuzz_target;
use porthole_agent::inspect::filter::{Filter, Subject};

const SUBJECT: Subject<'_> = Subject {
    mapping_id: "m-1",
    mapping: Some("shop"),
    source: "visitor",
    kind: "http",
    state: "done",
    started_us: 1_770_000_000_000_000,
    method: "POST",
    scheme: "https",
    host: "shop.example.com",
    target: "/api/orders?page=2",
    visitor: Some("10.0.0.7"),
    status: Some(500),
    error: None,
    request_type: Some("application/x-www-form-urlencoded"),
    response_type: Some("application/json"),
    total_us: Some(600_000),
    request_bytes: 100,
    response_bytes: 2_000_000,
    request_kept: 100,
    response_kept: 2_000_000,
    request_head: b"POST /api/orders?page=2 HTTP/1.1\r\nStripe-Signature: t=1\r\n\r\n",
    response_head: Some(b"HTTP/1.1 500 Oops\r\n\r\n"),
    incomplete: false,
    edited: false,
    pinned: false,
    note: None,
    name: Some("charge.succeeded"),
    bodies: "{\"id\":\"order_42\"}",
};

fuzz_target!(|text: &str| {
    match Filter::parse(text) {
        Ok(filter) => {
            let written = filter.to_string();
            assert_eq!(Filter::parse(&written).as_ref(), Ok(&filter), "{written}");
            let now = Timestamp::from_second(1_770_000_060).expect("a time").to_zoned(TimeZone::UTC);
            let mut turned = filter.clone();
            let [term] = turned.terms.as_mut_slice() else {
                filter.matches(&SUBJECT, &now);
                return;
            };
            term.negated = !term.negated;
            assert_ne!(
                filter.matches(&SUBJECT, &now),
                turned.matches(&SUBJECT, &now),
                "turned round: {written}"
            );
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
