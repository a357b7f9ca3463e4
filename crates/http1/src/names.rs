//! What a field's name and value may hold, and the names this codec acts on.

/// True for a token (RFC 9110 §5.6.2): what methods and field names are made of. Never empty. As with
/// [`is_value`] the whole slice is looked at: without a way out the loop has half as many steps.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().fold(true, |good, &byte| good & TOKEN[byte as usize])
}

/// True when a value or reason phrase holds no control byte but HTAB (RFC 9110 §5.5); bytes from
/// 0x80 (obs-text) pass. The whole slice is always looked at: that loop the compiler vectorises.
pub(crate) fn is_value(bytes: &[u8]) -> bool {
    let is_control = |byte: u8| (byte < b' ' && byte != b'\t') || byte == 0x7f;
    bytes.iter().fold(0, |bad, &byte| bad | u8::from(is_control(byte))) == 0
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        byte += 1;
    }
    table
};

/// The names that framing and connection management look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Connection,
    ContentLength,
    Host,
    KeepAlive,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyConnection,
    Te,
    TransferEncoding,
    Upgrade,
    Other,
}

/// Sorts a name by its length and first letter, so that one pass over a head compares almost nothing but
/// what it finds.
pub(crate) fn known(name: &[u8]) -> Known {
    let (text, known): (&[u8], _) = match name.len() {
        2 => (b"te", Known::Te),
        4 => (b"host", Known::Host),
        7 => (b"upgrade", Known::Upgrade),
        10 if name[0] | 0x20 == b'c' => (b"connection", Known::Connection),
        10 => (b"keep-alive", Known::KeepAlive),
        14 => (b"content-length", Known::ContentLength),
        16 => (b"proxy-connection", Known::ProxyConnection),
        17 => (b"transfer-encoding", Known::TransferEncoding),
        18 => (b"proxy-authenticate", Known::ProxyAuthenticate),
        19 => (b"proxy-authorization", Known::ProxyAuthorization),
        _ => return Known::Other,
    };
    if name[0] | 0x20 == text[0] && name.eq_ignore_ascii_case(text) { known } else { Known::Other }
}

/// Names that may not stand in a trailer section: framing, routing, request modifiers,
/// authentication, response control and content format (RFC 9110 §6.5.1; the list is that of
/// RFC 7230 §4.1.2), and what proxies say about a visitor.
pub(crate) fn is_forbidden_trailer(name: &[u8]) -> bool {
    const FORBIDDEN: [&str; 36] = [
        "age",
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "date",
        "expect",
        "expires",
        "forwarded",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "location",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "retry-after",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "www-authenticate",
        "x-real-ip",
    ];
    FORBIDDEN.iter().any(|text| name.eq_ignore_ascii_case(text.as_bytes()))
        || starts_without_case(name, b"x-forwarded-")
}

pub(crate) fn starts_without_case(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The members of a comma-separated list, trimmed; empty ones left out (RFC 9110 §5.6.1).
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_without_case() {
        for (name, expected) in [
            ("TE", Known::Te),
            ("hOsT", Known::Host),
            ("Upgrade", Known::Upgrade),
            ("Connection", Known::Connection),
            ("keep-Alive", Known::KeepAlive),
            ("Content-Length", Known::ContentLength),
            ("Proxy-Connection", Known::ProxyConnection),
            ("Transfer-Encoding", Known::TransferEncoding),
            ("Proxy-Authenticate", Known::ProxyAuthenticate),
            ("Proxy-Authorization", Known::ProxyAuthorization),
            ("Content_Length", Known::Other),
            ("", Known::Other),
        ] {
            assert_eq!(known(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn a_token_holds_no_separator_and_is_not_empty() {
        assert!(is_token(b"x-Y_1!~"));
        for bad in [&b""[..], b"a b", b"a:", b"a\0", b"\x80", b"(a)", b"a/b", b"\"a\""] {
            assert!(!is_token(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_value_holds_tabs_and_high_bytes_but_no_controls() {
        assert!(is_value(b"") && is_value(b"a\tb \xff\x80"));
        for bad in [&b"\0"[..], b"a\r", b"a\n", b"\x1f", b"\x7f"] {
            assert!(!is_value(bad), "{bad:?}");
        }
    }
}
