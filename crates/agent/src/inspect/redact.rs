//! Secrets taken out of what leaves the machine. What is kept stays as it came.
//!
//! Fields that carry credentials, and secrets in queries. Not bodies: what in them is a secret, only their
//! owner knows.

use super::recorded::{Fields, parse_fields, parse_head};
use crate::logging::mask_target;

/// What stands in a secret's place.
const MASK: &str = "***";

/// Fields whose whole value is a credential.
const SECRET_FIELDS: [&str; 10] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "x-amz-security-token",
];

/// Fields that hold a URL, which may have a secret in its query.
const URL_FIELDS: [&str; 3] = ["location", "referer", "content-location"];

/// A raw head without its secrets; everything else byte for byte, but for what cannot be read.
pub fn redact_head(head: &[u8]) -> Vec<u8> {
    if head.is_empty() {
        return Vec::new();
    }
    let (line, fields) = parse_head(head);
    let mut out = redact_line(&line).into_bytes();
    out.extend_from_slice(b"\r\n");
    put_fields(fields, &mut out);
    out.extend_from_slice(b"\r\n");
    out
}

/// Raw lines of trailers without their secrets.
pub fn redact_trailers(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_fields(parse_fields(lines), &mut out);
    out
}

fn put_fields(fields: Fields, out: &mut Vec<u8>) {
    for (name, value) in fields {
        let value = redact_value(&name, value);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(&value);
        out.extend_from_slice(b"\r\n");
    }
}

/// Of a request's first line, the query; a status line has none.
fn redact_line(line: &str) -> String {
    let words: Vec<String> = line.split(' ').map(|word| mask_target(word).into_owned()).collect();
    words.join(" ")
}

fn redact_value(name: &str, value: Vec<u8>) -> Vec<u8> {
    let one_of = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
    if one_of(&SECRET_FIELDS) {
        return MASK.as_bytes().to_vec();
    }
    if one_of(&URL_FIELDS) {
        return mask_target(&String::from_utf8_lossy(&value)).into_owned().into_bytes();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_secrets_in_queries_are_masked_and_the_rest_stays() {
        let head = b"GET /a?b=1&token=hunter2 HTTP/1.1\r\nHost: x\r\nAUTHORIZATION: Bearer hunter2\r\n\
            Cookie: sid=hunter2\r\nX-Api-Key: hunter2\r\nReferer: https://x/?api_key=hunter2&c=d\r\nX-Odd: \xff\r\n\r\n";
        let wanted = b"GET /a?b=1&token=*** HTTP/1.1\r\nHost: x\r\nAUTHORIZATION: ***\r\n\
            Cookie: ***\r\nX-Api-Key: ***\r\nReferer: https://x/?api_key=***&c=d\r\nX-Odd: \xff\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&redact_head(head)), String::from_utf8_lossy(wanted));
        assert_eq!(redact_head(head), wanted);
    }

    #[test]
    fn an_answer_gives_away_no_cookie_and_no_secret_place() {
        let head =
            b"HTTP/1.1 302 Found Here\r\nSet-Cookie: sid=1; Path=/\r\nLocation: /b?access_token=x\r\n\r\n";
        let redacted = redact_head(head);
        assert_eq!(
            redacted,
            b"HTTP/1.1 302 Found Here\r\nSet-Cookie: ***\r\nLocation: /b?access_token=***\r\n\r\n"
        );
        assert!(redact_head(b"").is_empty());
    }
}
