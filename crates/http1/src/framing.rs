//! How long a body is, decided from a head alone (RFC 9112 §6).

use crate::names::Known;
use crate::{Fields, Refusal, Version};

/// How a message's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body: HEAD, 1xx, 204, 304, a request that announces none.
    None,
    /// Exactly so many bytes (from Content-Length; also 0).
    Length(u64),
    Chunked,
    /// A response that ends with its connection.
    UntilClose,
}

impl Framing {
    /// True when no body byte can follow.
    pub fn is_bodyless(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// Makes `fields` announce `framing`, to be written with a [`crate::BodyWriter`] of the same framing.
///
/// - `Length`: Content-Length is set in its old place, Transfer-Encoding removed.
/// - `Chunked`: one `Transfer-Encoding: chunked`, Content-Length removed.
/// - `UntilClose`: both removed; the caller adds `Connection: close`.
/// - `None`: Transfer-Encoding removed; Content-Length stays, because in answers to HEAD and in a 304
///   it tells the length of what was not sent. A caller that takes a body away removes it.
pub fn set_framing(fields: &mut Fields, framing: Framing) {
    match framing {
        Framing::None => {
            fields.remove("transfer-encoding");
        }
        Framing::Length(length) => {
            fields.remove("transfer-encoding");
            if announced_length(fields) != Ok(Some(length)) {
                fields.set("Content-Length", length.to_string());
            }
        }
        Framing::Chunked => {
            fields.remove("content-length");
            fields.set("Transfer-Encoding", "chunked");
        }
        Framing::UntilClose => {
            fields.retain_kinds(|name, _, _| !matches!(name, Known::ContentLength | Known::TransferEncoding));
        }
    }
}

/// The body's length as `fields` announce it, in bytes, if they do.
///
/// # Errors
/// [`Refusal::Framing`] when it is repeated, no number, or beyond 2⁶³ − 1.
pub fn announced_length(fields: &Fields) -> Result<Option<u64>, Refusal> {
    let mut announced = None;
    for (_, value) in fields.kinds().filter(|(name, _)| *name == Known::ContentLength) {
        let length = parse_length(value).ok_or(Refusal::Framing)?;
        if announced.replace(length).is_some() {
            return Err(Refusal::Framing);
        }
    }
    Ok(announced)
}

/// What the method of a request says about the framing of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Head,
    Connect,
    Other,
}

impl Asked {
    pub(crate) fn of(method: &str) -> Self {
        match method {
            "HEAD" => Self::Head,
            "CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// The framing fields of one head, gathered while its fields are copied.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    length: Option<u64>,
    chunked: bool,
    ambiguous: bool,
}

impl Announced {
    /// Takes one Content-Length or Transfer-Encoding; repeats make the head ambiguous, equal or not.
    pub(crate) fn see(&mut self, name: Known, value: &[u8]) {
        match name {
            Known::ContentLength => {
                let length = parse_length(value);
                self.ambiguous |= length.is_none() || self.length.is_some();
                self.length = length;
            }
            Known::TransferEncoding => {
                self.ambiguous |= self.chunked || !value.eq_ignore_ascii_case(b"chunked");
                self.chunked = true;
            }
            _ => {}
        }
    }

    /// A request's framing: RFC 9112 §6.3, with §6.1's "ought to" read as "must" where the two
    /// fields meet, and Transfer-Encoding on HTTP/1.0 refused.
    pub(crate) fn of_request(&self, version: Version) -> Result<Framing, Refusal> {
        self.check(version)?;
        Ok(match self.length {
            _ if self.chunked => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::None,
        })
    }

    /// A response's framing. The fields must make sense even where they do not count.
    pub(crate) fn of_response(
        &self,
        version: Version,
        status: u16,
        asked: Asked,
    ) -> Result<Framing, Refusal> {
        self.check(version)?;
        let bodyless = asked == Asked::Head
            || matches!(status, 100..200 | 204 | 304)
            || (asked == Asked::Connect && matches!(status, 200..300));
        Ok(match self.length {
            _ if bodyless => Framing::None,
            _ if self.chunked => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        })
    }

    fn check(&self, version: Version) -> Result<(), Refusal> {
        let both = self.chunked && self.length.is_some();
        let too_old = self.chunked && version == Version::Http10;
        if self.ambiguous || both || too_old { Err(Refusal::Framing) } else { Ok(()) }
    }
}

/// Digits only, at most 2⁶³ − 1: beyond that, parsers with signed counters read something else.
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value
        .iter()
        .try_fold(0u64, |length, byte| {
            let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
            length.checked_mul(10)?.checked_add(digit)
        })
        .filter(|&length| i64::try_from(length).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_digits_up_to_the_signed_maximum() {
        assert_eq!(parse_length(b"0"), Some(0));
        assert_eq!(parse_length(b"007"), Some(7));
        assert_eq!(parse_length(b"9223372036854775807"), Some(i64::MAX as u64));
        for bad in
            ["", "+5", "-1", "0x5", "5_0", "5 0", " 5", "5,5", "9223372036854775808", "99999999999999999999"]
        {
            assert_eq!(parse_length(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_set_length_keeps_its_place_and_stands_alone() {
        let mut fields =
            Fields::from_iter([("A", "1"), ("content-LENGTH", "9"), ("Transfer-Encoding", "x"), ("B", "2")]);
        set_framing(&mut fields, Framing::Length(5));
        let expected = Fields::from_iter([("A", "1"), ("content-LENGTH", "5"), ("B", "2")]);
        assert_eq!(fields, expected);
        set_framing(&mut fields, Framing::Length(5));
        assert_eq!(fields, expected);
        fields.push("Content-Length", "5");
        set_framing(&mut fields, Framing::Length(5));
        assert_eq!(fields, expected);
    }

    #[test]
    fn chunked_replaces_the_length_and_until_close_removes_both() {
        let mut fields = Fields::from_iter([("Content-Length", "9"), ("A", "1")]);
        set_framing(&mut fields, Framing::Chunked);
        assert_eq!(fields, Fields::from_iter([("A", "1"), ("Transfer-Encoding", "chunked")]));
        set_framing(&mut fields, Framing::UntilClose);
        assert_eq!(fields, Fields::from_iter([("A", "1")]));
    }

    #[test]
    fn no_body_keeps_the_length_that_an_answer_to_head_tells() {
        let mut fields = Fields::from_iter([("Content-Length", "9"), ("Transfer-Encoding", "chunked")]);
        set_framing(&mut fields, Framing::None);
        assert_eq!(fields, Fields::from_iter([("Content-Length", "9")]));
    }

    #[test]
    fn only_no_body_and_an_empty_one_are_bodyless() {
        assert!(Framing::None.is_bodyless() && Framing::Length(0).is_bodyless());
        assert!(!Framing::Length(1).is_bodyless());
        assert!(!Framing::Chunked.is_bodyless() && !Framing::UntilClose.is_bodyless());
    }
}
