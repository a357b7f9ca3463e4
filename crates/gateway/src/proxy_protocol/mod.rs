//! The PROXY protocol: the header in which a proxy that passes on bytes says whose they are. Pure; the
//! socket is [`Entry`]'s.
//!
//! Strict: a field that the specification does not allow refuses the connection, and so does one that
//! cannot be true of a visitor who came over TCP. What follows the header is never looked at.
//!
//! Source: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, sections 2.1 and 2.2.

mod binary;
mod entry;
mod line;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

pub use entry::Entry;

/// Bytes of the longest header that is read, of version 2 with everything that proxies add to the
/// addresses: nginx's bound. Version 1 has [`line::LINE_BYTES`] at most.
pub const HEADER_BYTES: usize = 4096;

/// A whole header at the front of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its bytes; the visitor's own follow.
    pub length: usize,
    /// Where the connection came from. None: from the proxy itself (it looks whether we are well), or
    /// from somewhere that has no address: then the socket's own peer counts.
    pub visitor: Option<SocketAddr>,
}

/// Why the first bytes of a connection are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("it does not begin with a PROXY protocol header")]
    Absent,
    #[error("its PROXY protocol header is longer than allowed")]
    TooLong,
    #[error("its PROXY protocol header is of an unknown version or command")]
    Version,
    #[error("its PROXY protocol header names an impossible kind of connection")]
    Kind,
    #[error("its PROXY protocol header holds no valid addresses")]
    Addresses,
    #[error("its PROXY protocol header is not filled by what it says it holds")]
    Fields,
}

/// Reads the header at the front of `bytes`. `Ok(None)`: all of them belong to it, and more is to come.
///
/// # Errors
/// [`Malformed`] as soon as it is clear that no valid header of at most [`HEADER_BYTES`] begins here.
pub fn parse(bytes: &[u8]) -> Result<Option<Header>, Malformed> {
    match bytes.first() {
        None => Ok(None),
        Some(&first) if first == binary::SIGNATURE[0] => binary::parse(bytes),
        Some(_) => line::parse(bytes),
    }
}

/// Whether `bytes` begin as `wanted` does, as far as they go.
fn begins(bytes: &[u8], wanted: &[u8]) -> bool {
    let common = bytes.len().min(wanted.len());
    bytes[..common] == wanted[..common]
}

/// An address as the rest of the gateway compares it: IPv4 in one spelling only.
fn canonical(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip.to_canonical(), port)
}
