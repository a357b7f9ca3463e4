//! The gateway's data side over real sockets: raw visitors on one end, an agent made of a bare link on
//! the other.

mod bodies;
mod endings;
mod framing;
mod harness;
mod http2;
mod own;
mod proxy_protocol;
mod tls;
mod upgrades;
