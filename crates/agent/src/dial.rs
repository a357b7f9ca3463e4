//! Names to addresses, addresses to one TCP connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

/// Addresses of one name that are tried; more would only lengthen a failure.
pub const ADDRESSES: usize = 8;
/// Head start of one address before the next is tried beside it (RFC 8305 §5).
pub const STAGGER: Duration = Duration::from_millis(250);
/// How long an address may be silent before it is tried once more beside the tries that wait. A kernel
/// repeats a lost first packet after 1, 3 and 7 s, and a network that is back should not be missed so
/// long; the tries that wait go on, since some networks need more than a second.
const AGAIN: Duration = Duration::from_secs(1);

/// Why no connection came to be.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("the name {0} cannot be resolved")]
    Resolve(String),
    #[error("{0}")]
    Connect(#[from] io::Error),
    #[error("no connection within {0:?}")]
    Timeout(Duration),
}

/// The addresses a host stands for. `localhost` and names under it are this computer on both
/// families, IPv4 first, whatever the resolver says (RFC 6761 §6.3).
///
/// # Errors
/// [`DialError::Resolve`] when the name has no address.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
    if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    if is_localhost(host) {
        return Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]);
    }
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|_| DialError::Resolve(host.to_owned()))?
        .take(ADDRESSES)
        .collect();
    if found.is_empty() { Err(DialError::Resolve(host.to_owned())) } else { Ok(interleave(found)) }
}

/// True for `localhost` and every name under it.
pub fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost")
        || host.len() > 10 && host[host.len() - 10..].eq_ignore_ascii_case(".localhost")
}

/// True for an address or name that can only mean this computer.
pub fn is_loopback(host: &str) -> bool {
    is_localhost(host) || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The families take turns, in the resolver's order within each (RFC 8305 §4).
fn interleave(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    first.reverse();
    second.reverse();
    let mut mixed = Vec::new();
    while let Some(address) = first.pop() {
        mixed.push(address);
        mixed.extend(second.pop());
    }
    second.reverse();
    mixed.extend(second);
    mixed
}

/// Connects to the first address that answers: each next one starts when the one before failed or
/// after [`STAGGER`]. The connection sends without delay (TCP_NODELAY).
///
/// # Errors
/// The first address's error, or [`DialError::Timeout`] after `within`.
pub async fn connect(addresses: &[SocketAddr], within: Duration) -> Result<TcpStream, DialError> {
    finish(within, race(addresses, None)).await
}

/// The same for addresses behind a network that may come back at any moment: silent ones are tried anew
/// each [`AGAIN`].
///
/// # Errors
/// As [`connect`].
pub async fn connect_persistently(
    addresses: &[SocketAddr],
    within: Duration,
) -> Result<TcpStream, DialError> {
    finish(within, race(addresses, Some(AGAIN))).await
}

async fn finish(
    within: Duration,
    connecting: impl Future<Output = io::Result<TcpStream>>,
) -> Result<TcpStream, DialError> {
    match tokio::time::timeout(within, connecting).await {
        Ok(Ok(stream)) => {
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(DialError::Timeout(within)),
    }
}

/// At most one try for each address and [`STAGGER`], or round and [`AGAIN`], waits at once.
async fn race(addresses: &[SocketAddr], again: Option<Duration>) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter();
    let mut tries = FuturesUnordered::new();
    let mut first_error = None;
    loop {
        let more = waiting.next();
        if let Some(address) = more {
            tries.push(TcpStream::connect(*address));
        } else if tries.is_empty() {
            return Err(first_error.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()));
        }
        let head_start = async {
            match (more, again) {
                (Some(_), _) => tokio::time::sleep(STAGGER).await,
                (None, Some(again)) => tokio::time::sleep(again).await,
                (None, None) => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(done) = tries.next() => match done {
                Ok(stream) => return Ok(stream),
                Err(error) => { first_error.get_or_insert(error); }
            },
            () = head_start => if more.is_none() {
                waiting = addresses.iter();
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_this_computer_on_both_families() {
        for host in ["localhost", "LOCALHOST", "shop.localhost", "localhost."] {
            let found = resolve(host, 80).await.unwrap();
            assert_eq!(found, ["127.0.0.1:80".parse().unwrap(), "[::1]:80".parse().unwrap()], "{host}");
        }
        assert!(!is_localhost("notlocalhost") && !is_localhost("localhost.example"));
        assert!(is_loopback("127.0.0.2") && is_loopback("::1") && !is_loopback("10.0.0.1"));
    }

    #[tokio::test]
    async fn the_second_address_is_used_when_the_first_refuses() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let addresses = [free, listener.local_addr().unwrap()];
        let stream = connect(&addresses, Duration::from_secs(5)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
        assert!(matches!(connect(&[free], Duration::from_secs(5)).await, Err(DialError::Connect(_))));
    }

    #[test]
    fn the_families_take_turns() {
        let parse = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let mixed = interleave(parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]));
        assert_eq!(mixed, parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]));
        let mixed = interleave(parse(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]));
        assert_eq!(mixed, parse(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]));
    }
}
