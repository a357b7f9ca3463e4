//! The gateway's settings, complete once parsed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// Everything `serve` needs.
#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    /// None: read off each request's Host and X-Forwarded-Proto.
    pub public: Option<PublicBase>,
    pub tls: Option<TlsFiles>,
    /// Peers whose forwarded headers are believed. Empty: nobody, loopback included.
    pub trusted_proxies: Vec<IpNet>,
    pub admin_listen: Option<SocketAddr>,
    pub single_host: bool,
    /// How long streams in flight may go on after SIGTERM.
    pub grace: Duration,
    /// `<data>/gateway`.
    pub data: PathBuf,
}

/// PEM files; read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// Scheme, host and port under which visitors reach the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicBase {
    /// `http` or `https`.
    pub scheme: String,
    /// Normalised, without port; IPv6 without brackets.
    pub host: String,
    /// None: the scheme's own.
    pub port: Option<u16>,
}

impl PublicBase {
    /// Read off a request: `scheme` is `http` or `https`, `authority` the Host value with its port.
    /// None when the authority names no host.
    pub fn from_request(_scheme: &str, _authority: &str) -> Option<Self> {
        None
    }
}
