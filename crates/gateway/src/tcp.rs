//! TCP mappings.
