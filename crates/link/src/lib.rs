//! Both ends of one link: an authenticated WebSocket that carries everything between an agent and a
//! gateway.
//!
//! Text messages are the JSON control conversation ([`control`]); binary messages are batches of
//! frames ([`frame`]). The state machine ([`mux`]) has no sockets and no clock; [`driver`] gives it
//! both. The gateway opens streams, the agent accepts them.
//!
//! What this crate deliberately lacks: routing, tokens, dialling, retry policy (only the pure
//! [`backoff`]).
//!
//! In reading order: [`control`] → [`frame`] and [`head`] → [`mux`] → [`stream`] → [`driver`].

pub mod backoff;
pub mod control;
pub mod driver;
pub mod frame;
pub mod head;
pub mod limits;
pub mod mux;
pub mod stream;
mod sync;

pub use control::{Hello, Mapping, MappingResult, ToAgent, ToGateway, Welcome};
pub use driver::{
    Counted, Link, Socket, agent_handshake, gateway_handshake, keep_queues_short, socket, socket_over,
};
pub use frame::{Open, ResetCode, StreamKind};
pub use stream::{Item, LinkStream, OpenError, RecvHalf, SendHalf, Stopped};

/// The WebSocket subprotocol both ends name.
pub const SUBPROTOCOL: &str = "porthole.v1";
/// The newest protocol version this build speaks.
pub const PROTOCOL: u16 = 1;
/// The oldest protocol version this build still speaks.
pub const PROTOCOL_OLDEST: u16 = 1;
