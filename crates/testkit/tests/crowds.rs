//! A thousand agents at once.
