//! What helps an operator to run a gateway.

mod access_log;
mod fronts;
mod look;
mod reload;
