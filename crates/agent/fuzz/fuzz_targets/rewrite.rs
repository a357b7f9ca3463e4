#![no_main]
//! Host fields of heads that a visitor and a service wrote: turned all together or not at all, and
//! always to heads that can be written. The first byte chooses the mapping's rule.

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use porthole_agent::events::HostHeader;
use porthole_agent::forward::devserver::{may_refuse, recognise};
use porthole_agent::forward::rewrite::{HostRule, PublicOrigin};
use porthole_agent::target::Target;
use porthole_http1::{Event, Limits, RequestReader, ResponseReader, write_request_head, write_response_head};

const TARGETS: [&str; 4] = ["3000", "https://localhost", "http://[::1]:8080", "h2c://box.local:80"];

fuzz_target!(|input: &[u8]| {
    let Some((&first, bytes)) = input.split_first() else { return };
    let target: Target = TARGETS[usize::from(first & 3)].parse().expect("a constant");
    let setting = match first >> 2 & 3 {
        0 => HostHeader::Preserve,
        1 => HostHeader::Value("shop.test".into()),
        _ => HostHeader::Rewrite,
    };
    let rule = HostRule::new(&setting, &target);
    let mut public = PublicOrigin { scheme: "https".into(), authority: "shop.example.com".into() };

    let mut reader = RequestReader::new(Limits::default());
    if let Ok(Some(Event::Head(mut head, _))) = reader.read(&mut BytesMut::from(bytes)) {
        let before = head.fields.clone();
        let found = rule.apply(&mut head);
        match &rule {
            HostRule::Preserve => assert!(head.fields == before && found.is_none()),
            HostRule::Rewrite { authority, .. } | HostRule::Value(authority) => {
                for name in ["host", "x-forwarded-host"] {
                    assert_eq!(head.fields.get_str(name), Some(authority.as_str()));
                    assert_eq!(head.fields.get_all(name).count(), 1, "{name}");
                }
            }
        }
        write_request_head(&head, &mut Vec::new()).expect("a turned head can be written");
        if let Some(found) = found {
            public = found;
        }
    }

    let mut reader = ResponseReader::new(Limits::default());
    reader.expect("GET");
    if let Ok(Some(Event::Head(mut head, _))) = reader.read(&mut BytesMut::from(bytes)) {
        let count = head.fields.len();
        rule.turn_back(&mut head, &public);
        assert!(head.fields.len() <= count);
        write_response_head(&head, &mut Vec::new()).expect("a turned answer can be written");
        if may_refuse(&head) {
            recognise("/_next/x", head.status, bytes);
        }
    }
});
