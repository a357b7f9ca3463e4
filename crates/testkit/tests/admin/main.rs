//! The operator's listener: who may ask there for what, and whether what it says is true.

mod api;
mod doors;
mod metrics;
mod prometheus;
