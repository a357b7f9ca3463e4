//! The door for browsers and programs on this computer: HTTP/1.1 on a loopback address, unless another was
//! asked for.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::str::FromStr;
use std::sync::Arc;

use tokio::net::TcpStream;

use super::access::{Access, AccessError, Login};
use super::guard::{Hosts, Through, authority};
use crate::paths::Paths;

/// Where the page is unless asked otherwise.
pub const DEFAULT_PORT: u16 = 4040;

/// Ports tried where the one asked for is taken: as many engines on one computer nobody has.
const PORTS_TRIED: u16 = 100;

/// Where to listen, as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    pub host: String,
    pub port: u16,
}

/// Why the page cannot be where it was asked for. Each is one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("“{0}” is no address to listen on: write it as ADDRESS:PORT, like 127.0.0.1:4040")]
    Address(String),
    #[error("cannot find the address of {host}: {source}")]
    Resolve { host: String, source: io::Error },
    #[error(
        "{0} is reached from other computers: add --ui-user and --ui-password-file, or listen on 127.0.0.1"
    )]
    NeedsLogin(String),
    #[error("cannot listen on {address}: {source}")]
    Bind { address: String, source: io::Error },
}

/// A bound address with the conditions under which it is served.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    hosts: Arc<Hosts>,
    login: Option<Login>,
    asked: Listen,
}

/// The same, in the runtime that serves it.
#[derive(Debug)]
pub(super) struct Accepting {
    listener: tokio::net::TcpListener,
    hosts: Arc<Hosts>,
}

impl Default for Listen {
    fn default() -> Self {
        Self { host: "127.0.0.1".into(), port: DEFAULT_PORT }
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        let error = || ListenError::Address(crate::mapping::shown(text));
        let (host, port) = text.trim().rsplit_once(':').ok_or_else(error)?;
        let port = port.parse().map_err(|_| error())?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        let is_address = host.parse::<std::net::Ipv6Addr>().is_ok();
        let is_name = !host.is_empty() && bare.is_none() && !host.contains([':', '/', '@', ' ']);
        if is_address || is_name { Ok(Self { host: host.into(), port }) } else { Err(error()) }
    }
}

impl Listen {
    /// The addresses meant; refused where other computers could reach one and nobody is asked for a password.
    fn addresses(&self, login: bool) -> Result<Vec<SocketAddr>, ListenError> {
        let resolve = |source| ListenError::Resolve { host: self.host.clone(), source };
        let addresses: Vec<SocketAddr> =
            (self.host.as_str(), self.port).to_socket_addrs().map_err(resolve)?.collect();
        match addresses.iter().find(|address| !address.ip().is_loopback()) {
            Some(address) if !login => Err(ListenError::NeedsLogin(address.to_string())),
            _ => Ok(addresses),
        }
    }

    /// Fails where [`Listener::bind`] would fail whatever is free: before anything else is begun.
    pub fn check(&self, login: bool) -> Result<(), ListenError> {
        self.addresses(login).map(drop)
    }
}

impl Listener {
    /// Binds the address; on loopback the next free port when it is taken.
    pub fn bind(listen: &Listen, login: Option<Login>) -> Result<Self, ListenError> {
        let addresses = listen.addresses(login.is_some())?;
        let failed = |source| ListenError::Bind { address: authority(&listen.host, listen.port), source };
        let alone = addresses.iter().all(|address| address.ip().is_loopback()) && listen.port != 0;
        let tries = if alone { PORTS_TRIED } else { 1 };
        let mut ports = (listen.port..=u16::MAX).take(usize::from(tries));
        let listener = loop {
            let Some(port) = ports.next() else {
                return Err(failed(io::ErrorKind::AddrInUse.into()));
            };
            let on_port: Vec<SocketAddr> =
                addresses.iter().map(|address| SocketAddr::new(address.ip(), port)).collect();
            match TcpListener::bind(on_port.as_slice()) {
                Ok(listener) => break listener,
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && alone => {}
                Err(error) => return Err(failed(error)),
            }
        };
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let hosts = Arc::new(Hosts::new(&listen.host, address));
        Ok(Self { listener, address, hosts, login, asked: listen.clone() })
    }

    /// What a person opens.
    pub fn url(&self) -> String {
        let host = match self.asked.host.parse::<std::net::IpAddr>() {
            Ok(any) if any.is_unspecified() => "localhost",
            _ => &self.asked.host,
        };
        format!("http://{}", authority(host, self.address.port()))
    }

    /// Whether the port is another than the one asked for.
    pub fn moved(&self) -> bool {
        self.asked.port != 0 && self.asked.port != self.address.port()
    }

    /// Who may come in here.
    pub(super) fn access(&mut self, paths: &Paths) -> Result<Access, AccessError> {
        Access::open(&paths.data, self.address.port(), self.login.take())
    }

    /// Ready to accept; inside the runtime that does it.
    pub(super) fn open(self) -> io::Result<Accepting> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        Ok(Accepting { listener, hosts: self.hosts })
    }
}

impl Accepting {
    pub(super) async fn accept(&self) -> io::Result<(TcpStream, Through)> {
        let (stream, peer) = self.listener.accept().await?;
        let local = stream.local_addr()?;
        Ok((stream, Through::Http { hosts: self.hosts.clone(), local, peer }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_has_a_host_and_a_port() {
        for (text, host, port) in [
            ("127.0.0.1:4040", "127.0.0.1", 4040),
            ("[::1]:0", "::1", 0),
            ("0.0.0.0:80", "0.0.0.0", 80),
            ("box.lan:4040", "box.lan", 4040),
        ] {
            assert_eq!(text.parse::<Listen>().unwrap(), Listen { host: host.into(), port }, "{text}");
        }
        for bad in
            ["", "4040", ":4040", "127.0.0.1", "127.0.0.1:", "::1", "[::1]", "[box]:1", "a b:1", "h:70000"]
        {
            assert!(bad.parse::<Listen>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_others_can_reach_needs_a_login() {
        let listen = |text: &str| text.parse::<Listen>().unwrap();
        for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            assert!(matches!(listen(open).check(false), Err(ListenError::NeedsLogin(_))), "{open}");
            assert!(listen(open).check(true).is_ok(), "{open}");
        }
        assert!(listen("127.0.0.1:0").check(false).is_ok());
        assert!(listen("[::1]:0").check(false).is_ok());
    }

    #[test]
    fn a_taken_port_leads_to_the_next_free_one() {
        let first = Listener::bind(&Listen { port: 0, ..Listen::default() }, None).unwrap();
        assert!(!first.moved());
        let taken = first.address.port();
        let second = Listener::bind(&Listen { port: taken, ..Listen::default() }, None).unwrap();
        assert!(second.moved() && second.address.port() > taken);
        assert_eq!(second.url(), format!("http://127.0.0.1:{}", second.address.port()));
    }
}
