//! A hostile gateway against the real agent, a hostile agent against the real gateway.
//!
//! The link's own tests (`link/tests/hostile.rs`, `bounds.rs`, the fuzz targets) hold its state machine to
//! its bounds; here whole processes meet the same, and what it may cost others is looked at.

#![allow(clippy::needless_for_each, clippy::semicolon_if_nothing_returned, reason = "rows of tables")]

mod agents;
mod answers;
mod frames;
mod gateway_floods;
mod gateways;
mod names;
mod tries;
mod versions;
