//! The gateway's secret.
