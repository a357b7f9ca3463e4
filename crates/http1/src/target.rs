//! Request targets (RFC 9112 §3.2) and the authority a request names.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use crate::RequestHead;

/// True for `host` or `host:port`: letters, digits, `-._~` or a bracketed IPv6 address, and a port
/// of digits up to 65535.
///
/// Narrower than RFC 3986 §3.2: no user information, no empty host or port, no percent-encoding and
/// no sub-delimiters, which routers and log readers take apart differently.
pub fn is_authority(text: impl AsRef<[u8]>) -> bool {
    split_authority(text.as_ref()).is_some()
}

/// Host and port; the host keeps its brackets.
fn split_authority(text: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let host_len = if text.first() == Some(&b'[') {
        let close = text.iter().position(|&byte| byte == b']')?;
        std::str::from_utf8(&text[1..close]).ok()?.parse::<Ipv6Addr>().ok()?;
        close + 1
    } else {
        let len = text.iter().position(|&byte| byte == b':').unwrap_or(text.len());
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if len == 0 || !text[..len].iter().all(plain) {
            return None;
        }
        len
    };
    let (host, rest) = text.split_at(host_len);
    match rest {
        [] => Some((host, None)),
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) && digits.len() <= 5 => {
            Some((host, Some(std::str::from_utf8(digits).ok()?.parse().ok()?)))
        }
        _ => None,
    }
}

/// The four shapes of a target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Form<'a> {
    /// A path with an optional query.
    Origin,
    /// `http://authority/path?query`; `rest` begins with `/` or `?` or is empty.
    Absolute { authority: &'a str, rest: &'a str },
    /// `host:port`, with CONNECT only.
    Authority,
    /// `*`, with OPTIONS only.
    Asterisk,
}

/// Tells which form `target` has; `None` for one that fits no form. The authority is not checked.
pub(crate) fn form<'a>(method: &str, target: &'a str) -> Option<Form<'a>> {
    if method == "CONNECT" {
        return Some(Form::Authority);
    }
    if target.starts_with('/') {
        return Some(Form::Origin);
    }
    if target == "*" {
        return (method == "OPTIONS").then_some(Form::Asterisk);
    }
    let (scheme, after) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let end = after.find(['/', '?']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    Some(Form::Absolute { authority, rest })
}

/// True when every byte may stand in a target: no control, no space, no fragment.
pub(crate) fn is_target(target: &str) -> bool {
    let is_barred = |byte: u8| byte <= b' ' || byte == 0x7f || byte == b'#';
    !target.is_empty() && target.bytes().fold(0, |bad, byte| bad | u8::from(is_barred(byte))) == 0
}

impl RequestHead {
    /// The one authority this request names, as it came: that of an absolute target or of CONNECT,
    /// else the Host field. `None` only for HTTP/1.0 without a Host.
    ///
    /// Source: RFC 9112 §3.2.2 (the target's wins over Host) and §3.3.
    pub fn authority(&self) -> Option<&str> {
        match form(&self.method, &self.target) {
            Some(Form::Absolute { authority, .. }) => Some(authority),
            Some(Form::Authority) => Some(&self.target),
            _ => self.fields.get_str("host"),
        }
    }

    /// Path and query as they came, `*` for OPTIONS of the server as a whole, the authority for
    /// CONNECT. An absolute target with no path has the path `/` (RFC 9112 §3.2.1, §3.2.4).
    pub fn origin_form(&self) -> Cow<'_, str> {
        match form(&self.method, &self.target) {
            Some(Form::Absolute { rest, .. }) => match rest.as_bytes().first() {
                Some(b'/') => Cow::Borrowed(rest),
                Some(_) => Cow::Owned(format!("/{rest}")),
                None if self.method == "OPTIONS" => Cow::Borrowed("*"),
                None => Cow::Borrowed("/"),
            },
            _ => Cow::Borrowed(&self.target),
        }
    }

    /// True when the target came in absolute form (`http://…`).
    pub fn is_absolute_form(&self) -> bool {
        matches!(form(&self.method, &self.target), Some(Form::Absolute { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fields, Version};

    #[test]
    fn an_authority_is_a_host_with_or_without_a_port() {
        for good in [
            "a",
            "A.b-c_d~e.",
            "localhost:0",
            "127.0.0.1:65535",
            "[::1]",
            "[::1]:80",
            "[::ffff:1.2.3.4]:1",
            "xn--bcher-kva.example",
        ] {
            assert!(is_authority(good), "{good}");
        }
        for bad in [
            "",
            ":",
            ":80",
            "a:",
            "a:b",
            "a:+1",
            "a:65536",
            "a:000080",
            "a:1:2",
            "a b",
            "a,b",
            "a/b",
            "u@a",
            "u:p@a",
            "a%2e",
            "b\u{fc}cher",
            "[::1",
            "[]",
            "[::1]a",
            "[::1%25eth0]",
            "[v1.a]",
            "::1",
            "a\\b",
            "a#",
            "a?b",
            "a\0",
            "a\t",
        ] {
            assert!(!is_authority(bad), "{bad}");
        }
    }

    fn head(method: &str, target: &str) -> RequestHead {
        RequestHead {
            method: method.into(),
            target: target.into(),
            version: Version::Http11,
            fields: Fields::from_iter([("Host", "field.example")]),
        }
    }

    #[test]
    fn an_absolute_target_names_authority_and_path() {
        let cases = [
            ("GET", "http://a:1/p?q", "a:1", "/p?q"),
            ("GET", "HTTPS://a?q", "a", "/?q"),
            ("GET", "http://a", "a", "/"),
            ("OPTIONS", "http://a", "a", "*"),
            ("OPTIONS", "http://a/", "a", "/"),
            ("OPTIONS", "*", "field.example", "*"),
            ("GET", "//x/http://y", "field.example", "//x/http://y"),
            ("CONNECT", "a:1", "a:1", "a:1"),
        ];
        for (method, target, authority, origin) in cases {
            let head = head(method, target);
            assert_eq!(head.authority(), Some(authority), "{target}");
            assert_eq!(head.origin_form(), origin, "{target}");
        }
        assert!(head("GET", "http://a").is_absolute_form() && !head("GET", "/").is_absolute_form());
    }

    #[test]
    fn a_target_of_no_form_has_none() {
        for (method, target) in
            [("GET", "*"), ("GET", "p"), ("GET", "ftp://a/"), ("GET", "a:80"), ("GET", "://a"), ("GET", "")]
        {
            assert_eq!(form(method, target), None, "{target}");
        }
    }
}
