//! Heads as they cross the link: ordered raw pairs.
