//! The public end of Porthole: visitors come in here, agents keep their links here.
//!
//! The way of a request: [`server`] binds → a listener reads the visitor → [`router`] (pure) finds the
//! endpoint → [`policy`] (pure) decides → the exchange opens a stream on the endpoint's link. The way
//! of an agent: [`tokens`] says who it is → [`agents`] holds its link, asks [`claims`] (pure) what it
//! may hold and swaps the router's table.
//!
//! What this crate deliberately lacks: anything about local services, captured traffic, and the agent's
//! code. Nothing is stored but claims, tokens' ids, the gateway's own secret and keys, and who changed what.
//!
//! In reading order: [`config`] and [`secret`] → [`tokens`] → [`claims`] → [`router`] → [`policy`] →
//! [`agents`], [`allowance`] and [`tcp`] → [`counters`], [`audit`] and [`status`] → [`outgoing`] and [`jwks`] →
//! [`server`] and
//! [`reload`] → [`admin`].

pub mod access;
pub mod acme;
pub mod admin;
pub mod agents;
pub mod allowance;
pub mod audit;
pub mod caddy;
pub mod claims;
pub mod cli;
pub mod config;
pub mod counters;
pub mod exchange;
pub mod files;
pub mod forwarded;
pub mod jwks;
pub mod listener;
pub mod logging;
pub mod outgoing;
pub mod own;
pub mod policy;
pub mod prefix;
pub mod proxy_protocol;
pub mod redirect;
pub mod reload;
pub mod rescue;
pub mod router;
pub mod secret;
pub mod server;
pub mod status;
pub mod tcp;
pub mod throttle;
pub mod tls;
pub mod tokens;
pub mod visitor;
pub mod way_back;

pub use config::{Config, PublicBase};
pub use server::{Gateway, ServeError, serve};
