//! What agents are given.
