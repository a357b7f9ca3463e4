//! Version 1: a line of text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Header, Malformed, begins, canonical};

/// Bytes of the longest line, its end included (section 2.1).
pub(super) const LINE_BYTES: usize = 107;

const BEGIN: &[u8] = b"PROXY ";
const UNKNOWN: &[u8] = b"UNKNOWN";

pub(super) fn parse(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    if !begins(bytes, BEGIN) {
        return Err(Malformed::Absent);
    }
    let Some(end) = bytes.iter().take(LINE_BYTES).position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return if bytes.len() < LINE_BYTES { Ok(None) } else { Err(Malformed::TooLong) };
    };
    match bytes.get(end..end + 2) {
        Some(b"\r\n") if end + 2 <= LINE_BYTES => {}
        Some(b"\r\n") => return Err(Malformed::TooLong),
        None if bytes[end] == b'\r' && end + 1 < LINE_BYTES => return Ok(None),
        _ => return Err(Malformed::Fields),
    }
    let line = bytes.get(BEGIN.len()..end).unwrap_or_default();
    let visitor = if line == UNKNOWN || line.starts_with(b"UNKNOWN ") {
        // Whatever follows is to be ignored.
        None
    } else {
        let mut words = std::str::from_utf8(line).map_err(|_| Malformed::Addresses)?.split(' ');
        Some(match words.next() {
            Some("TCP4") => addresses::<Ipv4Addr>(words)?,
            Some("TCP6") => addresses::<Ipv6Addr>(words)?,
            _ => return Err(Malformed::Kind),
        })
    };
    Ok(Some(Header { length: end + 2, visitor }))
}

/// Source, destination, source's port, destination's port: and no more.
fn addresses<'a, A>(mut words: impl Iterator<Item = &'a str>) -> Result<SocketAddr, Malformed>
where
    A: std::str::FromStr + Into<IpAddr>,
{
    let mut word = || words.next().ok_or(Malformed::Addresses);
    let address = |text: &str| text.parse::<A>().map(Into::into).map_err(|_| Malformed::Addresses);
    let (source, _destination) = (address(word()?)?, address(word()?)?);
    let (from, _to) = (port(word()?)?, port(word()?)?);
    match words.next() {
        None => Ok(canonical(source, from)),
        Some(_) => Err(Malformed::Addresses),
    }
}

/// Decimal, without a sign or zeros in front.
fn port(text: &str) -> Result<u16, Malformed> {
    let plain = text == "0" || text.bytes().next().is_some_and(|first| matches!(first, b'1'..=b'9'));
    text.parse().ok().filter(|_| plain).ok_or(Malformed::Addresses)
}
