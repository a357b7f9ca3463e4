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

/// Bytes of a path prefix.
const MAX_PREFIX_BYTES: usize = 256;
/// What a prefix may hold beside letters and digits: the marks that browsers send as they are (RFC 3986
/// §3.3), without the semicolon, after which some servers read parameters.
const PREFIX_MARKS: &[u8] = b"-._~!$&'()*+,=:@";

/// A path prefix that every server reads alike, without its last slash; empty for the root.
///
/// # Errors
/// What is wrong with it, to stand behind "the path".
pub fn plain_prefix(path: &str) -> Result<&str, String> {
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Ok(path);
    }
    let Some(segments) = path.strip_prefix('/') else { return Err("must start with a slash".to_owned()) };
    if path.len() > MAX_PREFIX_BYTES || segments.split('/').count() > MAX_PREFIX_SEGMENTS {
        return Err(format!("is longer than {MAX_PREFIX_BYTES} bytes or {MAX_PREFIX_SEGMENTS} segments"));
    }
    let plain = |segment: &str| {
        !segment.is_empty()
            && !matches!(segment, "." | "..")
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || PREFIX_MARKS.contains(&b))
    };
    if !segments.split('/').all(plain) {
        return Err(
            "must be of plain segments, without empty ones, dots alone, escapes or a query".to_owned()
        );
    }
    Ok(path)
}

/// Whether normalising could change what `path` matches. Cheap: asked for each request where prefixes
/// are in play.
pub(crate) fn is_suspicious(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.iter().any(|&b| matches!(b, b'%' | b'\\' | b';'))
        || bytes.windows(2).any(|pair| pair == b"//" || pair == b"/.")
}

/// Spellings one path may have while servers behind us read it, before it is refused unread. Two are
/// usual where there is something to read (with and without parameters).
const MAX_READINGS: usize = 8;

/// Whether an eager server might read `path` as one that is not the `same`, or as more than we look at.
pub(crate) fn read_otherwise(path: &str, same: impl Fn(&str) -> bool) -> bool {
    readings(path).is_none_or(|readings| !readings.iter().all(|reading| same(reading)))
}

/// Every way in which eager servers might read `path`; `None` beyond [`MAX_READINGS`].
///
/// Each reads percent-decoded, with backslashes as slashes and empty and dot segments resolved; some
/// take parameters (`;v=1`, RFC 3986 §3.3) off each segment before they do so, to whom `/app/..;/x` is
/// `/x`, some after, to whom `/a;/../;p/../x` is `/x`, some never; and several in a row read what the
/// one before made of it, decoding again.
fn readings(path: &str) -> Option<Vec<String>> {
    let mut found = Vec::with_capacity(2);
    let mut next = Some(path.to_owned());
    for read in 0.. {
        let Some(text) = next else { break };
        for reading in [
            normalised(&text, |segment| segment.split(';').next().unwrap_or_default()),
            normalised(&text, |segment| segment),
        ] {
            if !found.contains(&reading) {
                found.push(reading);
            }
        }
        if found.len() > MAX_READINGS {
            return None;
        }
        next = found.get(read).cloned();
    }
    Some(found)
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
            assert_eq!(readings(raw).unwrap()[0], eager, "{raw}");
        }
    }

    #[test]
    fn parameters_are_read_before_after_and_not_at_all() {
        assert_eq!(readings("/a/;p/../c").unwrap(), ["/c", "/a/c"]);
        assert_eq!(readings("/a;v=1/b").unwrap(), ["/a/b", "/a;v=1/b"]);
        assert_eq!(readings("/a;/b/../;p/../c").unwrap(), ["/c", "/a;/c", "/a/c"]);
    }

    #[test]
    fn what_is_encoded_twice_is_read_twice_and_what_never_ends_is_not_read() {
        assert_eq!(readings("/a/%252e%252e/b").unwrap(), ["/a/%2e%2e/b", "/b"]);
        assert_eq!(readings(&format!("/%{}41", "25".repeat(20))), None);
    }
}
