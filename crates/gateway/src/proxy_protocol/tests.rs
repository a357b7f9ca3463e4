//! Headers as proxies write them, and bytes that are none.

use proptest::prelude::*;

use super::binary::SIGNATURE;
use super::*;

/// A version 2 header with the length that its body has.
fn binary(command: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE.as_slice(), &[command, kind], &length, body].concat()
}

fn inet(source: [u8; 4], port: u16, more: &[u8]) -> Vec<u8> {
    let port = port.to_be_bytes();
    binary(0x21, 0x11, &[&source[..], &[192, 0, 2, 1], &port, &[1, 187], more].concat())
}

fn inet6(source: &str, more: &[u8]) -> Vec<u8> {
    let source: std::net::Ipv6Addr = source.parse().unwrap();
    binary(0x21, 0x21, &[&source.octets()[..], &[0; 16], &[0x12, 0x67], &[1, 187], more].concat())
}

fn told(bytes: &[u8]) -> Result<Option<String>, Malformed> {
    let header = parse(bytes)?.expect("a whole header");
    assert_eq!(header.length, bytes.len());
    Ok(header.visitor.map(|visitor| visitor.to_string()))
}

/// Every header here is good; each with whom it names.
fn good() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let field = |kind: u8, value: &[u8]| [&[kind, 0, u8::try_from(value.len()).unwrap()], value].concat();
    let fields = [field(1, b"h2"), field(4, b""), field(2, b"shop.example.com")].concat();
    let longest6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    vec![
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n".to_vec(), Some("203.0.113.9:4711")),
        (b"PROXY TCP4 1.2.3.4 255.255.255.255 0 65535\r\n".to_vec(), Some("1.2.3.4:0")),
        (b"PROXY TCP6 2001:db8::1 ::1 65535 443\r\n".to_vec(), Some("[2001:db8::1]:65535")),
        (b"PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2\r\n".to_vec(), Some("203.0.113.9:1")),
        (
            format!("PROXY TCP6 {longest6} {longest6} 65535 65535\r\n").into_bytes(),
            Some("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN what \xff ever\r\n".to_vec(), None),
        (inet([203, 0, 113, 9], 4711, b""), Some("203.0.113.9:4711")),
        (inet([203, 0, 113, 9], 4711, &fields), Some("203.0.113.9:4711")),
        (inet6("2001:db8::1", &fields), Some("[2001:db8::1]:4711")),
        (inet6("::ffff:203.0.113.9", b""), Some("203.0.113.9:4711")),
        (binary(0x21, 0x00, b""), None),
        (binary(0x21, 0x00, b"anything"), None),
        (binary(0x21, 0x31, &[0; 216]), None),
        (binary(0x20, 0x00, b""), None),
        (binary(0x20, 0x11, &[1; 12]), None),
        (binary(0x20, 0xff, b"ignored"), None),
    ]
}

#[test]
fn a_header_names_the_visitor_or_nobody() {
    for (header, visitor) in good() {
        assert_eq!(told(&header), Ok(visitor.map(str::to_owned)), "{:?}", header.escape_ascii().to_string());
    }
}

#[test]
fn what_is_not_allowed_is_refused() {
    for (line, wanted) in [
        ("GET / HTTP/1.1\r\n\r\n", Malformed::Absent),
        ("\x16\x03\x01", Malformed::Absent),
        ("PROXY\r\n", Malformed::Absent),
        ("proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", Malformed::Absent),
        ("PROXY \r\n", Malformed::Kind),
        ("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", Malformed::Kind),
        ("PROXY UNKNOWNS\r\n", Malformed::Kind),
        ("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", Malformed::Kind),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", Malformed::Addresses),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", Malformed::Addresses),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", Malformed::Addresses),
        ("PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", Malformed::Addresses),
        ("PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n", Malformed::Addresses),
        ("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", Malformed::Addresses),
        ("PROXY TCP4 ::1 ::1 1 2\r\n", Malformed::Addresses),
        ("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", Malformed::Addresses),
        ("PROXY TCP6 [::1] ::1 1 2\r\n", Malformed::Addresses),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", Malformed::Addresses),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", Malformed::Addresses),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", Malformed::Addresses),
        ("PROXY TCP4 1.2.3.4 shop.example 1 2\r\n", Malformed::Addresses),
        ("PROXY UNKNOWN\n", Malformed::Fields),
        ("PROXY UNKNOWN\r\r\n", Malformed::Fields),
    ] {
        assert_eq!(parse(line.as_bytes()), Err(wanted), "{line:?}");
    }
    let cut = |mut header: Vec<u8>, at: usize, byte: u8| {
        header[at] = byte;
        header
    };
    for (header, wanted) in [
        (cut(inet([1, 2, 3, 4], 1, b""), 11, b'\r'), Malformed::Absent),
        (cut(inet([1, 2, 3, 4], 1, b""), 12, 0x11), Malformed::Version),
        (cut(inet([1, 2, 3, 4], 1, b""), 12, 0x22), Malformed::Version),
        (cut(inet([1, 2, 3, 4], 1, b""), 13, 0x12), Malformed::Kind),
        (cut(inet([1, 2, 3, 4], 1, b""), 13, 0x41), Malformed::Kind),
        (cut(inet([1, 2, 3, 4], 1, b""), 13, 0x21), Malformed::Addresses),
        (binary(0x21, 0x11, &[0; 11]), Malformed::Addresses),
        (binary(0x21, 0x31, &[0; 215]), Malformed::Addresses),
        (inet([1, 2, 3, 4], 1, &[1]), Malformed::Fields),
        (inet([1, 2, 3, 4], 1, &[1, 0, 2, 0]), Malformed::Fields),
    ] {
        assert_eq!(parse(&header), Err(wanted), "{:?}", header.escape_ascii().to_string());
    }
}

#[test]
fn a_header_has_a_longest_length_and_no_more() {
    let line = |length: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(length - 16));
    assert_eq!(told(line(107).as_bytes()), Ok(None));
    assert_eq!(parse(line(108).as_bytes()), Err(Malformed::TooLong));
    assert_eq!(parse(&line(200).as_bytes()[..106]), Ok(None));
    assert_eq!(parse(&line(200).as_bytes()[..107]), Err(Malformed::TooLong));

    let field = |total: usize| {
        let value = vec![0; total - 16 - 12 - 3];
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        inet([1, 2, 3, 4], 5, &[&[4][..], &length, &value].concat())
    };
    assert_eq!(told(&field(HEADER_BYTES)), Ok(Some("1.2.3.4:5".to_owned())));
    assert_eq!(parse(&field(HEADER_BYTES + 1)), Err(Malformed::TooLong));
    // Said to be too long is too long, before it has come.
    assert_eq!(parse(&field(HEADER_BYTES + 1)[..16]), Err(Malformed::TooLong));
}

proptest! {
    #[test]
    fn a_header_is_whole_at_its_last_byte_and_whatever_follows_is_none_of_it(
        which in 0..good().len(), follows in prop::collection::vec(any::<u8>(), 0..64)
    ) {
        let (header, _) = good().swap_remove(which);
        for cut in 0..header.len() {
            prop_assert_eq!(parse(&header[..cut]), Ok(None));
        }
        let whole = parse(&header);
        prop_assert_eq!(parse(&[header, follows].concat()), whole);
    }

    #[test]
    fn every_address_is_read_as_it_was_written(source: SocketAddr) {
        let expected = SocketAddr::new(source.ip().to_canonical(), source.port());
        let (name, header) = match source.ip() {
            IpAddr::V4(ip) => ("TCP4", inet(ip.octets(), source.port(), b"")),
            IpAddr::V6(ip) => {
                let mut header = inet6(&ip.to_string(), b"");
                header[48..50].copy_from_slice(&source.port().to_be_bytes());
                ("TCP6", header)
            }
        };
        let line = format!("PROXY {name} {0} {0} {1} 1\r\n", source.ip(), source.port());
        for bytes in [header.as_slice(), line.as_bytes()] {
            prop_assert_eq!(parse(bytes).unwrap().unwrap().visitor, Some(expected));
        }
    }
}
