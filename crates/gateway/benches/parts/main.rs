//! The parts that every request goes through, one by one: `cargo xtask bench --micro`.
//!
//! Differences between two builds on one quiet machine count; absolute figures do not travel.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

mod codec;
mod link;
mod policy;
mod router;

use criterion::{criterion_group, criterion_main};

criterion_group!(parts, codec::all, link::all, router::all, policy::all);
criterion_main!(parts);
