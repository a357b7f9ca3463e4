//! Raw paths by segments, and how they would read once normalised.

use std::borrow::Cow;

/// Segments a path prefix may have; bounds the look-ups of one request.
pub const MAX_PREFIX_SEGMENTS: usize = 16;

/// The prefixes of `path` that end at a segment, longest first, of at most `deepest` segments.
/// `/a/b` gives `/a/b`, `/a`; the empty prefix is not among them.
pub(super) fn prefixes(path: &str, deepest: usize) -> impl Iterator<Item = &str> {
    let mut ends = [0_usize; MAX_PREFIX_SEGMENTS];
    let mut count = 0;
    if path.starts_with('/') {
        let slashes = path.bytes().enumerate().skip(1).filter(|&(_, b)| b == b'/').map(|(at, _)| at);
        for end in slashes.chain([path.len()]).take(deepest.min(MAX_PREFIX_SEGMENTS)) {
            ends[count] = end;
            count += 1;
        }
    }
    (0..count).rev().map(move |at| &path[..ends[at]])
}

/// Whether normalising could change what `path` matches. Cheap: asked for each request where prefixes
/// are in play.
pub(super) fn is_suspicious(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.iter().any(|&b| matches!(b, b'%' | b'\\' | b';'))
        || bytes.windows(2).any(|pair| pair == b"//" || pair == b"/.")
}

/// The path as eager parsers read it: percent-decoded, backslashes as slashes, empty and dot segments
/// resolved; with parameters (`;v=1`, RFC 3986 §3.3) taken off each segment, and with them kept.
///
/// The parameters matter because of servers that take them off before they resolve dots: to those,
/// `/app/..;/x` is `/x`, and `/app/;p/../x` is `/x` where others read `/app/x`.
pub(super) fn readings(path: &str) -> [String; 2] {
    [
        normalised(path, |segment| segment.split(';').next().unwrap_or_default()),
        normalised(path, |segment| segment),
    ]
}

fn normalised(path: &str, without_parameters: impl Fn(&str) -> &str) -> String {
    let decoded = decode(path);
    let mut out: Vec<&str> = Vec::new();
    let text = String::from_utf8_lossy(&decoded);
    let text: Cow<'_, str> = if text.contains('\\') { Cow::Owned(text.replace('\\', "/")) } else { text };
    for segment in text.split('/') {
        match without_parameters(segment) {
            "" | "." => {}
            ".." => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    let mut joined = String::with_capacity(text.len() + 1);
    for segment in &out {
        joined.push('/');
        joined.push_str(segment);
    }
    if joined.is_empty() || text.ends_with('/') {
        joined.push('/');
    }
    joined
}

fn decode(path: &str) -> Vec<u8> {
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        match pair.and_then(|pair| Some(hex(pair[0])? * 16 + hex(pair[1])?)) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_at_segments_and_come_longest_first() {
        assert_eq!(prefixes("/a/bc/d", 16).collect::<Vec<_>>(), ["/a/bc/d", "/a/bc", "/a"]);
        assert_eq!(prefixes("/a/bc/d", 2).collect::<Vec<_>>(), ["/a/bc", "/a"]);
        assert_eq!(prefixes("*", 16).count(), 0);
        assert_eq!(prefixes("/", 16).collect::<Vec<_>>(), ["/"]);
    }

    #[test]
    fn a_path_is_normalised_the_eager_way() {
        for (raw, eager) in [
            ("/a/../b", "/b"),
            ("/a/%2e%2E/b", "/b"),
            ("/a%2fb", "/a/b"),
            ("//a", "/a"),
            ("/a\\b", "/a/b"),
            ("/%61", "/a"),
            ("/a/./b/", "/a/b/"),
            ("/a/..;/b", "/b"),
            ("/a;v=1/b;w", "/a/b"),
            ("/a/%2e%2e%3bx/b", "/b"),
            ("/../..", "/"),
            ("/a%", "/a%"),
            ("/a%zz", "/a%zz"),
        ] {
            assert_eq!(readings(raw)[0], eager, "{raw}");
        }
    }

    #[test]
    fn a_segment_of_nothing_but_parameters_is_read_both_ways() {
        assert_eq!(readings("/a/;p/../c"), ["/c", "/a/c"]);
        assert_eq!(readings("/a;v=1/b"), ["/a/b", "/a;v=1/b"]);
    }
}
