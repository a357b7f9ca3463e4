//! Version 2: bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{HEADER_BYTES, Header, Malformed, begins, canonical};

pub(super) const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version with command, kind of connection, length of what follows.
const FIXED_BYTES: usize = 16;

/// Bytes of both addresses and ports.
const INET_BYTES: usize = 12;
const INET6_BYTES: usize = 36;
const UNIX_BYTES: usize = 216;

pub(super) fn parse(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    if !begins(bytes, SIGNATURE) {
        return Err(Malformed::Absent);
    }
    let Some((fixed, rest)) = bytes.split_at_checked(FIXED_BYTES) else { return Ok(None) };
    let from_proxy = match fixed[12] {
        0x20 => true,
        0x21 => false,
        _ => return Err(Malformed::Version),
    };
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if FIXED_BYTES + length > HEADER_BYTES {
        return Err(Malformed::TooLong);
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    // Of a connection that is the proxy's own nothing more is looked at, as the specification wants.
    let visitor = if from_proxy { None } else { visitor(fixed[13], body)? };
    Ok(Some(Header { length: FIXED_BYTES + length, visitor }))
}

fn visitor(kind: u8, body: &[u8]) -> Result<Option<SocketAddr>, Malformed> {
    let (visitor, taken) = match kind {
        0x00 => return Ok(None),
        0x11 => (Some(inet(body)?), INET_BYTES),
        0x21 => (Some(inet6(body)?), INET6_BYTES),
        // Somebody on the proxy's own computer.
        0x31 => (None, UNIX_BYTES),
        // Datagrams, and what there is not.
        _ => return Err(Malformed::Kind),
    };
    fields(body.get(taken..).ok_or(Malformed::Addresses)?)?;
    Ok(visitor)
}

fn inet(body: &[u8]) -> Result<SocketAddr, Malformed> {
    let (source, rest) = body.split_first_chunk::<4>().ok_or(Malformed::Addresses)?;
    let (_destination, rest) = rest.split_first_chunk::<4>().ok_or(Malformed::Addresses)?;
    socket(Ipv4Addr::from(*source).into(), rest)
}

fn inet6(body: &[u8]) -> Result<SocketAddr, Malformed> {
    let (source, rest) = body.split_first_chunk::<16>().ok_or(Malformed::Addresses)?;
    let (_destination, rest) = rest.split_first_chunk::<16>().ok_or(Malformed::Addresses)?;
    socket(Ipv6Addr::from(*source).into(), rest)
}

fn socket(source: IpAddr, ports: &[u8]) -> Result<SocketAddr, Malformed> {
    let port = ports.first_chunk::<2>().ok_or(Malformed::Addresses)?;
    Ok(canonical(source, u16::from_be_bytes(*port)))
}

/// What follows the addresses: fields of a kind, a length and so many bytes, to the very end. Nothing
/// of it is used.
fn fields(mut rest: &[u8]) -> Result<(), Malformed> {
    while !rest.is_empty() {
        let ([_kind, high, low], value) = rest.split_first_chunk::<3>().ok_or(Malformed::Fields)?;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        rest = value.get(length..).ok_or(Malformed::Fields)?;
    }
    Ok(())
}
