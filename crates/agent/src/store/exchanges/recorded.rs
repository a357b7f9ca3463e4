//! Stored exchanges as the inspector's functions take them.

use super::{Exchange, Half};
use crate::inspect::recorded::{Fields, RecordedRequest};

impl Exchange {
    /// The request, its head taken apart. Of raw TCP only the bytes.
    pub fn recorded_request(&self) -> RecordedRequest {
        let summary = &self.summary;
        RecordedRequest {
            method: summary.method.clone(),
            scheme: summary.scheme.clone(),
            host: summary.host.clone(),
            target: summary.target.clone(),
            fields: fields(&self.request),
            body: self.request.body.data.clone(),
            body_bytes: self.request.body.bytes,
        }
    }
}

/// Fields in order, values byte for byte; the codec wrote them, so each line has a colon and one space.
fn fields(half: &Half) -> Fields {
    let mut rest = half.head.as_slice();
    let mut lines = std::iter::from_fn(|| {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = &rest[..end];
        rest = &rest[end + 2..];
        Some(line)
    });
    let _first = lines.next();
    lines
        .filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            let value = value.strip_prefix(b" ").unwrap_or(value);
            Some((String::from_utf8_lossy(name).into_owned(), value.to_vec()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::exchanges::Body;

    #[test]
    fn fields_keep_their_order_case_and_bytes() {
        let head = b"GET / HTTP/1.1\r\nX-b: \xff: 1\r\nx-A: 2\r\nEmpty: \r\n\r\n".to_vec();
        let half = Half { head, body: Body { data: Vec::new(), bytes: 0 } };
        let wanted = [("X-b", b"\xff: 1".as_slice()), ("x-A", b"2"), ("Empty", b"")]
            .map(|(name, value)| (name.to_owned(), value.to_vec()));
        assert_eq!(fields(&half), wanted);
        assert!(fields(&Half { head: Vec::new(), body: Body { data: Vec::new(), bytes: 0 } }).is_empty());
    }
}
