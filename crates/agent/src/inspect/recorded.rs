//! One exchange as the views work on it: what was sent and answered, wherever it was kept.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

/// Media types longer than this are nonsense (RFC 6838 §4.2: 127 on either side of the slash).
const MEDIA_TYPE_BYTES: usize = 255;

/// Fields in their order, names in their case, values as bytes.
pub type Fields = Vec<(String, Vec<u8>)>;

/// A request as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordedRequest {
    pub method: String,
    /// `http` or `https`, as the visitor used it.
    pub scheme: String,
    /// The authority, with a port where it is not the usual one.
    pub host: String,
    /// Path and query byte for byte, or `*`.
    pub target: String,
    pub fields: Fields,
    /// What was kept of the body.
    pub body: Vec<u8>,
    /// Bytes of the whole body as it passed.
    pub body_bytes: u64,
    /// What came after the body.
    pub trailers: Fields,
}

/// An answer as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordedResponse {
    pub status: u16,
    /// The text after the status; may be empty.
    pub reason: String,
    /// As written: `HTTP/1.1`.
    pub version: String,
    pub fields: Fields,
    /// What was kept of the body.
    pub body: Vec<u8>,
    /// Bytes of the whole body as it passed.
    pub body_bytes: u64,
    /// What came after the body.
    pub trailers: Fields,
}

/// How long each part took, where it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Connecting to the local service; absent on a kept connection.
    pub connect: Option<Duration>,
    /// From the request's arrival until the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// Until the exchange ended.
    pub total: Option<Duration>,
    /// The link, there and back, as last measured.
    pub link: Option<Duration>,
    /// At the gateway, before it went into the link.
    pub gateway: Option<Duration>,
}

/// One request and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    pub id: i64,
    pub started: Timestamp,
    pub request: RecordedRequest,
    /// `None`: there was no answer.
    pub response: Option<RecordedResponse>,
    /// The code of what went wrong.
    pub error: Option<String>,
    pub timings: Timings,
}

impl RecordedRequest {
    /// The URL as a visitor wrote it. A target that is no path (`*`) has none of its own: the host's.
    pub fn url(&self) -> String {
        let target = if self.target.starts_with('/') { self.target.as_str() } else { "/" };
        format!("{}://{}{target}", self.scheme, self.host)
    }
}

/// What requests and answers have in common.
pub trait Message {
    fn fields(&self) -> &Fields;
    /// What was kept of the body.
    fn body(&self) -> &[u8];
    /// Bytes of the whole body as it passed.
    fn body_bytes(&self) -> u64;

    /// Some of the body passed by and was not kept.
    fn is_truncated(&self) -> bool {
        (self.body().len() as u64) < self.body_bytes()
    }

    /// `application/json`, lower case, without parameters.
    fn media_type(&self) -> Option<String> {
        media_type(self.fields())
    }

    /// The `charset` parameter, lower case.
    fn charset(&self) -> Option<String> {
        charset(self.fields())
    }
}

impl Message for RecordedRequest {
    fn fields(&self) -> &Fields {
        &self.fields
    }

    fn body(&self) -> &[u8] {
        &self.body
    }

    fn body_bytes(&self) -> u64 {
        self.body_bytes
    }
}

impl Message for RecordedResponse {
    fn fields(&self) -> &Fields {
        &self.fields
    }

    fn body(&self) -> &[u8] {
        &self.body
    }

    fn body_bytes(&self) -> u64 {
        self.body_bytes
    }
}

/// Bytes as JSON carries them, and how: `utf-8` where they are text, else `base64`.
pub fn told_bytes(bytes: &[u8]) -> (String, &'static str) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), "utf-8"),
        Err(_) => (STANDARD.encode(bytes), "base64"),
    }
}

/// The longest beginning of a text within so many bytes, cut between characters.
pub fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// The first value of a field, found in any case.
pub fn field<'a>(fields: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    fields.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
}

/// What `Content-Encoding` names, several fields joined with commas; empty when there is none.
pub fn content_encoding(fields: &[(String, Vec<u8>)]) -> String {
    let named = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
    named.map(|(_, value)| String::from_utf8_lossy(value)).collect::<Vec<_>>().join(",")
}

/// The first line of a stored head, and its fields in order, values byte for byte. The codec wrote it, so each
/// line has a colon and one space.
pub fn parse_head(head: &[u8]) -> (String, Fields) {
    let Some((first, rest)) = split_line(head) else { return Default::default() };
    (String::from_utf8_lossy(first).into_owned(), parse_fields(rest))
}

/// The fields of stored lines, such as trailers.
pub fn parse_fields(lines: &[u8]) -> Fields {
    let mut rest = lines;
    let lines = std::iter::from_fn(|| {
        let (line, after) = split_line(rest)?;
        rest = after;
        Some(line)
    });
    let fields = lines.filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        Some((String::from_utf8_lossy(name).into_owned(), value.to_vec()))
    });
    fields.collect()
}

fn split_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&text[..end], &text[end + 2..]))
}

fn content_type(fields: &[(String, Vec<u8>)]) -> Option<String> {
    field(fields, "content-type").map(|value| String::from_utf8_lossy(value).into_owned())
}

/// `application/json`, lower case, without parameters.
pub fn media_type(fields: &[(String, Vec<u8>)]) -> Option<String> {
    media_type_of(&content_type(fields)?)
}

/// The same of the field's value. None of an empty one, and of one that is too long to be any.
pub fn media_type_of(content_type: &str) -> Option<String> {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    (!media.is_empty() && media.len() <= MEDIA_TYPE_BYTES).then(|| media.to_ascii_lowercase())
}

/// The `charset` parameter, lower case.
pub fn charset(fields: &[(String, Vec<u8>)]) -> Option<String> {
    let value = content_type(fields)?;
    value.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"').to_ascii_lowercase();
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_type(value: &str) -> RecordedResponse {
        RecordedResponse {
            fields: vec![("CONTENT-type".into(), value.as_bytes().to_vec())],
            ..RecordedResponse::default()
        }
    }

    #[test]
    fn media_type_and_charset_are_read_in_any_case_and_quoting() {
        for (value, media, charset) in [
            ("Text/HTML; Charset=\"UTF-8\"", Some("text/html"), Some("utf-8")),
            ("application/json", Some("application/json"), None),
            ("text/plain;format=flowed;charset=latin1", Some("text/plain"), Some("latin1")),
            ("; charset=", None, None),
            (&format!("text/{}", "x".repeat(MEDIA_TYPE_BYTES)), None, None),
        ] {
            let response = with_type(value);
            assert_eq!(response.media_type().as_deref(), media, "{value}");
            assert_eq!(response.charset().as_deref(), charset, "{value}");
        }
        assert_eq!(RecordedResponse::default().media_type(), None);
    }

    #[test]
    fn fields_keep_their_order_case_and_bytes() {
        let head = b"GET / HTTP/1.1\r\nX-b: \xff: 1\r\nx-A: 2\r\nEmpty: \r\n\r\n";
        let wanted = [("X-b", b"\xff: 1".as_slice()), ("x-A", b"2"), ("Empty", b"")]
            .map(|(name, value)| (name.to_owned(), value.to_vec()));
        let (first, fields) = parse_head(head);
        assert_eq!((first.as_str(), fields.as_slice()), ("GET / HTTP/1.1", wanted.as_slice()));
        assert_eq!(parse_head(b""), (String::new(), Vec::new()));
    }

    #[test]
    fn a_body_is_truncated_when_less_was_kept_than_passed() {
        let mut request = RecordedRequest { body: vec![0; 10], body_bytes: 10, ..RecordedRequest::default() };
        assert!(!request.is_truncated());
        request.body_bytes = 11;
        assert!(request.is_truncated());
    }

    #[test]
    fn a_url_is_what_the_visitor_wrote() {
        let mut request = RecordedRequest {
            scheme: "https".into(),
            host: "shop.example.com:8443".into(),
            target: "/a//b?c=%2f".into(),
            ..RecordedRequest::default()
        };
        assert_eq!(request.url(), "https://shop.example.com:8443/a//b?c=%2f");
        request.target = "*".into();
        assert_eq!(request.url(), "https://shop.example.com:8443/");
    }
}
