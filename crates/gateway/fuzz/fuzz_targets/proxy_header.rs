#![no_main]
//! The first bytes of a connection that comes through a proxy: a header of the PROXY protocol, more of
//! one to come, or none. A header is whole at its last byte and not before, and what follows it does
//! not change what it says.

use libfuzzer_sys::fuzz_target;
use porthole_gateway::proxy_protocol::{HEADER_BYTES, Header, parse};

fuzz_target!(|bytes: &[u8]| match parse(bytes) {
    Ok(Some(Header { length, visitor })) => {
        assert!(length <= bytes.len() && length <= HEADER_BYTES);
        assert!(visitor.is_none_or(|visitor| visitor.ip() == visitor.ip().to_canonical()));
        assert_eq!(parse(&bytes[..length]), Ok(Some(Header { length, visitor })));
        for cut in 0..length {
            assert_eq!(parse(&bytes[..cut]), Ok(None));
        }
    }
    Ok(None) => {
        assert!(bytes.len() < HEADER_BYTES, "no header is as long as this");
        if let Some((_, before)) = bytes.split_last() {
            assert_eq!(parse(before), Ok(None));
        }
    }
    Err(malformed) => {
        assert!(!malformed.to_string().is_empty());
        // No byte more makes it good.
        assert_eq!(parse(&[bytes, b"\r\n"].concat()), Err(malformed));
    }
});
